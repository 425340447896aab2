/*
 * What tables need, as parts of queries. Internal to catalog_needs.c and catalog_externals.c.
 *
 * $1 are the tables' OIDs. A query begins with NEEDED, whose results are
 *
 *   t(oid)                        the tables
 *   members(classid, objid, extension)   what extensions have made
 *   needed(classid, objid)        whatever the tables, and what belongs to them, refer to, and so on; not through what an extension
 *                                 made, nor through other tables and views
 *   brings(oid)                   the needed functions that can be created only beside what a dump holds (types, operators, row types)
 */
#ifndef ENGINE_PG_CATALOG_NEEDED_H
#define ENGINE_PG_CATALOG_NEEDED_H

#include "engine/pg/catalog.h"
#include "engine/pg/key_sql.h"

/* Runs a query over the tables and, where they are known, the schemas that are dumped ($2). The caller clears `*result`. */
enum larder_status catalog_query_schemas(struct pg *pg, const char *sql, const struct manifest *m,
                                         const struct catalog_schemas *schemas, PGresult **result,
                                         struct larder_error *error);

/* The objects of the tables that may refer to something elsewhere; a stand-in WITHOUT OVERLAPS has the operator classes of what it stands for. */
#define NEEDED_PARTS                                                                                 \
    "SELECT 1259::oid AS classid, oid AS objid FROM t "                                              \
    "UNION SELECT 2606, oid FROM pg_catalog.pg_constraint WHERE conrelid IN (SELECT oid FROM t) "    \
    "UNION SELECT 2604, oid FROM pg_catalog.pg_attrdef WHERE adrelid IN (SELECT oid FROM t) "        \
    "UNION SELECT 2620, oid FROM pg_catalog.pg_trigger WHERE tgrelid IN (SELECT oid FROM t) "        \
    "UNION SELECT 3256, oid FROM pg_catalog.pg_policy WHERE polrelid IN (SELECT oid FROM t) "        \
    "UNION SELECT 2618, oid FROM pg_catalog.pg_rewrite WHERE ev_class IN (SELECT oid FROM t) "       \
    "UNION SELECT 3381, oid FROM pg_catalog.pg_statistic_ext WHERE stxrelid IN (SELECT oid FROM t) " \
    "UNION SELECT 1259, indexrelid FROM pg_catalog.pg_index WHERE indrelid IN (SELECT oid FROM t) "  \
    "UNION SELECT 2616, unnest(i.indclass::oid[]) FROM pg_catalog.pg_constraint k "                  \
    "JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid WHERE k.contype = 'f' "                 \
    "AND k.conrelid IN (SELECT oid FROM t) AND " KEY_HAS_PERIOD("k")

/*
 * A function that is called inside a body of text, by its schema and name, or by its name alone inside of one schema: no catalog
 * says so.
 */
#define NEEDED_CALLS                                                                                           \
    "SELECT 1255, f.oid FROM pg_catalog.pg_proc g JOIN pg_catalog.pg_namespace gn ON gn.oid = g.pronamespace " \
    "CROSS JOIN pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace "              \
    "WHERE n.classid = 1255 AND g.oid = n.objid AND g.prolang NOT IN (12, 13) "                                \
    "AND fn.nspname NOT LIKE 'pg\\_%' AND fn.nspname <> 'information_schema' "                                 \
    "AND (pg_catalog.strpos(g.prosrc, pg_catalog.format('%I.%I(', fn.nspname, f.proname)) > 0 "                \
    "OR (f.pronamespace = g.pronamespace AND f.proname OPERATOR(pg_catalog.~) '^[a-z0-9_]+$' "                 \
    "AND g.prosrc OPERATOR(pg_catalog.~) ('(^|[^a-z0-9_.])' || f.proname || ' *[(]'))) "                       \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "

/* t and members, for what is asked without the others. */
#define NEEDED_BY                                                                                  \
    "WITH RECURSIVE t AS (SELECT oid FROM unnest($1::oid[]) AS t(oid)), "                          \
    "members AS MATERIALIZED (SELECT d.classid, d.objid, d.refobjid AS extension "                 \
    "FROM pg_catalog.pg_depend d WHERE d.refclassid = 3079 AND d.deptype = 'e')"

#define NEEDED                                                                                     \
    NEEDED_BY                                                                                      \
    ", needed(classid, objid) AS (" NEEDED_PARTS "UNION SELECT e.classid, e.objid FROM needed n "  \
    "CROSS JOIN LATERAL (SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d "             \
    "WHERE d.classid = n.classid AND d.objid = n.objid "                                           \
    "AND (d.deptype = 'n' OR (d.deptype = 'i' AND n.classid = 1247)) "                             \
    "UNION ALL SELECT 2606, k.oid FROM pg_catalog.pg_constraint k "                                \
    "WHERE n.classid = 1247 AND k.contypid = n.objid "                                             \
    "UNION ALL SELECT 1259, y.typrelid FROM pg_catalog.pg_type y "                                 \
    "WHERE n.classid = 1247 AND y.oid = n.objid AND y.typrelid <> 0 "                              \
    "UNION ALL " NEEDED_CALLS ") AS e(classid, objid) "                                            \
    "WHERE n.classid NOT IN (2615, 3079, 2612) "                                                   \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = n.classid AND m.objid = n.objid) "    \
    "AND NOT (n.classid = 1259 AND n.objid NOT IN (SELECT oid FROM t) AND EXISTS (SELECT "         \
    "FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid "          \
    "WHERE c.oid = n.objid AND c.relkind NOT IN ('c', 'S') "                                       \
    "AND (x.indrelid IS NULL OR x.indrelid NOT IN (SELECT oid FROM t))))), "                       \
    "brings(oid) AS (SELECT f.oid FROM needed n JOIN pg_catalog.pg_proc f ON f.oid = n.objid "     \
    "WHERE n.classid = 1255 "                                                                      \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "           \
    "AND (f.prokind IN ('a', 'w') OR EXISTS (SELECT FROM pg_catalog.pg_depend d "                  \
    "WHERE d.classid = 1255 AND d.objid = f.oid AND d.deptype = 'n' "                              \
    "AND d.refclassid NOT IN (1255, 2612, 2615, 3079) AND NOT EXISTS (SELECT FROM members m "      \
    "WHERE m.classid = d.refclassid AND m.objid = d.refobjid))) "                                  \
    "UNION SELECT d.objid FROM brings b JOIN pg_catalog.pg_depend d "                              \
    "ON d.refclassid = 1255 AND d.refobjid = b.oid AND d.classid = 1255 AND d.deptype = 'n' "      \
    "JOIN needed n ON n.classid = 1255 AND n.objid = d.objid) "

#endif
