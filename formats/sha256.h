/* SHA-256 (FIPS 180-4) through OpenSSL, two digests side by side through sha256_pair.h, and the hexadecimal form. */
#ifndef FORMATS_SHA256_H
#define FORMATS_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "larder/error.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65 };

struct sha256;

/* NULL when memory is short. */
struct sha256 *sha256_new(void);
enum larder_status sha256_update(struct sha256 *sha, const void *bytes, size_t length,
                                 struct larder_error *error);
/* The same bytes into two digests: at once where the processor can, and both are at the start of a block. */
enum larder_status sha256_update_both(struct sha256 *one, struct sha256 *other, const void *bytes,
                                      size_t length, struct larder_error *error);
/* Gives the digest and starts anew. */
enum larder_status sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES],
                                struct larder_error *error);
void sha256_free(struct sha256 *sha);

/* Whether this processor takes two digests side by side faster than one after the other. */
bool sha256_beside_is_faster(void);

/*
 * The digest of other bytes beside: an update of `sha` takes as many whole blocks of them along as it takes of its own, where that is
 * faster, and the end takes the rest. One at a time; a second begin drops the first. While `sha` may be updated the bytes must stay, until
 * the end: so it has to come also where something else failed meanwhile, but not where the begin did.
 */
enum larder_status sha256_begin_beside(struct sha256 *sha, const void *bytes, size_t length,
                                       struct larder_error *error);
enum larder_status sha256_end_beside(struct sha256 *sha, uint8_t digest[SHA256_BYTES],
                                     struct larder_error *error);

/* The digest of bytes that lie in memory. */
enum larder_status sha256_of(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES],
                             struct larder_error *error);

/* 64 lowercase digits and a zero byte. */
void sha256_to_hex(const uint8_t digest[SHA256_BYTES], char hex[SHA256_HEX]);
/* Takes exactly 64 lowercase digits, followed by the end of the string. */
bool sha256_from_hex(const char *hex, uint8_t digest[SHA256_BYTES]);

#endif
