/* A part in memory, as a part_reader reads it: piece by piece, of a size that the test chooses. */
#ifndef TESTS_FORMATS_PART_BYTES_H
#define TESTS_FORMATS_PART_BYTES_H

#include "formats/part.h"

struct part_bytes {
    struct part_source source;
    const struct part *part;
    uint64_t given;
    size_t piece;
};

static inline enum larder_status part_bytes_more(void *of, struct buffer *into,
                                                 struct larder_error *error)
{
    struct part_bytes *bytes = of;
    uint64_t left = bytes->part->length - bytes->given;
    size_t length = left < bytes->piece ? (size_t)left : bytes->piece;

    buffer_append(into, bytes->part->bytes + bytes->given, length);
    bytes->given += length;
    return into->failed ? larder_fail_memory(error) : LARDER_OK;
}

/* Nothing of it is read yet. Both stay at their places until it is. */
static inline const struct part_source *part_bytes(struct part_bytes *bytes,
                                                   const struct part *part, size_t piece)
{
    *bytes = (struct part_bytes){
        .source = {part_bytes_more, bytes, part->length, part->raw_bytes, part->rows, part->sha256},
        .part = part,
        .piece = piece};
    return &bytes->source;
}

#endif
