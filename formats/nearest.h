/* What a mistyped name was meant to be. */
#ifndef FORMATS_NEAREST_H
#define FORMATS_NEAREST_H

#include <stddef.h>

/* The one of the names that is at most two slips from the name; NULL where none is. */
const char *nearest(const char *name, const char *const *names, size_t count);

#endif
