/* Starting and ending other programs: what process.c and child.c share. */
#ifndef ENGINE_RUN_SPAWN_H
#define ENGINE_RUN_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "formats/buffer.h"
#include "larder/error.h"

struct spawned {
    const char *program;
    pid_t pid;            /* -1: not started, or waited for */
    int in, out, err;     /* our ends; -1: closed. `in` is a socket that does not block */
    struct buffer errors; /* the last of what it wrote to standard error */
};

/*
 * Starts a program; where `secret` is not NULL, it finds that in a file in memory, its descriptor 3. To be given to spawn_close in any
 * case; what is not waited for is to be ended first.
 */
enum larder_status spawn_begin(struct spawned *child, const char *const *arguments,
                               const char *const *environment, const char *secret,
                               struct larder_error *error);

/* Appends what is there to be read; false at the end. */
bool spawn_drain(int fd, struct buffer *buffer);

/* Takes what has come on standard error; closes it at its end. */
void spawn_take_errors(struct spawned *child);

/* Takes what the program's input takes of the bytes: their number, or -1 where it takes no more. */
ssize_t spawn_feed(struct spawned *child, const void *bytes, size_t length);

/* Whether it has ended, or does in a moment: the caller asks again, and heeds meanwhile what else may end it. */
bool spawn_has_ended(const struct spawned *child);

/* Waits for the end of one that has closed its outputs. The message of a failure has its last words; `code`
 * may be NULL, and gets its exit code. */
enum larder_status spawn_wait(struct spawned *child, int *code, struct larder_error *error);

/* Ends one that runs: with SIGTERM, and what does not listen to it is killed. */
void spawn_end(struct spawned *child);

void spawn_close_fd(int *fd);
void spawn_close(struct spawned *child);

#endif
