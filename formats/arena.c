#include "formats/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/buffer.h"

enum { BLOCK = 16384 };

struct block {
    struct block *next;
    size_t used;
    size_t size;
    max_align_t bytes[];
};

struct arena {
    struct block *blocks; /* the one being filled first */
    bool failed;
};

struct arena *arena_new(void)
{
    return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
    struct block *block;

    if (arena == NULL)
        return;
    while ((block = arena->blocks) != NULL) {
        arena->blocks = block->next;
        free(block);
    }
    free(arena);
}

void arena_join(struct arena *arena, struct arena *other)
{
    struct block **last = &arena->blocks;

    while (*last != NULL)
        last = &(*last)->next;
    *last = other->blocks;
    arena->failed = arena->failed || other->failed;
    free(other);
}

static void *take(struct arena *arena, size_t length)
{
    struct block *block = arena->blocks;
    size_t size;
    void *piece;

    length = (length + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (block == NULL || block->size - block->used < length) {
        size = length > BLOCK ? length : BLOCK;
        block = calloc(1, sizeof(*block) + size);
        if (block == NULL) {
            arena->failed = true;
            return NULL;
        }
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    piece = (char *)block->bytes + block->used;
    block->used += length;
    return piece;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX / 2) / size) {
        arena->failed = true;
        return NULL;
    }
    return take(arena, count * size > 0 ? count * size : 1);
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity == 0 ? 64 : *capacity * 2;
    void *copy;

    if (count < *capacity)
        return items;
    copy = arena_alloc(arena, more, size);
    if (copy == NULL)
        return NULL;
    if (count > 0)
        memcpy(copy, items, count * size);
    *capacity = more;
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t length;
    char *copy;

    if (text == NULL)
        return NULL;
    length = strlen(text) + 1;
    copy = take(arena, length);
    if (copy == NULL)
        return "";
    return memcpy(copy, text, length);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    text = length < 0 ? NULL : take(arena, (size_t)length + 1);
    if (text == NULL) {
        arena->failed = true;
        return "";
    }
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

char *arena_take(struct arena *arena, struct buffer *buffer)
{
    char *text = arena_strdup(arena, buffer_text(buffer));

    arena->failed = arena->failed || buffer->failed;
    buffer_free(buffer);
    return text;
}

bool arena_failed(const struct arena *arena)
{
    return arena->failed;
}
