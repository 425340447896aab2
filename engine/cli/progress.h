/*
 * How a run tells what it is doing: on a terminal a bar on one line that is redrawn, otherwise
 * quiet lines. On standard error, both.
 */
#ifndef ENGINE_CLI_PROGRESS_H
#define ENGINE_CLI_PROGRESS_H

#include <stdbool.h>

#include "larder/run.h"

struct progress;

/* Sets the run's callbacks. NULL when memory is short; then the run tells nothing. */
struct progress *progress_new(bool quiet, bool verbose, struct larder_run *run);
/* Removes the bar from the screen. */
void progress_free(struct progress *progress);

#endif
