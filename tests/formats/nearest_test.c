#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/nearest.h"

static const char *const names[] = {"export", "list", "age"};

static void a_name_with_one_or_two_slips_is_found(void **state)
{
    (void)state;
    assert_string_equal(nearest("exprot", names, 3), "export");
    assert_string_equal(nearest("lst", names, 3), "list");
    assert_string_equal(nearest("list", names, 3), "list");
}

static void another_word_is_not(void **state)
{
    (void)state;
    assert_null(nearest("backup", names, 3));
    assert_null(nearest("", names, 3));
    assert_null(nearest("expert-of-the-house-and-of-all-that-is-in-it-as-well", names, 3));
    assert_null(nearest("age", names, 0));
}

static void a_hint_says_which_is_meant_and_all_there_are(void **state)
{
    struct larder_error error = {0};

    (void)state;
    nearest_hint("lsit", names, 3, "The commands are", &error);
    assert_string_equal(error.hint, "Is \"list\" meant? The commands are: export, list, age.");
    nearest_hint("backup", names, 1, "The commands are", &error);
    assert_string_equal(error.hint, "The commands are: export.");
    nearest_hint("list", names, 0, "The commands are", &error);
    assert_string_equal(error.hint, "The commands are: export.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_with_one_or_two_slips_is_found),
        cmocka_unit_test(another_word_is_not),
        cmocka_unit_test(a_hint_says_which_is_meant_and_all_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
