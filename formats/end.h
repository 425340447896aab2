/* The member larder.end, from which the manifest is found: FORMAT.md section 7. */
#ifndef FORMATS_END_H
#define FORMATS_END_H

#include <stdint.h>

#include "formats/sha256.h"
#include "larder/error.h"

#define END_NAME "larder.end"
enum { END_BYTES = 278, END_FROM_LAST = 2048 /* its header, counted back from the tar's end */ };

struct end {
    uint64_t manifest_offset, manifest_bytes;
    uint8_t manifest_sha256[SHA256_BYTES];
    uint64_t archive_bytes;
};

enum larder_status end_write(const struct end *end, uint8_t bytes[END_BYTES],
                             struct larder_error *error);

/* Takes only what end_write would write; LARDER_DAMAGED otherwise, saying in which way. */
enum larder_status end_read(const uint8_t bytes[END_BYTES], struct end *end,
                            struct larder_error *error);

#endif
