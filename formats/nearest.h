/* What a mistyped name was meant to be. */
#ifndef FORMATS_NEAREST_H
#define FORMATS_NEAREST_H

#include <stddef.h>

#include "larder/error.h"

/* The one of the names that is at most two slips from the name; NULL where none is. */
const char *nearest(const char *name, const char *const *names, size_t count);

/* Hints at that one, where there is one, and at all of them: `Is "daily" meant? The presets are: daily, weekly.` Nothing where there are no names. */
void nearest_hint(const char *name, const char *const *names, size_t count, const char *all_are,
                  struct larder_error *error);

#endif
