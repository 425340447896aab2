/*
 * A thread that reads a COPY ahead of whoever works on its bytes. Without it the server stands still while a lane compresses, since the
 * kernel holds less between them than a lane needs to go on reading at once.
 */
#ifndef ENGINE_PG_COPY_AHEAD_H
#define ENGINE_PG_COPY_AHEAD_H

#include "engine/pg/copy.h"

struct copy_ahead;

/* Goes on with a COPY that was begun: from here on its connection is the thread's. NULL where no thread can be had, or no memory. */
struct copy_ahead *copy_ahead_new(struct copy_out *copy);

/* As copy_out_next. */
enum larder_status copy_ahead_next(struct copy_ahead *ahead, const uint8_t **bytes, size_t *length,
                                   uint64_t *rows, struct larder_error *error);

/*
 * Waits until the thread has ended, and gives the connection back. Before the COPY's end the connection's stop_fd must be readable by
 * then.
 */
void copy_ahead_free(struct copy_ahead *ahead);

#endif
