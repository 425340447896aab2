/*
 * Tells where jansson has lacked memory. It leaves out of an object or an array what it could not make, and takes a text that it
 * could not read for a malformed one: what is read or written must be taken for neither whole nor damaged then.
 */
#ifndef FORMATS_JSON_MEMORY_H
#define FORMATS_JSON_MEMORY_H

#include <stdbool.h>

/* From here on the process's jansson says where it lacks memory; a program calls it once, before any thread. */
void json_memory_watch(void);

/* Whether it ever did in this thread. */
bool json_memory_lacked(void);

/* Frees what jansson gives to free, such as json_dumps()'s text; NULL is fine. */
void json_memory_free(void *bytes);

#endif
