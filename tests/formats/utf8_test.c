#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/json_text.h"
#include "formats/utf8.h"

static void what_is_no_utf8_is_no_character(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xe9", 0},             /* Latin-1 */
        {"\xa9", 0},             /* the second byte of a character */
        {"\xe2\x82", 0},         /* cut */
        {"\xc0\xaf", 0},         /* "/", longer than need be */
        {"\xe0\x80\xaf", 0},     /* also */
        {"\xf0\x80\x80\xaf", 0}, /* also */
        {"\xed\xa0\x80", 0},     /* half of a pair of UTF-16 */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(utf8_length(rows[i].text), rows[i].length);
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
    static const char *const cut[] = {
        "", "a", "a", "a\xc3\xa9", "a\xc3\xa9", "a\xc3\xa9", "a\xc3\xa9\xe2\x82\xac"};
    char text[16];

    (void)state;
    for (size_t size = 1; size <= sizeof(cut) / sizeof(cut[0]); size++) {
        utf8_printf(text, size, "%s", "a\xc3\xa9\xe2\x82\xac");
        assert_string_equal(text, cut[size - 1]);
    }
}

static void what_fits_is_left_as_it_is(void **state)
{
    char text[16];

    (void)state;
    utf8_printf(text, sizeof(text), "caf\xe9");
    assert_string_equal(text, "caf\xe9");
}

static void json_takes_any_text(void **state)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xe9/a", "caf\xef\xbf\xbd/a"},
        {"\xf0\x80\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };
    json_t *nothing = json_text(NULL);

    (void)state;
    assert_true(json_is_null(nothing));
    json_decref(nothing);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *json = json_text(rows[i].text);

        assert_string_equal(json_string_value(json), rows[i].wanted);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_utf8_is_no_character),
        cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(what_fits_is_left_as_it_is),
        cmocka_unit_test(json_takes_any_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
