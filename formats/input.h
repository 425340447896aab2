/*
 * Bytes that can be read at any place: a file, an object in a store, memory, or the plaintext of
 * one of these.
 *
 * `read_at` reads exactly `length` bytes from `offset` into `buffer`, or fails; asking beyond
 * `size` is an error (LARDER_DAMAGED), never a short read. `length` is never 0. It may be called
 * from several threads at once. `close` frees the input, and what it stands on; closing NULL is
 * fine.
 *
 * An implementation embeds struct input as its first member.
 */
#ifndef FORMATS_INPUT_H
#define FORMATS_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "larder/error.h"

struct input;

/* The `piece` of what answers each read with a delay: a part, as a rule. */
enum { INPUT_FAR_PIECE = 4 * 1024 * 1024 };

struct input_ops {
    enum larder_status (*read_at)(struct input *input, uint64_t offset, void *buffer, size_t length,
                                  struct larder_error *error);
    void (*close)(struct input *input);
};

struct input {
    const struct input_ops *ops;
    uint64_t size; /* bytes */
    /* Bytes that who reads on should ask for at once, at least 1024; 0: as suits the reader. */
    size_t piece;
};

static inline enum larder_status input_read_at(struct input *input, uint64_t offset, void *buffer,
                                               size_t length, struct larder_error *error)
{
    if (offset > input->size || length > input->size - offset)
        return larder_fail(error, LARDER_DAMAGED, "the archive ends too early");
    if (length == 0)
        return LARDER_OK;
    return input->ops->read_at(input, offset, buffer, length, error);
}

struct buffer;

/* Appends all of it, where that is at most `most` bytes; more is LARDER_DAMAGED. `name` is for the message. */
enum larder_status input_read_whole(struct input *input, const char *name, size_t most,
                                    struct buffer *out, struct larder_error *error);

static inline void input_close(struct input *input)
{
    if (input != NULL)
        input->ops->close(input);
}

#endif
