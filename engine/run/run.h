/* Small things around struct larder_run that every use case needs. */
#ifndef ENGINE_RUN_RUN_H
#define ENGINE_RUN_RUN_H

#include <stdbool.h>

#include "formats/arena.h"
#include "larder/error.h"
#include "larder/run.h"

/* LARDER_OK, or the status of the signal that wants the run to stop. */
enum larder_status run_check(const struct larder_run *run, struct larder_error *error);

/* Whether the status is that of a signal. */
bool run_is_stopped(enum larder_status status);

void run_message(const struct larder_run *run, enum larder_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void run_progress(const struct larder_run *run, const struct larder_progress *progress);

/* Seconds on a clock that only goes forward. */
double run_clock(void);

/* A list of findings that grows in an arena; a failed allocation is seen in the arena. */
void findings_add(struct larder_findings *findings, struct arena *arena, const char *kind,
                  const char *object, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Copies everything that the findings point to into an arena that outlives them. */
void findings_keep(struct larder_findings *findings, struct arena *arena);

#endif
