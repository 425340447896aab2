#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

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
    struct part_writer *writer = part_writer_new(1, shape->part_bytes);
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
    struct part_writer *writer = part_writer_new(1, 1);
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
    struct part_writer *writer = part_writer_new(1, 0);
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

/* How a frame is made, where not as it must be. */
struct frame {
    const char *content;
    size_t length;
    int checksum, content_size, window_log;
};

static void add_frame(struct buffer *out, const struct frame *frame)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(frame->length) + 64, length;
    ZSTD_inBuffer in = {frame->content, frame->length, 0};
    ZSTD_outBuffer to;

    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, frame->checksum);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, frame->content_size);
    if (frame->window_log != 0)
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, frame->window_log);
    assert_true(buffer_reserve(out, room));
    to = (ZSTD_outBuffer){out->bytes + out->length, room, 0};
    /* In two steps, so that a window larger than the content is kept. */
    if (frame->window_log != 0)
        assert_false(ZSTD_isError(ZSTD_compressStream2(zstd, &to, &in, ZSTD_e_flush)));
    length = ZSTD_compressStream2(zstd, &to, &in, ZSTD_e_end);
    assert_int_equal(length, 0);
    out->length += to.pos;
    ZSTD_freeCCtx(zstd);
}

static enum larder_status count_in(size_t piece, const struct buffer *bytes, uint64_t raw_bytes,
                                   uint64_t rows, struct larder_error *error)
{
    struct part_reader *reader = part_reader_new();
    struct rows *counted = rows_new(COPY_TEXT, 1);
    struct part part = {bytes->bytes, bytes->length, raw_bytes, rows, {0}};
    struct part_bytes source;
    enum larder_status status;

    assert_int_equal(sha256_of(bytes->bytes, bytes->length, part.sha256, NULL), LARDER_OK);
    status = part_reader_count(reader, part_bytes(&source, &part, piece), counted, error);
    part_reader_free(reader);
    rows_free(counted);
    return status;
}

/* Whether it comes at once or byte by byte. */
static enum larder_status count(const struct buffer *bytes, uint64_t raw_bytes, uint64_t rows,
                                struct larder_error *error)
{
    struct larder_error of_bytes = {0}, of_all = {0};
    enum larder_status status = count_in(1, bytes, raw_bytes, rows, &of_bytes);

    assert_int_equal(count_in(SIZE_MAX, bytes, raw_bytes, rows, &of_all), status);
    assert_string_equal(of_bytes.message, of_all.message);
    if (error != NULL)
        *error = of_all;
    return status;
}

static void check_refused(const struct buffer *bytes, uint64_t raw_bytes, uint64_t rows,
                          const char *message)
{
    struct larder_error error = {0};

    assert_int_equal(count(bytes, raw_bytes, rows, &error), LARDER_DAMAGED);
    if (strncmp(error.message, message, strlen(message)) != 0)
        assert_string_equal(error.message, message);
}

static void a_frame_that_breaks_a_rule_is_refused(void **state)
{
    static const struct {
        struct frame frame;
        const char *message;
    } cases[] = {
        {{"a\nb\n", 4, 0, 1, 0}, "a zstd frame has no checksum, or wants a dictionary"},
        {{"a\nb\n", 4, 1, 0, 14}, "a zstd frame states a wrong content size"},
        {{"a\nb\n", 4, 1, 0, 24}, "a zstd frame wants too large a window"},
        {{"a\nb\n", 4, 1, 0, 27}, "a zstd frame wants too large a window"},
        {{"", 0, 1, 1, 0}, "a zstd frame states a wrong content size"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer bytes = {0};

        add_frame(&bytes, &cases[i].frame);
        check_refused(&bytes, 4, 2, cases[i].message);
        buffer_free(&bytes);
    }
}

static void a_frame_above_its_limit_is_refused_before_it_is_decoded(void **state)
{
    size_t length = PART_FRAME_LIMIT + 1;
    char *content = calloc(1, length);
    struct buffer bytes = {0};

    (void)state;
    memset(content, '\n', length);
    add_frame(&bytes, &(struct frame){content, length, 1, 1, 0});
    check_refused(&bytes, length, length, "a zstd frame states a wrong content size");
    bytes.length = 0;
    add_frame(&bytes, &(struct frame){content, PART_FRAME_LIMIT, 1, 1, 0});
    assert_int_equal(count(&bytes, PART_FRAME_LIMIT, PART_FRAME_LIMIT, NULL), LARDER_OK);
    buffer_free(&bytes);
    free(content);
}

/* A frame of so many bytes, for want of content made of empty blocks. */
static void add_long_frame(struct buffer *out, size_t length)
{
    static const uint8_t start[] = {0x28, 0xb5, 0x2f, 0xfd, 0x24, 2}, empty_block[3] = {0},
                         last_block[] = {0x11, 0, 0, 'a', '\n'};
    struct buffer usual = {0};

    add_frame(&usual, &(struct frame){"a\n", 2, 1, 1, 0});
    buffer_append(out, start, sizeof(start));
    while (out->length + sizeof(empty_block) + sizeof(last_block) + 4 <= length)
        buffer_append(out, empty_block, sizeof(empty_block));
    buffer_append(out, last_block, sizeof(last_block));
    buffer_append(out, usual.bytes + usual.length - 4, 4); /* the checksum */
    buffer_free(&usual);
}

static void a_frame_has_a_limit_of_its_own(void **state)
{
    static const size_t limit = 5 * 1024 * 1024;
    struct larder_error error = {0};
    struct buffer bytes = {0};

    (void)state;
    add_long_frame(&bytes, limit);
    assert_int_equal(count_in(256 * 1024, &bytes, 2, 1, NULL), LARDER_OK);
    bytes.length = 0;
    add_long_frame(&bytes, limit + 10);
    for (size_t piece = 256 * 1024; piece <= 2 * limit; piece *= 16) {
        assert_int_equal(count_in(piece, &bytes, 2, 1, &error), LARDER_DAMAGED);
        assert_string_equal(error.message, "a zstd frame is cut short or malformed");
    }
    buffer_free(&bytes);
}

static void what_is_around_the_frames_is_refused(void **state)
{
    static const struct frame frame = {"a\nb\n", 4, 1, 1, 0};
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'};
    struct buffer bytes = {0};
    size_t whole;

    (void)state;
    check_refused(&bytes, 0, 1, "it holds 0 rows, and the manifest says 1");
    add_frame(&bytes, &frame);
    whole = bytes.length;
    assert_int_equal(count(&bytes, 4, 2, NULL), LARDER_OK);
    check_refused(&bytes, 4, 1, "it holds 2 rows, and the manifest says 1");
    check_refused(&bytes, 5, 2, "it holds fewer bytes than the manifest says");
    check_refused(&bytes, 3, 2, "a zstd frame states a wrong content size");
    buffer_append(&bytes, skippable, sizeof(skippable));
    check_refused(&bytes, 4, 2, "it is not made of zstd frames");
    bytes.length = whole;
    buffer_append(&bytes, "", 1);
    check_refused(&bytes, 4, 2, "it is not made of zstd frames");
    for (bytes.length = 1; bytes.length < whole; bytes.length++)
        check_refused(&bytes, 4, 2, bytes.length < 6 ? "it is not made of zstd frames" : "a zstd");
    bytes.length = whole;
    bytes.bytes[4] |= 1; /* the field of a dictionary's number */
    check_refused(&bytes, 4, 2, "a zstd frame has no checksum, or wants a dictionary");
    bytes.bytes[4] &= 0xfe;
    bytes.bytes[whole - 1] ^= 1;
    check_refused(&bytes, 4, 2, "a zstd frame could not be decoded: Restored data doesn't match");
    buffer_free(&bytes);
}

/* Reads a part to its end, or to what is wrong with it; how many bytes it gave until then. */
static size_t read_wrong(struct part_reader *reader, const struct part *part, size_t piece,
                         struct larder_error *error)
{
    struct part_bytes source;
    const uint8_t *bytes;
    size_t given = 0, length = 0;
    enum larder_status status;

    assert_int_equal(part_reader_begin(reader, part_bytes(&source, part, piece), NULL), LARDER_OK);
    do {
        status = part_reader_next(reader, &bytes, &length, error);
        given += status == LARDER_OK ? length : 0;
    } while (status == LARDER_OK && length > 0);
    assert_int_equal(status, LARDER_DAMAGED);
    return given;
}

static void a_part_with_another_digest_is_refused_with_its_last_byte(void **state)
{
    static const struct frame frame = {"a\nb\n", 4, 1, 1, 0};
    struct part_reader *reader = part_reader_new();
    struct buffer bytes = {0};
    struct part part;
    struct larder_error error = {0};
    size_t whole;

    (void)state;
    add_frame(&bytes, &frame);
    whole = bytes.length;
    add_frame(&bytes, &frame);
    part = (struct part){bytes.bytes, bytes.length, 8, 4, {0}};
    assert_int_equal(read_wrong(reader, &part, SIZE_MAX, &error), 0);
    assert_string_equal(error.message, "its SHA-256 is not the manifest's");
    assert_int_equal(read_wrong(reader, &part, whole + 1, &error), 4);
    assert_string_equal(error.message, "its SHA-256 is not the manifest's");
    bytes.bytes[0] ^= 1;
    error = (struct larder_error){0};
    assert_int_equal(read_wrong(reader, &part, 1, &error), 0);
    assert_string_equal(error.message, "its SHA-256 is not the manifest's");
    part_reader_free(reader);
    buffer_free(&bytes);
}

static void a_part_that_is_left_in_its_midst_does_not_matter_to_the_next(void **state)
{
    static const struct frame frame = {"a\nb\n", 4, 1, 1, 0}, other = {"cdef\ng\n", 7, 1, 1, 0};
    struct part_reader *reader = part_reader_new();
    struct rows *rows = rows_new(COPY_TEXT, 1);
    struct buffer bytes = {0};
    struct part_bytes source;
    struct part part;
    const uint8_t *content;
    size_t length, whole;

    (void)state;
    add_frame(&bytes, &frame);
    whole = bytes.length;
    add_frame(&bytes, &other);
    part = (struct part){bytes.bytes, bytes.length, 11, 4, {0}};
    assert_int_equal(sha256_of(part.bytes, (size_t)part.length, part.sha256, NULL), LARDER_OK);
    part_bytes(&source, &part, whole + 1);
    assert_int_equal(part_reader_begin(reader, &source.source, NULL), LARDER_OK);
    assert_int_equal(part_reader_next(reader, &content, &length, NULL), LARDER_OK);
    assert_int_equal(length, 4);
    part_bytes(&source, &part, 13); /* the second frame begins in a piece of the first */
    assert_int_equal(part_reader_count(reader, &source.source, rows, NULL), LARDER_OK);
    assert_int_equal(rows_count(rows), 4);
    rows_free(rows);
    part_reader_free(reader);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_trailer_in_two_pieces_leaves_no_part),
        cmocka_unit_test(parts_of_a_large_archive_are_larger_and_no_more_than_it_may_list),
        cmocka_unit_test(a_writer_begins_anew_after_a_table_that_broke_off),
        cmocka_unit_test(a_frame_that_breaks_a_rule_is_refused),
        cmocka_unit_test(a_frame_above_its_limit_is_refused_before_it_is_decoded),
        cmocka_unit_test(a_frame_has_a_limit_of_its_own),
        cmocka_unit_test(what_is_around_the_frames_is_refused),
        cmocka_unit_test(a_part_with_another_digest_is_refused_with_its_last_byte),
        cmocka_unit_test(a_part_that_is_left_in_its_midst_does_not_matter_to_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
