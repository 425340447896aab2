/* SHA-256 (FIPS 180-4) through OpenSSL, and its hexadecimal form. */
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
/* Gives the digest and starts anew. */
enum larder_status sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES],
                                struct larder_error *error);
void sha256_free(struct sha256 *sha);

/*
 * The digest of other bytes, which stay where they are until it is ended. Each update of `sha` meanwhile takes as many of them along as of
 * its own: where sha256_pair_can(), that is faster than one digest after the other, and else no slower.
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
