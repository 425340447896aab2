/* How often becomes when: in a calendar of systemd's, and in a crontab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "engine/schedule/parts.h"

static const struct row {
    long every;
    size_t place;
    const char *calendar, *cron;
} rows[] = {
    {60, 0, "*-*-* *:00/1:00", "* * * * *"},
    {7 * 60, 0, "*-*-* *:00/6:00", "*/6 * * * *"},
    {45 * 60, 3, "*-*-* *:00/30:00", "*/30 * * * *"},
    {3600, 1, "*-*-* 00/1:20:00", "20 * * * *"},
    {5 * 3600, 0, "*-*-* 00/4:00:00", "0 */4 * * *"},
    {86400, 0, "*-*-* 02:00:00", "0 2 * * *"},
    {86400, 4, "*-*-* 03:20:00", "20 3 * * *"},
    {3 * 86400, 0, "*-*-* 02:00:00", "0 2 * * *"},
    {7 * 86400, 0, "Sun *-*-* 03:00:00", "0 3 * * 0"},
    {30 * 86400, 0, "*-*-01 04:00:00", "0 4 1 * *"},
    {365 * 86400L, 17, "*-*-01 09:40:00", "40 9 1 * *"},
    {365 * 86400L, 18, "*-*-01 04:00:00", "0 4 1 * *"},
};

static void what_is_wanted_every_so_often_comes_at_least_that_often(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct schedule_when when = schedule_when(rows[i].every, rows[i].place);
        struct buffer text = {0};

        schedule_calendar(when, &text);
        assert_string_equal(buffer_text(&text), rows[i].calendar);
        text.length = 0;
        schedule_cron(when, &text);
        assert_string_equal(buffer_text(&text), rows[i].cron);
        buffer_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wanted_every_so_often_comes_at_least_that_often),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
