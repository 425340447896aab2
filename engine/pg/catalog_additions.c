#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"

/*
 * What a project's own developers have added to tables that a platform manages. A trigger is theirs where its function is not in the
 * table's own schema: the platform's are. Policies are all theirs, but for those of extensions' tables.
 */
#define MANAGED_TABLES                                                                             \
    "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "              \
    "AND n.nspname IN (" SUPABASE_SCHEMAS ") AND c.relkind IN ('r', 'p') "                         \
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 1259 "                   \
    "AND d.objid = c.oid AND d.deptype = 'e') "

static const char additions_sql[] =
    "SELECT 'trigger', n.nspname, c.relname, t.tgname, pg_catalog.pg_get_triggerdef(t.oid) "
    "|| CASE t.tgenabled WHEN 'O' THEN '' ELSE pg_catalog.format('; ALTER TABLE %I.%I %s TRIGGER %I', "
    "n.nspname, c.relname, CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' "
    "ELSE 'ENABLE REPLICA' END, t.tgname) END FROM " MANAGED_TABLES
    "JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal "
    "JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid AND f.pronamespace <> c.relnamespace "
    "WHERE " SUPABASE_IS_HERE " "
    "UNION ALL SELECT 'policy', n.nspname, c.relname, p.polname, pg_catalog.concat("
    "pg_catalog.format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', p.polname, n.nspname, c.relname, "
    "CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, CASE p.polcmd WHEN 'r' THEN 'SELECT' "
    "WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, "
    "(SELECT string_agg(coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'), ', ' ORDER BY r.rolname) "
    "FROM unnest(p.polroles) AS u(oid) LEFT JOIN pg_catalog.pg_roles r ON r.oid = u.oid)), "
    "' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', "
    "' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') FROM " MANAGED_TABLES
    "JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid WHERE " SUPABASE_IS_HERE
    " ORDER BY 2, 3, 1 DESC, 4";

enum larder_status catalog_additions(struct pg *pg, struct manifest *m, struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status = pg_query(pg, additions_sql, 0, NULL, &result, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not read what was added to the platform's tables");
    m->addition_count = (size_t)PQntuples(result);
    m->additions = arena_alloc(m->arena, m->addition_count, sizeof(*m->additions));
    for (int i = 0; m->additions != NULL && i < (int)m->addition_count; i++)
        m->additions[i] = (struct manifest_addition){
            .kind = catalog_text(m->arena, result, i, 0),
            .schema = catalog_text(m->arena, result, i, 1),
            .table = catalog_text(m->arena, result, i, 2),
            .name = catalog_text(m->arena, result, i, 3),
            .definition = catalog_text(m->arena, result, i, 4),
        };
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}
