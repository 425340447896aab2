#include "larder/cat.h"

#include <stdlib.h>
#include <string.h>

#include "engine/opened.h"
#include "engine/pg/copy.h"
#include "engine/pg/pattern.h"
#include "engine/pg/session.h"
#include "engine/run/run.h"
#include "engine/scratch.h"
#include "formats/csv.h"
#include "formats/sql_text.h"
#include "larder/restore.h"

/*
 * Parts in text are decoded and written as they are read. Parts in binary are the server's own affair: the table is restored
 * into a database of its own, and copied out of it as text, which then goes the same way.
 */

struct cat {
    const struct larder_cat_options *options;
    const struct larder_run *run;
    struct arena *arena;
    struct opened opened;
    const struct manifest *manifest;
    const struct manifest_table *named;
    const struct manifest_table *
        *tables; /* it and its descendants, those that have rows of their own */
    size_t table_count;
    struct csv *csv;
    struct buffer out;
    bool unwritten; /* writing is what failed */
};

static enum larder_status find_named(struct cat *c, struct larder_error *error)
{
    struct pattern pattern;
    enum larder_status status = pattern_parse(c->options->table, c->arena, &pattern, error);

    for (size_t i = 0; status == LARDER_OK && i < c->manifest->table_count; i++) {
        const struct manifest_table *table = &c->manifest->tables[i];

        if (!pattern_matches(&pattern, table->schema, table->name))
            continue;
        if (c->named != NULL)
            return larder_fail(
                error, LARDER_USAGE, "\"%s\" means more than one table: \"%s.%s\" and \"%s.%s\"",
                c->options->table, c->named->schema, c->named->name, table->schema, table->name);
        c->named = table;
    }
    if (status == LARDER_OK && c->named == NULL) {
        larder_fail(error, LARDER_USAGE, "the archive has no table \"%s\"", c->options->table);
        larder_hint(error,
                    "`larder verify` lists the tables of an archive. A name with other characters "
                    "than small letters, digits and _ stands in double quotes: '\"My Table\"'.");
        return LARDER_USAGE;
    }
    return status;
}

/* The names of the columns, in their order, must be the same in all of them. */
static enum larder_status compare_columns(const struct cat *c, const struct manifest_table *table,
                                          struct larder_error *error)
{
    struct buffer one = {0}, other = {0};
    bool same;

    csv_put_header(&one, c->named);
    csv_put_header(&other, table);
    same = strcmp(buffer_text(&one), buffer_text(&other)) == 0;
    buffer_free(&one);
    buffer_free(&other);
    if (same)
        return LARDER_OK;
    return larder_fail(
        error, LARDER_USAGE,
        "\"%s.%s\" has other columns than \"%s.%s\", or in another order: name it alone",
        table->schema, table->name, c->named->schema, c->named->name);
}

static enum larder_status find_tables(struct cat *c, struct larder_error *error)
{
    const size_t *parents = manifest_parents(c->manifest, c->arena);
    size_t named = (size_t)(c->named - c->manifest->tables);
    enum larder_status status = LARDER_OK;

    c->tables = arena_alloc(c->arena, c->manifest->table_count, sizeof(struct manifest_table *));
    if (parents == NULL || c->tables == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < c->manifest->table_count; i++) {
        const struct manifest_table *table = &c->manifest->tables[i];
        size_t at = i;

        for (int steps = 0; at != named && parents[at] != at && steps < 1000; steps++)
            at = parents[at];
        if (at != named || !manifest_has_rows(table))
            continue;
        status = compare_columns(c, table, error);
        c->tables[c->table_count++] = table;
    }
    return status;
}

static enum larder_status write_out(struct cat *c, struct larder_error *error)
{
    enum larder_status status =
        c->out.failed
            ? larder_fail_memory(error)
            : c->options->write(c->options->write_arg, c->out.bytes, c->out.length, error);

    c->out.length = 0;
    c->unwritten = status != LARDER_OK;
    return status == LARDER_OK ? run_check(c->run, error) : status;
}

static enum larder_status write_part(struct cat *c, const struct manifest_table *table,
                                     size_t number, struct part_reader *reader,
                                     struct buffer *bytes, struct larder_error *error)
{
    struct archive_part part;
    const uint8_t *content;
    size_t length = 1;
    enum larder_status status =
        archive_reader_part_at_once(c->opened.reader, table, number, bytes, &part, error);

    if (status == LARDER_OK)
        status = part_reader_begin(reader, &part.source, error);
    while (status == LARDER_OK && length > 0) {
        status = part_reader_next(reader, &content, &length, error);
        if (status == LARDER_OK && length > 0)
            status = csv_take(c->csv, content, length, &c->out, error);
        if (status == LARDER_OK)
            status = write_out(c, error);
    }
    return status == LARDER_OK ? csv_end(c->csv, error) : status;
}

static enum larder_status write_text(struct cat *c, const struct manifest_table *table,
                                     struct larder_error *error)
{
    struct part_reader *reader = part_reader_new();
    struct buffer bytes = {0};
    enum larder_status status = reader == NULL ? larder_fail_memory(error) : LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < table->part_count; i++)
        status = write_part(c, table, i, reader, &bytes, error);
    buffer_free(&bytes);
    part_reader_free(reader);
    return status == LARDER_OK || c->unwritten
               ? status
               : larder_context(error, "could not read table \"%s.%s\" of \"%s\"", table->schema,
                                table->name, c->opened.location);
}

/* The restored table's rows, by the server's COPY in text format. */
static enum larder_status write_restored(struct cat *c, struct pg *pg,
                                         const struct manifest_table *table,
                                         struct larder_error *error)
{
    struct manifest_table as_text = *table;
    struct copy_out copy = {0};
    const uint8_t *bytes;
    size_t length = 1;
    uint64_t rows = 0;
    enum larder_status status;

    as_text.copy_format = COPY_TEXT;
    status = copy_out_begin(&copy, pg, &(struct copy_rows){.table = &as_text}, 1, "UTF8", error);
    while (status == LARDER_OK && length > 0) {
        status = copy_out_next(&copy, &bytes, &length, &rows, error);
        if (status == LARDER_OK && length > 0)
            status = csv_take(c->csv, bytes, length, &c->out, error);
        if (status == LARDER_OK)
            status = write_out(c, error);
    }
    copy_out_end(&copy);
    return status == LARDER_OK ? csv_end(c->csv, error) : status;
}

/* The one that means the table alone. */
static const char *pattern_of(const struct cat *c)
{
    struct buffer pattern = {0};

    sql_qualified(&pattern, c->named->schema, c->named->name);
    return arena_take(c->arena, &pattern);
}

static enum larder_status restore_named(struct cat *c, struct scratch *scratch,
                                        struct larder_error *error)
{
    const char *pattern = pattern_of(c);
    struct larder_restore_options options = {.archive = c->options->archive,
                                             .store = c->options->store,
                                             .keys = c->options->keys,
                                             .target = *scratch_connect(scratch),
                                             .tables = &pattern,
                                             .table_count = 1,
                                             .create_roles = true,
                                             .role_comment = SCRATCH_COMMENT,
                                             .externals = LARDER_EXTERNALS_STUB,
                                             .no_owner = !scratch_is_superuser(scratch),
                                             .no_verify = true};
    const struct larder_run silent = {.stop_signal = c->run->stop_signal,
                                      .wake_fd = c->run->wake_fd};
    struct larder_proof proof;
    enum larder_status status = larder_restore(&options, &silent, &proof, error);

    if (status != LARDER_OK && proof.findings.count > 0)
        larder_fail(error, status, "%s", proof.findings.items[0].message);
    larder_proof_free(&proof);
    return status == LARDER_LEFT_OUT ? LARDER_OK : status;
}

static enum larder_status write_all(struct cat *c, struct scratch *scratch,
                                    struct larder_error *error)
{
    struct pg *pg = NULL;
    enum larder_status status = LARDER_OK;

    if (scratch != NULL)
        status = pg_connect(scratch_connect(scratch), c->run, -1, PG_CONNECT_SECONDS, &pg, error);
    if (status == LARDER_OK && pg != NULL)
        status = session_begin_read(pg, error);
    csv_put_header(&c->out, c->named);
    if (status == LARDER_OK)
        status = write_out(c, error);
    for (size_t i = 0; status == LARDER_OK && i < c->table_count; i++)
        if (c->tables[i]->rows > 0)
            status = c->tables[i]->copy_format == COPY_TEXT
                         ? write_text(c, c->tables[i], error)
                         : write_restored(c, pg, c->tables[i], error);
    pg_close(pg);
    return status;
}

static bool wants_server(const struct cat *c)
{
    for (size_t i = 0; i < c->table_count; i++)
        if (c->tables[i]->copy_format == COPY_BINARY && c->tables[i]->rows > 0)
            return true;
    return false;
}

/* A server and a database of its own, with the table in it. */
static enum larder_status write_with_server(struct cat *c, struct larder_error *error)
{
    const struct larder_connect *s = &c->options->server;
    bool named = pg_names_database(s) || s->dbname != NULL || s->host != NULL;
    struct scratch_options options = {
        .server = c->options->embedded ? NULL : s,
        .encoding = c->manifest->server_encoding,
        .major = (int)strtol(c->manifest->server_version, NULL, 10),
    };
    struct scratch *scratch = NULL;
    enum larder_status status;

    if (named == c->options->embedded || strcmp(c->options->archive, "-") == 0) {
        larder_fail(error, LARDER_USAGE,
                    "the rows of \"%s.%s\" are in binary format, which only a server can read",
                    c->named->schema, c->named->name);
        larder_hint(error, "Give %s; an export with --copy-format text needs no server.",
                    strcmp(c->options->archive, "-") == 0
                        ? "a file or a backup's name in place of -"
                    : named ? "either -d SERVER or --embedded"
                            : "-d SERVER or --embedded");
        return LARDER_USAGE;
    }
    status = scratch_begin(&options, c->run, &scratch, error);
    if (status == LARDER_OK)
        status = restore_named(c, scratch, error);
    if (status == LARDER_OK)
        status = write_all(c, scratch, error);
    scratch_end(scratch);
    return status;
}

enum larder_status larder_cat(const struct larder_cat_options *options,
                              const struct larder_run *run, struct larder_error *error)
{
    struct cat c = {.options = options, .run = run, .arena = arena_new()};
    enum larder_status status;

    if (c.arena == NULL)
        return larder_fail_memory(error);
    status = opened_find(&c.opened, options->archive, options->store, run, c.arena, error);
    if (status == LARDER_OK)
        status = opened_read(&c.opened, options->keys, error);
    if (status == LARDER_OK) {
        c.manifest = archive_reader_manifest(c.opened.reader);
        status = find_named(&c, error);
    }
    if (status == LARDER_OK)
        status = find_tables(&c, error);
    if (status == LARDER_OK) {
        size_t columns = 0;

        for (size_t i = 0; i < c.named->column_count; i++)
            columns += c.named->columns[i].generated ? 0 : 1;
        c.csv = csv_new(columns);
        status = c.csv == NULL      ? larder_fail_memory(error)
                 : wants_server(&c) ? write_with_server(&c, error)
                                    : write_all(&c, NULL, error);
    }
    buffer_free(&c.out);
    csv_free(c.csv);
    opened_close(&c.opened);
    arena_free(c.arena);
    return status;
}
