/* What of a zstd frame's own form larder looks at: RFC 8878, section 3.1.1. */
#ifndef FORMATS_ZSTD_FRAME_H
#define FORMATS_ZSTD_FRAME_H

enum {
    FRAME_MAGIC_BYTES = 4,
    DESCRIPTOR_DICTIONARY = 3,
    DESCRIPTOR_CHECKSUM = 1 << 2,
    DESCRIPTOR_SINGLE_SEGMENT = 1 << 5,
    BLOCK_HEADER_BYTES = 3,
    RAW_LITERALS = 0, /* the kind of literals, in the two lowest bits of a compressed block */
};

#endif
