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
#include "engine/pg/pattern.h"
#include "engine/pg/supabase.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

#define TABLES "unnest($1::oid[]) WITH ORDINALITY AS t(oid, place) "
#define PLACE "t.place - 1"

/*
 * Whether the tables of schema `n` are the user's: not the system's, not our own, and on Supabase not the platform's. A pattern
 * for schemas means only these; a name reaches them all.
 */
#define IS_USERS                                                                                   \
    "NOT (n.nspname LIKE 'pg\\_%' OR n.nspname IN ('information_schema', 'backups') OR "           \
    "(n.nspname IN (" SUPABASE_SCHEMAS ") AND " SUPABASE_IS_HERE ")) "

/*
 * The tables (and what is like a table) that patterns match, as `matched(i, oid)`. The parameters are those of catalog_query_patterns. Names are
 * compared, and only patterns matched, since the server keeps but few compiled expressions.
 */
#define MATCHED                                                                                    \
    "wanted AS (SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::bool[], $5::bool[], "  \
    "$6::bool[]) AS w(i, nsp, rel, any_schema, is_pattern, leave_out)), "                          \
    "matched AS (SELECT w.i, w.leave_out, c.oid FROM wanted w "                                    \
    "JOIN pg_catalog.pg_namespace n ON n.nspname::text = w.nsp "                                   \
    "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname::text = w.rel "            \
    "WHERE NOT w.is_pattern "                                                                      \
    "UNION ALL SELECT w.i, w.leave_out, c.oid FROM wanted w JOIN pg_catalog.pg_namespace n "       \
    "ON n.nspname OPERATOR(pg_catalog.~) w.nsp COLLATE pg_catalog.default "                        \
    "AND (NOT w.any_schema OR " IS_USERS ") "                                                      \
    "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid "                                        \
    "AND c.relname OPERATOR(pg_catalog.~) w.rel COLLATE pg_catalog.default "                       \
    "AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't' "                 \
    "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' "                       \
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 1259 "                   \
    "AND d.objid = c.oid AND d.deptype = 'e') WHERE w.is_pattern) "

/* Runs a query with MATCHED; `i` of a pattern is numbers[its place]. LARDER_USAGE where one is no regular expression. */
enum larder_status catalog_query_patterns(struct pg *pg, const char *sql,
                                          const struct pattern *patterns, const size_t *numbers,
                                          size_t count, PGresult **result,
                                          struct larder_error *error);

/* The caller clears `*result`. */
enum larder_status catalog_query_oids(struct pg *pg, const char *sql, const uint32_t *oids,
                                      size_t count, PGresult **result, struct larder_error *error);

/* The same with the OIDs of the manifest's tables. */
enum larder_status catalog_query_tables(struct pg *pg, const char *sql, const struct manifest *m,
                                        PGresult **result, struct larder_error *error);

/*
 * The sequences that the tables own or take defaults from, without their values; adds a finding for each that the role may not
 * read.
 */
enum larder_status catalog_find_sequences(struct pg *pg, struct manifest *m,
                                          struct larder_findings *findings,
                                          struct larder_error *error);

/*
 * That the first column of each row is a place below `count`, and with `once` that no more rows came than there are places:
 * what a server answers is used as an index only then.
 */
enum larder_status catalog_check_places(const PGresult *result, size_t count, bool once,
                                        struct larder_error *error);

/* One field. */
size_t catalog_number(const PGresult *result, int row, int column);
uint32_t catalog_oid(const PGresult *result, int row, int column);
bool catalog_flag(const PGresult *result, int row, int column);
/* In the arena; NULL for null. */
const char *catalog_text(struct arena *arena, const PGresult *result, int row, int column);

#endif
