/* What the database knows of archives: rows in backups.backup_metadata and backups.archives. */
#ifndef ENGINE_RECORD_H
#define ENGINE_RECORD_H

#include "engine/pg/connection.h"
#include "formats/manifest.h"
#include "formats/summary.h"
#include "larder/error.h"

/*
 * Whether the database has a backup of that name already; false where the role cannot look. In the transaction that is open on `pg`,
 * which stays usable.
 */
enum larder_status record_has_name(struct pg *pg, const char *backup_name, bool *has,
                                   struct larder_error *error);

/* Inserts the rows in the transaction that is open on `pg`, and commits it. */
enum larder_status record_archive(struct pg *pg, const struct manifest *manifest,
                                  const struct summary *summary, const char *location,
                                  struct larder_error *error);

/*
 * The counts that backups.backup_metadata has for a backup, by the names in the manifest's own copy
 * of these rows: -1 where it has none. `*asked` is false where the database has no such table or
 * the role may not read it. `counts` has an element for each element of manifest->metadata. Tables
 * that only the database has rows for are given in `others`, in the arena, NULL last. Rows of an
 * archive of another source, which may have the same name, do not count.
 */
enum larder_status record_read_counts(struct pg *pg, const struct manifest *manifest,
                                      struct arena *arena, int64_t *counts, const char ***others,
                                      bool *asked, struct larder_error *error);

struct record_count {
    const char *table; /* as backup_metadata names it */
    int64_t rows;
};

/*
 * The rows that backups.backup_metadata has for a backup of the source, in the arena: none where it knows no such backup, or the role may not
 * look. In the transaction that is open on `pg`, which stays usable.
 */
enum larder_status record_read_tables(struct pg *pg, const char *source, const char *backup_name,
                                      struct arena *arena, struct record_count **counts,
                                      size_t *count, struct larder_error *error);

/* The digests that backups.archives has for a backup, in the arena; none is no failure. */
enum larder_status record_read_digests(struct pg *pg, const struct manifest *manifest,
                                       struct arena *arena, const char ***digests, size_t *count,
                                       struct larder_error *error);

#endif
