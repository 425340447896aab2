#include "formats/sql_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static void rename_columns(struct buffer *out, const struct manifest_table *table,
                           const char *schema, const char *name, bool back)
{
    char for_now[40];

    for (size_t i = 0; i < table->column_count; i++) {
        if (!spans_lines(table->columns[i].name))
            continue;
        snprintf(for_now, sizeof(for_now), "larder_column_%zu", i + 1);
        buffer_puts(out, "ALTER TABLE ");
        sql_qualified(out, schema, name);
        buffer_puts(out, " RENAME COLUMN ");
        sql_identifier(out, back ? for_now : table->columns[i].name);
        buffer_puts(out, " TO ");
        sql_identifier(out, back ? table->columns[i].name : for_now);
        buffer_puts(out, ";\n");
    }
}

static void copy_columns(struct buffer *out, const struct manifest_table *table)
{
    const char *before = " (";

    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated)
            continue;
        buffer_puts(out, before);
        if (spans_lines(table->columns[i].name))
            buffer_printf(out, "larder_column_%zu", i + 1);
        else
            sql_identifier(out, table->columns[i].name);
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
    rename_columns(out, table, schema, name, false);
    for (size_t i = 0; i < table->part_count; i++) {
        manifest_part_name(table, number + 1, i + 1, part);
        buffer_puts(out, "\\copy ");
        sql_qualified(out, schema, name);
        copy_columns(out, table);
        buffer_printf(out, " FROM PROGRAM 'zstd -dc %s' WITH (FORMAT %s, ENCODING '%s')\n", part,
                      table->copy_format == COPY_TEXT ? "text" : "binary",
                      manifest->server_encoding);
    }
    rename_columns(out, table, schema, name, true);
    rename_back_and_forth(out, "TABLE", schema, table->name, name, true);
    rename_back_and_forth(out, "SCHEMA", NULL, table->schema, schema, true);
}

enum larder_status sql_load_script(const struct manifest *manifest, struct buffer *out,
                                   struct larder_error *error)
{
    buffer_puts(
        out,
        "-- Loads the rows of this archive. Run it with psql in the folder where the archive was\n"
        "-- unpacked, after schema/pre-data.sql and before schema/post-data.sql.\n"
        "SET client_encoding = 'UTF8';\n"
        "SET standard_conforming_strings = on;\n"
        "SET DateStyle = 'ISO';\n"
        "SET IntervalStyle = 'postgres';\n"
        "SET statement_timeout = 0;\n"
        "SET row_security = off;\n"
        "SELECT pg_catalog.set_config('search_path', '', false);\n");
    for (size_t i = 0; i < manifest->table_count; i++)
        load_table(out, manifest, i);
    for (size_t i = 0; i < manifest->sequence_count; i++) {
        const struct manifest_sequence *sequence = &manifest->sequences[i];
        struct buffer name = {0};

        sql_qualified(&name, sequence->schema, sequence->name);
        buffer_puts(out, "SELECT pg_catalog.setval(");
        sql_literal(out, buffer_text(&name));
        buffer_printf(out, ", %" PRId64 ", %s);\n", sequence->last_value,
                      sequence->is_called ? "true" : "false");
        out->failed = out->failed || name.failed;
        buffer_free(&name);
    }
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}
