#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "larder/error.h"

static void context_goes_before_the_message_and_keeps_the_status(void **state)
{
    struct larder_error error = {0};

    (void)state;
    larder_fail(&error, LARDER_DAMAGED, "part %d is short", 7);
    assert_int_equal(larder_context(&error, "could not read \"%s\"", "x.tar"), LARDER_DAMAGED);
    assert_string_equal(error.message, "could not read \"x.tar\": part 7 is short");
}

static void an_errno_is_told_in_words(void **state)
{
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(larder_fail_errno(&error, LARDER_FAILED, ENOENT, "could not open \"%s\"", "x"),
                     LARDER_FAILED);
    assert_string_equal(error.message, "could not open \"x\": No such file or directory");
}

static void a_message_too_long_is_cut_and_ends(void **state)
{
    struct larder_error error = {0};
    char big[8192];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    larder_fail(&error, LARDER_FAILED, "%s", big);
    larder_context(&error, "%s", big);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void a_message_too_long_is_cut_between_two_characters(void **state)
{
    struct larder_error error = {0};
    char big[sizeof(error.message) + 2] = "";

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(big); i += 2)
        memcpy(big + i, "\xc3\xa9", 3);
    larder_fail(&error, LARDER_FAILED, "%s", big);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 2);
    larder_context(&error, "xy");
    larder_hint(&error, "%s", big);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 2);
    assert_int_equal(strlen(error.hint), sizeof(error.hint) - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_goes_before_the_message_and_keeps_the_status),
        cmocka_unit_test(an_errno_is_told_in_words),
        cmocka_unit_test(a_message_too_long_is_cut_and_ends),
        cmocka_unit_test(a_message_too_long_is_cut_between_two_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
