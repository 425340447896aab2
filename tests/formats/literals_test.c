#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/literals.h"

enum { BYTES = 1 << 20, ROOM = 2 * BYTES };

static uint8_t content[BYTES], frame[ROOM];

/* Bytes of so many values, as likely as each other; a word that comes back stands in every 64 of them. */
static void fill(unsigned values, bool words)
{
    uint32_t seed = 20261127;

    for (size_t i = 0; i < BYTES; i++) {
        seed = seed * 1664525 + 1013904223;
        content[i] = (uint8_t)((seed >> 8) % 65536 * values / 65536);
    }
    for (size_t i = 0; words && i + 64 <= BYTES; i += 64)
        memcpy(content + i, "a word that comes back", 22);
}

static struct literals look(size_t length, bool code)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    struct literals literals;
    size_t size;

    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_targetLength, code ? 0 : 1);
    size = ZSTD_compress2(zstd, frame, ROOM, content, length);
    ZSTD_freeCCtx(zstd);
    assert_false(ZSTD_isError(size));
    literals_look(&literals, frame, size);
    return literals;
}

static void check(unsigned values, bool words, bool plain_if_coded, bool codable)
{
    static const size_t lengths[] = {100, 1000, 5000, 100000, BYTES};

    fill(values, words);
    for (size_t i = codable ? 2 : 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct literals coded = look(lengths[i], true), plain = look(lengths[i], false);

        assert_int_equal(literals_are_plain(&coded), plain_if_coded);
        assert_true(literals_are_plain(&plain));
        assert_int_equal(literals_seem_codable(&plain), codable);
        assert_in_range(plain.sampled, lengths[i] < 1000 ? lengths[i] / 2 : 500, 4096);
        for (size_t b = values; !words && b < 256; b++)
            assert_int_equal(plain.counts[b], 0);
    }
}

static void random_bytes_are_plain(void **state)
{
    (void)state;
    check(256, false, true, false);
    check(256, true, true, false);
}

static void what_has_fewer_values_is_coded(void **state)
{
    (void)state;
    check(128, true, false, true);
    check(10, true, false, true);
    check(16, false, false, true);
}

static void what_is_no_frame_has_no_literals(void **state)
{
    struct literals literals;
    uint8_t short_of_room[1];

    (void)state;
    fill(256, true);
    look(BYTES, true);
    literals_look(&literals, frame, ZSTD_compress(short_of_room, 1, content, BYTES, 1));
    assert_false(literals_are_plain(&literals));
    for (size_t length = 0; length < 300; length++) {
        uint8_t *cut = malloc(length > 0 ? length : 1);

        memcpy(cut, frame, length);
        literals_look(&literals, cut, length);
        assert_in_range(literals.sampled, 0, length);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_are_plain),
        cmocka_unit_test(what_has_fewer_values_is_coded),
        cmocka_unit_test(what_is_no_frame_has_no_literals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
