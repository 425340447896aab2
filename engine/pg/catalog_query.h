/*
 * What the queries of catalog*.c share. Internal to these.
 *
 * A query about tables gets their OIDs as $1, and names a table by its place in that list, from 0.
 */
#ifndef ENGINE_PG_CATALOG_QUERY_H
#define ENGINE_PG_CATALOG_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pg/connection.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"

#define TABLES "unnest($1::oid[]) WITH ORDINALITY AS t(oid, place) "
#define PLACE "t.place - 1"

/* The caller clears `*result`. */
enum larder_status catalog_query_oids(struct pg *pg, const char *sql, const uint32_t *oids,
                                      size_t count, PGresult **result, struct larder_error *error);

/* The same with the OIDs of the manifest's tables. */
enum larder_status catalog_query_tables(struct pg *pg, const char *sql, const struct manifest *m,
                                        PGresult **result, struct larder_error *error);

/* One field. */
size_t catalog_number(const PGresult *result, int row, int column);
uint32_t catalog_oid(const PGresult *result, int row, int column);
bool catalog_flag(const PGresult *result, int row, int column);
/* In the arena; NULL for null. */
const char *catalog_text(struct arena *arena, const PGresult *result, int row, int column);

#endif
