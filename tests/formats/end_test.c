#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "formats/end.h"

static const struct end sample = {.manifest_offset = 1234,
                                  .manifest_bytes = 5678,
                                  .manifest_sha256 = {0xab, 1},
                                  .archive_bytes = 8960};

static void an_end_has_its_lines_and_its_size(void **state)
{
    static const char lines[] =
        "larder end 1\n"
        "manifest_offset 00000000000000001234\n"
        "manifest_bytes 00000000000000005678\n"
        "manifest_sha256 ab01000000000000000000000000000000000000000000000000000000000000\n"
        "archive_bytes 00000000000000008960\n"
        "end_sha256 ";
    uint8_t bytes[END_BYTES], digest[SHA256_BYTES];
    char hex[SHA256_HEX];

    (void)state;
    assert_int_equal(end_write(&sample, bytes, NULL), LARDER_OK);
    assert_memory_equal(bytes, lines, sizeof(lines) - 1);
    assert_int_equal(sha256_of(bytes, sizeof(lines) - 1 - strlen("end_sha256 "), digest, NULL),
                     LARDER_OK);
    sha256_to_hex(digest, hex);
    assert_memory_equal(bytes + sizeof(lines) - 1, hex, 64);
    assert_int_equal(bytes[END_BYTES - 1], '\n');
    assert_int_equal(sizeof(lines) - 1 + 64 + 1, END_BYTES);
}

static void what_was_written_is_read_back(void **state)
{
    struct end most = {UINT64_MAX, UINT64_MAX, {0}, UINT64_MAX}, back;
    uint8_t bytes[END_BYTES];

    (void)state;
    memset(most.manifest_sha256, 0xff, SHA256_BYTES);
    assert_int_equal(end_write(&most, bytes, NULL), LARDER_OK);
    assert_int_equal(end_read(bytes, &back, NULL), LARDER_OK);
    assert_int_equal(back.manifest_offset, UINT64_MAX);
    assert_int_equal(back.manifest_bytes, UINT64_MAX);
    assert_int_equal(back.archive_bytes, UINT64_MAX);
    assert_memory_equal(back.manifest_sha256, most.manifest_sha256, SHA256_BYTES);
}

static void every_change_of_every_byte_is_seen(void **state)
{
    uint8_t bytes[END_BYTES];
    struct end back;

    (void)state;
    assert_int_equal(end_write(&sample, bytes, NULL), LARDER_OK);
    for (size_t i = 0; i < END_BYTES; i++)
        for (int value = 0; value < 256; value++) {
            struct larder_error error = {0};
            uint8_t was = bytes[i];

            if (value == was)
                continue;
            bytes[i] = (uint8_t)value;
            assert_int_equal(end_read(bytes, &back, &error), LARDER_DAMAGED);
            assert_string_not_equal(error.message, "");
            bytes[i] = was;
        }
    assert_int_equal(end_read(bytes, &back, NULL), LARDER_OK);
}

/* With a digest that is right, so that the form alone is wrong. */
static void numbers_in_another_form_are_refused(void **state)
{
    static const char *const numbers[] = {
        "                1234", "+0000000000000001234", "-0000000000000001234",
        "99999999999999999999", "0x0000000000000004d2", "1234\000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint8_t bytes[END_BYTES], digest[SHA256_BYTES];
        char hex[SHA256_HEX];
        struct end back;

        assert_int_equal(end_write(&sample, bytes, NULL), LARDER_OK);
        memcpy(bytes + strlen("larder end 1\nmanifest_offset "), numbers[i], 20);
        assert_int_equal(sha256_of(bytes, END_BYTES - 76, digest, NULL), LARDER_OK);
        sha256_to_hex(digest, hex);
        memcpy(bytes + END_BYTES - 65, hex, 64);
        assert_int_equal(end_read(bytes, &back, NULL), LARDER_DAMAGED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_has_its_lines_and_its_size),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(every_change_of_every_byte_is_seen),
        cmocka_unit_test(numbers_in_another_form_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
