#include "formats/frame_writer.h"

#include <stdlib.h>
#include <zstd.h>

#include "formats/literals.h"
#include "formats/part.h"

enum {
    TRUSTED_FRAMES = 15, /* after one that was looked through in vain */
    FIRST_PATIENCE = 16, /* frames */
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

/* As zstd takes them; 0: the level's own. */
struct parameters {
    int hash_log, min_match;
};

/*
 * zstd finds what rows have in common by a hash table, at level 1 of 2^14 places. A smaller one is faster, and of what repeats by chance it
 * finds only what is near, which is short to say. A larger one finds more, in a tenth more of its time, and so do shorter matches.
 */
static const struct {
    struct parameters tried; /* 0: as suits */
    int growth; /* the most that a frame may grow by, in 1024ths; below 0: what it has to shrink by */
    enum trial suits, suits_not; /* what is tried next */
} trials[] = {
    [LEVELS_OWN] = {.suits = TABLE_OF_13},
    [TABLE_OF_13] = {{13, 0}, 2, TABLE_OF_12, TABLE_OF_15},
    [TABLE_OF_12] = {{12, 0}, 0, TABLE_OF_10, TABLE_OF_10},
    [TABLE_OF_10] = {{10, 0}, -1, TABLE_OF_8, SHORT_MATCHES},
    [TABLE_OF_8] = {{8, 0}, -1, SHORT_MATCHES, SHORT_MATCHES},
    [TABLE_OF_15] = {{15, 0}, -4, SHORT_MATCHES, SHORT_MATCHES},
    [SHORT_MATCHES] = {{0, 5}, -16, TRIED, TRIED},
    [TRIED] = {{0, 0}, 0, TRIED, TRIED},
};

struct frame_writer {
    ZSTD_CCtx *zstd;
    bool adapts;
    bool plain;         /* literals are left as they are */
    int trusted_frames; /* how many more whose literals are not doubted */

    enum trial trial; /* of the next frame, unless one has to wait */
    struct parameters suits;
    size_t usual;       /* bytes of the frame that told so */
    int wait, patience; /* frames to wait now, and the next time */
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

static void begin_trials(struct frame_writer *writer, int wait, int patience)
{
    writer->trial = LEVELS_OWN;
    writer->suits = (struct parameters){0, 0};
    writer->wait = wait;
    writer->patience = patience;
}

void frame_writer_begin(struct frame_writer *writer)
{
    writer->plain = false;
    writer->trusted_frames = 0;
    begin_trials(writer, 0, FIRST_PATIENCE);
}

static struct parameters parameters(const struct frame_writer *writer, enum trial trial)
{
    struct parameters tried = trials[trial].tried, suits = writer->suits;

    return (struct parameters){tried.hash_log != 0 ? tried.hash_log : suits.hash_log,
                               tried.min_match != 0 ? tried.min_match : suits.min_match};
}

/* All of them are within zstd's bounds. */
static void set_parameters(struct frame_writer *writer, enum trial trial)
{
    struct parameters set = parameters(writer, trial);

    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_hashLog, set.hash_log);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_minMatch, set.min_match);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_targetLength, writer->plain ? 1 : 0);
}

static bool is_usual(const struct frame_writer *writer, size_t compressed)
{
    size_t part = writer->usual / 16;

    return compressed <= writer->usual + part && compressed >= writer->usual - part;
}

/* What is tried on one frame is compared with what another one took. */
static void judge(struct frame_writer *writer, size_t compressed)
{
    uint64_t most = (uint64_t)writer->usual * (uint64_t)(1024 + trials[writer->trial].growth);

    if (writer->trial != LEVELS_OWN && (uint64_t)compressed * 1024 > most) {
        writer->trial = trials[writer->trial].suits_not;
        return;
    }
    writer->suits = parameters(writer, writer->trial);
    writer->usual = compressed;
    writer->trial = trials[writer->trial].suits;
}

/* Rows of another kind want trials of their own; where they change all the time, those tell nothing, and come less and less often. */
static void learn(struct frame_writer *writer, size_t compressed)
{
    if (writer->trial == TRIED && !is_usual(writer, compressed))
        begin_trials(writer, writer->patience, 2 * writer->patience);
    else if (writer->wait > 0)
        writer->wait--;
    else if (writer->trial != TRIED)
        judge(writer, compressed);
}

static size_t compress(struct frame_writer *writer, const uint8_t *bytes, size_t length,
                       uint8_t *out, size_t room, struct literals *literals)
{
    size_t compressed;

    set_parameters(writer, length == PART_FRAME_BYTES ? writer->trial : TRIED);
    compressed = ZSTD_compress2(writer->zstd, out, room, bytes, length);
    literals_look(literals, out, compressed);
    return compressed;
}

/*
 * Random bytes, such as of uuids, are looked through and coded in vain. After a frame whose literals did not shrink, level 1 leaves them as
 * they are (which is what a target length means to it): the same size in less time. A frame whose literals seem to shrink is compressed again.
 */
static size_t compress_adapting(struct frame_writer *writer, const uint8_t *bytes, size_t length,
                                uint8_t *out, size_t room)
{
    struct literals literals;
    size_t compressed = compress(writer, bytes, length, out, room, &literals);

    if (writer->trusted_frames > 0) {
        writer->trusted_frames--;
    } else if (writer->plain && literals_seem_codable(&literals)) {
        writer->plain = false;
        compressed = compress(writer, bytes, length, out, room, &literals);
        writer->trusted_frames = literals_are_plain(&literals) ? TRUSTED_FRAMES : 0;
    }
    writer->plain = literals_are_plain(&literals);
    if (length == PART_FRAME_BYTES)
        learn(writer, compressed);
    return compressed;
}

enum larder_status frame_writer_append(struct frame_writer *writer, const uint8_t *bytes,
                                       size_t length, struct buffer *out,
                                       struct larder_error *error)
{
    size_t compressed, room = ZSTD_compressBound(length);

    if (!buffer_reserve(out, room))
        return larder_fail_memory(error);
    compressed = writer->adapts
                     ? compress_adapting(writer, bytes, length, out->bytes + out->length, room)
                     : ZSTD_compress2(writer->zstd, out->bytes + out->length, room, bytes, length);
    if (ZSTD_isError(compressed))
        return larder_fail(error, LARDER_FAILED, "could not compress: %s",
                           ZSTD_getErrorName(compressed));
    out->length += compressed;
    return LARDER_OK;
}
