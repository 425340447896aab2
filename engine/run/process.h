/* Runs another program, without a shell. */
#ifndef ENGINE_RUN_PROCESS_H
#define ENGINE_RUN_PROCESS_H

#include <stddef.h>

#include "formats/buffer.h"
#include "larder/error.h"
#include "larder/run.h"

#define PROCESS_SECRET "/dev/fd/3"

struct process {
    const char *const *arguments; /* the program's path first, NULL last */
    const char *const
        *environment; /* "NAME=VALUE" that are set beside ours, NULL last; may be NULL */
    const char *
        secret; /* what it finds in PROCESS_SECRET, and nobody else does; NULL: there is no such file */
    const void *input; /* what it reads on standard input */
    size_t input_length;
    /* Where the input is still to come: it is in `later` as soon as `ready_fd`, an eventfd, can be read once. NULL otherwise. */
    const struct buffer *later;
    int ready_fd;
    /* Asked twice a second while the program runs; where it fails, the program is ended. May be NULL. */
    enum larder_status (*watch)(void *watched, struct larder_error *error);
    void *watched;
    int *exit_code; /* gets what it exits with, -1 where a signal ended it; may be NULL */
};

/*
 * Runs it to its end; what it writes to standard output is appended to `output`. Where it fails,
 * the message has the last line that it wrote to standard error. A signal for the run, a
 * readable `stop_fd` (-1: none), or its `watch` ends it with SIGTERM.
 */
enum larder_status process_run(const struct process *process, const struct larder_run *run,
                               int stop_fd, struct buffer *output, struct larder_error *error);

#endif
