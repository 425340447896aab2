#include "formats/frame_writer.h"

#include <stdlib.h>
#include <zstd.h>

#include "formats/part.h"
#include "formats/zstd_frame.h"

enum {
    PLAIN_FRAMES = 7, /* after one whose literals did not shrink */
};

/* What is tried at level 1, on a frame each. */
enum trial {
    LEVELS_OWN,
    TABLE_OF_13,
    TABLE_OF_12,
    TABLE_OF_10,
    TABLE_OF_8,
    TABLE_OF_15,
    SHORT_MATCHES,
    TRIED,
};

/*
 * zstd finds what rows have in common by a hash table, at level 1 of 2^14 places. A smaller one is faster, and of what repeats by chance it
 * finds only what is near, which is short to say; a larger one finds more and is slower, and so are shorter matches. What does not make up
 * for that is left again.
 */
static const struct {
    int hash_log, min_match; /* as zstd takes them; 0: as before */
    int growth; /* that is put up with; below 0: shrinking that is wanted; in 1024ths */
    enum trial suits, suits_not; /* what is tried next */
} trials[] = {
    [LEVELS_OWN] = {.suits = TABLE_OF_13},
    [TABLE_OF_13] = {13, 0, 2, TABLE_OF_12, TABLE_OF_15},
    [TABLE_OF_12] = {12, 0, 1, TABLE_OF_10, SHORT_MATCHES},
    [TABLE_OF_10] = {10, 0, -1, TABLE_OF_8, SHORT_MATCHES},
    [TABLE_OF_8] = {8, 0, -1, SHORT_MATCHES, SHORT_MATCHES},
    [TABLE_OF_15] = {15, 0, -2, SHORT_MATCHES, SHORT_MATCHES},
    [SHORT_MATCHES] = {0, 5, -8, TRIED, TRIED},
    [TRIED] = {0},
};

struct frame_writer {
    ZSTD_CCtx *zstd;
    bool adapts;
    int plain_frames; /* how many more leave literals as they are; 0: the next one is looked at */
    enum trial trial; /* of the next frame */
    int hash_log, min_match; /* what suits; 0: the level's own */
    size_t usual;            /* bytes of a frame so */
};

struct frame_writer *frame_writer_new(int level)
{
    struct frame_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return NULL;
    writer->adapts = level == 1;
    writer->zstd = ZSTD_createCCtx();
    if (writer->zstd == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_contentSizeFlag, 1))) {
        frame_writer_free(writer);
        return NULL;
    }
    return writer;
}

void frame_writer_free(struct frame_writer *writer)
{
    if (writer == NULL)
        return;
    ZSTD_freeCCtx(writer->zstd);
    free(writer);
}

void frame_writer_begin(struct frame_writer *writer)
{
    writer->plain_frames = 0;
    writer->trial = LEVELS_OWN;
    writer->hash_log = writer->min_match = 0;
}

/* Whether zstd left nearly all literals of a frame as they were, since they do not shrink. RFC 8878, sections 3.1.1.1 to 3.1.1.3.1.1. */
static bool has_plain_literals(const uint8_t *frame, size_t length)
{
    static const uint8_t size_bytes[] = {1, 2, 4, 8};
    size_t at = FRAME_MAGIC_BYTES + 1, plain = 0, coded = 0;
    bool last = false;

    if (length <= at)
        return false;
    /* Its content's size is there, and makes it a single segment, or a window's byte comes before it. */
    at += size_bytes[frame[FRAME_MAGIC_BYTES] >> 6];
    at += (frame[FRAME_MAGIC_BYTES] & DESCRIPTOR_SINGLE_SEGMENT) != 0 ? 0 : 1;
    while (!last && at + BLOCK_HEADER_BYTES < length) {
        uint32_t header = frame[at] | (uint32_t)frame[at + 1] << 8 | (uint32_t)frame[at + 2] << 16;
        enum { RAW, RUN, COMPRESSED } type = header >> 1 & 3;

        at += BLOCK_HEADER_BYTES;
        if (type == RAW || (type == COMPRESSED && (frame[at] & 3) == RAW_LITERALS))
            plain++;
        else
            coded++;
        last = (header & 1) != 0;
        at += type == RUN ? 1 : header >> 3;
    }
    return plain > 0 && coded <= plain / 8;
}

/* How the next frame is compressed: as suits, but for what is tried on it. */
static void set_parameters(struct frame_writer *writer)
{
    int hash_log = trials[writer->trial].hash_log, min_match = trials[writer->trial].min_match;

    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_hashLog,
                           hash_log != 0 ? hash_log : writer->hash_log);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_minMatch,
                           min_match != 0 ? min_match : writer->min_match);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_targetLength, writer->plain_frames > 0 ? 1 : 0);
}

static bool differs(const struct frame_writer *writer, size_t compressed, size_t part)
{
    return compressed > writer->usual + writer->usual / part ||
           compressed < writer->usual - writer->usual / part;
}

/* Whether what was tried on a frame is worth it. */
static bool suits(const struct frame_writer *writer, size_t compressed)
{
    int64_t usual = (int64_t)writer->usual;

    return writer->trial == LEVELS_OWN ||
           (int64_t)compressed <= usual + usual * trials[writer->trial].growth / 1024;
}

static void judge(struct frame_writer *writer, size_t compressed)
{
    int hash_log = trials[writer->trial].hash_log, min_match = trials[writer->trial].min_match;

    if (!suits(writer, compressed)) {
        writer->trial = trials[writer->trial].suits_not;
        return;
    }
    writer->hash_log = hash_log != 0 ? hash_log : writer->hash_log;
    writer->min_match = min_match != 0 ? min_match : writer->min_match;
    writer->usual = compressed;
    writer->trial = trials[writer->trial].suits;
}

/*
 * Random bytes, such as of uuids, are looked through and coded in vain. Where a frame's literals did not shrink, level 1 leaves those of
 * some frames more as they are (which is what a target length means to it): the same size in less time.
 */
static void learn(struct frame_writer *writer, const uint8_t *frame, size_t compressed)
{
    bool looks = writer->plain_frames == 0, tried = writer->trial == TRIED;

    if (tried && differs(writer, compressed, 16)) {
        frame_writer_begin(writer); /* rows of another kind */
        return;
    }
    if (!looks)
        writer->plain_frames =
            tried && differs(writer, compressed, 64) ? 0 : writer->plain_frames - 1;
    else if (has_plain_literals(frame, compressed))
        writer->plain_frames = PLAIN_FRAMES;
    if (!tried)
        judge(writer, compressed);
    else if (looks)
        writer->usual = compressed;
}

enum larder_status frame_writer_append(struct frame_writer *writer, const uint8_t *bytes,
                                       size_t length, struct buffer *out,
                                       struct larder_error *error)
{
    size_t compressed;

    if (!buffer_reserve(out, ZSTD_compressBound(length)))
        return larder_fail_memory(error);
    if (writer->adapts)
        set_parameters(writer);
    compressed = ZSTD_compress2(writer->zstd, out->bytes + out->length, out->capacity - out->length,
                                bytes, length);
    if (ZSTD_isError(compressed))
        return larder_fail(error, LARDER_FAILED, "could not compress: %s",
                           ZSTD_getErrorName(compressed));
    if (writer->adapts && length == PART_FRAME_BYTES)
        learn(writer, out->bytes + out->length, compressed);
    out->length += compressed;
    return LARDER_OK;
}
