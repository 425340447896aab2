/* JSON from elsewhere, within the limits of FORMAT.md section 9. */
#ifndef FORMATS_JSON_LOAD_H
#define FORMATS_JSON_LOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_MAX_DEPTH = 64, JSON_MAX_VALUES = 8 * 1024 * 1024 };

/*
 * Whether depth and number of values are within the limits; jansson descends by recursion, and
 * takes up to a hundred times the text's size in memory.
 */
bool json_is_within_limits(const uint8_t *bytes, size_t length);

/*
 * The object that the bytes are; the caller owns it. NULL where they are none, hold a key twice,
 * are longer than `most`, or go beyond the limits above.
 */
json_t *json_load_object(const uint8_t *bytes, size_t length, size_t most);

#endif
