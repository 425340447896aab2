#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/frame_writer.h"
#include "formats/part.h"

static uint32_t random_below(uint32_t *seed, uint32_t limit)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return (*seed >> 8) % limit;
}

/* What a frame is filled with: each kind wants something else of zstd. */
enum kind {
    WORDS,   /* random bytes with words of six out of 64: short matches */
    NUMBERS, /* rows that are alike, with random digits: a small table */
    KEYS,    /* random bytes with keys of 16 that come back: a large table */
    RANDOM,  /* random bytes: literals as they are */
    LETTERS, /* random letters: literals that are coded */
    NOISE,   /* KEYS behind zeros up to an eighth of the frame: sizes that vary by themselves */
};

static void put(uint8_t *row, enum kind kind, uint32_t *seed)
{
    static const char like[65] =
        "{\"rating\": 00000000, \"count\": 00000000, \"at\": \"2026-00000000\"}\n";
    uint32_t word = random_below(seed, 64), key = random_below(seed, 6000) * 77 + 1;

    for (size_t i = 0; i < 64; i++)
        row[i] = (uint8_t)random_below(seed, 256);
    if (kind == WORDS) {
        for (size_t i = 0; i < 6; i++)
            row[20 + i] = (uint8_t)(word * 37 + i * (word + 11));
    } else if (kind == KEYS || kind == NOISE) {
        for (size_t i = 0; i < 16; i++)
            row[20 + i] = (uint8_t)random_below(&key, 256);
    } else if (kind == NUMBERS) {
        memcpy(row, like, 64);
        for (size_t i = 0; i < 64; i++)
            if (like[i] == '0')
                row[i] = (uint8_t)('0' + random_below(seed, 10));
    } else if (kind == LETTERS) {
        for (size_t i = 0; i < 64; i++)
            row[i] = (uint8_t)('a' + row[i] % 16);
    }
}

static void fill(uint8_t *frame, enum kind kind, uint32_t *seed)
{
    size_t at = kind == NOISE ? random_below(seed, PART_FRAME_BYTES / 64 / 8) * 64 : 0;

    memset(frame, 0, at);
    for (; at < PART_FRAME_BYTES; at += 64)
        put(frame + at, kind, seed);
}

static size_t level_alone(const uint8_t *bytes, size_t length, int level)
{
    static uint8_t out[2 * PART_FRAME_BYTES];
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    size_t size;

    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    size = ZSTD_compress2(zstd, out, sizeof(out), bytes, length);
    ZSTD_freeCCtx(zstd);
    assert_false(ZSTD_isError(size));
    return size;
}

/* One frame, as FORMAT.md wants it. */
static void check_frame(const uint8_t *frame, size_t length, const uint8_t *content, size_t size)
{
    static uint8_t decoded[PART_FRAME_BYTES];

    assert_int_equal(ZSTD_findFrameCompressedSize(frame, length), length);
    assert_int_equal(ZSTD_getFrameContentSize(frame, length), size);
    assert_int_not_equal(frame[4] & 1 << 2, 0); /* has a checksum */
    assert_int_equal(ZSTD_decompress(decoded, sizeof(decoded), frame, length), size);
    assert_memory_equal(decoded, content, size);
}

/* What frames took, and what they take by the level alone. */
struct sizes {
    size_t written, alone;
};

static struct sizes append_frame(struct frame_writer *writer, const uint8_t *content)
{
    struct buffer out = {0};
    struct sizes sizes;

    assert_int_equal(frame_writer_append(writer, content, PART_FRAME_BYTES, &out, NULL), LARDER_OK);
    check_frame(out.bytes, out.length, content, PART_FRAME_BYTES);
    sizes = (struct sizes){out.length, level_alone(content, PART_FRAME_BYTES, 1)};
    buffer_free(&out);
    return sizes;
}

static void add(struct sizes *sum, struct sizes sizes)
{
    sum->written += sizes.written;
    sum->alone += sizes.alone;
}

static struct sizes append(struct frame_writer *writer, enum kind kind, int frames, uint32_t *seed)
{
    static uint8_t content[PART_FRAME_BYTES];
    struct sizes sum = {0};

    for (int i = 0; i < frames; i++) {
        fill(content, kind, seed);
        add(&sum, append_frame(writer, content));
    }
    return sum;
}

static void check_at_most(struct sizes sizes, size_t permille)
{
    assert_in_range(sizes.written, 1, sizes.alone / 1000 * permille);
}

/* Of a table's rows alone: what suited the table before does not matter. */
static void each_table_finds_what_suits_it(void **state)
{
    static const struct {
        enum kind kind;
        size_t permille;
    } tables[] = {{WORDS, 980},   {NUMBERS, 900},  {KEYS, 990},
                  {RANDOM, 1001}, {LETTERS, 1001}, {NOISE, 1010}};
    struct frame_writer *writer = frame_writer_new(1);

    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        uint32_t next = seed * 20261127;

        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
            frame_writer_begin(writer);
            check_at_most(append(writer, tables[i].kind, 20, &next), tables[i].permille);
        }
    }
    frame_writer_free(writer);
}

static void rows_of_another_kind_are_noticed(void **state)
{
    struct frame_writer *writer = frame_writer_new(1);
    uint32_t seed = 20261127;

    (void)state;
    frame_writer_begin(writer);
    append(writer, NUMBERS, 12, &seed);
    check_at_most(append(writer, LETTERS, 24, &seed), 1005);
    check_at_most(append(writer, WORDS, 60, &seed), 990);
    frame_writer_free(writer);
}

/* From frame to frame the rows hardly differ. */
static void rows_that_change_slowly_are_noticed(void **state)
{
    enum { FRAMES = 120, ROWS = PART_FRAME_BYTES / 64 };
    static uint8_t content[PART_FRAME_BYTES];
    struct frame_writer *writer = frame_writer_new(1);
    struct sizes end = {0};
    uint32_t seed = 20261127;

    (void)state;
    frame_writer_begin(writer);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct sizes sizes;

        for (size_t row = 0; row < ROWS; row++)
            put(content + 64 * row, random_below(&seed, FRAMES) < i ? KEYS : NUMBERS, &seed);
        sizes = append_frame(writer, content);
        if (i >= FRAMES * 3 / 4)
            add(&end, sizes);
    }
    check_at_most(end, 1002);
    frame_writer_free(writer);
}

/* Where nothing holds for long, the level alone is hardly left. */
static void rows_that_change_all_the_time_cost_little(void **state)
{
    struct frame_writer *writer = frame_writer_new(1);
    struct sizes sum = {0};
    uint32_t seed = 20261127;

    (void)state;
    frame_writer_begin(writer);
    for (int i = 0; i < 30; i++)
        add(&sum, append(writer, i % 2 == 0 ? NUMBERS : KEYS, 4, &seed));
    check_at_most(sum, 1000);
    frame_writer_free(writer);
}

/* Those of random bytes are left as they are; but not those that come after them and can be coded, in frames of any size. */
static void literals_are_coded_where_they_shrink(void **state)
{
    static uint8_t content[PART_FRAME_BYTES];
    struct frame_writer *writer = frame_writer_new(1);
    struct buffer out = {0};
    uint32_t seed = 20261127;

    (void)state;
    frame_writer_begin(writer);
    for (int i = 0; i < 8; i++) {
        check_at_most(append(writer, RANDOM, 3, &seed), 1001);
        fill(content, LETTERS, &seed);
        out.length = 0;
        assert_int_equal(frame_writer_append(writer, content, 100000, &out, NULL), LARDER_OK);
        assert_in_range(out.length, 1, 60000);
        check_at_most(append(writer, LETTERS, 3, &seed), 1003);
    }
    buffer_free(&out);
    frame_writer_free(writer);
}

/* A higher level is taken at its word; and what is shorter than a frame neither teaches nor is tried on. */
static void others_are_as_their_level_makes_them(void **state)
{
    static uint8_t content[PART_FRAME_BYTES];
    struct frame_writer *one = frame_writer_new(1), *three = frame_writer_new(3);
    struct buffer out = {0};
    uint32_t seed = 20261127;

    (void)state;
    for (int i = 0; i < 8; i++) {
        fill(content, NUMBERS, &seed);
        out.length = 0;
        assert_int_equal(frame_writer_append(three, content, sizeof(content), &out, NULL),
                         LARDER_OK);
        assert_int_equal(out.length, level_alone(content, sizeof(content), 3));
        out.length = 0;
        assert_int_equal(frame_writer_append(one, content, 100000, &out, NULL), LARDER_OK);
        check_frame(out.bytes, out.length, content, 100000);
        assert_int_equal(out.length, level_alone(content, 100000, 1));
        if (i == 4) /* from now on a smaller table is to be tried */
            append(one, NUMBERS, 2, &seed);
    }
    buffer_free(&out);
    frame_writer_free(one);
    frame_writer_free(three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_table_finds_what_suits_it),
        cmocka_unit_test(rows_of_another_kind_are_noticed),
        cmocka_unit_test(rows_that_change_slowly_are_noticed),
        cmocka_unit_test(rows_that_change_all_the_time_cost_little),
        cmocka_unit_test(literals_are_coded_where_they_shrink),
        cmocka_unit_test(others_are_as_their_level_makes_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
