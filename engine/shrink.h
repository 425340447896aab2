/*
 * Whether tables have lost many of their rows since the last good archive of the preset: one that had itself shrunk is none to
 * compare with, so that an alarm lasts until the rows are back, or somebody has said that they are not missed.
 *
 * What that archive had comes from its manifest; where it is encrypted, from the rows that the database has recorded of it; and
 * where there are none, only the sum of its rows is known, from its summary.
 */
#ifndef ENGINE_SHRINK_H
#define ENGINE_SHRINK_H

#include "engine/pg/connection.h"
#include "engine/record.h"
#include "engine/store/store.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/export.h"

enum { SHRINK_ROWS_LEAST = 100 /* tables with fewer do not count */ };

/* What there is to compare with. */
struct shrink_baseline {
    const char *backup_name; /* NULL: nothing */
    struct record_count *counts;
    size_t count; /* 0: only `rows` is known */
    int64_t rows;
    const char
        *shrunk_since; /* as the newest good archive has it: what it lacks may still be gone */
    uint64_t shrunk_tables;
};

/*
 * Finds it; everything lies in the arena. Where it cannot be read, `shrunk_since` is there all the same. `pg`, which has a transaction that stays usable, may be NULL: no database has recorded the
 * source's exports.
 */
enum larder_status shrink_find(struct store *store, const char *source, const char *preset,
                               struct pg *pg, struct arena *arena, struct shrink_baseline *baseline,
                               struct larder_error *error);

/* What of a finished manifest has lost more than `percent` of its rows; the tables of the result lie in the arena. */
enum larder_status shrink_compare(const struct shrink_baseline *baseline,
                                  const struct manifest *manifest, int percent, struct arena *arena,
                                  struct larder_export_shrunk **tables, size_t *count,
                                  struct larder_error *error);

#endif
