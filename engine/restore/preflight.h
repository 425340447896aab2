/* The parts of the preflight: each adds what it finds to the proof's findings. Internal to engine/restore.c and engine/restore/. */
#ifndef ENGINE_RESTORE_PREFLIGHT_H
#define ENGINE_RESTORE_PREFLIGHT_H

#include "engine/restore/parts.h"

/* Asks, for a list of texts, which of them an expression over u.item is true for; answers come in their order. */
enum larder_status preflight_ask(struct pg *pg, const char *expression, const char *const *items,
                                 size_t count, bool *answers, struct larder_error *error);

/* Whether there is a table or anything else of that name. */
#define PREFLIGHT_TABLE "pg_catalog.to_regclass(u.item) IS NOT NULL"

/* A quoted, qualified name, in the arena. */
const char *preflight_qualified(struct arena *arena, const char *schema, const char *name);

/* The same of the table that one of the restore's `children` has above it. */
const char *preflight_parent(const struct restore *restore, size_t child);

/* Whether a table is among those to be restored. */
bool preflight_is_selected(const struct restore *restore, const char *schema, const char *name);

/* Whether a stand-in is made for a table. */
bool preflight_is_made(const struct restore *restore, const char *schema, const char *name);

/*
 * Encodings, versions, and whether the target is the source. LARDER_USAGE where rows in binary format would go into an older
 * major version.
 */
enum larder_status preflight_servers(struct restore *restore, struct larder_error *error);

/* What the tables need and the target lacks, but for roles; decides what is made and which foreign keys are left out. */
enum larder_status preflight_needs(struct restore *restore, struct larder_error *error);

/* The same for roles; once the schema's entries are chosen. */
enum larder_status preflight_roles(struct restore *restore, struct larder_error *error);

/* What this role may not do at the target, of all that has to be done; once all else is known. */
enum larder_status preflight_privileges(struct restore *restore, struct larder_error *error);

/* Where the target's server lacks MAINTAIN, it is granted to nobody, and is listed; once the schema's entries are chosen. */
enum larder_status preflight_maintain(struct restore *restore, struct larder_error *error);

/* Tablespaces and table access methods; once the schema's entries are chosen. Where a tablespace is missing, none is used. */
enum larder_status preflight_storage(struct restore *restore, struct larder_error *error);

/* Room for the rows, where the server is on this machine and tells where its data is. */
enum larder_status preflight_space(struct restore *restore, struct larder_error *error);

#endif
