#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/times.h"

static void a_time_is_written_in_utc_and_read_back(void **state)
{
    static const struct {
        time_t time;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1737856800, "2025-01-26T02:00:00Z"},
        {951827696, "2000-02-29T12:34:56Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TIMES_TEXT];
        time_t back;

        times_to_text(cases[i].time, text);
        assert_string_equal(text, cases[i].text);
        assert_true(times_from_text(text, &back));
        assert_int_equal(back, cases[i].time);
    }
}

static void any_other_form_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "2025-01-26",
        "2025-01-26T02:00:00",
        "2025-01-26T02:00:00Z ",
        " 2025-01-26T02:00:00Z",
        "2025-01-26 02:00:00Z",
        "2025-1-26T02:00:00Z",
        "2025-02-29T02:00:00Z",
        "2025-01-26T24:00:00Z",
        "2025-01-26T02:00:60Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "2025-01-26T02:00:00+00",
        "2025-13-01T00:00:00Z",
        "+2025-01-26T02:00:00Z",
    };
    time_t back;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(times_from_text(wrong[i], &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_in_utc_and_read_back),
        cmocka_unit_test(any_other_form_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
