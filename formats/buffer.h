/*
 * Bytes that grow at the end. Start from {0}; buffer_free frees what it holds and leaves {0}.
 *
 * A failed allocation is remembered in `failed` and the buffer stays as it was: a text may be put
 * together piece by piece and `failed` looked at once.
 */
#ifndef FORMATS_BUFFER_H
#define FORMATS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool failed;
};

/* Makes room for `more` bytes behind the length. False when memory is short. */
bool buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_puts(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The content as a string (a zero byte is kept behind the length); "" when memory is short. */
const char *buffer_text(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
