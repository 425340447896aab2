#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"
#include "engine/pg/key_sql.h"
#include "engine/pg/types.h"
#include "engine/run/run.h"

/* What the role may do, once for each schema and once for each table. */
struct access {
    const char *role, *owner, *grant_schema, *grant_table;
    bool uses_schema, reads, forced;
    const char *why_all_rows; /* NULL: row security hides some */
};

static bool has_finding(const struct larder_findings *findings, const char *kind,
                        const char *object)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->items[i].kind, kind) == 0 &&
            strcmp(findings->items[i].object, object) == 0)
            return true;
    return false;
}

/* What would help against row security. The owner of a table is exempt from it, unless it is forced. */
static const char *exempt(struct arena *arena, const struct access *access)
{
    if (access->forced)
        return "it is forced on its owner, too (FORCE ROW LEVEL SECURITY): use a role with BYPASSRLS";
    return arena_printf(arena, "use its owner \"%s\", or a role with BYPASSRLS", access->owner);
}

/* One finding for each table, whatever is the matter with it, and one for each schema. */
static void judge_access(struct arena *arena, const struct manifest_table *table,
                         const struct access *access, struct larder_findings *findings)
{
    bool hidden = access->why_all_rows == NULL;

    if (!access->uses_schema && !has_finding(findings, "schema", table->schema))
        findings_add(findings, arena, "schema", table->schema,
                     "role \"%s\" may not use schema \"%s\" (%s)", access->role, table->schema,
                     access->grant_schema);
    if (!access->reads)
        findings_add(findings, arena, "privilege", table->name,
                     "role \"%s\" may not read table \"%s.%s\" of owner \"%s\" (%s)%s%s",
                     access->role, table->schema, table->name, access->owner, access->grant_table,
                     hidden ? ", and row security would hide rows of it: " : "",
                     hidden ? exempt(arena, access) : "");
    else if (hidden)
        findings_add(
            findings, arena, "row security", table->name,
            "row security would hide rows of table \"%s.%s\" of owner \"%s\" from role \"%s\": %s",
            table->schema, table->name, access->owner, access->role, exempt(arena, access));
}

/*
 * The server says whether row security applies to this role; where it does not, the reason is the first that holds, in the
 * server's own order. The first of a table's parents need not have the number 1: those that it had before are gone.
 */
static const char name_sql[] =
    "SELECT " PLACE ", n.nspname, c.relname, c.relkind, pn.nspname, p.relname, "
    "c.reltuples::float8, CASE n.nspname WHEN 'public' THEN pg_catalog.quote_ident(c.relname) "
    "ELSE pg_catalog.format('%I.%I', n.nspname, c.relname) END, "
    "current_user, pg_catalog.pg_get_userbyid(c.relowner), "
    "pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, current_user), "
    "pg_catalog.format('GRANT SELECT ON TABLE %I.%I TO %I', n.nspname, c.relname, current_user), "
    "pg_catalog.has_schema_privilege(n.oid, 'USAGE'), "
    "pg_catalog.has_table_privilege(c.oid, 'SELECT'), c.relforcerowsecurity, "
    "CASE WHEN pg_catalog.row_security_active(c.oid) THEN NULL "
    "WHEN NOT c.relrowsecurity THEN 'no row security' WHEN r.rolsuper THEN 'superuser' "
    "WHEN r.rolbypassrls THEN 'bypassrls' ELSE 'owner' END, "
    "c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery() "
    "FROM " TABLES "JOIN pg_catalog.pg_class c ON c.oid = t.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_catalog.pg_roles r ON r.rolname = current_user "
    "LEFT JOIN LATERAL (SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid "
    "ORDER BY i.inhseqno LIMIT 1) h ON true "
    "LEFT JOIN pg_catalog.pg_class p ON p.oid = h.inhparent "
    "LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace "
    "ORDER BY t.place";

static struct access access_at(struct arena *arena, const PGresult *result, int row)
{
    return (struct access){
        .role = pg_value(result, row, 8),
        .owner = pg_value(result, row, 9),
        .grant_schema = pg_value(result, row, 10),
        .grant_table = pg_value(result, row, 11),
        .uses_schema = catalog_flag(result, row, 12),
        .reads = catalog_flag(result, row, 13),
        .forced = catalog_flag(result, row, 14),
        .why_all_rows = catalog_text(arena, result, row, 15),
    };
}

static enum larder_status name_tables(struct pg *pg, const struct catalog_tables *tables,
                                      struct manifest *m, struct catalog_table *extra,
                                      struct larder_findings *findings, struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status =
        catalog_query_oids(pg, name_sql, tables->oids, tables->count, &result, error);

    if (status == LARDER_OK)
        status = catalog_check_places(result, tables->count, true, error);
    if (status != LARDER_OK) {
        PQclear(result);
        return status;
    }
    m->table_count = (size_t)PQntuples(result);
    /* One that has gone meanwhile is missing among them, and then all is done again. */
    m->referenced_count = tables->followed < m->table_count ? tables->followed : 0;
    for (int row = 0; row < PQntuples(result); row++) {
        struct manifest_table *table = &m->tables[row];
        size_t place = catalog_number(result, row, 0);
        char kind = pg_value(result, row, 3)[0];
        struct access access = access_at(m->arena, result, row);

        table->oid = tables->oids[place];
        table->schema = catalog_text(m->arena, result, row, 1);
        table->name = catalog_text(m->arena, result, row, 2);
        table->kind = kind == 'p' ? "partitioned table" : "table";
        table->parent_schema = catalog_text(m->arena, result, row, 4);
        table->parent_name = catalog_text(m->arena, result, row, 5);
        table->why_all_rows = access.why_all_rows;
        extra[row] = (struct catalog_table){
            .named = tables->named[place],
            .label = catalog_text(m->arena, result, row, 7),
            .estimated_rows = strtod(pg_value(result, row, 6), NULL),
            .has_rows = kind == 'r',
            .has_rows_elsewhere = catalog_flag(result, row, 16),
        };
        judge_access(m->arena, table, &access, findings);
    }
    m->table_count -= m->referenced_count;
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* How many of the rows from `row` on are of the table at `place`: queries give them in the tables'
 * order. */
static size_t run_length(const PGresult *result, int row, size_t place)
{
    size_t count = 0;

    while (row + (int)count < PQntuples(result) &&
           catalog_number(result, row + (int)count, 0) == place)
        count++;
    return count;
}

/* Notes the first column that keeps a table from being copied in binary form. */
static void judge_column(struct arena *arena, const PGresult *result, int row,
                         const struct manifest_column *column, struct catalog_table *extra)
{
    const char *why_not;

    if (column->generated || extra->why_text != NULL)
        return;
    if (!types_is_stable(catalog_oid(result, row, 6), pg_value(result, row, 7)[0],
                         catalog_oid(result, row, 8), &why_not))
        extra->why_text =
            arena_printf(arena, "column \"%s\" of type %s %s", column->name, column->type, why_not);
}

static enum larder_status describe_columns(struct pg *pg, struct manifest *m,
                                           struct catalog_table *extra, struct larder_error *error)
{
    static const char sql[] =
        "SELECT " PLACE
        ", a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, "
        "a.attidentity, a.attgenerated <> '', b.oid, b.typtype, "
        "CASE WHEN b.typlen = -1 AND b.typcategory = 'A' THEN b.typelem ELSE 0 END "
        "FROM " TABLES "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid "
        "JOIN pg_catalog.pg_type y ON y.oid = a.atttypid JOIN pg_catalog.pg_type b ON b.oid = CASE y.typtype WHEN "
        "'d' THEN y.typbasetype ELSE y.oid END WHERE a.attnum > 0 AND NOT a.attisdropped "
        "ORDER BY t.place, a.attnum";
    PGresult *result;
    enum larder_status status = catalog_query_tables(pg, sql, m, &result, error);
    int row = 0;

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < m->table_count; i++) {
        struct manifest_table *table = &m->tables[i];

        table->column_count = run_length(result, row, i);
        table->columns = arena_alloc(m->arena, table->column_count, sizeof(*table->columns));
        for (size_t j = 0; table->columns != NULL && j < table->column_count; j++, row++) {
            char identity = pg_value(result, row, 4)[0];

            table->columns[j] = (struct manifest_column){
                .name = catalog_text(m->arena, result, row, 1),
                .type = catalog_text(m->arena, result, row, 2),
                .notnull = catalog_flag(result, row, 3),
                .identity = identity == 'a'   ? "always"
                            : identity == 'd' ? "by default"
                                              : NULL,
                .generated = catalog_flag(result, row, 5),
            };
            judge_column(m->arena, result, row, &table->columns[j], &extra[i]);
        }
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* Everything that pg_dump lists as an entry of its own and that belongs to one table. */
static enum larder_status describe_objects(struct pg *pg, struct manifest *m,
                                           struct larder_error *error)
{
    static const char sql[] =
        "SELECT " PLACE ", o.catalog, o.oid FROM " TABLES "CROSS JOIN LATERAL ("
        "SELECT 1259 AS catalog, indexrelid AS oid FROM pg_catalog.pg_index "
        "WHERE indrelid = t.oid "
        "UNION ALL SELECT 2606, c.oid FROM pg_catalog.pg_constraint c "
        "WHERE conrelid = t.oid "
        "UNION ALL SELECT 2604, d.oid FROM pg_catalog.pg_attrdef d "
        "WHERE adrelid = t.oid "
        "UNION ALL SELECT 2620, g.oid FROM pg_catalog.pg_trigger g "
        "WHERE tgrelid = t.oid "
        "UNION ALL SELECT 2618, r.oid FROM pg_catalog.pg_rewrite r "
        "WHERE ev_class = t.oid "
        "UNION ALL SELECT 3256, p.oid FROM pg_catalog.pg_policy p "
        "WHERE polrelid = t.oid "
        "UNION ALL SELECT 3381, s.oid FROM pg_catalog.pg_statistic_ext s "
        "WHERE stxrelid = t.oid "
        "UNION ALL SELECT 1259, q.objid FROM pg_catalog.pg_depend q   "
        "JOIN pg_catalog.pg_class qc ON qc.oid = q.objid AND qc.relkind = 'S'   "
        "WHERE q.classid = 1259 AND q.refclassid = 1259 AND q.refobjid = t.oid AND q.deptype IN ('a', 'i')) AS o "
        "ORDER BY t.place, 2, 3";
    PGresult *result;
    enum larder_status status = catalog_query_tables(pg, sql, m, &result, error);
    int row = 0;

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < m->table_count; i++) {
        struct manifest_table *table = &m->tables[i];

        table->object_count = run_length(result, row, i);
        table->objects = arena_alloc(m->arena, table->object_count, sizeof(*table->objects));
        for (size_t j = 0; table->objects != NULL && j < table->object_count; j++, row++)
            table->objects[j] =
                (struct manifest_object){catalog_oid(result, row, 1), catalog_oid(result, row, 2)};
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

static enum larder_status describe_references(struct pg *pg, struct manifest *m,
                                              struct larder_error *error)
{
    static const char sql[] =
        "SELECT " PLACE ", k.conname, n.nspname, c.relname, k.oid, "
        "ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(num, i)   "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num "
        "ORDER BY u.i), ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(num, i)   "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num "
        "ORDER BY u.i), " KEY_HAS_PERIOD(
            "k") "FROM " TABLES
                 "JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' "
                 "AND k.conparentid = 0 JOIN pg_catalog.pg_class c ON c.oid = k.confrelid "
                 "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                 "ORDER BY t.place, k.conname";
    PGresult *result;
    enum larder_status status = catalog_query_tables(pg, sql, m, &result, error);
    int row = 0;

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < m->table_count; i++) {
        struct manifest_table *table = &m->tables[i];

        table->reference_count = run_length(result, row, i);
        table->references =
            arena_alloc(m->arena, table->reference_count, sizeof(*table->references));
        for (size_t j = 0; table->references != NULL && j < table->reference_count; j++, row++) {
            struct manifest_reference *r = &table->references[j];
            size_t count;

            r->constraint = catalog_text(m->arena, result, row, 1);
            r->schema = catalog_text(m->arena, result, row, 2);
            r->name = catalog_text(m->arena, result, row, 3);
            r->oid = catalog_oid(result, row, 4);
            r->period = catalog_flag(result, row, 7);
            r->columns = array_split(m->arena, pg_value(result, row, 5), &r->column_count);
            r->referenced_columns = array_split(m->arena, pg_value(result, row, 6), &count);
        }
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status catalog_name_tables(struct pg *pg, const struct catalog_tables *tables,
                                       struct manifest *manifest, struct catalog_table **extra,
                                       struct larder_findings *findings, struct larder_error *error)
{
    enum larder_status status;

    if (tables->count > MANIFEST_MAX_TABLES)
        return larder_fail(error, LARDER_USAGE,
                           "an archive holds at most %d tables, and these are %zu",
                           MANIFEST_MAX_TABLES, tables->count);
    manifest->tables = arena_alloc(manifest->arena, tables->count, sizeof(*manifest->tables));
    *extra = arena_alloc(manifest->arena, tables->count, sizeof(**extra));
    if (manifest->tables == NULL || *extra == NULL)
        return larder_fail_memory(error);
    status = name_tables(pg, tables, manifest, *extra, findings, error);
    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not read the catalogs");
}

enum larder_status catalog_describe(struct pg *pg, struct manifest *manifest,
                                    struct catalog_table *extra, struct larder_findings *findings,
                                    struct larder_error *error)
{
    size_t followed = manifest->referenced_count;
    enum larder_status status;

    /* Those that are followed are described as the others are. Nobody else looks at the manifest meanwhile. */
    manifest->table_count += followed;
    manifest->referenced_count = 0;
    status = describe_columns(pg, manifest, extra, error);
    if (status == LARDER_OK)
        status = describe_objects(pg, manifest, error);
    if (status == LARDER_OK)
        status = describe_references(pg, manifest, error);
    manifest->table_count -= followed;
    manifest->referenced_count = followed;
    if (status == LARDER_OK)
        status = catalog_find_sequences(pg, manifest, findings, error);
    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not read the catalogs");
}
