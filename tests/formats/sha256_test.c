#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "formats/sha256.h"

enum { ROOM = 4096, BLOCK = 64 };

static void assert_digest(const uint8_t digest[SHA256_BYTES], const uint8_t *bytes, size_t length)
{
    uint8_t wanted[SHA256_BYTES];

    assert_int_equal(sha256_of(bytes, length, wanted, NULL), LARDER_OK);
    assert_memory_equal(digest, wanted, SHA256_BYTES);
}

/* Bytes that differ from one call to the next, always the same. */
static void fill(uint8_t *bytes, size_t length)
{
    static uint32_t state = 1;

    for (size_t i = 0; i < length; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static void the_examples_of_the_standard_come_out(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sha256 *sha = sha256_new();
        uint8_t digest[SHA256_BYTES];
        char hex[SHA256_HEX];

        for (int twice = 0; twice < 2; twice++) {
            sha256_update(sha, cases[i].text, strlen(cases[i].text), NULL);
            assert_int_equal(sha256_final(sha, digest, NULL), LARDER_OK);
            sha256_to_hex(digest, hex);
            assert_string_equal(hex, cases[i].hex);
        }
        sha256_free(sha);
    }
}

static uint8_t bytes[ROOM];

/* `before` bytes, then `length` in pieces while others are beside, then `after`. */
static void check_beside(size_t before, size_t length, size_t piece, size_t after, size_t beside)
{
    uint8_t *others = malloc(beside + 1), digest[SHA256_BYTES];
    struct sha256 *sha = sha256_new();
    size_t during = before + length;

    assert_in_range(during + after, 0, ROOM);
    assert_in_range(beside + 1, 0, ROOM);
    memcpy(others, bytes + 1, beside);
    sha256_update(sha, bytes, before, NULL);
    assert_int_equal(sha256_begin_beside(sha, others, beside, NULL), LARDER_OK);
    for (size_t at = before; at < during; at += piece)
        sha256_update(sha, bytes + at, during - at < piece ? during - at : piece, NULL);
    assert_int_equal(sha256_end_beside(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, others, beside);
    free(others); /* and never looked at again */
    sha256_update(sha, bytes + during, after, NULL);
    assert_int_equal(sha256_final(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, bytes, during + after);
    sha256_free(sha);
}

static void other_bytes_are_digested_beside(void **state)
{
    static const size_t lengths[] = {0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 1000, 1024};
    enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };

    (void)state;
    fill(bytes, sizeof(bytes));
    print_message("this processor takes %s at once\n", sha256_beside_is_faster() ? "two" : "one");
    for (size_t before = 0; before < COUNT; before++)
        for (size_t length = 0; length < COUNT; length++)
            for (size_t piece = 1; piece < COUNT; piece++)
                for (size_t beside = 0; beside < COUNT; beside++)
                    check_beside(lengths[before], lengths[length], lengths[piece], lengths[piece],
                                 lengths[beside]);
}

static void the_same_bytes_go_into_two_digests(void **state)
{
    static const size_t lengths[] = {0, 1, 63, 64, 65, 128, 1000, 1024};
    enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };

    (void)state;
    fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
        size_t before = lengths[i % COUNT], length = lengths[i / COUNT % COUNT];
        size_t after = lengths[i / COUNT / COUNT];
        struct sha256 *one = sha256_new(), *other = sha256_new();
        uint8_t digest[SHA256_BYTES];

        sha256_update(one, bytes, before, NULL);
        assert_int_equal(sha256_update_both(one, other, bytes + before, length, NULL), LARDER_OK);
        assert_int_equal(sha256_update_both(one, other, bytes + before + length, after, NULL),
                         LARDER_OK);
        assert_int_equal(sha256_final(one, digest, NULL), LARDER_OK);
        assert_digest(digest, bytes, before + length + after);
        assert_int_equal(sha256_final(other, digest, NULL), LARDER_OK);
        assert_digest(digest, bytes + before, length + after);
        sha256_free(one);
        sha256_free(other);
    }
}

static void one_digest_beside_does_not_touch_another(void **state)
{
    struct sha256 *sha = sha256_new();
    uint8_t *dropped = malloc(ROOM), digest[SHA256_BYTES];

    (void)state;
    fill(bytes, sizeof(bytes));
    memcpy(dropped, bytes, ROOM);
    /* One that is never ended */
    sha256_begin_beside(sha, dropped, ROOM, NULL);
    sha256_update(sha, bytes, 5 * BLOCK, NULL);
    /* gives way to the next, also where nothing is in that, */
    assert_int_equal(sha256_begin_beside(sha, NULL, 0, NULL), LARDER_OK);
    free(dropped);
    sha256_update(sha, bytes + 5 * BLOCK, 3 * BLOCK, NULL);
    sha256_update(sha, NULL, 0, NULL);
    assert_int_equal(sha256_end_beside(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, bytes, 0);
    /* and one goes on where the digest that it goes with is ended. */
    assert_int_equal(sha256_begin_beside(sha, bytes + 1, 9 * BLOCK, NULL), LARDER_OK);
    sha256_update(sha, bytes + 8 * BLOCK, 2 * BLOCK, NULL);
    assert_int_equal(sha256_final(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, bytes, 10 * BLOCK);
    sha256_update(sha, bytes + 3, 3 * BLOCK, NULL);
    assert_int_equal(sha256_end_beside(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, bytes + 1, 9 * BLOCK);
    assert_int_equal(sha256_final(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, bytes + 3, 3 * BLOCK);
    sha256_free(sha);
}

/* The length of a digest's bytes is kept in bits, in two words. */
static void more_bits_than_a_word_counts_are_digested_beside(void **state)
{
    size_t length = ((size_t)1 << 29) + 2 * BLOCK + 5;
    uint8_t *many = calloc(length, 1), digest[SHA256_BYTES];
    struct sha256 *sha = sha256_new();

    (void)state;
    assert_non_null(many);
    assert_int_equal(sha256_begin_beside(sha, many, length, NULL), LARDER_OK);
    sha256_update(sha, many, length - 2 * BLOCK, NULL);
    sha256_update(sha, many, 2 * BLOCK, NULL);
    assert_int_equal(sha256_end_beside(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, many, length);
    assert_int_equal(sha256_final(sha, digest, NULL), LARDER_OK);
    assert_digest(digest, many, length);
    sha256_free(sha);
    free(many);
}

static void only_its_own_hexadecimal_form_is_taken(void **state)
{
    uint8_t digest[SHA256_BYTES], back[SHA256_BYTES];
    char hex[SHA256_HEX + 1] = {0};

    (void)state;
    fill(digest, sizeof(digest));
    sha256_to_hex(digest, hex);
    assert_true(sha256_from_hex(hex, back));
    assert_memory_equal(digest, back, sizeof(back));
    hex[0] = 'A';
    assert_false(sha256_from_hex(hex, back));
    hex[0] = 'g';
    assert_false(sha256_from_hex(hex, back));
    hex[0] = '0';
    hex[SHA256_HEX - 1] = '0';
    assert_false(sha256_from_hex(hex, back));
    hex[SHA256_HEX - 2] = '\0';
    assert_false(sha256_from_hex(hex, back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_come_out),
        cmocka_unit_test(other_bytes_are_digested_beside),
        cmocka_unit_test(the_same_bytes_go_into_two_digests),
        cmocka_unit_test(one_digest_beside_does_not_touch_another),
        cmocka_unit_test(more_bits_than_a_word_counts_are_digested_beside),
        cmocka_unit_test(only_its_own_hexadecimal_form_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
