#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/formats/part_bytes.h"

enum { MAX_PARTS = 64 };

/* The parts of one table, kept as an archive would. */
struct kept {
    struct buffer bytes[MAX_PARTS];
    struct part parts[MAX_PARTS];
    size_t count;
};

static void keep(struct kept *kept, const struct part *part)
{
    if (part->bytes == NULL)
        return;
    assert_in_range(kept->count, 0, MAX_PARTS - 1);
    buffer_append(&kept->bytes[kept->count], part->bytes, (size_t)part->length);
    kept->parts[kept->count] = *part;
    kept->parts[kept->count].bytes = kept->bytes[kept->count].bytes;
    kept->count++;
}

static void kept_free(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        buffer_free(&kept->bytes[i]);
    kept->count = 0;
}

static void write_stream(struct part_writer *writer, const struct buffer *stream, size_t piece,
                         struct kept *kept)
{
    struct part part;
    size_t taken;

    for (size_t at = 0; at < stream->length; at += taken) {
        size_t length = stream->length - at < piece ? stream->length - at : piece;

        assert_int_equal(part_writer_push(writer, stream->bytes + at, length, &taken, &part, NULL),
                         LARDER_OK);
        assert_true(taken == length || part.bytes != NULL);
        keep(kept, &part);
    }
    assert_int_equal(part_writer_end_stream(writer, NULL), LARDER_OK);
}

static void write_end(struct part_writer *writer, struct kept *kept)
{
    struct part part;

    assert_int_equal(part_writer_end(writer, &part, NULL), LARDER_OK);
    keep(kept, &part);
}

/* A stream of `count` rows of one column, each with `width` bytes that differ from row to row. */
static void make_stream(struct buffer *out, enum copy_format format, unsigned count, unsigned width)
{
    if (format == COPY_BINARY)
        buffer_append(out, copy_binary_header, COPY_HEADER_BYTES);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t start[] = {0,
                                 1,
                                 (uint8_t)(width >> 24),
                                 (uint8_t)(width >> 16),
                                 (uint8_t)(width >> 8),
                                 (uint8_t)width};

        if (format == COPY_BINARY)
            buffer_append(out, start, sizeof(start));
        for (unsigned j = 0; j < width; j++)
            buffer_append(out, &(char){(char)('a' + (i * 7 + j) % 26)}, 1);
        if (format == COPY_TEXT)
            buffer_puts(out, "\n");
    }
    if (format == COPY_BINARY)
        buffer_append(out, copy_binary_trailer, COPY_TRAILER_BYTES);
    assert_false(out->failed);
}

static void decode(const struct part *part, size_t piece, struct buffer *out)
{
    struct part_reader *reader = part_reader_new();
    struct part_bytes source;
    const uint8_t *bytes;
    size_t length;

    assert_int_equal(part_reader_begin(reader, part_bytes(&source, part, piece), NULL), LARDER_OK);
    do {
        assert_int_equal(part_reader_next(reader, &bytes, &length, NULL), LARDER_OK);
        assert_in_range(length, 0, PART_FRAME_BYTES);
        buffer_append(out, bytes, length);
    } while (length > 0);
    part_reader_free(reader);
}

/* Every part is a stream of its own; joined without headers and trailers they are the original. */
static void check_parts(const struct kept *kept, enum copy_format format,
                        const struct buffer *stream, unsigned streams, uint64_t rows,
                        struct fingerprint fingerprint)
{
    size_t head = format == COPY_BINARY ? COPY_HEADER_BYTES : 0;
    size_t tail = format == COPY_BINARY ? COPY_TRAILER_BYTES : 0;
    struct part_reader *reader = part_reader_new();
    struct rows *counted = rows_new(format, 1);
    struct buffer joined = {0}, expected = {0};

    for (size_t i = 0; i < kept->count; i++) {
        struct buffer raw = {0};
        struct part_bytes source;

        decode(&kept->parts[i], 1 + i * 1000, &raw);
        assert_int_equal(raw.length, kept->parts[i].raw_bytes);
        assert_in_range(kept->parts[i].rows, 1, rows);
        if (format == COPY_BINARY) {
            assert_memory_equal(raw.bytes, copy_binary_header, head);
            assert_memory_equal(raw.bytes + raw.length - tail, copy_binary_trailer, tail);
        }
        buffer_append(&joined, raw.bytes + head, raw.length - head - tail);
        buffer_free(&raw);
        part_bytes(&source, &kept->parts[i], PART_RAW_BYTES);
        assert_int_equal(part_reader_count(reader, &source.source, counted, NULL), LARDER_OK);
    }
    for (unsigned i = 0; i < streams; i++)
        buffer_append(&expected, stream->bytes + head, stream->length - head - tail);
    assert_int_equal(joined.length, expected.length);
    if (expected.length > 0)
        assert_memory_equal(joined.bytes, expected.bytes, expected.length);
    assert_int_equal(rows_count(counted), rows);
    assert_true(fingerprint_equal(rows_fingerprint(counted), fingerprint));
    buffer_free(&joined);
    buffer_free(&expected);
    part_reader_free(reader);
    rows_free(counted);
}

struct shape {
    unsigned rows, width, streams;
    size_t piece;
    uint64_t part_bytes;
    size_t parts[2]; /* expected, in text and in binary */
};

static void round_trip(const struct shape *shape, enum copy_format format)
{
    struct part_writer *writer = part_writer_new(1, shape->part_bytes, true);
    struct buffer stream = {0};
    struct kept kept = {0};

    make_stream(&stream, format, shape->rows, shape->width);
    assert_int_equal(part_writer_begin(writer, format, 1, NULL), LARDER_OK);
    for (unsigned i = 0; i < shape->streams; i++)
        write_stream(writer, &stream, shape->piece, &kept);
    write_end(writer, &kept);
    assert_int_equal(kept.count, shape->parts[format == COPY_BINARY]);
    assert_int_equal(part_writer_rows(writer), (uint64_t)shape->rows * shape->streams);
    check_parts(&kept, format, &stream, shape->streams, part_writer_rows(writer),
                part_writer_fingerprint(writer));
    kept_free(&kept);
    buffer_free(&stream);
    part_writer_free(writer);
}

static void what_was_written_is_read_back(void **state)
{
    static const struct shape shapes[] = {
        {0, 0, 1, 100, 0, {0, 0}},         /* no rows */
        {0, 0, 3, 1, 0, {0, 0}},           /* nor in several streams, byte by byte */
        {1, 0, 1, 100, 0, {1, 1}},         /* one empty row */
        {10, 5, 1, 1000, 0, {1, 1}},       /* all in one part */
        {10, 5, 1, 1, 0, {1, 1}},          /* byte by byte */
        {10, 5, 3, 2, 0, {1, 1}},          /* several streams */
        {10, 9, 1, 1000, 1, {10, 10}},     /* a part for each row */
        {10, 9, 1, 1, 1, {10, 10}},        /* the last row fills its part: nothing behind it */
        {10, 9, 2, 1, 1, {20, 20}},        /* the same at the end of each stream */
        {10, 9, 1, 7, 25, {4, 10}},        /* parts of 3 rows; in binary the header counts */
        {10, 9, 2, 7, 60, {4, 7}},         /* a part goes on in the next stream */
        {3, 1300000, 1, 65536, 0, {1, 1}}, /* rows larger than a frame */
        {3, 5000000, 1, 65536, 4000000, {3, 3}}, /* and larger than a part */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        round_trip(&shapes[i], COPY_TEXT);
        round_trip(&shapes[i], COPY_BINARY);
    }
}

static void a_trailer_in_two_pieces_leaves_no_part(void **state)
{
    struct part_writer *writer = part_writer_new(1, 1, true);
    struct buffer stream = {0};
    struct kept kept = {0};
    struct part part;
    size_t taken;

    (void)state;
    make_stream(&stream, COPY_BINARY, 1, 1);
    assert_int_equal(part_writer_begin(writer, COPY_BINARY, 1, NULL), LARDER_OK);
    for (int round = 0; round < 2; round++) {
        size_t before = stream.length - 1;

        for (size_t at = 0; at < before; at += taken) {
            assert_int_equal(
                part_writer_push(writer, stream.bytes + at, before - at, &taken, &part, NULL),
                LARDER_OK);
            keep(&kept, &part);
        }
        assert_int_equal(part_writer_push(writer, stream.bytes + before, 1, &taken, &part, NULL),
                         LARDER_OK);
        assert_null(part.bytes);
        assert_int_equal(part_writer_end_stream(writer, NULL), LARDER_OK);
    }
    write_end(writer, &kept);
    assert_int_equal(kept.count, 2);
    check_parts(&kept, COPY_BINARY, &stream, 2, 2, part_writer_fingerprint(writer));
    kept_free(&kept);
    buffer_free(&stream);
    part_writer_free(writer);
}

static void parts_of_a_large_archive_are_larger_and_no_more_than_it_may_list(void **state)
{
    (void)state;
    assert_int_equal(part_raw_bytes(0), PART_RAW_BYTES);
    assert_int_equal(part_raw_bytes(1ULL << 35), PART_RAW_BYTES);
    assert_in_range(part_raw_bytes(1ULL << 40), 17 * PART_RAW_BYTES, 18 * PART_RAW_BYTES);
    for (int i = 36; i < 47; i++)
        assert_in_range((1ULL << i) / part_raw_bytes(1ULL << i), 1, 20000);
}

static void a_writer_begins_anew_after_a_table_that_broke_off(void **state)
{
    struct part_writer *writer = part_writer_new(1, 0, true);
    struct buffer stream = {0};
    struct kept kept = {0};
    struct part part;
    size_t taken;

    (void)state;
    make_stream(&stream, COPY_BINARY, 3, 4);
    assert_int_equal(part_writer_begin(writer, COPY_BINARY, 1, NULL), LARDER_OK);
    assert_int_equal(part_writer_push(writer, stream.bytes, stream.length - 7, &taken, &part, NULL),
                     LARDER_OK);
    assert_int_equal(part_writer_end_stream(writer, NULL), LARDER_DAMAGED);
    buffer_free(&stream);
    make_stream(&stream, COPY_TEXT, 2, 2);
    assert_int_equal(part_writer_begin(writer, COPY_TEXT, 1, NULL), LARDER_OK);
    write_stream(writer, &stream, 100, &kept);
    write_end(writer, &kept);
    check_parts(&kept, COPY_TEXT, &stream, 1, 2, part_writer_fingerprint(writer));
    kept_free(&kept);
    buffer_free(&stream);
    part_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_trailer_in_two_pieces_leaves_no_part),
        cmocka_unit_test(parts_of_a_large_archive_are_larger_and_no_more_than_it_may_list),
        cmocka_unit_test(a_writer_begins_anew_after_a_table_that_broke_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
