/*
 * Blocks of two SHA-256 digests side by side. FIPS 180-4, sections 4.2.2 and 6.2.2.
 *
 * A processor with instructions for SHA-256 waits for the one before with each of them: a second digest fills the time. OpenSSL offers
 * nothing like it, and is what this is tested against. Of use to formats/sha256.c alone.
 */
#ifndef FORMATS_SHA256_PAIR_H
#define FORMATS_SHA256_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64 };

/* Whether this processor can; without, sha256_pair_blocks must not be called. */
bool sha256_pair_can(void);

/*
 * Takes `blocks` blocks of bytes[i] into states[i], eight words each; both may lie anywhere in memory. The lengths are the caller's to
 * count.
 */
void sha256_pair_blocks(uint32_t *const states[2], const uint8_t *const bytes[2], size_t blocks);

#endif
