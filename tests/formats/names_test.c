#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/names.h"

#define FORTY "a234567890123456789012345678901234567890"
#define FORTY_ONE "a2345678901234567890123456789012345678901"

static void a_preset_is_a_lowercase_word(void **state)
{
    static const char *const right[] = {"daily", "a", "pre_deployment", "x9_", FORTY};
    static const char *const wrong[] = {"",    "Daily", "9a", "_a",       "a-b",
                                        "a b", "a/b",   "..", "\303\244", FORTY_ONE};

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_true(names_is_preset(right[i]));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(names_is_preset(wrong[i]));
}

static void a_backup_is_named_by_preset_and_time(void **state)
{
    char name[NAMES_BACKUP], preset[NAMES_PRESET_MAX + 1];

    (void)state;
    names_backup("daily", 1737856800, name);
    assert_string_equal(name, "daily_20250126_020000");
    assert_true(names_is_backup(name, preset));
    assert_string_equal(preset, "daily");
    names_backup(FORTY, 1737856800, name);
    assert_string_equal(name, FORTY "_20250126_020000");
    assert_true(names_is_backup(name, preset));
    assert_string_equal(preset, FORTY);
}

static void other_names_are_no_backups(void **state)
{
    static const char *const wrong[] = {
        "",
        "daily",
        "_20250126_020000",
        "daily_20250126",
        "daily_20250126_0200",
        "daily_20250126_020000x",
        "daily-20250126_020000",
        "daily_2025012a_020000",
        "Daily_20250126_020000",
        "../x_20250126_020000",
        "a2345678901234567890123456789012345678901_20250126_020000",
    };
    char preset[NAMES_PRESET_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(names_is_backup(wrong[i], preset));
}

static void a_source_is_one_harmless_path_element(void **state)
{
    static const struct {
        const char *source, *path;
    } cases[] = {
        {"kitchai", "kitchai"},   {"A-z_0.9", "A-z_0.9"}, {"..", "%2E."},
        {".hidden", "%2Ehidden"}, {"a/b", "a%2Fb"},       {"a%b", "a%25b"},
        {"a b\n", "a%20b%0A"},    {"\303\244", "%C3%A4"}, {"prod:5432", "prod%3A5432"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out = {0};

        names_source(&out, cases[i].source);
        assert_string_equal(buffer_text(&out), cases[i].path);
        buffer_free(&out);
    }
}

static void the_stem_is_what_the_files_of_an_archive_share(void **state)
{
    (void)state;
    assert_int_equal(names_stem("a.tar"), 1);
    assert_int_equal(names_stem("a/b.tar.age"), 3);
    assert_int_equal(names_stem("a.tar.gz"), 8);
    assert_int_equal(names_stem(".tar"), 4);
    assert_int_equal(names_stem("a.age"), 5);
    assert_int_equal(names_stem(""), 0);
}

static void an_encrypted_archive_is_named_so(void **state)
{
    static const char *const others[] = {"a.tar", "a.age", "a.tar.age.json", ".tar.age", ""};

    (void)state;
    assert_true(names_is_encrypted("a.tar.age"));
    assert_true(names_is_encrypted("a/b.tar.age"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(names_is_encrypted(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preset_is_a_lowercase_word),
        cmocka_unit_test(a_backup_is_named_by_preset_and_time),
        cmocka_unit_test(other_names_are_no_backups),
        cmocka_unit_test(a_source_is_one_harmless_path_element),
        cmocka_unit_test(the_stem_is_what_the_files_of_an_archive_share),
        cmocka_unit_test(an_encrypted_archive_is_named_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
