#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/recovery.h"
#include "tests/formats/sample.h"

static struct archive_reader *open_archive(const struct buffer *bytes)
{
    struct archive_reader *reader;
    struct larder_error error = {0};

    if (archive_reader_open(memory_input_new(bytes->bytes, bytes->length), &reader, &error) !=
        LARDER_OK)
        fail_msg("%s", error.message);
    return reader;
}

static void a_whole_archive_is_read_back(void **state)
{
    struct buffer bytes = {0};
    struct manifest *m = sample_archive(SAMPLE_TABLES, &bytes);
    struct archive_reader *reader = open_archive(&bytes);
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(archive_reader_bytes(reader), bytes.length);
    assert_int_equal(bytes.length % TAR_BLOCK, 0);
    assert_int_equal(m->tables[0].part_count, 2);
    assert_int_equal(m->tables[2].part_count, 0);
    assert_int_equal(archive_reader_manifest(reader)->table_count, SAMPLE_TABLES);
    archive_reader_close(reader);
    if (sample_check(bytes.bytes, bytes.length, &error) != LARDER_OK)
        fail_msg("%s", error.message);
    buffer_free(&bytes);
    manifest_free(m);
}

static void entries_come_in_the_order_of_the_file(void **state)
{
    struct buffer bytes = {0};
    struct manifest *m = sample_archive(SAMPLE_TABLES, &bytes);
    struct archive_reader *reader = open_archive(&bytes);
    const struct manifest *read = archive_reader_manifest(reader);
    size_t entries = archive_reader_entries(reader);

    (void)state;
    assert_int_equal(entries, 6 + 2 + 3 + 0 + 1);
    for (size_t i = 0; i < entries; i++)
        if (i < 5 || i == entries - 1)
            assert_null(archive_reader_entry_table(reader, i));
        else
            assert_non_null(archive_reader_entry_table(reader, i));
    assert_ptr_equal(archive_reader_entry_table(reader, 5), &read->tables[0]);
    assert_ptr_equal(archive_reader_entry_table(reader, 7), &read->tables[1]);
    assert_ptr_equal(archive_reader_entry_table(reader, 10), &read->tables[3]);
    assert_int_equal(archive_reader_entry_bytes(reader, 2), 5);
    assert_int_equal(archive_reader_entry_bytes(reader, 4), 0);
    archive_reader_close(reader);
    buffer_free(&bytes);
    manifest_free(m);
}

static void members_are_appended_to_what_is_there(void **state)
{
    struct buffer bytes = {0}, out = {0};
    struct manifest *m = sample_archive(1, &bytes);
    struct archive_reader *reader = open_archive(&bytes);

    (void)state;
    assert_int_equal(archive_reader_member(reader, ARCHIVE_POST_DATA, &out, NULL), LARDER_OK);
    assert_int_equal(out.length, 0);
    assert_int_equal(archive_reader_member(reader, ARCHIVE_SCHEMA_DUMP, &out, NULL), LARDER_OK);
    assert_int_equal(archive_reader_member(reader, ARCHIVE_PRE_DATA, &out, NULL), LARDER_OK);
    assert_string_equal(buffer_text(&out), "PGDMP-- pre\n");
    out.length = 0;
    assert_int_equal(archive_reader_member(reader, ARCHIVE_LOAD, &out, NULL), LARDER_OK);
    assert_non_null(strstr(buffer_text(&out), "\\copy \"public\".\"profiles\""));
    archive_reader_close(reader);
    buffer_free(&bytes);
    buffer_free(&out);
    manifest_free(m);
}

static void an_archive_of_no_tables_is_one(void **state)
{
    struct buffer bytes = {0};
    struct manifest *m = sample_archive(0, &bytes);

    (void)state;
    assert_int_equal(sample_check(bytes.bytes, bytes.length, NULL), LARDER_OK);
    buffer_free(&bytes);
    manifest_free(m);
}

static void what_is_no_archive_is_told_apart(void **state)
{
    static const struct {
        const char *bytes;
        enum larder_status status;
        const char *message;
    } cases[] = {
        {"", LARDER_DAMAGED, "it is empty"},
        {"R", LARDER_DAMAGED,
         "it is incomplete: its end is missing (cut short, or still being written)"},
        {"RECOVERY.md", LARDER_DAMAGED,
         "it is incomplete: its end is missing (cut short, or still being written)"},
        {"PGDMP and much more that is of no use", LARDER_DAMAGED, "it is not a larder archive"},
        {"age-encryption.org/v1\n-> X25519 ", LARDER_NO_KEY, "it is encrypted"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct larder_error error = {0};

        assert_int_equal(
            sample_check((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), &error),
            cases[i].status);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void nothing_is_written_out_of_order(void **state)
{
    static const struct part no_rows = {.bytes = (const uint8_t *)"x", .length = 1};
    static const struct part part = {
        .bytes = (const uint8_t *)"x", .length = 1, .raw_bytes = 1, .rows = 1, .has_sha256 = true};
    struct manifest *m = sample_manifest(1);
    struct buffer out = {0};
    int finished = 0;
    struct archive_writer *writer =
        archive_writer_new(memory_stage_new(&out, &finished, 0), m, NULL);

    (void)state;
    assert_int_equal(archive_writer_member(writer, ARCHIVE_HEADER, "x", 1, NULL), LARDER_FAILED);
    assert_int_equal(archive_writer_part(writer, &m->tables[0], &part, NULL), LARDER_FAILED);
    assert_int_equal(archive_writer_finish(writer, NULL), LARDER_FAILED);
    assert_int_equal(out.length, 0);
    sample_write_start(writer, m);
    assert_int_equal(archive_writer_part(writer, &m->tables[0], &no_rows, NULL), LARDER_FAILED);
    assert_int_equal(archive_writer_part(writer, &m->tables[0], &part, NULL), LARDER_OK);
    assert_int_equal(archive_writer_finish(writer, NULL), LARDER_FAILED);
    assert_int_equal(archive_writer_member(writer, ARCHIVE_LOAD, "x", 1, NULL), LARDER_OK);
    assert_int_equal(archive_writer_part(writer, &m->tables[0], &part, NULL), LARDER_FAILED);
    assert_int_equal(finished, 0);
    assert_int_equal(archive_writer_finish(writer, NULL), LARDER_OK);
    assert_int_equal(finished, 1);
    archive_writer_free(writer);
    buffer_free(&out);
    manifest_free(m);
}

/* An archive with a part whose bytes are gone as soon as it is written, into a stage that fails beyond `room` bytes; 0: it does not. */
static enum larder_status write_into(uint64_t room, struct buffer *out, int *finished,
                                     struct larder_error *error)
{
    enum { PART = 1000 };
    struct hash_result hash;
    struct stage *stage = hash_stage_new(memory_stage_new(out, finished, room), &hash);
    struct manifest *m = sample_manifest(1);
    struct archive_writer *writer = archive_writer_new(stage, m, hash_stage_sha256(stage));
    struct part part = {.bytes = calloc(PART, 1), .length = PART, .raw_bytes = 1, .rows = 1};
    enum larder_status status = LARDER_OK;

    for (int i = ARCHIVE_RECOVERY; i < ARCHIVE_LOAD && status == LARDER_OK; i++)
        status = archive_writer_member(writer, (enum archive_member)i, "x", 1, error);
    if (status == LARDER_OK)
        status = archive_writer_part(writer, &m->tables[0], &part, error);
    free((void *)(uintptr_t)part.bytes);
    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_LOAD, "x", 1, error);
    if (status == LARDER_OK)
        status = archive_writer_finish(writer, error);
    archive_writer_free(writer);
    manifest_free(m);
    return status;
}

/* The stage fails at every size that the archive has on its way. */
static void a_stage_that_fails_is_never_finished(void **state)
{
    struct buffer whole = {0};
    int finished = 0;

    (void)state;
    assert_int_equal(write_into(0, &whole, &finished, NULL), LARDER_OK);
    assert_int_equal(finished, 1);
    for (uint64_t room = 1; room < whole.length; room += 97) {
        struct buffer out = {0};
        struct larder_error error = {0};

        finished = 0;
        assert_int_equal(write_into(room, &out, &finished, &error), LARDER_FAILED);
        assert_int_equal(finished, 0);
        assert_string_equal(error.message, "the disk is full");
        buffer_free(&out);
    }
    buffer_free(&whole);
}

/* One that fails, and counts how often it is asked for the header of the first part. */
struct broken_input {
    struct input input;
    struct input *whole;
    uint64_t header;
    int asked;
};

static enum larder_status broken_read_at(struct input *input, uint64_t offset, void *buffer,
                                         size_t length, struct larder_error *error)
{
    struct broken_input *broken = (struct broken_input *)input;

    if (offset != broken->header)
        return input_read_at(broken->whole, offset, buffer, length, error);
    broken->asked++;
    return larder_fail(error, LARDER_DAMAGED, "the object has changed");
}

static void broken_close(struct input *input)
{
    input_close(((struct broken_input *)input)->whole);
}

static void a_part_that_cannot_be_read_is_asked_for_once(void **state)
{
    static const struct input_ops ops = {broken_read_at, broken_close};
    struct buffer bytes = {0};
    struct manifest *m = sample_archive(1, &bytes);
    struct broken_input broken = {
        .input = {.ops = &ops, .size = bytes.length},
        .whole = memory_input_new(bytes.bytes, bytes.length),
        .header = m->tables[0].parts[0].offset - TAR_BLOCK,
    };
    struct archive_reader *reader = NULL;
    struct part_reader *parts = part_reader_new();
    struct rows *rows = rows_new(m->tables[0].copy_format, manifest_copied_columns(&m->tables[0]));
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(archive_reader_open(&broken.input, &reader, NULL), LARDER_OK);
    assert_int_equal(archive_reader_count(reader, archive_reader_manifest(reader)->tables, 0, false,
                                          parts, rows, &error),
                     LARDER_DAMAGED);
    assert_string_equal(error.message, "the object has changed");
    assert_int_equal(broken.asked, 1);
    rows_free(rows);
    part_reader_free(parts);
    archive_reader_close(reader);
    manifest_free(m);
    buffer_free(&bytes);
}

static void a_part_that_is_read_at_once_is_checked_before_it_is_given(void **state)
{
    struct buffer bytes = {0}, kept = {0};
    struct manifest *m = sample_archive(1, &bytes);
    const struct manifest_part *last = &m->tables[0].parts[m->tables[0].part_count - 1];
    struct part_reader *parts = part_reader_new();
    struct archive_reader *reader = NULL;
    struct archive_part part;
    const uint8_t *content;
    size_t length;

    (void)state;
    assert_int_equal(
        archive_reader_open(memory_input_new(bytes.bytes, bytes.length), &reader, NULL), LARDER_OK);
    assert_int_equal(archive_reader_part_at_once(reader, archive_reader_manifest(reader)->tables,
                                                 m->tables[0].part_count - 1, &kept, &part, NULL),
                     LARDER_OK);
    assert_int_equal(part_reader_begin(parts, &part.source, NULL), LARDER_OK);
    assert_int_equal(part_reader_next(parts, &content, &length, NULL), LARDER_OK);
    assert_in_range(length, 1, last->raw_bytes);
    bytes.bytes[last->offset + last->bytes - 1] ^= 1;
    assert_int_equal(archive_reader_part_at_once(reader, archive_reader_manifest(reader)->tables,
                                                 m->tables[0].part_count - 1, &kept, &part, NULL),
                     LARDER_DAMAGED);
    part_reader_free(parts);
    archive_reader_close(reader);
    manifest_free(m);
    buffer_free(&kept);
    buffer_free(&bytes);
}

static void the_recovery_text_names_the_archive(void **state)
{
    struct manifest *m = sample_manifest(1);
    struct buffer out = {0};

    (void)state;
    assert_int_equal(recovery_write(m, &out, NULL), LARDER_OK);
    assert_non_null(strstr(buffer_text(&out),
                           "tar xf daily_20250126_020000.tar && psql -X -v ON_ERROR_STOP=1"));
    assert_non_null(strstr(buffer_text(&out), "server 15.18, encoding UTF8"));
    buffer_free(&out);
    manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_archive_is_read_back),
        cmocka_unit_test(entries_come_in_the_order_of_the_file),
        cmocka_unit_test(members_are_appended_to_what_is_there),
        cmocka_unit_test(an_archive_of_no_tables_is_one),
        cmocka_unit_test(what_is_no_archive_is_told_apart),
        cmocka_unit_test(nothing_is_written_out_of_order),
        cmocka_unit_test(a_stage_that_fails_is_never_finished),
        cmocka_unit_test(a_part_that_cannot_be_read_is_asked_for_once),
        cmocka_unit_test(a_part_that_is_read_at_once_is_checked_before_it_is_given),
        cmocka_unit_test(the_recovery_text_names_the_archive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
