#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/fingerprint.h"

static void the_sum_is_modulo_2_to_the_128(void **state)
{
    struct fingerprint sum = {UINT64_MAX, UINT64_MAX};

    (void)state;
    fingerprint_add(&sum, (struct fingerprint){0, 1});
    assert_true(fingerprint_equal(sum, (struct fingerprint){0, 0}));
    fingerprint_add(&sum, (struct fingerprint){3, UINT64_MAX});
    fingerprint_add(&sum, (struct fingerprint){4, 2});
    assert_true(fingerprint_equal(sum, (struct fingerprint){8, 1}));
}

static void both_halves_must_agree(void **state)
{
    (void)state;
    assert_false(fingerprint_equal((struct fingerprint){1, 2}, (struct fingerprint){1, 3}));
    assert_false(fingerprint_equal((struct fingerprint){1, 2}, (struct fingerprint){0, 2}));
}

static void the_high_half_is_written_first(void **state)
{
    struct fingerprint fingerprint = {UINT64_C(0x0123456789abcdef), 1}, back;
    char hex[FINGERPRINT_HEX];

    (void)state;
    fingerprint_to_hex(fingerprint, hex);
    assert_string_equal(hex, "0123456789abcdef0000000000000001");
    assert_true(fingerprint_from_hex(hex, &back));
    assert_true(fingerprint_equal(fingerprint, back));
    fingerprint_to_hex((struct fingerprint){0}, hex);
    assert_string_equal(hex, "00000000000000000000000000000000");
}

static void anything_but_32_lowercase_digits_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "0123456789abcdef000000000000000",
        "0123456789abcdef00000000000000011",
        "0123456789ABCDEF0000000000000001",
        "0x23456789abcdef0000000000000001",
        " 123456789abcdef0000000000000001",
    };
    struct fingerprint back;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(fingerprint_from_hex(wrong[i], &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_modulo_2_to_the_128),
        cmocka_unit_test(both_halves_must_agree),
        cmocka_unit_test(the_high_half_is_written_first),
        cmocka_unit_test(anything_but_32_lowercase_digits_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
