#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"

/* What the tables need beside themselves: schemas to dump, and externals that no dump of these
 * holds. */

#define TABLES "unnest($1::oid[]) AS t(oid) "

static enum larder_status query_with_schemas(struct pg *pg, const char *sql,
                                             const struct manifest *m,
                                             const struct catalog_schemas *schemas,
                                             PGresult **result, struct larder_error *error)
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
                 : pg_query(pg, sql, schemas == NULL ? 1 : 2, values, result, error);
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
        (*names)[i] = arena_strdup(arena, PQgetvalue(result, (int)i, 0));
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status catalog_schemas(struct pg *pg, const struct manifest *manifest,
                                   struct arena *arena, struct catalog_schemas *schemas,
                                   struct larder_error *error)
{
    /* Those of the tables, and those of types that their columns have (but not an extension's). */
    static const char names_sql[] =
        "SELECT DISTINCT n.nspname COLLATE \"C\" FROM pg_catalog.pg_namespace n WHERE n.oid IN ("
        "SELECT c.relnamespace FROM " TABLES "JOIN pg_catalog.pg_class c ON c.oid = t.oid "
        "UNION ALL SELECT y.typnamespace FROM " TABLES
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "JOIN pg_catalog.pg_type y0 ON y0.oid = a.atttypid JOIN pg_catalog.pg_type y ON y.oid = CASE WHEN y0.typelem "
        "<> 0 AND y0.typlen = -1 THEN y0.typelem ELSE y0.oid END "
        "WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d "
        "WHERE d.classid = 1247 AND d.objid = y.oid AND d.deptype = 'e')) AND n.nspname NOT IN ('pg_catalog', "
        "'information_schema', 'pg_toast') ORDER BY 1";
    /* As patterns of pg_dump, which asks the server for each: many tables in one, all quoted. */
    static const char unreadable_sql[] =
        "SELECT '\"' || replace(u.nspname, '\"', '\"\"') || '\".(' "
        "|| string_agg('\"' || replace(u.relname, '\"', '\"\"') || '\"', '|' ORDER BY u.relname) || ')' "
        "FROM (SELECT n.nspname::text, c.relname::text, "
        "(row_number() OVER (PARTITION BY n.oid ORDER BY c.relname) - 1) / 100 AS batch "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE $1::oid[] IS NOT NULL AND n.nspname = ANY ($2::text[]) "
        "AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND CASE c.relkind "
        "WHEN 'S' THEN NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT') "
        "ELSE NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') END) u "
        "GROUP BY u.nspname, u.batch";
    PGresult *result;
    enum larder_status status = query_with_schemas(pg, names_sql, manifest, NULL, &result, error);

    if (status == LARDER_OK)
        status = take_names(arena, result, &schemas->names, &schemas->count, error);
    if (status == LARDER_OK)
        status = query_with_schemas(pg, unreadable_sql, manifest, schemas, &result, error);
    if (status == LARDER_OK)
        status = take_names(arena, result, &schemas->unreadable, &schemas->unreadable_count, error);
    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not read the catalogs");
}

/*
 * $1: the tables, $2: the schemas that are dumped. `parts` are the objects of the tables that may refer to something elsewhere;
 * what an extension brings comes with the extension.
 */
#define PARTS                                                                                               \
    "WITH t AS (SELECT oid FROM " TABLES "), parts AS ("                                                    \
    "SELECT 2606::oid AS classid, oid FROM pg_catalog.pg_constraint WHERE conrelid IN (SELECT oid FROM t) " \
    "UNION ALL SELECT 2604, oid FROM pg_catalog.pg_attrdef WHERE adrelid IN (SELECT oid FROM t) "           \
    "UNION ALL SELECT 2620, oid FROM pg_catalog.pg_trigger WHERE tgrelid IN (SELECT oid FROM t) "           \
    "UNION ALL SELECT 3256, oid FROM pg_catalog.pg_policy WHERE polrelid IN (SELECT oid FROM t) "           \
    "UNION ALL SELECT 1259, indexrelid FROM pg_catalog.pg_index WHERE indrelid IN (SELECT oid FROM t) "     \
    "UNION ALL SELECT 1259, oid FROM t), "                                                                  \
    "needs AS (SELECT DISTINCT d.refclassid, d.refobjid FROM parts p "                                      \
    "JOIN pg_catalog.pg_depend d ON d.classid = p.classid AND d.objid = p.oid WHERE d.deptype = 'n'), "     \
    "members AS (SELECT d.classid, d.objid, d.refobjid AS extension FROM pg_catalog.pg_depend d "           \
    "WHERE d.refclassid = 3079 AND d.deptype = 'e') "

/* Owners and those who are granted something, of the tables, their sequences and columns, and the schemas' functions. */
#define ROLES                                                                                               \
    "SELECT 'role' AS kind, NULL AS schema, r.rolname::text AS name, NULL AS definition, NULL AS used_by, " \
    "1 AS place, 0::oid AS oid FROM pg_catalog.pg_roles r WHERE r.rolname NOT LIKE 'pg\\_%' AND r.oid IN (" \
    "SELECT relowner FROM pg_catalog.pg_class WHERE oid IN (SELECT oid FROM t) "                            \
    "UNION SELECT unnest(polroles) FROM pg_catalog.pg_policy WHERE polrelid IN (SELECT oid FROM t) "        \
    "UNION SELECT g.grantee FROM pg_catalog.pg_class c "                                                    \
    "CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) g "                                                 \
    "WHERE c.oid IN (SELECT oid FROM t) OR c.oid IN (SELECT q.objid FROM pg_catalog.pg_depend q "           \
    "WHERE q.classid = 1259 AND q.refclassid = 1259 AND q.refobjid IN (SELECT oid FROM t)) "                \
    "UNION SELECT g.grantee FROM pg_catalog.pg_attribute a "                                                \
    "CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) g WHERE a.attrelid IN (SELECT oid FROM t) "         \
    "UNION SELECT f.proowner FROM pg_catalog.pg_proc f "                                                    \
    "JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace WHERE n.nspname = ANY ($2::text[]) "          \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "                    \
    "UNION SELECT g.grantee FROM pg_catalog.pg_proc f "                                                     \
    "JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace "                                             \
    "CROSS JOIN LATERAL pg_catalog.aclexplode(f.proacl) g WHERE n.nspname = ANY ($2::text[])) "

#define EXTENSIONS                                                                                         \
    "UNION ALL SELECT 'extension', n.nspname, e.extname, NULL, NULL, 2, 0 FROM pg_catalog.pg_extension e " \
    "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "                                            \
    "WHERE e.oid IN (SELECT m.extension FROM needs d "                                                     \
    "JOIN members m ON m.classid = d.refclassid AND m.objid = d.refobjid) "

/* By the name that to_regprocedure takes: with the types of the arguments, and nothing else. */
#define FUNCTIONS                                                                                    \
    "UNION ALL SELECT 'function', n.nspname, pg_catalog.format('%I.%I(%s)', n.nspname, f.proname, "  \
    "pg_catalog.oidvectortypes(f.proargtypes)), pg_catalog.pg_get_functiondef(f.oid), NULL, 3, 0 "   \
    "FROM needs d "                                                                                  \
    "JOIN pg_catalog.pg_proc f ON d.refclassid = 1255 AND f.oid = d.refobjid AND f.prokind <> 'a' "  \
    "JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace "                                      \
    "WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname <> ALL ($2::text[]) " \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "

/* Tables that foreign keys refer to: the definition has the keys alone, each unique. */
#define KEYS                                                                                       \
    "pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.conrelid IN (SELECT oid FROM t) "
#define REFERENCED                                                                                 \
    "UNION ALL SELECT 'table', n.nspname, c.relname, "                                             \
    "pg_catalog.format('CREATE TABLE %I.%I (%s, %s)', n.nspname, c.relname, "                      \
    "(SELECT string_agg(pg_catalog.format('%I %s', a.attname, "                                    \
    "pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) "                   \
    "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid "                                     \
    "AND a.attnum IN (SELECT unnest(k.confkey) FROM " KEYS "AND k.confrelid = c.oid)), "           \
    "(SELECT string_agg(DISTINCT pg_catalog.format('UNIQUE (%s)', "                                \
    "(SELECT string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.i) "                    \
    "FROM unnest(k.confkey) WITH ORDINALITY AS u(num, i) "                                         \
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.num)), ', ') "          \
    "FROM " KEYS "AND k.confrelid = c.oid)), "                                                     \
    "(SELECT string_agg(DISTINCT k.conrelid::pg_catalog.regclass::text, ', ') "                    \
    "FROM " KEYS "AND k.confrelid = c.oid), 4, c.oid "                                             \
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "         \
    "WHERE c.oid NOT IN (SELECT oid FROM t) "                                                      \
    "AND c.oid IN (SELECT k.confrelid FROM " KEYS "AND k.conparentid = 0) "

static const char externals_sql[] = PARTS ROLES EXTENSIONS FUNCTIONS REFERENCED "ORDER BY 6, 2, 3";

enum larder_status catalog_externals(struct pg *pg, const struct catalog_schemas *schemas,
                                     struct manifest *m, struct larder_error *error)
{
    PGresult *result;
    enum larder_status status = query_with_schemas(pg, externals_sql, m, schemas, &result, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not read what the tables need from elsewhere");
    m->external_count = (size_t)PQntuples(result);
    m->externals = arena_alloc(m->arena, m->external_count, sizeof(*m->externals));
    for (size_t i = 0; m->externals != NULL && i < m->external_count; i++) {
        const char *fields[5];

        for (int j = 0; j < 5; j++)
            fields[j] = PQgetisnull(result, (int)i, j)
                            ? NULL
                            : arena_strdup(m->arena, PQgetvalue(result, (int)i, j));
        m->externals[i] = (struct manifest_external){
            fields[0], fields[1], fields[2],
            fields[3], fields[4], (uint32_t)strtoul(PQgetvalue(result, (int)i, 6), NULL, 10)};
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}
