/*
 * Base 64 (RFC 4648, section 4), strict: only the canonical encoding is read.
 */
#ifndef FORMATS_AGE_BASE64_H
#define FORMATS_AGE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that `length` bytes take with padding, a bound for those without. */
#define AGE_BASE64_SIZE(length) (((length) + 2) / 3 * 4)

/* Writes no NUL; returns the number of characters. */
size_t age_base64_encode(char *text, const uint8_t *bytes, size_t length, bool padded);

/*
 * Sets `*size` to the number of bytes written to `bytes`, which must have room for length / 4 * 3 +
 * 2. False, if `text` is not what age_base64_encode() would have written.
 */
bool age_base64_decode(uint8_t *bytes, size_t *size, const char *text, size_t length, bool padded);

#endif
