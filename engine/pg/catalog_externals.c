#include "engine/pg/catalog.h"
#include "engine/pg/catalog_needed.h"
#include "engine/pg/catalog_query.h"

/* What the tables need and no dump of their schemas holds. $2: the schemas that are dumped. */

/*
 * The superuser that initdb has made is pinned, so nobody writes down what depends on it. At Supabase it is supabase_admin, which other
 * servers lack.
 */
#define GRANTED_TO_FIRST                                                                              \
    "UNION SELECT 10::oid WHERE EXISTS (SELECT FROM pg_catalog.pg_class c "                           \
    "CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) g "                                           \
    "WHERE g.grantee = 10 AND c.relnamespace IN (SELECT oid FROM dumped)) "                           \
    "OR EXISTS (SELECT FROM pg_catalog.pg_proc f CROSS JOIN LATERAL pg_catalog.aclexplode(f.proacl) " \
    "g WHERE g.grantee = 10 AND f.pronamespace IN (SELECT oid FROM dumped)) "                         \
    "OR EXISTS (SELECT FROM pg_catalog.pg_namespace n "                                               \
    "CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) g "                                           \
    "WHERE g.grantee = 10 AND n.oid IN (SELECT oid FROM dumped)) "

/* Of whatever is in a dumped schema: a function or type that no table needs may be created, too. A restore asks for those that occur. */
#define ROLES                                                                                             \
    ", dumped AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($2::text[])), "      \
    "roles(oid) AS (SELECT c.relowner FROM pg_catalog.pg_class c JOIN t ON t.oid = c.oid "                \
    "UNION SELECT f.proowner FROM pg_catalog.pg_proc f WHERE f.pronamespace IN (SELECT oid FROM dumped) " \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "                  \
    "UNION SELECT unnest(polroles) FROM pg_catalog.pg_policy WHERE polrelid IN (SELECT oid FROM t) "      \
    "UNION SELECT s.refobjid FROM pg_catalog.pg_shdepend s WHERE s.refclassid = 1260 "                    \
    "AND s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) "     \
    "AND (s.classid = 2615 AND s.objid IN (SELECT oid FROM dumped) OR EXISTS (SELECT "                    \
    "FROM pg_catalog.pg_depend d WHERE d.classid = s.classid AND d.objid = s.objid "                      \
    "AND d.refclassid = 2615 AND d.refobjid IN (SELECT oid FROM dumped))) " GRANTED_TO_FIRST

/* Who may call a function that the tables need, wherever it is. */
#define ROLES_OF_NEEDED                                                                            \
    "UNION SELECT g.grantee FROM needed e JOIN pg_catalog.pg_proc f ON e.classid = 1255 "          \
    "AND f.oid = e.objid CROSS JOIN LATERAL pg_catalog.aclexplode(f.proacl) g "                    \
    "WHERE NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "

#define FOUND                                                                                      \
    "), found AS (SELECT 'role' AS kind, NULL AS schema, r.rolname::text AS name, "                \
    "NULL AS definition, NULL AS used_by, 1 AS place, 0::oid AS oid, 0::oid AS made "              \
    "FROM pg_catalog.pg_roles r WHERE r.rolname NOT LIKE 'pg\\_%' AND r.oid IN (SELECT oid FROM roles) "

/* Those of functions of the dumped schemas, too: these are restored, whether a table needs them or not. */
#define EXTENSIONS                                                                                            \
    "UNION ALL SELECT 'extension', n.nspname, e.extname, NULL, NULL, 3, 0, 0 FROM pg_catalog.pg_extension e " \
    "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "                                               \
    "WHERE n.nspname <> 'pg_catalog' AND e.oid IN (SELECT m.extension FROM members m "                        \
    "JOIN needed d ON m.classid = d.classid AND m.objid = d.objid "                                           \
    "UNION SELECT m.extension FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_depend d "                         \
    "ON d.classid = 1255 AND d.objid = f.oid AND d.deptype = 'n' JOIN members m "                             \
    "ON m.classid = d.refclassid AND m.objid = d.refobjid WHERE f.pronamespace IN (SELECT oid FROM dumped) "  \
    "AND NOT EXISTS (SELECT FROM members x WHERE x.classid = 1255 AND x.objid = f.oid)) "

/*
 * By the name that to_regprocedure takes: with the types of the arguments, and nothing else. Who may not call it may not do so
 * elsewhere either. In the order in which they were made, since one may stand on another.
 */
#define FUNCTIONS                                                                                    \
    "UNION ALL SELECT 'function', n.nspname, pg_catalog.format('%I.%I(%s)', n.nspname, f.proname, "  \
    "pg_catalog.oidvectortypes(f.proargtypes)), pg_catalog.pg_get_functiondef(f.oid) "               \
    "|| CASE WHEN f.proacl IS NULL OR EXISTS (SELECT FROM pg_catalog.aclexplode(f.proacl) g "        \
    "WHERE g.grantee = 0) THEN '' ELSE (SELECT pg_catalog.format('; REVOKE ALL ON ROUTINE %1$s "     \
    "FROM PUBLIC', s.name) || coalesce((SELECT string_agg(pg_catalog.format("                        \
    "'; GRANT EXECUTE ON ROUTINE %s TO %I%s', s.name, r.rolname, CASE WHEN g.is_grantable "          \
    "THEN ' WITH GRANT OPTION' ELSE '' END), '' ORDER BY r.rolname) "                                \
    "FROM pg_catalog.aclexplode(f.proacl) g JOIN pg_catalog.pg_roles r ON r.oid = g.grantee "        \
    "WHERE g.grantee <> f.proowner), '') FROM (SELECT pg_catalog.format('%I.%I(%s)', n.nspname, "    \
    "f.proname, pg_catalog.oidvectortypes(f.proargtypes)) AS name) AS s) END, "                      \
    "NULL, 4, 0, f.oid FROM needed d "                                                               \
    "JOIN pg_catalog.pg_proc f ON d.classid = 1255 AND f.oid = d.objid AND f.prokind IN ('f', 'p') " \
    "JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace "                                      \
    "WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' "                       \
    "AND n.oid NOT IN (SELECT oid FROM dumped) "                                                     \
    "AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 1255 AND m.objid = f.oid) "

/* The foreign keys of the tables to table `c`. */
#define KEYS                                                                                       \
    "pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.conrelid IN (SELECT oid FROM t) "      \
    "AND k.confrelid = c.oid "

/* What policies, rules and triggers of the tables refer to outside of the dumped schemas. */
#define MENTIONED                                                                                  \
    "pg_catalog.pg_depend d JOIN (SELECT 3256::oid AS classid, oid AS objid, polrelid AS relid "   \
    "FROM pg_catalog.pg_policy UNION ALL SELECT 2618, oid, ev_class FROM pg_catalog.pg_rewrite "   \
    "UNION ALL SELECT 2620, oid, tgrelid FROM pg_catalog.pg_trigger WHERE NOT tgisinternal) AS o " \
    "ON o.classid = d.classid AND o.objid = d.objid WHERE d.refclassid = 1259 "                    \
    "AND d.deptype = 'n' AND o.relid IN (SELECT oid FROM t) AND d.refobjid = c.oid "               \
    "AND c.relnamespace NOT IN (SELECT oid FROM dumped) "

/*
 * Tables that foreign keys refer to: the definition has the keys alone, each unique. And those that policies and the like refer to,
 * with the columns that these name.
 */
#define REFERENCED                                                                                  \
    "UNION ALL SELECT 'table', n.nspname, c.relname, "                                              \
    "pg_catalog.format('CREATE TABLE %I.%I (%s)', n.nspname, c.relname, "                           \
    "pg_catalog.concat_ws(', ', (SELECT string_agg(pg_catalog.format('%I %s', a.attname, "          \
    "pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) "                    \
    "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid "                                      \
    "AND (a.attnum IN (SELECT unnest(k.confkey) FROM " KEYS ") "                                    \
    "OR a.attnum IN (SELECT d.refobjsubid FROM " MENTIONED "))), "                                  \
    "(SELECT string_agg(DISTINCT pg_catalog.format('UNIQUE (%s%s)', "                               \
    "(SELECT string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.i) "                     \
    "FROM unnest(k.confkey) WITH ORDINALITY AS u(num, i) "                                          \
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.num), "                  \
    "CASE WHEN " KEY_HAS_PERIOD(                                                                    \
        "k") "THEN ' WITHOUT OVERLAPS' ELSE '' END), ', ') "                                        \
             "FROM " KEYS "))), (SELECT string_agg(DISTINCT u.name, ', ') FROM ("                   \
             "SELECT k.conrelid::pg_catalog.regclass::text AS name FROM " KEYS                      \
             "UNION ALL SELECT o.relid::pg_catalog.regclass::text FROM " MENTIONED                  \
             ") AS u), 5, c.oid, 0 "                                                                \
             "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
             "WHERE c.oid NOT IN (SELECT oid FROM t) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "   \
             "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' "               \
             "AND (EXISTS (SELECT FROM " KEYS                                                       \
             "AND k.conparentid = 0) OR EXISTS (SELECT FROM " MENTIONED ")) "

/* Who may use the schemas of all these; the owner's rights are written out, since a stand-in belongs to another role. */
#define SCHEMAS                                                                                    \
    ") SELECT * FROM found UNION ALL SELECT 'schema', NULL, n.nspname, string_agg("                \
    "pg_catalog.format('GRANT %s ON SCHEMA %I TO %s%s', g.privilege_type, n.nspname, "             \
    "CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END, "             \
    "CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '; ' "                       \
    "ORDER BY r.rolname, g.privilege_type), NULL, 2, 0, 0 FROM pg_catalog.pg_namespace n "         \
    "CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, "                                 \
    "pg_catalog.acldefault('n', n.nspowner))) g LEFT JOIN pg_catalog.pg_roles r "                  \
    "ON r.oid = g.grantee WHERE n.nspname IN (SELECT f.schema FROM found f) "                      \
    "AND n.oid NOT IN (SELECT oid FROM dumped) AND (g.grantee = 0 OR r.oid IS NOT NULL) "          \
    "GROUP BY n.nspname "

static const char externals_sql[] =
    NEEDED ROLES ROLES_OF_NEEDED FOUND EXTENSIONS FUNCTIONS REFERENCED SCHEMAS
    "ORDER BY 6, 8, 2, 3";

/* The roles alone: whoever may call a function of a dumped schema is among them. */
static const char roles_sql[] = NEEDED_BY ROLES FOUND ") SELECT * FROM found ORDER BY 3";

/*
 * Whether the tables could need anything but roles. Where all is dumped that is not the server's own they cannot, and to find
 * that out from what they need takes the server longer than all else that is asked of it for a small database.
 */
static enum larder_status is_anything_elsewhere(struct pg *pg,
                                                const struct catalog_schemas *schemas,
                                                const struct manifest *m, bool *elsewhere,
                                                struct larder_error *error)
{
    static const char sql[] =
        "WITH t AS (SELECT oid FROM unnest($1::oid[]) AS t(oid)) "
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%' "
        "AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($2::text[])) "
        "OR EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extnamespace <> 11) "
        "OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' "
        "AND k.conrelid IN (SELECT oid FROM t) AND k.confrelid NOT IN (SELECT oid FROM t))";
    PGresult *result;
    enum larder_status status = catalog_query_schemas(pg, sql, m, schemas, &result, error);

    *elsewhere = true;
    if (status == LARDER_OK) {
        *elsewhere = catalog_flag(result, 0, 0);
        PQclear(result);
    }
    return status;
}

enum larder_status catalog_externals(struct pg *pg, const struct catalog_schemas *schemas,
                                     struct manifest *m, struct larder_error *error)
{
    PGresult *result;
    bool elsewhere;
    enum larder_status status = is_anything_elsewhere(pg, schemas, m, &elsewhere, error);

    if (status == LARDER_OK)
        status = catalog_query_schemas(pg, elsewhere ? externals_sql : roles_sql, m, schemas,
                                       &result, error);
    if (status != LARDER_OK)
        return larder_context(error, "could not read what the tables need from elsewhere");
    m->external_count = (size_t)PQntuples(result);
    m->externals = arena_alloc(m->arena, m->external_count, sizeof(*m->externals));
    for (int i = 0; m->externals != NULL && i < (int)m->external_count; i++)
        m->externals[i] = (struct manifest_external){
            .kind = catalog_text(m->arena, result, i, 0),
            .schema = catalog_text(m->arena, result, i, 1),
            .name = catalog_text(m->arena, result, i, 2),
            .definition = catalog_text(m->arena, result, i, 3),
            .used_by = catalog_text(m->arena, result, i, 4),
            .oid = catalog_oid(result, i, 6),
        };
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}
