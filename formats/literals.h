/* What has become of a zstd frame's literals, the bytes that it does not take from what came before them. RFC 8878, section 3.1.1. */
#ifndef FORMATS_LITERALS_H
#define FORMATS_LITERALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct literals {
    size_t plain, coded; /* blocks that have them as they were, or shrunk */
    size_t sampled;      /* bytes of plain ones, of which there are so many each: */
    uint32_t counts[256];
};

/* Looks at a frame as ZSTD_compress2 has made it, or at its error, which has none. */
void literals_look(struct literals *literals, const uint8_t *frame, size_t length);

/* Whether nearly all blocks left them as they were. */
bool literals_are_plain(const struct literals *literals);

/* Whether those that were left so look as if they could shrink. */
bool literals_seem_codable(const struct literals *literals);

#endif
