/*
 * What the parts of making schedules share. Internal to engine/schedule.c and engine/schedule/.
 *
 * A new kind is one file with a render function and one row in the table in schedule.c.
 */
#ifndef ENGINE_SCHEDULE_PARTS_H
#define ENGINE_SCHEDULE_PARTS_H

#include "formats/arena.h"
#include "formats/buffer.h"
#include "larder/schedule.h"

enum schedule_unit {
    SCHEDULE_MINUTES,
    SCHEDULE_HOURS,
    SCHEDULE_DAY,
    SCHEDULE_WEEK,
    SCHEDULE_MONTH
};

/* A moment that comes again, as calendars and crontabs both can say it. */
struct schedule_when {
    enum schedule_unit unit;
    int step; /* of minutes and hours: a divisor of 60 or 24 */
    int hour, minute;
};

/*
 * For something that is wanted every so many seconds: the longest step of a calendar that is not longer. `place` tells
 * apart those of one step, so that they do not all begin at once.
 */
struct schedule_when schedule_when(long every, size_t place);
/* "*-*-* 04:00:00", as systemd has it. */
void schedule_calendar(struct schedule_when when, struct buffer *text);
/* "0 4 * * *" */
void schedule_cron(struct schedule_when when, struct buffer *text);

struct schedule_job {
    const char *verb;   /* "export", "drill" or "status" */
    const char *preset; /* NULL of status */
    size_t place;
    struct schedule_when when;
};

struct schedule {
    const struct larder_schedule_options *options;
    const char *program;
    const struct schedule_job *jobs;
    size_t job_count;
    int major; /* of the source's server; 0: not known */
    struct arena *arena;
    struct larder_schedule *result; /* has room for two files and one timer a job, and four more */
};

/* Adds a file; what is in the buffer is taken out of it. */
void schedule_add(struct schedule *schedule, const char *name, struct buffer *text);

void schedule_systemd(struct schedule *schedule);
void schedule_crontab(struct schedule *schedule);
void schedule_github(struct schedule *schedule);

/* LARDER_USAGE where a runner of GitHub cannot reach the source or the store. */
enum larder_status schedule_github_check(const struct larder_schedule_options *options,
                                         struct larder_error *error);

#endif
