/*
 * Memory for keys and passphrases: zeroed, locked into RAM where the system allows it, left out of
 * core dumps and of child processes, wiped when it is freed.
 */
#ifndef FORMATS_AGE_SECRET_H
#define FORMATS_AGE_SECRET_H

#include <stddef.h>

/* NULL if there is no memory. Takes whole pages, so it is meant for few and small things. */
void *age_secret_new(size_t size);

/* NULL is fine. */
void age_secret_free(void *secret);

#endif
