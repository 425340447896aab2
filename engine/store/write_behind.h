/*
 * Writes a file from its beginning, in a thread of its own and where possible past the page cache, so that who gives bytes
 * need not wait for the disk, and an archive does not push the database's pages out of memory. What is written is
 * made durable on the way, so that little is left of that at the end. Memory is WRITE_BEHIND_BYTES.
 */
#ifndef ENGINE_STORE_WRITE_BEHIND_H
#define ENGINE_STORE_WRITE_BEHIND_H

#include <stddef.h>

#include "larder/error.h"

enum { WRITE_BEHIND_BYTES = 4 * 1024 * 1024 };

struct write_behind;

/* The descriptor and the name, which is for messages, stay the caller's. NULL when memory is short. */
struct write_behind *write_behind_new(int fd, const char *name);

/* Takes the bytes; a failure may be one of earlier bytes. */
enum larder_status write_behind_push(struct write_behind *file, const void *bytes, size_t length,
                                     struct larder_error *error);

/* Returns when all bytes are the file's; the last ones are not durable yet (fsync). */
enum larder_status write_behind_finish(struct write_behind *file, struct larder_error *error);

void write_behind_free(struct write_behind *file);

#endif
