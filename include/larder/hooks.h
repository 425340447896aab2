/*
 * Telling others what became of a run: commands, a webhook and a ping, as docs/hooks.md has them. None of them changes what the run
 * itself comes to.
 */
#ifndef LARDER_HOOKS_H
#define LARDER_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "larder/run.h"

/* Zero: nobody is told. Commands are a program and its arguments, and run without a shell. */
struct larder_hooks {
    const char *const *on_success, *const *on_failure, *const *on_stale;
    size_t on_success_count, on_failure_count, on_stale_count;
    const char *webhook; /* http or https; gets a JSON document by POST */
    const char *ping;    /* the same; is asked by GET, with /start or /fail behind it */
    int timeout;         /* seconds for each; 0: 60 */
};

enum larder_event_kind {
    LARDER_EVENT_START, /* only a ping is for this */
    LARDER_EVENT_SUCCESS,
    LARDER_EVENT_FAILURE,
    LARDER_EVENT_STALE, /* a preset's newest good archive is too old, or missing */
};

/* What is told; what is not known is NULL or 0. */
struct larder_event {
    enum larder_event_kind kind;
    const char *command; /* "export", "drill", ... */
    const char *preset, *source, *backup_name, *archive;
    int exit;            /* the exit code that it comes to */
    const char *message; /* why, where it is a failure */
    uint64_t rows, bytes;
    double seconds;
    const char *const *warnings;
    size_t warning_count;
};

enum { LARDER_HOOKS_MOST = 4, LARDER_HOOK_MESSAGE = 512 };

/* Starts from {0}; larder_hooks_run adds to it. */
struct larder_hook_results {
    struct {
        const char *hook; /* "on_success", "webhook", "ping", ... */
        bool failed;
        char message[LARDER_HOOK_MESSAGE]; /* why; "" where it did not */
    } items[LARDER_HOOKS_MOST];
    size_t count;
};

/*
 * Runs those hooks that are for the event, one by one, and waits for each as long as `timeout` says; ten seconds at most once a
 * signal wants the run to stop. What commands write goes to the run's messages. What fails is a warning there, too.
 */
void larder_hooks_run(const struct larder_hooks *hooks, const struct larder_event *event,
                      const struct larder_run *run, struct larder_hook_results *results);

#endif
