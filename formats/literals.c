#include "formats/literals.h"

#include <zstd.h>

#include "formats/zstd_frame.h"

enum { SAMPLE_BYTES = 512 }; /* of each block's */

static void sample(struct literals *literals, const uint8_t *bytes, size_t length)
{
    length = length < SAMPLE_BYTES ? length : SAMPLE_BYTES;
    for (size_t i = 0; i < length; i++)
        literals->counts[bytes[i]]++;
    literals->sampled += length;
}

/* A compressed block of `length` bytes: RFC 8878, section 3.1.1.3.1.1. */
static void look_at_block(struct literals *literals, const uint8_t *block, size_t length)
{
    static const size_t header_bytes[] = {1, 2, 1, 3};
    size_t header = length > 0 ? header_bytes[block[0] >> 2 & 3] : 0, size;

    if (header == 0 || header > length || (block[0] & 3) != RAW_LITERALS) {
        literals->coded++;
        return;
    }
    literals->plain++;
    size = header == 1   ? (size_t)block[0] >> 3
           : header == 2 ? (size_t)block[0] >> 4 | (size_t)block[1] << 4
                         : (size_t)block[0] >> 4 | (size_t)block[1] << 4 | (size_t)block[2] << 12;
    sample(literals, block + header, size < length - header ? size : length - header);
}

void literals_look(struct literals *literals, const uint8_t *frame, size_t length)
{
    static const uint8_t size_bytes[] = {1, 2, 4, 8};
    size_t at = FRAME_MAGIC_BYTES + 1;
    bool last = false;

    *literals = (struct literals){0};
    if (ZSTD_isError(length) || length <= at)
        return;
    /* Its content's size is there, and makes it a single segment, or a window's byte comes before it. */
    at += size_bytes[frame[FRAME_MAGIC_BYTES] >> 6];
    at += (frame[FRAME_MAGIC_BYTES] & DESCRIPTOR_SINGLE_SEGMENT) != 0 ? 0 : 1;
    while (!last && at + BLOCK_HEADER_BYTES < length) {
        uint32_t header = frame[at] | (uint32_t)frame[at + 1] << 8 | (uint32_t)frame[at + 2] << 16;
        enum { RAW, RUN, COMPRESSED } type = header >> 1 & 3;
        size_t size = type == RUN ? 1 : header >> 3;

        at += BLOCK_HEADER_BYTES;
        size = size < length - at ? size : length - at;
        if (type == COMPRESSED)
            look_at_block(literals, frame + at, size);
        else if (type == RAW)
            sample(literals, frame + at, size);
        literals->plain += type == RAW ? 1 : 0;
        literals->coded += type == RUN ? 1 : 0;
        last = (header & 1) != 0;
        at += size;
    }
}

bool literals_are_plain(const struct literals *literals)
{
    return literals->plain > 0 && literals->coded <= literals->plain / 8;
}

/* Two random bytes are the same once in 256 times, apart from those that are compared with themselves. A few bytes tell nothing. */
bool literals_seem_codable(const struct literals *literals)
{
    uint64_t same = 0, pairs = (uint64_t)literals->sampled * literals->sampled;

    for (size_t i = 0; i < 256; i++)
        same += (uint64_t)literals->counts[i] * literals->counts[i];
    return literals->sampled >= SAMPLE_BYTES && same > pairs / 256 * 3 / 2 + literals->sampled;
}
