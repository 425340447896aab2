#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "formats/rows.h"

#define BINARY_START "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define BINARY_END "\377\377"

struct stream {
    enum copy_format format;
    int columns;
    const char *bytes;
    size_t length;
    size_t rows[10]; /* offset and length of each row */
    size_t count;
};

/* clang-format off */
#define BYTES(text) text, sizeof(text) - 1
static const struct stream streams[] = {
    {COPY_TEXT, 2, BYTES(""), {0}, 0},
    {COPY_TEXT, 2, BYTES("1\ta\n2\tb\n"), {0, 3, 4, 3}, 2},
    {COPY_TEXT, 2, BYTES("\\N\t\n\\\\.\t\\n\\t\\r\\b\\f\\v\\\\\n"), {0, 3, 4, 18}, 2},
    {COPY_TEXT, 1, BYTES("\\.x\nx\\.\n\\\\.\n\\\n.\n"), {0, 3, 4, 3, 8, 3, 12, 1, 14, 1}, 5},
    {COPY_TEXT, 0, BYTES("\n\n\n"), {0, 0, 1, 0, 2, 0}, 3},
    {COPY_BINARY, 2, BYTES(BINARY_START BINARY_END), {0}, 0},
    {COPY_BINARY, 2, BYTES(BINARY_START "\0\2\0\0\0\1a\377\377\377\377" "\0\2\0\0\0\0\0\0\0\2\377\377" BINARY_END),
     {19, 11, 30, 12}, 2},
    {COPY_BINARY, 0, BYTES(BINARY_START "\0\0\0\0\0\0" BINARY_END), {19, 2, 21, 2, 23, 2}, 3},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\1\0\0\0\2\377\377" "\0\1\377\377\377\377" BINARY_END), {19, 8, 27, 6}, 2},
};
/* clang-format on */

static struct fingerprint expected_of(const struct stream *s)
{
    struct fingerprint sum = {0};

    for (size_t i = 0; i < s->count; i++) {
        XXH128_hash_t hash = XXH3_128bits(s->bytes + s->rows[2 * i], s->rows[2 * i + 1]);

        fingerprint_add(&sum, (struct fingerprint){hash.high64, hash.low64});
    }
    return sum;
}

/* Takes one piece; counts the rows that end in it, and how far the last one reached. */
static void take_piece(struct rows *rows, const char *bytes, size_t length, size_t *ended)
{
    enum rows_event event;
    size_t taken;

    while (length > 0) {
        assert_int_equal(rows_next(rows, (const uint8_t *)bytes, length, &taken, &event, NULL),
                         LARDER_OK);
        assert_in_range(taken, 1, length);
        if (event == ROWS_ROW)
            (*ended)++;
        else if (event == ROWS_MORE)
            assert_int_equal(taken, length);
        bytes += taken;
        length -= taken;
    }
}

static void check_cut(const struct stream *s, size_t first, size_t second)
{
    struct rows *rows = rows_new(s->format, s->columns);
    struct fingerprint expected = expected_of(s);
    size_t ended = 0;

    take_piece(rows, s->bytes, first, &ended);
    take_piece(rows, s->bytes + first, second - first, &ended);
    take_piece(rows, s->bytes + second, s->length - second, &ended);
    assert_int_equal(rows_restart(rows, NULL), LARDER_OK);
    assert_int_equal(ended, s->count);
    assert_int_equal(rows_count(rows), s->count);
    assert_true(fingerprint_equal(rows_fingerprint(rows), expected));
    rows_free(rows);
}

static void a_stream_cut_at_any_two_places_gives_the_same_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
        for (size_t first = 0; first <= streams[i].length; first++)
            for (size_t second = first; second <= streams[i].length; second++)
                check_cut(&streams[i], first, second);
}

static void a_stream_of_single_bytes_gives_the_same_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        const struct stream *s = &streams[i];
        struct rows *rows = rows_new(s->format, s->columns);
        struct fingerprint expected = expected_of(s);
        size_t ended = 0;

        for (size_t at = 0; at < s->length; at++)
            take_piece(rows, s->bytes + at, 1, &ended);
        assert_int_equal(rows_restart(rows, NULL), LARDER_OK);
        assert_int_equal(ended, s->count);
        assert_true(fingerprint_equal(rows_fingerprint(rows), expected));
        rows_free(rows);
    }
}

static void each_event_ends_where_its_row_ends(void **state)
{
    const struct stream *s = &streams[6];
    struct rows *rows = rows_new(s->format, s->columns);
    const uint8_t *at = (const uint8_t *)s->bytes;
    static const struct {
        size_t taken;
        enum rows_event event;
    } expected[] = {{19, ROWS_AROUND}, {11, ROWS_ROW}, {12, ROWS_ROW}, {2, ROWS_AROUND}};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        enum rows_event event;
        size_t taken, left = s->length - (size_t)(at - (const uint8_t *)s->bytes);

        assert_int_equal(rows_next(rows, at, left, &taken, &event, NULL), LARDER_OK);
        assert_int_equal(taken, expected[i].taken);
        assert_int_equal(event, expected[i].event);
        at += taken;
    }
    rows_free(rows);
}

static void count_and_fingerprint_go_on_over_several_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        const struct stream *s = &streams[i];
        struct rows *rows = rows_new(s->format, s->columns);
        struct fingerprint twice = expected_of(s);

        fingerprint_add(&twice, expected_of(s));
        for (int round = 0; round < 2; round++) {
            assert_int_equal(rows_take(rows, (const uint8_t *)s->bytes, s->length, NULL),
                             LARDER_OK);
            assert_int_equal(rows_restart(rows, NULL), LARDER_OK);
        }
        assert_int_equal(rows_count(rows), 2 * s->count);
        assert_true(fingerprint_equal(rows_fingerprint(rows), twice));
        rows_free(rows);
    }
}

/* clang-format off */
static const struct {
    enum copy_format format;
    int columns;
    const char *bytes;
    size_t length;
    const char *message;
} broken[] = {
    {COPY_TEXT, 1, BYTES("a\n\\.\nb\n"), "the rows contain an end-of-data mark"},
    {COPY_TEXT, 1, BYTES("\\.\n"), "the rows contain an end-of-data mark"},
    {COPY_TEXT, 1, BYTES("a\nb"), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES(""), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES("PGCOPY\n"), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES(BINARY_START), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\377"), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\1\0\0\0\2a"), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES("PGCOPX\n\377\r\n\0\0\0\0\0\0\0\0\0" BINARY_END), "a binary COPY stream has a wrong header"},
    {COPY_BINARY, 1, BYTES("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0" BINARY_END), "a binary COPY stream has a wrong header"},
    {COPY_BINARY, 1, BYTES("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\1x" BINARY_END), "a binary COPY stream has a wrong header"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\2"), "a binary row has 2 fields instead of 1"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\0"), "a binary row has 0 fields instead of 1"},
    {COPY_BINARY, 0, BYTES(BINARY_START "\377\376"), "a binary row has -2 fields instead of 0"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\1\377\377\377\376"), "a binary row has a field of negative length"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\1\200\0\0\0"), "a binary row has a field of negative length"},
    {COPY_BINARY, 1, BYTES(BINARY_START "\0\1\177\377\377\377aaaa" BINARY_END), "the rows end in the midst of one"},
    {COPY_BINARY, 1, BYTES(BINARY_START BINARY_END "x"), "a binary COPY stream goes on after its end"},
};
/* clang-format on */

static void a_broken_stream_is_damage_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        for (size_t cut = 0; cut <= broken[i].length; cut++) {
            struct rows *rows = rows_new(broken[i].format, broken[i].columns);
            const uint8_t *bytes = (const uint8_t *)broken[i].bytes;
            struct larder_error error = {0};
            enum larder_status status = rows_take(rows, bytes, cut, &error);

            if (status == LARDER_OK)
                status = rows_take(rows, bytes + cut, broken[i].length - cut, &error);
            if (status == LARDER_OK)
                status = rows_restart(rows, &error);
            assert_int_equal(status, LARDER_DAMAGED);
            assert_string_equal(error.message, broken[i].message);
            rows_free(rows);
        }
}

static void a_row_longer_than_a_piece_is_one_row(void **state)
{
    struct rows *rows = rows_new(COPY_TEXT, 1);
    uint8_t *big = malloc(100000);
    XXH128_hash_t hash;

    (void)state;
    memset(big, 'x', 99999);
    big[99999] = '\n';
    for (size_t at = 0; at < 100000; at += 1000)
        assert_int_equal(rows_take(rows, big + at, 1000, NULL), LARDER_OK);
    hash = XXH3_128bits(big, 99999);
    assert_int_equal(rows_count(rows), 1);
    assert_true(
        fingerprint_equal(rows_fingerprint(rows), (struct fingerprint){hash.high64, hash.low64}));
    free(big);
    rows_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_cut_at_any_two_places_gives_the_same_rows),
        cmocka_unit_test(a_stream_of_single_bytes_gives_the_same_rows),
        cmocka_unit_test(each_event_ends_where_its_row_ends),
        cmocka_unit_test(count_and_fingerprint_go_on_over_several_streams),
        cmocka_unit_test(a_broken_stream_is_damage_wherever_it_is_cut),
        cmocka_unit_test(a_row_longer_than_a_piece_is_one_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
