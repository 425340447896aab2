/* A small manifest and a small archive of it, in memory, for tests and fuzz targets. */
#ifndef TESTS_FORMATS_SAMPLE_H
#define TESTS_FORMATS_SAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "formats/archive_reader.h"
#include "formats/archive_writer.h"
#include "formats/end.h"
#include "formats/hash_stage.h"
#include "formats/sql_text.h"
#include "formats/tar.h"
#include "tests/formats/memory.h"

/* A test's own failure, not larder's. */
#define SAMPLE_MUST(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

struct sample_table {
    const char *schema, *name;
    enum copy_format format;
    int columns;
    const char *stream; /* COPY gives it so */
    size_t length;
};

#define SAMPLE_BYTES(text) text, sizeof(text) - 1
#define SAMPLE_HEAD "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"

/* clang-format off */
static const struct sample_table sample_tables[] = {
    {"public", "profiles", COPY_TEXT, 2, SAMPLE_BYTES("1\tone\n2\t\\N\n3\tthree\\n\n4\t\n5\tfive\n")},
    {"public", "events", COPY_BINARY, 1,
     SAMPLE_BYTES(SAMPLE_HEAD "\0\1\0\0\0\4abcd" "\0\1\377\377\377\377" "\0\1\0\0\0\0" "\377\377")},
    {"public", "empty", COPY_BINARY, 1, SAMPLE_BYTES(SAMPLE_HEAD "\377\377")},
    {"Odd \"schema\"\n", "\303\244'; drop table x; --\\", COPY_TEXT, 0, SAMPLE_BYTES("\n\n")},
};
/* clang-format on */
enum { SAMPLE_TABLES = sizeof(sample_tables) / sizeof(sample_tables[0]), SAMPLE_PART_BYTES = 16 };

/* Of the first `tables` of sample_tables, without parts. */
static inline struct manifest *sample_manifest(size_t tables)
{
    struct manifest *m = manifest_new();

    SAMPLE_MUST(m != NULL);
    m->format_version = MANIFEST_FORMAT_VERSION;
    m->larder_version = "0.1.0";
    m->backup_name = "daily_20250126_020000";
    m->preset = "daily";
    m->source = "kitchai";
    m->database = "kitchai";
    m->server_version = "15.18";
    m->server_encoding = "UTF8";
    m->pg_dump_version = "15.18";
    m->snapshot = "00000003-00000001-1";
    m->started_at = 1737856800;
    m->finished_at = 1737856805;
    m->tables = arena_alloc(m->arena, SAMPLE_TABLES, sizeof(*m->tables));
    m->table_count = tables;
    SAMPLE_MUST(m->tables != NULL);
    for (size_t i = 0; i < tables; i++) {
        struct manifest_table *table = &m->tables[i];

        table->schema = sample_tables[i].schema;
        table->name = sample_tables[i].name;
        table->kind = "table";
        table->copy_format = sample_tables[i].format;
        table->column_count = (size_t)sample_tables[i].columns;
        table->columns = arena_alloc(m->arena, table->column_count, sizeof(*table->columns));
        SAMPLE_MUST(table->columns != NULL);
        for (size_t j = 0; j < table->column_count; j++) {
            table->columns[j].name = arena_printf(m->arena, "column %zu", j + 1);
            table->columns[j].type = "text";
        }
    }
    return m;
}

/* Of some tables the part writer takes the digests, of others the archive's. */
static inline enum larder_status sample_put_table(struct archive_writer *writer,
                                                  struct manifest_table *table,
                                                  const struct sample_table *from,
                                                  struct larder_error *error)
{
    struct part_writer *parts = part_writer_new(1, SAMPLE_PART_BYTES, from->format == COPY_TEXT);
    const uint8_t *bytes = (const uint8_t *)from->stream;
    enum larder_status status = parts != NULL ? LARDER_OK : larder_fail_memory(error);
    struct part part = {0};

    if (status == LARDER_OK)
        status = part_writer_begin(parts, from->format, from->columns, error);
    for (size_t at = 0, taken = 0; status == LARDER_OK && at < from->length; at += taken) {
        status = part_writer_push(parts, bytes + at, from->length - at, &taken, &part, error);
        if (status == LARDER_OK && part.bytes != NULL)
            status = archive_writer_part(writer, table, &part, error);
    }
    if (status == LARDER_OK)
        status = part_writer_end_stream(parts, error);
    if (status == LARDER_OK)
        status = part_writer_end(parts, &part, error);
    if (status == LARDER_OK && part.bytes != NULL)
        status = archive_writer_part(writer, table, &part, error);
    if (status == LARDER_OK)
        table->fingerprint = part_writer_fingerprint(parts);
    part_writer_free(parts);
    return status;
}

/* The members before the data; the writer has the manifest. */
static inline void sample_write_start(struct archive_writer *writer, const struct manifest *m)
{
    struct buffer text = {0};

    SAMPLE_MUST(archive_writer_member(writer, ARCHIVE_RECOVERY, "# Recovery\n", 11, NULL) ==
                LARDER_OK);
    SAMPLE_MUST(manifest_write(m, true, &text, NULL) == LARDER_OK);
    SAMPLE_MUST(archive_writer_member(writer, ARCHIVE_HEADER, text.bytes, text.length, NULL) ==
                LARDER_OK);
    buffer_free(&text);
    SAMPLE_MUST(archive_writer_member(writer, ARCHIVE_SCHEMA_DUMP, "PGDMP", 5, NULL) == LARDER_OK);
    SAMPLE_MUST(archive_writer_member(writer, ARCHIVE_PRE_DATA, "-- pre\n", 7, NULL) == LARDER_OK);
    SAMPLE_MUST(archive_writer_member(writer, ARCHIVE_POST_DATA, NULL, 0, NULL) == LARDER_OK);
}

/* Writes the archive of the first `tables` into `out`; the manifest that results. */
static inline struct manifest *sample_archive(size_t tables, struct buffer *out)
{
    struct manifest *m = sample_manifest(tables);
    struct hash_result whole;
    struct stage *stage = hash_stage_new(memory_stage_new(out, NULL, 0), &whole);
    struct archive_writer *writer;
    struct buffer load = {0};
    uint8_t digest[SHA256_BYTES];

    SAMPLE_MUST(stage != NULL);
    writer = archive_writer_new(stage, m, hash_stage_sha256(stage));
    SAMPLE_MUST(writer != NULL);
    sample_write_start(writer, m);
    for (size_t i = 0; i < tables; i++)
        SAMPLE_MUST(sample_put_table(writer, &m->tables[i], &sample_tables[i], NULL) == LARDER_OK);
    SAMPLE_MUST(sql_load_script(m, &load, NULL) == LARDER_OK);
    SAMPLE_MUST(archive_writer_member(writer, ARCHIVE_LOAD, load.bytes, load.length, NULL) ==
                LARDER_OK);
    SAMPLE_MUST(archive_writer_finish(writer, NULL) == LARDER_OK);
    archive_writer_free(writer);
    buffer_free(&load);
    SAMPLE_MUST(sha256_of(out->bytes, out->length, digest, NULL) == LARDER_OK);
    SAMPLE_MUST(memcmp(digest, whole.sha256, sizeof(digest)) == 0);
    return m;
}

/* Checks rows and fingerprint of one table, as verify does. */
static inline enum larder_status sample_check_table(struct archive_reader *archive,
                                                    const struct manifest_table *table,
                                                    struct part_reader *reader,
                                                    struct larder_error *error)
{
    struct rows *rows = rows_new(table->copy_format, manifest_copied_columns(table));
    enum larder_status status = LARDER_OK;

    SAMPLE_MUST(rows != NULL);
    for (size_t i = 0; status == LARDER_OK && i < table->part_count; i++)
        status = archive_reader_count(archive, table, i, false, reader, rows, error);
    if (status == LARDER_OK && rows_count(rows) != table->rows)
        status = larder_fail(error, LARDER_DAMAGED, "the rows of a table are not the manifest's");
    if (status == LARDER_OK && !fingerprint_equal(rows_fingerprint(rows), table->fingerprint))
        status = larder_fail(error, LARDER_DAMAGED, "a fingerprint is not the manifest's");
    rows_free(rows);
    return status;
}

/* Checks an archive to its last byte and row, in the smallest pieces. */
static inline enum larder_status sample_check(const uint8_t *bytes, size_t length,
                                              struct larder_error *error)
{
    struct input *input = memory_input_new(bytes, length);
    struct part_reader *reader;
    struct archive_reader *archive;
    enum larder_status status;

    input->piece = 1024;
    status = archive_reader_open(input, &archive, error);

    if (status != LARDER_OK) {
        input_close(input);
        return status;
    }
    reader = part_reader_new();
    SAMPLE_MUST(reader != NULL);
    for (size_t i = 0; status == LARDER_OK && i < archive_reader_entries(archive); i++)
        status = archive_reader_check(archive, i, error);
    for (size_t i = 0; status == LARDER_OK && i < archive_reader_manifest(archive)->table_count;
         i++)
        status = sample_check_table(archive, &archive_reader_manifest(archive)->tables[i], reader,
                                    error);
    part_reader_free(reader);
    archive_reader_close(archive);
    return status;
}

#endif
