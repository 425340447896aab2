#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "formats/tar.h"

static void put(uint8_t header[TAR_BLOCK], size_t offset, const char *bytes, size_t length)
{
    memcpy(header + offset, bytes, length);
}

/* Each field of FORMAT.md's table, at its place. */
static void every_byte_of_a_header_is_as_the_format_says(void **state)
{
    static const char name[] = "data/00001-public.profiles/000001.copy.zst";
    uint8_t expected[TAR_BLOCK] = {0}, header[TAR_BLOCK];
    unsigned sum = 0;

    (void)state;
    memcpy(expected, name, sizeof(name));
    put(expected, 100, "000600 ", 8);
    put(expected, 108, "000000 ", 8);
    put(expected, 116, "000000 ", 8);
    put(expected, 124, "00000000173 ", 12); /* 123 */
    put(expected, 136, "14745313440 ", 12); /* 1737856800 */
    memset(expected + 148, ' ', 8);
    expected[156] = '0';
    put(expected, 257, "ustar", 6);
    put(expected, 263, "00", 2);
    put(expected, 329, "000000 ", 8);
    put(expected, 337, "000000 ", 8);
    for (size_t i = 0; i < sizeof(expected); i++)
        sum += expected[i];
    snprintf((char *)expected + 148, 8, "%06o", sum);
    expected[155] = ' ';

    assert_int_equal(tar_header(name, 123, 1737856800, header, NULL), LARDER_OK);
    assert_memory_equal(header, expected, sizeof(expected));
}

static void the_largest_name_size_and_time_fit(void **state)
{
    uint8_t header[TAR_BLOCK];
    char name[100];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[50] = '/';
    name[99] = '\0';
    assert_int_equal(tar_header(name, TAR_MEMBER_MAX, TAR_TIME_MAX, header, NULL), LARDER_OK);
    assert_memory_equal(header, name, 100);
    assert_memory_equal(header + 124, "77777777777 77777777777 ", 24);
    assert_int_equal(header[345], 0);
}

static void what_does_not_fit_a_header_is_refused(void **state)
{
    uint8_t header[TAR_BLOCK];
    char name[101];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[100] = '\0';
    assert_int_equal(tar_header(name, 0, 0, header, NULL), LARDER_FAILED);
    assert_int_equal(tar_header("n", TAR_MEMBER_MAX + 1, 0, header, NULL), LARDER_FAILED);
    assert_int_equal(tar_header("n", 0, TAR_TIME_MAX + 1, header, NULL), LARDER_FAILED);
    assert_int_equal(tar_header("n", 0, -1, header, NULL), LARDER_FAILED);
}

static void padding_fills_the_last_block(void **state)
{
    (void)state;
    assert_int_equal(tar_padding(0), 0);
    assert_int_equal(tar_padding(1), 511);
    assert_int_equal(tar_padding(512), 0);
    assert_int_equal(tar_padding(513), 511);
    assert_int_equal(tar_padding(TAR_MEMBER_MAX), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_a_header_is_as_the_format_says),
        cmocka_unit_test(the_largest_name_size_and_time_fit),
        cmocka_unit_test(what_does_not_fit_a_header_is_refused),
        cmocka_unit_test(padding_fills_the_last_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
