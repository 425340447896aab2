/* Schedules: what runs larder at night, made from the presets and how often each wants an archive. */
#ifndef LARDER_SCHEDULE_H
#define LARDER_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/preset.h"
#include "larder/run.h"

/* What to schedule. Zero means default; strings stay the caller's. */
struct larder_schedule_options {
    const char *kind;              /* "systemd", "cron" or "github" */
    struct larder_connect source;  /* whose presets these are */
    struct larder_presets presets; /* not empty: they are used, and nobody is asked */
    const char *program;           /* default: /usr/bin/larder */
    const char *user;              /* whom systemd runs it as; default: root */
    const char *config_file;       /* absolute; default: where larder looks for it */
    const char *store;             /* a folder of this host is made writable for the services */
    const char *key_file; /* absolute; drills open archives with it; default: the config's */
    bool no_drill;        /* this host has no key that opens archives */
};

struct larder_schedule_file {
    const char *name; /* without a folder */
    const char *text;
};

struct larder_schedule {
    struct larder_schedule_file *files;
    size_t count;
    const char *help;    /* what to do with them, for a person */
    const char **timers; /* of systemd: what is to be enabled */
    size_t timer_count;
    void *memory;
};

/* LARDER_USAGE where there is no such kind, or where what it runs on cannot reach the source or the store. Asks nobody. */
enum larder_status larder_schedule_check(const struct larder_schedule_options *options,
                                         struct larder_error *error);

/*
 * Checks that, and makes the files, in memory. LARDER_USAGE also where no preset has a schedule. The caller frees the result, on failure
 * too.
 */
enum larder_status larder_schedule(const struct larder_schedule_options *options,
                                   const struct larder_run *run, struct larder_schedule *result,
                                   struct larder_error *error);

/*
 * Writes them into a folder, which is made where it is missing. One that exists with another content is
 * LARDER_USAGE, before any is written, unless `replace`.
 */
enum larder_status larder_schedule_write(const struct larder_schedule *schedule, const char *folder,
                                         bool replace, struct larder_error *error);
void larder_schedule_free(struct larder_schedule *schedule);

#endif
