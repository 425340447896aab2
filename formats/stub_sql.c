#include "formats/stub_sql.h"

#include <stdio.h>
#include <string.h>

#include "formats/sql_split.h"
#include "formats/sql_text.h"

/* DO with a body that is quoted by a tag that does not occur in it. */
static void put_do(struct buffer *out, struct buffer *body)
{
    const char *text = buffer_text(body);
    char tag[32] = "$larder$";

    for (int i = 1; strstr(text, tag) != NULL; i++)
        snprintf(tag, sizeof(tag), "$larder%d$", i);
    buffer_printf(out, "DO %s\nBEGIN\n%sEND\n%s;\n", tag, text, tag);
    out->failed = out->failed || body->failed;
    buffer_free(body);
}

static void create_schema(struct buffer *out, const char *schema, const char *grants)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF pg_catalog.to_regnamespace(pg_catalog.quote_ident(");
    sql_literal(&body, schema);
    buffer_puts(&body, ")) IS NULL THEN\n        CREATE SCHEMA ");
    sql_identifier(&body, schema);
    buffer_printf(&body, ";\n%s    END IF;\n", grants);
    put_do(out, &body);
}

void stub_sql_schema(struct buffer *out, const char *schema)
{
    create_schema(out, schema, "");
}

void stub_sql_public(struct buffer *out)
{
    create_schema(out, "public", "        GRANT USAGE ON SCHEMA public TO PUBLIC;\n");
}

static void put_grants(struct buffer *out, const struct manifest_external *schema)
{
    const char *sql = schema->definition == NULL ? "" : schema->definition;
    size_t length = strlen(sql);
    struct sql_statement grant;

    while (sql_split_next(&sql, &length, &grant))
        buffer_printf(out,
                      "        BEGIN\n            %.*s;\n        EXCEPTION WHEN undefined_object "
                      "OR invalid_schema_name THEN NULL;\n        END;\n",
                      (int)grant.length, grant.text);
}

void stub_sql_grant(struct buffer *out, const struct manifest_external *schema)
{
    struct buffer body = {0};

    put_grants(&body, schema);
    put_do(out, &body);
}

static void create_schema_with_grants(struct buffer *out, const struct manifest_external *schema)
{
    struct buffer grants = {0};

    put_grants(&grants, schema);
    create_schema(out, schema->name, buffer_text(&grants));
    out->failed = out->failed || grants.failed;
    buffer_free(&grants);
}

static void create_role(struct buffer *out, const char *name, const char *comment)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ");
    sql_literal(&body, name);
    buffer_puts(&body, ") THEN\n        CREATE ROLE ");
    sql_identifier(&body, name);
    buffer_puts(&body, " NOLOGIN;\n");
    if (comment != NULL) {
        buffer_puts(&body, "        COMMENT ON ROLE ");
        sql_identifier(&body, name);
        buffer_puts(&body, " IS ");
        sql_literal(&body, comment);
        buffer_puts(&body, ";\n");
    }
    buffer_puts(&body, "    END IF;\n");
    put_do(out, &body);
}

static void create_extension(struct buffer *out, const struct manifest_external *external)
{
    buffer_puts(out, "CREATE EXTENSION IF NOT EXISTS ");
    sql_identifier(out, external->name);
    if (external->schema != NULL) {
        buffer_puts(out, " WITH SCHEMA ");
        sql_identifier(out, external->schema);
    }
    buffer_puts(out, ";\n");
}

/* A function's name comes with its arguments, as to_regprocedure takes it. */
static void create_function(struct buffer *out, const struct manifest_external *external)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF pg_catalog.to_regprocedure(");
    sql_literal(&body, external->name);
    buffer_puts(&body, ") IS NULL THEN\n        EXECUTE ");
    sql_literal(&body, external->definition);
    buffer_puts(&body, ";\n    END IF;\n");
    put_do(out, &body);
}

static void create_table(struct buffer *out, const struct manifest_external *external)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF pg_catalog.to_regclass(");
    sql_qualified_literal(&body, external->schema, external->name);
    buffer_puts(&body, ") IS NULL THEN\n        EXECUTE ");
    sql_literal(&body, external->definition);
    buffer_puts(&body, ";\n        COMMENT ON TABLE ");
    sql_qualified(&body, external->schema, external->name);
    buffer_puts(&body, " IS '" STUB_COMMENT
                       " holds only the keys that restored rows refer to';\n    END IF;\n");
    put_do(out, &body);
}

void stub_sql_create(struct buffer *out, const struct manifest_external *external)
{
    if (strcmp(external->kind, "role") == 0) {
        create_role(out, external->name, external->definition);
        return;
    }
    if (external->schema != NULL)
        stub_sql_schema(out, external->schema);
    if (strcmp(external->kind, "schema") == 0)
        create_schema_with_grants(out, external);
    else if (strcmp(external->kind, "extension") == 0)
        create_extension(out, external);
    else if (strcmp(external->kind, "function") == 0 && external->definition != NULL)
        create_function(out, external);
    else if (strcmp(external->kind, "table") == 0 && external->schema != NULL &&
             external->definition != NULL)
        create_table(out, external);
}

static void put_names(struct buffer *out, const char **names, size_t count, const char *between,
                      const char *behind)
{
    for (size_t i = 0; i < count; i++) {
        buffer_puts(out, i > 0 ? between : "");
        sql_identifier(out, names[i]);
        buffer_puts(out, behind);
    }
}

static bool is_key(const struct manifest *m, const struct manifest_table *table, const char *column)
{
    for (size_t i = 0; i < m->table_count; i++)
        for (size_t j = 0; j < m->tables[i].reference_count; j++) {
            const struct manifest_reference *r = &m->tables[i].references[j];

            for (size_t k = 0;
                 manifest_refers_to(r, table->schema, table->name) && k < r->column_count; k++)
                if (strcmp(r->referenced_columns[k], column) == 0)
                    return true;
        }
    return false;
}

/* A type that has a schema may not be there; what the archive has of it is text. */
static void put_column(struct buffer *out, const struct manifest *m,
                       const struct manifest_table *table, size_t number)
{
    const struct manifest_column *column = &table->columns[number];
    bool as_text = strchr(column->type, '.') != NULL && !is_key(m, table, column->name);

    sql_identifier(out, column->name);
    buffer_printf(out, " %s", as_text ? "text" : column->type);
}

static bool same_columns(const struct manifest_reference *a, const struct manifest_reference *b)
{
    if (a->column_count != b->column_count || a->period != b->period)
        return false;
    for (size_t i = 0; i < a->column_count; i++)
        if (strcmp(a->referenced_columns[i], b->referenced_columns[i]) != 0)
            return false;
    return true;
}

/* Whether a reference before this one, of any table, is to the same columns of the same table. */
static bool is_repeated(const struct manifest *m, const struct manifest_reference *reference,
                        const struct manifest_table *table)
{
    for (size_t i = 0; i < m->table_count; i++)
        for (size_t j = 0; j < m->tables[i].reference_count; j++) {
            const struct manifest_reference *r = &m->tables[i].references[j];

            if (r == reference)
                return false;
            if (manifest_refers_to(r, table->schema, table->name) && same_columns(r, reference))
                return true;
        }
    return false;
}

void stub_sql_define(struct buffer *out, const struct manifest *m,
                     const struct manifest_table *table)
{
    buffer_puts(out, "CREATE TABLE ");
    sql_qualified(out, table->schema, table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        buffer_puts(out, i == 0 ? " (" : ", ");
        put_column(out, m, table, i);
    }
    for (size_t i = 0; i < m->table_count; i++)
        for (size_t j = 0; j < m->tables[i].reference_count; j++) {
            const struct manifest_reference *r = &m->tables[i].references[j];

            if (!manifest_refers_to(r, table->schema, table->name) || is_repeated(m, r, table))
                continue;
            buffer_puts(out, ", UNIQUE (");
            put_names(out, r->referenced_columns, r->column_count, ", ", "");
            buffer_puts(out, r->period ? " WITHOUT OVERLAPS)" : ")");
        }
    buffer_puts(out, ")");
}

/* "r.a = t.b AND ...", of the first columns of a key. */
static void put_equal(struct buffer *out, const struct manifest_reference *reference, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_puts(out, i > 0 ? " AND r." : "r.");
        sql_identifier(out, reference->referenced_columns[i]);
        buffer_puts(out, " = t.");
        sql_identifier(out, reference->columns[i]);
    }
}

/* What keys the rows refer to, and at what times p there are none of them yet. */
static void put_periods(struct buffer *out, const struct manifest_table *table,
                        const struct manifest_reference *reference)
{
    size_t keys = reference->column_count - 1;

    buffer_puts(out, " FROM (SELECT ");
    put_names(out, reference->columns, keys, ", ", "");
    buffer_puts(out, ", pg_catalog.range_agg(");
    sql_identifier(out, reference->columns[keys]);
    buffer_puts(out, ") AS \"larder p\" FROM ");
    sql_qualified(out, table->schema, table->name);
    buffer_puts(out, " WHERE ");
    put_names(out, reference->columns, reference->column_count, " AND ", " IS NOT NULL");
    buffer_puts(out, " GROUP BY ");
    put_names(out, reference->columns, keys, ", ", "");
    buffer_puts(out,
                ") AS t CROSS JOIN LATERAL pg_catalog.unnest(t.\"larder p\" OPERATOR(pg_catalog.-) "
                "coalesce((SELECT pg_catalog.range_agg(r.");
    sql_identifier(out, reference->referenced_columns[keys]);
    buffer_puts(out, ") FROM ");
    sql_qualified(out, reference->schema, reference->name);
    buffer_puts(out, " AS r WHERE ");
    put_equal(out, reference, keys);
    buffer_puts(out, "), '{}')) AS u(p)");
}

/* The columns of `t` that are a key's, the time out of `u`: a range, also where the column holds several. */
static void put_keys(struct buffer *out, const struct manifest_table *table,
                     const struct manifest_reference *reference)
{
    size_t plain = reference->column_count - (reference->period ? 1 : 0);

    for (size_t i = 0; i < plain; i++) {
        buffer_puts(out, i > 0 ? ", t." : "t.");
        sql_identifier(out, reference->columns[i]);
    }
    for (size_t i = 0; reference->period && i < table->column_count; i++)
        if (strcmp(table->columns[i].name, reference->columns[plain]) == 0)
            buffer_printf(out, ", u.p::%s", table->columns[i].type);
}

void stub_sql_fill(struct buffer *out, const struct manifest_table *table,
                   const struct manifest_reference *reference)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF pg_catalog.obj_description(pg_catalog.to_regclass(");
    sql_qualified_literal(&body, reference->schema, reference->name);
    buffer_puts(&body, "), 'pg_class') LIKE '" STUB_COMMENT "%' THEN\n        INSERT INTO ");
    sql_qualified(&body, reference->schema, reference->name);
    buffer_puts(&body, " (");
    put_names(&body, reference->referenced_columns, reference->column_count, ", ", "");
    buffer_puts(&body, ")\n        SELECT DISTINCT ");
    if (reference->period) {
        put_keys(&body, table, reference);
        put_periods(&body, table, reference);
    } else {
        put_names(&body, reference->columns, reference->column_count, ", ", "");
        buffer_puts(&body, " FROM ");
        sql_qualified(&body, table->schema, table->name);
        buffer_puts(&body, "\n        WHERE ");
        put_names(&body, reference->columns, reference->column_count, " AND ", " IS NOT NULL");
    }
    buffer_puts(&body, "\n        ON CONFLICT DO NOTHING;\n    END IF;\n");
    put_do(out, &body);
}

/* Where the role may not set it, it stays as it is. */
static void put_replication_role(struct buffer *out, const char *role)
{
    buffer_printf(out,
                  "        BEGIN\n            PERFORM pg_catalog.set_config("
                  "'session_replication_role', '%s', true);\n"
                  "        EXCEPTION WHEN insufficient_privilege THEN NULL;\n        END;\n",
                  role);
}

/* Spelt out by alias: both tables may have columns of the same name. */
static void put_missing(struct buffer *out, const struct manifest_table *table,
                        const struct manifest_reference *reference)
{
    if (reference->period) {
        put_periods(out, table, reference);
        return;
    }
    buffer_puts(out, " FROM ");
    sql_qualified(out, table->schema, table->name);
    buffer_puts(out, " AS t\n        WHERE ");
    for (size_t i = 0; i < reference->column_count; i++) {
        buffer_puts(out, i > 0 ? " AND t." : "t.");
        sql_identifier(out, reference->columns[i]);
        buffer_puts(out, " IS NOT NULL");
    }
    buffer_puts(out, " AND NOT EXISTS (SELECT FROM ");
    sql_qualified(out, reference->schema, reference->name);
    buffer_puts(out, " AS r WHERE ");
    put_equal(out, reference, reference->column_count);
    buffer_puts(out, ")");
}

void stub_sql_add(struct buffer *out, const struct manifest_table *table,
                  const struct manifest_reference *reference)
{
    struct buffer body = {0}, name = {0};

    sql_qualified(&name, reference->schema, reference->name);
    /* Where nothing is missing, no right to add anything is needed. */
    buffer_puts(&body, "    DECLARE added bigint;\n    BEGIN\n        IF NOT EXISTS (SELECT");
    put_missing(&body, table, reference);
    buffer_puts(&body, ") THEN\n            RETURN;\n        END IF;\n");
    put_replication_role(&body, "replica");
    buffer_printf(&body, "        INSERT INTO %s (", buffer_text(&name));
    put_names(&body, reference->referenced_columns, reference->column_count, ", ", "");
    buffer_puts(&body, ") OVERRIDING SYSTEM VALUE\n        SELECT DISTINCT ");
    put_keys(&body, table, reference);
    put_missing(&body, table, reference);
    buffer_puts(&body, "\n        ON CONFLICT DO NOTHING;\n"
                       "        GET DIAGNOSTICS added = ROW_COUNT;\n");
    put_replication_role(&body, "origin");
    buffer_puts(&body, "        RAISE WARNING '% rows were added to %: keys that restored rows "
                       "refer to', added, ");
    sql_literal(&body, buffer_text(&name));
    buffer_puts(&body, ";\n    EXCEPTION WHEN insufficient_privilege THEN\n"
                       "        RAISE WARNING 'no keys could be added to %: %', ");
    sql_literal(&body, buffer_text(&name));
    buffer_puts(&body, ", SQLERRM;\n    END;\n");
    put_do(out, &body);
    out->failed = out->failed || name.failed;
    buffer_free(&name);
}
