#include "formats/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t capacity;
    uint8_t *bytes;

    if (more <= buffer->capacity - buffer->length)
        return true;
    if (more > SIZE_MAX / 4 - buffer->length) {
        buffer->failed = true;
        return false;
    }
    /* Grows by half: a part of a very large row must not cost twice its size. */
    capacity = buffer->capacity + buffer->capacity / 2;
    if (capacity < buffer->length + more)
        capacity = buffer->length + more;
    bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0 || !buffer_reserve(buffer, length))
        return;
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

void buffer_puts(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !buffer_reserve(buffer, (size_t)length + 1)) {
        buffer->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf((char *)buffer->bytes + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
}

const char *buffer_text(struct buffer *buffer)
{
    if (!buffer_reserve(buffer, 1))
        return "";
    buffer->bytes[buffer->length] = '\0';
    return (const char *)buffer->bytes;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
