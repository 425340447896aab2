/* Descriptors that are open already, and may be pipes whose other end makes one wait. */
#ifndef ENGINE_STORE_STREAM_H
#define ENGINE_STORE_STREAM_H

#include <stddef.h>
#include <sys/types.h>

#include "formats/stage.h"
#include "larder/error.h"
#include "larder/run.h"

/*
 * Writes to a descriptor, such as standard output, and leaves it open. Where it is a pipe whose reader waits, a signal for
 * the run ends the wait.
 */
enum larder_status stream_write_to(int fd, const char *name, const struct larder_run *run,
                                   struct stage **stage, struct larder_error *error);

/* Reads what has come, at most `most` bytes: 0 at the end. A signal for the run ends the wait. */
enum larder_status stream_read(int fd, const char *name, const struct larder_run *run, void *bytes,
                               size_t most, size_t *length, struct larder_error *error);

/* Writes all of it; `run` as above, or NULL for a descriptor that makes nobody wait. */
enum larder_status stream_write(int fd, const char *name, const struct larder_run *run,
                                const void *bytes, size_t length, struct larder_error *error);

#endif
