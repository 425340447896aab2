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
    {86400, 0, "*-*-* 04:00:00", "0 4 * * *"},
    {86400, 4, "*-*-* 05:20:00", "20 5 * * *"},
    {3 * 86400, 0, "*-*-* 04:00:00", "0 4 * * *"},
    {7 * 86400, 0, "Sun *-*-* 05:00:00", "0 5 * * 0"},
    {28 * 86400, 0, "Sun *-*-* 05:00:00", "0 5 * * 0"},
    {30 * 86400, 0, "*-*-01 06:00:00", "0 6 1 * *"},
    {365 * 86400L, 17, "*-*-01 11:40:00", "40 11 1 * *"},
    {365 * 86400L, 18, "*-*-01 06:00:00", "0 6 1 * *"},
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

/* Clocks are put forward between midnight and 04:00, and systemd leaves out what stands in the hour that is not there. */
static void nothing_is_wanted_in_an_hour_that_summer_time_takes_away(void **state)
{
    static const long every[] = {86400, 7 * 86400, 30 * 86400};

    (void)state;
    for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
        for (size_t place = 0; place < 36; place++)
            assert_in_range(schedule_when(every[i], place).hour, 4, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wanted_every_so_often_comes_at_least_that_often),
        cmocka_unit_test(nothing_is_wanted_in_an_hour_that_summer_time_takes_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
