/* A stage that passes bytes on, counts them and takes their SHA-256. */
#ifndef FORMATS_HASH_STAGE_H
#define FORMATS_HASH_STAGE_H

#include <stdint.h>

#include "formats/sha256.h"
#include "formats/stage.h"

/* What a hash stage found; filled by its finish, before the next stage's. The caller's, and must
 * live as long. */
struct hash_result {
    uint64_t bytes;
    uint8_t sha256[SHA256_BYTES];
};

/* NULL when memory is short; then the caller still owns `next`. */
struct stage *hash_stage_new(struct stage *next, struct hash_result *result);

/* The digest that is taken, to take others along (sha256_begin_beside); it goes with the stage, which must be a hash stage itself. */
struct sha256 *hash_stage_sha256(struct stage *stage);

#endif
