/*
 * How a run tells what it is doing, on standard error: on a terminal a bar that is redrawn, and an
 * answer to Ctrl-C at once; otherwise lines, and of progress only what --verbose or JSON asks for.
 */
#ifndef ENGINE_CLI_PROGRESS_H
#define ENGINE_CLI_PROGRESS_H

#include <stdbool.h>

#include "larder/run.h"

struct progress;

/* Sets the run's callbacks. NULL when memory is short; then the run tells nothing. */
struct progress *progress_new(bool quiet, bool verbose, struct larder_run *run);
/* Removes the bar from the screen, until there is progress again: something is about to be printed. */
void progress_pause(const struct larder_run *run);
/* Removes the bar for good. */
void progress_free(struct progress *progress);

#endif
