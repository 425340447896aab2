/*
 * Bech32 (BIP 173) without its limit on the length, for the keys of age.
 */
#ifndef FORMATS_AGE_BECH32_H
#define FORMATS_AGE_BECH32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes the encoding of `bytes` and a NUL. `prefix` is all in lower or all in upper case, and so
 * is the result, of strlen(prefix) + 1 + (8 * length + 4) / 5 + 6 characters.
 */
void age_bech32_encode(char *text, const char *prefix, const uint8_t *bytes, size_t length);

/* False, unless `text` is the encoding of exactly `size` bytes under exactly `prefix`. `bytes` is
 * then undefined. */
bool age_bech32_decode(uint8_t *bytes, size_t size, const char *prefix, const char *text,
                       size_t length);

#endif
