/* Times in JSON, as text as in formats/times.h. */
#ifndef FORMATS_JSON_TIMES_H
#define FORMATS_JSON_TIMES_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

/* The caller owns them; NULL when memory is short. The second makes null of 0, which is no time. */
json_t *json_time(time_t time);
json_t *json_time_or_null(time_t time);

/* Whether `key` of the object holds a time. Where it is optional, null or nothing is fine, and 0. */
bool json_get_time(const json_t *object, const char *key, bool optional, time_t *time);

#endif
