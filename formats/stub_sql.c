#include "formats/stub_sql.h"

#include <stdio.h>
#include <string.h>

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

static void put_name_literal(struct buffer *out, const char *schema, const char *name)
{
    struct buffer qualified = {0};

    sql_qualified(&qualified, schema, name);
    sql_literal(out, buffer_text(&qualified));
    out->failed = out->failed || qualified.failed;
    buffer_free(&qualified);
}

void stub_sql_schema(struct buffer *out, const char *schema)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF pg_catalog.to_regnamespace(pg_catalog.quote_ident(");
    sql_literal(&body, schema);
    buffer_puts(&body, ")) IS NULL THEN\n        CREATE SCHEMA ");
    sql_identifier(&body, schema);
    buffer_puts(&body, ";\n        GRANT USAGE ON SCHEMA ");
    sql_identifier(&body, schema);
    buffer_puts(&body, " TO PUBLIC;\n    END IF;\n");
    put_do(out, &body);
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
    put_name_literal(&body, external->schema, external->name);
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
    if (strcmp(external->kind, "extension") == 0)
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

void stub_sql_fill(struct buffer *out, const struct manifest_table *table,
                   const struct manifest_reference *reference)
{
    struct buffer body = {0};

    buffer_puts(&body, "    IF pg_catalog.obj_description(pg_catalog.to_regclass(");
    put_name_literal(&body, reference->schema, reference->name);
    buffer_puts(&body, "), 'pg_class') LIKE '" STUB_COMMENT "%' THEN\n        INSERT INTO ");
    sql_qualified(&body, reference->schema, reference->name);
    buffer_puts(&body, " (");
    put_names(&body, reference->referenced_columns, reference->column_count, ", ", "");
    buffer_puts(&body, ")\n        SELECT DISTINCT ");
    put_names(&body, reference->columns, reference->column_count, ", ", "");
    buffer_puts(&body, " FROM ");
    sql_qualified(&body, table->schema, table->name);
    buffer_puts(&body, "\n        WHERE ");
    put_names(&body, reference->columns, reference->column_count, " AND ", " IS NOT NULL");
    buffer_puts(&body, "\n        ON CONFLICT DO NOTHING;\n    END IF;\n");
    put_do(out, &body);
}
