/*
 * A program that runs beside us: what it reads is written, and what it writes is read, as one goes. For those whose
 * input and output fit in memory there is process.h.
 *
 * A signal for the run ends every wait. A child is for one thread at a time.
 */
#ifndef ENGINE_RUN_CHILD_H
#define ENGINE_RUN_CHILD_H

#include <stddef.h>

#include "larder/error.h"
#include "larder/run.h"

struct child;

/* Starts it: `arguments` as in process.h; the first must live as long as the child. */
enum larder_status child_begin(const char *const *arguments, const struct larder_run *run,
                               struct child **child, struct larder_error *error);

/* Writes all of it. Where the program has ended, the message has its last words. */
enum larder_status child_write(struct child *child, const void *bytes, size_t length,
                               struct larder_error *error);

/* Reads what has come, at most `most` bytes: 0 at the end of its output. */
enum larder_status child_read(struct child *child, void *bytes, size_t most, size_t *length,
                              struct larder_error *error);

/* Closes its input, and waits until it has ended well; what it still writes is dropped. */
enum larder_status child_finish(struct child *child, struct larder_error *error);

/* Ends one that runs; NULL is fine. */
void child_free(struct child *child);

#endif
