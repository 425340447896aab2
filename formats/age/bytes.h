/*
 * Bytes that grow. Start from {0}; after a failure what is in them is as before.
 */
#ifndef FORMATS_AGE_BYTES_H
#define FORMATS_AGE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct age_bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

/* Makes room for `more` bytes. False if there is no memory. */
static inline bool age_bytes_reserve(struct age_bytes *bytes, size_t more)
{
    size_t capacity = bytes->capacity;
    uint8_t *data;

    if (more <= bytes->capacity - bytes->length)
        return true;
    if (more > SIZE_MAX / 4 - bytes->length)
        return false;
    while (capacity < bytes->length + more)
        capacity = capacity == 0 ? 256 : 2 * capacity;
    data = realloc(bytes->data, capacity);
    if (data == NULL)
        return false;
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

static inline bool age_bytes_add(struct age_bytes *bytes, const void *data, size_t length)
{
    if (length == 0)
        return true;
    if (!age_bytes_reserve(bytes, length) || bytes->data == NULL)
        return false;
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
    return true;
}

static inline void age_bytes_free(struct age_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct age_bytes){0};
}

#endif
