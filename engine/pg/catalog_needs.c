#include <stdio.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"
#include "engine/pg/catalog_needed.h"
#include "engine/pg/catalog_query.h"

/* Which schemas a dump has to hold, and what of them it must pass over. */

/*
 * The planner takes what the tables need for millions of objects, and a recursive query's hash table is made as large as that at once, up
 * to work_mem: clearing it would take longer than all else. It grows where it has to. A hash join, where what is needed stands alone, would
 * be cut into a thousand files for the same reason.
 */
static enum larder_status limit_hash_tables(struct pg *pg, size_t tables, bool alone,
                                            struct larder_error *error)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "SET LOCAL work_mem = '%zukB'%s", 256 + tables / 4,
             alone ? "; SET LOCAL enable_hashjoin = off" : "");
    return pg_exec(pg, sql, error);
}

enum larder_status catalog_query_schemas(struct pg *pg, const char *sql, const struct manifest *m,
                                         const struct catalog_schemas *schemas, PGresult **result,
                                         struct larder_error *error)
{
    struct buffer oids = {0}, names = {0};
    const char *values[2];
    enum larder_status status;

    for (size_t i = 0; i < m->table_count; i++)
        array_add_number(&oids, m->tables[i].oid);
    for (size_t i = 0; schemas != NULL && i < schemas->count; i++)
        array_add(&names, schemas->names[i]);
    values[0] = array_finish(&oids);
    values[1] = array_finish(&names);
    status = oids.failed || names.failed
                 ? larder_fail_memory(error)
                 : limit_hash_tables(pg, m->table_count, schemas == NULL, error);
    if (status == LARDER_OK)
        status = pg_query(pg, sql, schemas == NULL ? 1 : 2, values, result, error);
    if (status == LARDER_OK) {
        status = pg_exec(pg, "SET LOCAL work_mem TO DEFAULT; SET LOCAL enable_hashjoin TO DEFAULT",
                         error);
        if (status != LARDER_OK)
            PQclear(*result);
    }
    buffer_free(&oids);
    buffer_free(&names);
    return status;
}

static enum larder_status take_names(struct arena *arena, PGresult *result, const char ***names,
                                     size_t *count, struct larder_error *error)
{
    *count = (size_t)PQntuples(result);
    *names = arena_alloc(arena, *count, sizeof(**names));
    for (size_t i = 0; *names != NULL && i < *count; i++)
        (*names)[i] = arena_strdup(arena, pg_value(result, (int)i, 0));
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

/*
 * The schemas of the tables, where there are no others that could hold something which the tables need: to know that they do not takes
 * longer than all else that is asked. NULL where there are others.
 */
static enum larder_status find_own_schemas(struct pg *pg, const struct manifest *m,
                                           PGresult **result, struct larder_error *error)
{
    static const char sql[] =
        "SELECT n.nspname COLLATE \"C\", n.oid IN (SELECT c.relnamespace FROM pg_catalog.pg_class c "
        "WHERE c.oid = ANY ($1::oid[])) FROM pg_catalog.pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%' "
        "AND n.nspname <> 'information_schema' ORDER BY 1";
    enum larder_status status = catalog_query_tables(pg, sql, m, result, error);

    for (int row = 0; status == LARDER_OK && row < PQntuples(*result); row++)
        if (!catalog_flag(*result, row, 1)) {
            PQclear(*result);
            *result = NULL;
            break;
        }
    return status;
}

/* What the role may not read in the schemas. */
static enum larder_status find_unreadable(struct pg *pg, const struct catalog_schemas *schemas,
                                          PGresult **result, struct larder_error *error)
{
    /* As patterns of pg_dump, which asks the server for each: many tables in one, all quoted. */
    static const char sql[] =
        "SELECT '\"' || replace(u.nspname, '\"', '\"\"') || '\".(' "
        "|| string_agg('\"' || replace(u.relname, '\"', '\"\"') || '\"', '|' ORDER BY u.relname) || ')' "
        "FROM (SELECT n.nspname::text, c.relname::text, "
        "(row_number() OVER (PARTITION BY n.oid ORDER BY c.relname) - 1) / 100 AS batch "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY ($1::text[]) "
        "AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND CASE c.relkind "
        "WHEN 'S' THEN NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT') "
        "ELSE NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') END) u "
        "GROUP BY u.nspname, u.batch";
    struct buffer names = {0};
    enum larder_status status;
    const char *value;

    for (size_t i = 0; i < schemas->count; i++)
        array_add(&names, schemas->names[i]);
    value = array_finish(&names);
    status = names.failed ? larder_fail_memory(error) : pg_query(pg, sql, 1, &value, result, error);
    buffer_free(&names);
    return status;
}

enum larder_status catalog_schemas(struct pg *pg, const struct manifest *manifest,
                                   struct arena *arena, struct catalog_schemas *schemas,
                                   struct larder_error *error)
{
    /* Those of the tables, of what they inherit from, and of whatever else can only come out of a dump. */
    static const char names_sql[] = NEEDED
        ", parents(oid) AS (SELECT i.inhparent FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid AND NOT c.relispartition "
        "JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid "
        "UNION SELECT i.inhparent FROM parents p JOIN pg_catalog.pg_inherits i ON i.inhrelid = p.oid) "
        "SELECT DISTINCT n.nspname COLLATE \"C\" FROM pg_catalog.pg_namespace n WHERE n.oid IN ("
        "SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid IN (SELECT oid FROM t UNION ALL SELECT oid FROM parents) "
        "UNION ALL SELECT f.pronamespace FROM brings b JOIN pg_catalog.pg_proc f ON f.oid = b.oid "
        "UNION ALL SELECT d.refobjid FROM needed e JOIN pg_catalog.pg_depend d ON d.classid = e.classid "
        "AND d.objid = e.objid AND d.refclassid = 2615 AND d.deptype = 'n' "
        "WHERE e.classid <> 1255 "
        "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = e.classid AND m.objid = e.objid) "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE e.classid = 1259 "
        "AND c.oid = e.objid AND c.relkind NOT IN ('c', 'S'))) AND n.nspname NOT LIKE 'pg\\_%' "
        "AND n.nspname <> 'information_schema' ORDER BY 1";
    PGresult *result;
    enum larder_status status = find_own_schemas(pg, manifest, &result, error);

    if (status == LARDER_OK && result == NULL)
        status = catalog_query_schemas(pg, names_sql, manifest, NULL, &result, error);
    if (status == LARDER_OK)
        status = take_names(arena, result, &schemas->names, &schemas->count, error);
    if (status == LARDER_OK)
        status = find_unreadable(pg, schemas, &result, error);
    if (status == LARDER_OK)
        status = take_names(arena, result, &schemas->unreadable, &schemas->unreadable_count, error);
    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not read the catalogs");
}
