#include <stdio.h>

#include "engine/schedule/parts.h"

/*
 * The first hour of jobs that come once a day: in most places nobody works then, and clocks are put forward before it. systemd
 * leaves out what stands in the hour that such a night lacks.
 */
enum { MINUTE = 60, HOUR = 3600, DAY = 86400, APART = 20, FIRST_HOUR = 4 };

/* The largest divisor of `whole` that is not above `most`, and is at least 1. */
static int divisor(int whole, long most)
{
    int found = 1;

    for (int i = 1; i < whole && i <= most; i++)
        if (whole % i == 0)
            found = i;
    return found;
}

/* Weeks begin an hour after days, months an hour after weeks. */
struct schedule_when schedule_when(long every, size_t place)
{
    int shift = (int)(place % 18) * APART;
    struct schedule_when when = {.minute = shift % 60};

    if (every < HOUR) {
        when.unit = SCHEDULE_MINUTES;
        when.step = divisor(60, every / MINUTE);
    } else if (every < DAY) {
        when.unit = SCHEDULE_HOURS;
        when.step = divisor(24, every / HOUR);
    } else {
        when.unit = every < 7 * DAY    ? SCHEDULE_DAY
                    : every < 30 * DAY ? SCHEDULE_WEEK
                                       : SCHEDULE_MONTH;
        when.hour = FIRST_HOUR + (int)when.unit - (int)SCHEDULE_DAY + shift / 60;
    }
    return when;
}

void schedule_calendar(struct schedule_when when, struct buffer *text)
{
    if (when.unit == SCHEDULE_MINUTES)
        buffer_printf(text, "*-*-* *:00/%d:00", when.step);
    else if (when.unit == SCHEDULE_HOURS)
        buffer_printf(text, "*-*-* 00/%d:%02d:00", when.step, when.minute);
    else
        buffer_printf(text, "%s%02d:%02d:00",
                      when.unit == SCHEDULE_DAY    ? "*-*-* "
                      : when.unit == SCHEDULE_WEEK ? "Sun *-*-* "
                                                   : "*-*-01 ",
                      when.hour, when.minute);
}

enum { STEP_TEXT = 8 };

static const char *every_so_many(int step, char text[STEP_TEXT])
{
    snprintf(text, STEP_TEXT, "*/%d", step % 60);
    return step == 1 ? "*" : text;
}

void schedule_cron(struct schedule_when when, struct buffer *text)
{
    char step[STEP_TEXT];

    if (when.unit == SCHEDULE_MINUTES)
        buffer_printf(text, "%s * * * *", every_so_many(when.step, step));
    else if (when.unit == SCHEDULE_HOURS)
        buffer_printf(text, "%d %s * * *", when.minute, every_so_many(when.step, step));
    else
        buffer_printf(text, "%d %d %s * %s", when.minute, when.hour,
                      when.unit == SCHEDULE_MONTH ? "1" : "*",
                      when.unit == SCHEDULE_WEEK ? "0" : "*");
}
