/*
 * A thread that reads a COPY ahead of whoever works on its bytes. Without it the server stands still while a lane compresses, since the
 * kernel holds less between them than a lane needs to go on reading at once.
 */
#ifndef ENGINE_PG_COPY_AHEAD_H
#define ENGINE_PG_COPY_AHEAD_H

#include <stdbool.h>

#include "engine/pg/copy.h"

struct copy_ahead;

/* For one COPY after the other, whose memory it keeps. NULL where memory is short. */
struct copy_ahead *copy_ahead_new(void);
void copy_ahead_free(struct copy_ahead *ahead);

/* Goes on with a COPY that was begun: from here on its connection is the thread's. False where no thread can be had. */
bool copy_ahead_begin(struct copy_ahead *ahead, struct copy_out *copy);

/* As copy_out_next. */
enum larder_status copy_ahead_next(struct copy_ahead *ahead, const uint8_t **bytes, size_t *length,
                                   uint64_t *rows, struct larder_error *error);

/*
 * Waits until the thread has ended, and gives the connection back; does nothing where none was begun. Before the COPY's end the
 * connection's stop_fd must be readable by then.
 */
void copy_ahead_end(struct copy_ahead *ahead);

#endif
