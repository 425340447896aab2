#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/formats/part_bytes.h"

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
    struct part part = {bytes->bytes, bytes->length, raw_bytes, rows, {0}, true};
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
    part = (struct part){bytes.bytes, bytes.length, 8, 4, {0}, true};
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

static void a_digest_that_was_checked_before_is_not_taken_again(void **state)
{
    static const struct frame frame = {"a\nb\n", 4, 1, 1, 0};
    struct part_reader *reader = part_reader_new();
    struct rows *rows = rows_new(COPY_TEXT, 1);
    struct buffer bytes = {0};
    struct part_bytes source;
    struct part part;

    (void)state;
    add_frame(&bytes, &frame);
    part = (struct part){bytes.bytes, bytes.length, 4, 2, {0}, true};
    part_bytes(&source, &part, SIZE_MAX);
    source.source.sha256 = NULL;
    assert_int_equal(part_reader_count(reader, &source.source, rows, NULL), LARDER_OK);
    assert_int_equal(rows_count(rows), 2);
    /* What is damaged without it is still found. */
    bytes.bytes[bytes.length - 1] ^= 1;
    part_bytes(&source, &part, SIZE_MAX);
    source.source.sha256 = NULL;
    assert_int_equal(part_reader_count(reader, &source.source, rows, NULL), LARDER_DAMAGED);
    rows_free(rows);
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
    part = (struct part){bytes.bytes, bytes.length, 11, 4, {0}, true};
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
        cmocka_unit_test(a_frame_that_breaks_a_rule_is_refused),
        cmocka_unit_test(a_frame_above_its_limit_is_refused_before_it_is_decoded),
        cmocka_unit_test(a_frame_has_a_limit_of_its_own),
        cmocka_unit_test(what_is_around_the_frames_is_refused),
        cmocka_unit_test(a_part_with_another_digest_is_refused_with_its_last_byte),
        cmocka_unit_test(a_digest_that_was_checked_before_is_not_taken_again),
        cmocka_unit_test(a_part_that_is_left_in_its_midst_does_not_matter_to_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
