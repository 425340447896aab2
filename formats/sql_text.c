#include "formats/sql_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "formats/stub_sql.h"

static void quoted(struct buffer *out, const char *text, char quote)
{
    buffer_append(out, &quote, 1);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == quote)
            buffer_append(out, c, 1);
        buffer_append(out, c, 1);
    }
    buffer_append(out, &quote, 1);
}

void sql_identifier(struct buffer *out, const char *name)
{
    quoted(out, name, '"');
}

void sql_qualified(struct buffer *out, const char *schema, const char *name)
{
    sql_identifier(out, schema);
    buffer_puts(out, ".");
    sql_identifier(out, name);
}

void sql_literal(struct buffer *out, const char *text)
{
    quoted(out, text, '\'');
}

void sql_qualified_literal(struct buffer *out, const char *schema, const char *name)
{
    struct buffer qualified = {0};

    sql_qualified(&qualified, schema, name);
    sql_literal(out, buffer_text(&qualified));
    out->failed = out->failed || qualified.failed;
    buffer_free(&qualified);
}

void sql_setval(struct buffer *out, const struct manifest_sequence *sequence)
{
    buffer_puts(out, "SELECT pg_catalog.setval(");
    sql_qualified_literal(out, sequence->schema, sequence->name);
    buffer_printf(out, ", %" PRId64 ", %s);\n", sequence->last_value,
                  sequence->is_called ? "true" : "false");
}

void sql_columns(struct buffer *out, const struct manifest_table *table)
{
    const char *before = " (";

    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated)
            continue;
        buffer_puts(out, before);
        sql_identifier(out, table->columns[i].name);
        before = ", ";
    }
    if (before[0] == ',')
        buffer_puts(out, ")");
}

static bool spans_lines(const char *name)
{
    return strpbrk(name, "\r\n") != NULL;
}

/* \copy ends with its line, so a name that holds a line feed is replaced while its table is loaded.
 */
static void rename_back_and_forth(struct buffer *out, const char *what, const char *schema,
                                  const char *name, const char *for_now, bool back)
{
    if (!spans_lines(name))
        return;
    buffer_printf(out, "ALTER %s ", what);
    if (schema != NULL) {
        sql_identifier(out, schema);
        buffer_puts(out, ".");
    }
    sql_identifier(out, back ? for_now : name);
    buffer_puts(out, " RENAME TO ");
    sql_identifier(out, back ? name : for_now);
    buffer_puts(out, ";\n");
}

/* What a column with a line feed in its name is called while rows are loaded: the same in a table and in its children. */
static void temporary_column(const char *name, char for_now[40])
{
    snprintf(for_now, 40, "larder_column_%016llx",
             (unsigned long long)XXH3_64bits(name, strlen(name)));
}

static bool has_column(const struct manifest_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return true;
    return false;
}

/* For all tables at once: renaming an inherited column is the parent's, and does it for the children. */
static void rename_columns(struct buffer *out, const struct manifest *manifest, bool back)
{
    char for_now[40];

    for (size_t i = 0; i < manifest->table_count; i++) {
        const struct manifest_table *table = &manifest->tables[i];
        const struct manifest_table *parent =
            table->parent_name == NULL
                ? NULL
                : manifest_find(manifest, table->parent_schema, table->parent_name);

        for (size_t j = 0; j < table->column_count; j++) {
            const char *name = table->columns[j].name;

            if (!spans_lines(name) || (parent != NULL && has_column(parent, name)))
                continue;
            temporary_column(name, for_now);
            buffer_puts(out, "ALTER TABLE ");
            sql_qualified(out, table->schema, table->name);
            buffer_puts(out, " RENAME COLUMN ");
            sql_identifier(out, back ? for_now : name);
            buffer_puts(out, " TO ");
            sql_identifier(out, back ? name : for_now);
            buffer_puts(out, ";\n");
        }
    }
}

static void copy_columns(struct buffer *out, const struct manifest_table *table)
{
    const char *before = " (";
    char for_now[40];

    for (size_t i = 0; i < table->column_count; i++) {
        const char *name = table->columns[i].name;

        if (table->columns[i].generated)
            continue;
        buffer_puts(out, before);
        temporary_column(name, for_now);
        sql_identifier(out, spans_lines(name) ? for_now : name);
        before = ", ";
    }
    if (before[0] == ',')
        buffer_puts(out, ")");
}

static void load_table(struct buffer *out, const struct manifest *manifest, size_t number)
{
    const struct manifest_table *table = &manifest->tables[number];
    const char *schema = spans_lines(table->schema) ? "larder_schema" : table->schema;
    const char *name = spans_lines(table->name) ? "larder_table" : table->name;
    char part[MANIFEST_NAME_BYTES];

    rename_back_and_forth(out, "SCHEMA", NULL, table->schema, schema, false);
    rename_back_and_forth(out, "TABLE", schema, table->name, name, false);
    for (size_t i = 0; i < table->part_count; i++) {
        manifest_part_name(table, number + 1, i + 1, part);
        buffer_puts(out, "\\copy ");
        sql_qualified(out, schema, name);
        copy_columns(out, table);
        buffer_printf(out, " FROM PROGRAM 'zstd -dc %s' WITH (FORMAT %s, ENCODING '%s')\n", part,
                      table->copy_format == COPY_TEXT ? "text" : "binary",
                      manifest->server_encoding);
    }
    rename_back_and_forth(out, "TABLE", schema, table->name, name, true);
    rename_back_and_forth(out, "SCHEMA", NULL, table->schema, schema, true);
}

static bool can_be_loaded(const struct manifest_table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (spans_lines(table->columns[i].name))
            return false;
    return !spans_lines(table->schema) && !spans_lines(table->name);
}

/* Only into a table that pre-data.sql has made for them: one that was there before is not touched. */
static void load_referenced(struct buffer *out, const struct manifest *manifest, size_t number)
{
    const struct manifest_table *table = &manifest->tables[number];

    if (table->part_count == 0 || !can_be_loaded(table))
        return;
    buffer_puts(out, "SELECT coalesce(pg_catalog.obj_description(pg_catalog.to_regclass(");
    sql_qualified_literal(out, table->schema, table->name);
    buffer_puts(out, "), 'pg_class') LIKE '" STUB_COMMENT
                     "%', false) AS larder_stub \\gset\n\\if :larder_stub\n");
    load_table(out, manifest, number);
    buffer_puts(out, "\\endif\n");
}

enum larder_status sql_load_script(const struct manifest *manifest, struct buffer *out,
                                   struct larder_error *error)
{
    buffer_printf(
        out,
        "-- Loads the rows of this archive. Run it with psql in the folder where the archive was\n"
        "-- unpacked, after schema/pre-data.sql and before schema/post-data.sql.\n"
        "SET client_encoding = '%s';\n",
        manifest_text_encoding(manifest));
    buffer_puts(out, "SET standard_conforming_strings = on;\n"
                     "SET DateStyle = 'ISO';\n"
                     "SET IntervalStyle = 'postgres';\n"
                     "SET TimeZone = 'UTC';\n"
                     "SET array_nulls = on;\n"
                     "SET xmloption = 'content';\n"
                     "SET lc_monetary = 'C';\n"
                     "SET default_transaction_read_only = off;\n"
                     "SET statement_timeout = 0;\n"
                     "SET row_security = off;\n"
                     "SELECT pg_catalog.set_config('search_path', '', false);\n");
    rename_columns(out, manifest, false);
    for (size_t i = 0; i < manifest->table_count; i++)
        load_table(out, manifest, i);
    rename_columns(out, manifest, true);
    for (size_t i = manifest->table_count; i < manifest_stored(manifest); i++)
        load_referenced(out, manifest, i);
    for (size_t i = 0; i < manifest->sequence_count; i++)
        sql_setval(out, &manifest->sequences[i]);
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}
