/*
 * Memory that is taken piece by piece and freed at once.
 *
 * Strings and arrays of one result (a manifest, a catalog lookup) live in one arena. A failed
 * allocation is remembered: the string functions then return "", so that a caller may build a whole
 * result and look at `arena_failed` once at the end; arena_alloc returns NULL.
 */
#ifndef FORMATS_ARENA_H
#define FORMATS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buffer;

/* NULL when memory is short. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);

/* `arena` takes over what is in `other`, its failure too, and `other` is no more. */
void arena_join(struct arena *arena, struct arena *other);

/* Zeroed memory, aligned for any type; NULL when memory is short or count * size overflows. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* Room for one more than `count` items: the items, or a copy with more room, and `*capacity` says how much. NULL when memory is short. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size);

/* A copy of the text; NULL stays NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The buffer's text, cut short where the buffer has failed, which is the arena's failure, too; frees what the buffer holds. */
char *arena_take(struct arena *arena, struct buffer *buffer);

bool arena_failed(const struct arena *arena);

#endif
