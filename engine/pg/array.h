/* Arrays as query parameters and as results, in the server's text form. */
#ifndef ENGINE_PG_ARRAY_H
#define ENGINE_PG_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "formats/arena.h"
#include "formats/buffer.h"

/* Appends an element to an array literal under construction: begin with an empty buffer. */
void array_add(struct buffer *array, const char *element);
void array_add_number(struct buffer *array, uint64_t number);
/* Closes it ("{}" where nothing was added), and gives its text. */
const char *array_finish(struct buffer *array);

/* An array of OIDs, put into an empty buffer. */
const char *array_of_oids(struct buffer *array, const uint32_t *oids, size_t count);

/* Splits a one-dimensional text[] of the server's into arena strings; NULL where it is none or
 * memory is short. */
const char **array_split(struct arena *arena, const char *text, size_t *count);

#endif
