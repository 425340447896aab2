#include "engine/pg/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/types.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

/* Every query below gets the tables' OIDs as $1, and names a table by its place in that list, from
 * 0. */
#define TABLES "unnest($1::oid[]) WITH ORDINALITY AS t(oid, place) "
#define PLACE "t.place - 1"

enum { SEQUENCES_AT_ONCE = 500 };

static size_t number_at(const PGresult *result, int row, int column)
{
    return strtoull(PQgetvalue(result, row, column), NULL, 10);
}

static bool flag_at(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

static const char *text_at(struct arena *arena, const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    return arena_strdup(arena, PQgetvalue(result, row, column));
}

static enum larder_status query_oids(struct pg *pg, const char *sql, const uint32_t *oids,
                                     size_t count, PGresult **result, struct larder_error *error)
{
    struct buffer array = {0};
    const char *value;
    enum larder_status status;

    for (size_t i = 0; i < count; i++)
        array_add_number(&array, oids[i]);
    value = array_finish(&array);
    status = array.failed ? larder_fail_memory(error) : pg_query(pg, sql, 1, &value, result, error);
    buffer_free(&array);
    return status;
}

static enum larder_status query_tables(struct pg *pg, const char *sql, const struct manifest *m,
                                       PGresult **result, struct larder_error *error)
{
    uint32_t *oids = arena_alloc(m->arena, m->table_count, sizeof(*oids));

    if (oids == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->table_count; i++)
        oids[i] = m->tables[i].oid;
    return query_oids(pg, sql, oids, m->table_count, result, error);
}

/* Asked in two steps: the right to call a function is checked when a query is planned, whatever its CASE says. */
static enum larder_status read_system_identifier(struct pg *pg, struct arena *arena,
                                                 const char **identifier,
                                                 struct larder_error *error)
{
    char *answer;
    enum larder_status status = pg_query_one(
        pg, "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')",
        0, NULL, &answer, error);
    bool may = status == LARDER_OK && answer != NULL && answer[0] == 't';

    free(answer);
    *identifier = NULL;
    if (!may)
        return status;
    status = pg_query_one(pg, "SELECT system_identifier FROM pg_catalog.pg_control_system()", 0,
                          NULL, &answer, error);
    *identifier = arena_strdup(arena, answer);
    free(answer);
    return status;
}

enum larder_status catalog_server(struct pg *pg, struct arena *arena, struct catalog_server *server,
                                  struct larder_error *error)
{
    PGresult *result;
    enum larder_status status =
        pg_query(pg,
                 "SELECT current_database(), current_setting('server_version_num')::int, "
                 "current_setting('server_encoding'), pg_catalog.pg_is_in_recovery()",
                 0, NULL, &result, error);

    if (status != LARDER_OK)
        return status;
    server->database = text_at(arena, result, 0, 0);
    server->version = arena_printf(arena, "%zu.%zu", number_at(result, 0, 1) / 10000,
                                   number_at(result, 0, 1) % 10000);
    server->encoding = text_at(arena, result, 0, 2);
    server->is_standby = flag_at(result, 0, 3);
    PQclear(result);
    status = read_system_identifier(pg, arena, &server->system_identifier, error);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

/* Says which presets there are, or why none can be read. */
static enum larder_status no_preset(struct pg *pg, const char *name, struct larder_error *error)
{
    char *names;
    enum larder_status status =
        pg_query_one(pg, "SELECT string_agg(preset, ', ' ORDER BY preset) FROM backups.presets", 0,
                     NULL, &names, error);

    if (status != LARDER_OK)
        return status;
    larder_fail(error, LARDER_USAGE, "there is no preset \"%s\"", name);
    if (names != NULL)
        larder_hint(error, "The presets are: %s.", names);
    else
        larder_hint(error, "backups.presets is empty, or this role may not see its rows.");
    free(names);
    return LARDER_USAGE;
}

enum larder_status catalog_preset(struct pg *pg, const char *name, struct arena *arena,
                                  struct catalog_preset *preset, struct larder_error *error)
{
    PGresult *result = NULL;
    /* Of presets, unlike of data, a role may see what the policies show it. */
    enum larder_status status = pg_exec(pg, "SET LOCAL row_security = on", error);

    if (status == LARDER_OK)
        status = pg_query(
            pg,
            "SELECT tables, coalesce(keep_days, 0)::bigint * 86400, coalesce(extract(epoch "
            "FROM every), 0)::bigint, copy_format FROM backups.presets "
            "WHERE preset = $1",
            1, &name, &result, error);

    if (status != LARDER_OK && strcmp(pg_sqlstate(pg), "42P01") == 0) {
        larder_fail(error, LARDER_USAGE,
                    "there is no preset \"%s\": this database has no backups.presets", name);
        larder_hint(
            error,
            "`larder init` installs the backups schema; `-t TABLE` exports without a preset.");
        return LARDER_USAGE;
    }
    if (status != LARDER_OK)
        return larder_context(error, "could not read the preset \"%s\"", name);
    if (PQntuples(result) == 0) {
        PQclear(result);
        return no_preset(pg, name, error);
    }
    status = pg_exec(pg, "SET LOCAL row_security = off", error);
    preset->name = arena_strdup(arena, name);
    preset->tables = array_split(arena, PQgetvalue(result, 0, 0), &preset->table_count);
    preset->keep_seconds = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
    preset->every = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    preset->copy_format = text_at(arena, result, 0, 3);
    PQclear(result);
    if (status != LARDER_OK || arena_failed(arena))
        return status != LARDER_OK ? status : larder_fail_memory(error);
    if (preset->tables == NULL)
        return larder_fail(error, LARDER_USAGE, "the preset \"%s\" has no list of tables", name);
    return LARDER_OK;
}

static enum larder_status describe_tables(struct pg *pg, const struct catalog_tables *tables,
                                          struct manifest *m, struct catalog_table *extra,
                                          struct larder_findings *findings,
                                          struct larder_error *error)
{
    static const char sql[] =
        "SELECT " PLACE ", n.nspname, c.relname, c.relkind, pn.nspname, p.relname, "
        "pg_catalog.pg_get_userbyid(c.relowner), c.reltuples::float8, pg_catalog.has_schema_privilege(n.oid, "
        "'USAGE'), pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.row_security_active(c.oid), CASE "
        "n.nspname WHEN 'public' THEN pg_catalog.quote_ident(c.relname) ELSE pg_catalog.quote_ident(n.nspname) || "
        "'.' || pg_catalog.quote_ident(c.relname) END, current_user "
        "FROM " TABLES "JOIN pg_catalog.pg_class c ON c.oid = t.oid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid AND h.inhseqno = 1 "
        "LEFT JOIN pg_catalog.pg_class p ON p.oid = h.inhparent "
        "LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace "
        "ORDER BY t.place";
    PGresult *result;
    enum larder_status status = query_oids(pg, sql, tables->oids, tables->count, &result, error);

    if (status != LARDER_OK)
        return status;
    m->table_count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++) {
        struct manifest_table *table = &m->tables[row];
        size_t place = number_at(result, row, 0);
        char kind = PQgetvalue(result, row, 3)[0];

        table->oid = tables->oids[place];
        table->schema = text_at(m->arena, result, row, 1);
        table->name = text_at(m->arena, result, row, 2);
        table->kind = kind == 'p' ? "partitioned table" : "table";
        table->parent_schema = text_at(m->arena, result, row, 4);
        table->parent_name = text_at(m->arena, result, row, 5);
        extra[row] = (struct catalog_table){
            .named = tables->named[place],
            .owner = arena_strdup(m->arena, PQgetvalue(result, row, 6)),
            .label = text_at(m->arena, result, row, 11),
            .estimated_rows = strtod(PQgetvalue(result, row, 7), NULL),
            .has_rows = kind == 'r',
        };
        if (!flag_at(result, row, 8))
            findings_add(
                findings, m->arena, "privilege", table->name,
                "role \"%s\" may not use schema \"%s\" of table \"%s\" (GRANT USAGE ON SCHEMA)",
                PQgetvalue(result, row, 12), table->schema, table->name);
        else if (!flag_at(result, row, 9))
            findings_add(findings, m->arena, "privilege", table->name,
                         "role \"%s\" may not read table \"%s.%s\" of owner \"%s\" (GRANT SELECT)",
                         PQgetvalue(result, row, 12), table->schema, table->name, extra[row].owner);
        if (flag_at(result, row, 10))
            findings_add(findings, m->arena, "row security", table->name,
                         "row security would hide rows of table \"%s.%s\" from role \"%s\"; %s",
                         table->schema, table->name, PQgetvalue(result, row, 12),
                         strcmp(extra[row].owner, PQgetvalue(result, row, 12)) == 0
                             ? "its owner is subject to it, too (FORCE ROW LEVEL SECURITY): use a "
                               "role with BYPASSRLS"
                             : arena_printf(m->arena,
                                            "use its owner \"%s\" or a role with BYPASSRLS",
                                            extra[row].owner));
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* How many of the rows from `row` on are of the table at `place`: queries give them in the tables'
 * order. */
static size_t run_length(const PGresult *result, int row, size_t place)
{
    size_t count = 0;

    while (row + (int)count < PQntuples(result) && number_at(result, row + (int)count, 0) == place)
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
    if (!types_is_stable((uint32_t)number_at(result, row, 6), PQgetvalue(result, row, 7)[0],
                         (uint32_t)number_at(result, row, 8), &why_not))
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
    enum larder_status status = query_tables(pg, sql, m, &result, error);
    int row = 0;

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < m->table_count; i++) {
        struct manifest_table *table = &m->tables[i];

        table->column_count = run_length(result, row, i);
        table->columns = arena_alloc(m->arena, table->column_count, sizeof(*table->columns));
        for (size_t j = 0; table->columns != NULL && j < table->column_count; j++, row++) {
            char identity = PQgetvalue(result, row, 4)[0];

            table->columns[j] = (struct manifest_column){
                .name = text_at(m->arena, result, row, 1),
                .type = text_at(m->arena, result, row, 2),
                .notnull = flag_at(result, row, 3),
                .identity = identity == 'a'   ? "always"
                            : identity == 'd' ? "by default"
                                              : NULL,
                .generated = flag_at(result, row, 5),
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
    enum larder_status status = query_tables(pg, sql, m, &result, error);
    int row = 0;

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < m->table_count; i++) {
        struct manifest_table *table = &m->tables[i];

        table->object_count = run_length(result, row, i);
        table->objects = arena_alloc(m->arena, table->object_count, sizeof(*table->objects));
        for (size_t j = 0; table->objects != NULL && j < table->object_count; j++, row++)
            table->objects[j] = (struct manifest_object){(uint32_t)number_at(result, row, 1),
                                                         (uint32_t)number_at(result, row, 2)};
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
        "ORDER BY u.i) "
        "FROM " TABLES "JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' "
        "AND k.conparentid = 0 JOIN pg_catalog.pg_class c ON c.oid = k.confrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "ORDER BY t.place, k.conname";
    PGresult *result;
    enum larder_status status = query_tables(pg, sql, m, &result, error);
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

            r->constraint = text_at(m->arena, result, row, 1);
            r->schema = text_at(m->arena, result, row, 2);
            r->name = text_at(m->arena, result, row, 3);
            r->oid = (uint32_t)number_at(result, row, 4);
            r->columns = array_split(m->arena, PQgetvalue(result, row, 5), &r->column_count);
            r->referenced_columns = array_split(m->arena, PQgetvalue(result, row, 6), &count);
        }
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status catalog_describe(struct pg *pg, const struct catalog_tables *tables,
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
    status = describe_tables(pg, tables, manifest, *extra, findings, error);
    if (status == LARDER_OK)
        status = describe_columns(pg, manifest, *extra, error);
    if (status == LARDER_OK)
        status = describe_objects(pg, manifest, error);
    if (status == LARDER_OK)
        status = describe_references(pg, manifest, error);
    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not read the catalogs");
}

static enum larder_status find_sequences(struct pg *pg, struct manifest *m,
                                         struct larder_findings *findings,
                                         struct larder_error *error)
{
    static const char sql[] =
        "SELECT DISTINCT n.nspname COLLATE \"C\", c.relname COLLATE \"C\", pg_catalog.has_sequence_privilege(c.oid, "
        "'SELECT'), current_user, c.oid "
        "FROM " TABLES "JOIN pg_catalog.pg_depend d ON "
        "  (d.classid = 1259 AND d.refclassid = 1259 AND d.refobjid = t.oid AND d.deptype IN ('a', 'i'))   OR "
        "(d.classid = 2604 AND d.refclassid = 1259 AND d.objid IN     (SELECT f.oid "
        "FROM pg_catalog.pg_attrdef f WHERE f.adrelid = t.oid)) "
        "JOIN pg_catalog.pg_class c ON c.relkind = 'S' AND c.oid = CASE d.classid WHEN 1259 THEN d.objid ELSE "
        "d.refobjid END JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "ORDER BY 1, 2";
    PGresult *result;
    enum larder_status status = query_tables(pg, sql, m, &result, error);
    size_t count;

    if (status != LARDER_OK)
        return status;
    count = (size_t)PQntuples(result);
    m->sequences = arena_alloc(m->arena, count, sizeof(*m->sequences));
    for (size_t i = 0; m->sequences != NULL && i < count; i++) {
        m->sequences[i].schema = text_at(m->arena, result, (int)i, 0);
        m->sequences[i].name = text_at(m->arena, result, (int)i, 1);
        m->sequences[i].oid = (uint32_t)number_at(result, (int)i, 4);
        if (!flag_at(result, (int)i, 2))
            findings_add(findings, m->arena, "privilege", m->sequences[i].name,
                         "role \"%s\" may not read sequence \"%s.%s\" (GRANT SELECT ON SEQUENCE)",
                         PQgetvalue(result, (int)i, 3), m->sequences[i].schema,
                         m->sequences[i].name);
    }
    m->sequence_count = count;
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* Some at a time: a query of thousands of branches is too deep for the server's stack. */
static enum larder_status read_sequences(struct pg *pg, struct manifest *m, size_t from, size_t to,
                                         struct larder_error *error)
{
    struct buffer sql = {0};
    PGresult *result = NULL;
    enum larder_status status;

    for (size_t i = from; i < to; i++) {
        buffer_printf(&sql, "%sSELECT %zu, last_value, is_called FROM ",
                      i > from ? " UNION ALL " : "", i);
        sql_qualified(&sql, m->sequences[i].schema, m->sequences[i].name);
    }
    status = sql.failed ? larder_fail_memory(error)
                        : pg_query(pg, buffer_text(&sql), 0, NULL, &result, error);
    buffer_free(&sql);
    if (status != LARDER_OK)
        return larder_context(error, "could not read the sequences");
    for (int row = 0; row < PQntuples(result); row++) {
        struct manifest_sequence *sequence = &m->sequences[number_at(result, row, 0)];

        sequence->last_value = strtoll(PQgetvalue(result, row, 1), NULL, 10);
        sequence->is_called = flag_at(result, row, 2);
    }
    PQclear(result);
    return LARDER_OK;
}

enum larder_status catalog_sequences(struct pg *pg, struct manifest *m,
                                     struct larder_findings *findings, struct larder_error *error)
{
    size_t before = findings->count;
    enum larder_status status = find_sequences(pg, m, findings, error);

    if (findings->count > before)
        return status;
    for (size_t i = 0; status == LARDER_OK && i < m->sequence_count; i += SEQUENCES_AT_ONCE)
        status = read_sequences(pg, m, i,
                                m->sequence_count - i < SEQUENCES_AT_ONCE ? m->sequence_count
                                                                          : i + SEQUENCES_AT_ONCE,
                                error);
    return status;
}

enum larder_status catalog_sizes(struct pg *pg, const struct manifest *m,
                                 struct catalog_table *extra, struct larder_error *error)
{
    static const char sql[] =
        "SELECT " PLACE ", coalesce(pg_catalog.pg_relation_size(t.oid), 0) "
        "/ current_setting('block_size')::bigint, coalesce(pg_catalog.pg_table_size(t.oid), 0) "
        "FROM " TABLES "ORDER BY t.place";
    PGresult *result;
    enum larder_status status = query_tables(pg, sql, m, &result, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not read the sizes of the tables");
    for (int row = 0; row < PQntuples(result); row++) {
        extra[row].pages = (uint32_t)number_at(result, row, 1);
        extra[row].bytes = number_at(result, row, 2);
    }
    PQclear(result);
    return LARDER_OK;
}

enum larder_status catalog_free_connections(struct pg *pg, int *count, struct larder_error *error)
{
    char *answer;
    enum larder_status status = pg_query_one(
        pg,
        "SELECT greatest(0, least("
        "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*), "
        "(SELECT nullif(rolconnlimit, -1) FROM pg_catalog.pg_roles WHERE rolname = current_user) "
        "- count(*) FILTER (WHERE usename = current_user), "
        "(SELECT nullif(datconnlimit, -1) FROM pg_catalog.pg_database WHERE datname = current_database()) "
        "- count(*) FILTER (WHERE datname = current_database()))) "
        "FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL",
        0, NULL, &answer, error);

    *count = answer == NULL ? 0 : (int)strtol(answer, NULL, 10);
    free(answer);
    return status;
}
