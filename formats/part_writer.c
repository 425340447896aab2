#include "formats/part.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/zstd_frame.h"

enum {
    PLAIN_FRAMES = 7, /* after one whose literals did not shrink */
    PLAIN_HASH_LOG = 12,
    PLAIN_MIN_MATCH = 5,
    PARTS_EXPECTED = 20000, /* each takes a KiB of memory where the manifest is written or read */
};

struct part_writer {
    ZSTD_CCtx *zstd;
    int level;
    int plain_frames; /* how many more leave literals as they are; 0: the next one is looked at */
    size_t usual;     /* bytes of such a frame; one that is larger is not of their kind */
    enum { TRY_TABLE, TRY_MATCHES, TRIED } trial;
    bool small_table, short_matches; /* for those frames */
    struct rows *rows;
    enum copy_format format;
    uint64_t part_bytes;

    uint8_t *frame; /* PART_FRAME_BYTES, raw */
    size_t frame_length;
    struct buffer compressed;
    uint64_t raw_bytes;   /* of the part, frame included */
    uint64_t rows_before; /* of the table, when the part began */
    bool open;            /* a part is begun */
    bool at_row_start;
    bool held; /* one byte that may begin a row or a trailer */
    uint8_t held_byte;
};

uint64_t part_raw_bytes(uint64_t expected)
{
    uint64_t bytes = expected / PARTS_EXPECTED;

    return bytes > PART_RAW_BYTES ? bytes : PART_RAW_BYTES;
}

struct part_writer *part_writer_new(int level, uint64_t raw_bytes)
{
    struct part_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return NULL;
    writer->level = level;
    writer->part_bytes = raw_bytes > 0 ? raw_bytes : PART_RAW_BYTES;
    writer->zstd = ZSTD_createCCtx();
    writer->frame = malloc(PART_FRAME_BYTES);
    if (writer->zstd == NULL || writer->frame == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_contentSizeFlag, 1))) {
        part_writer_free(writer);
        return NULL;
    }
    return writer;
}

void part_writer_free(struct part_writer *writer)
{
    if (writer == NULL)
        return;
    ZSTD_freeCCtx(writer->zstd);
    rows_free(writer->rows);
    buffer_free(&writer->compressed);
    free(writer->frame);
    free(writer);
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

/* How the next frame is compressed. */
static void set_parameters(struct part_writer *writer)
{
    bool plain = writer->plain_frames > 0;

    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_targetLength, plain ? 1 : 0);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_hashLog,
                           plain && writer->small_table ? PLAIN_HASH_LOG : 0);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_minMatch,
                           plain && writer->short_matches ? PLAIN_MIN_MATCH : 0);
}

/* What a frame without its literals says of how the next ones should be compressed. */
static void try_next(struct part_writer *writer, size_t compressed)
{
    size_t usual = writer->usual;

    if (writer->trial == TRY_TABLE) {
        writer->small_table = compressed <= usual + usual / 256;
        writer->short_matches = true;
        writer->trial = TRY_MATCHES;
    } else if (writer->trial == TRY_MATCHES) {
        writer->short_matches = compressed < usual - usual / 128;
        writer->usual = writer->short_matches ? compressed : usual;
        writer->trial = TRIED;
    } else {
        writer->plain_frames = compressed > usual + usual / 64 ? 0 : writer->plain_frames - 1;
    }
}

/*
 * Random bytes, such as of uuids, are looked through and coded in vain. Where a frame's literals did not shrink, level 1 leaves those of
 * some frames more as they are (which is what a target length means to it): the same size in less time. Such rows differ in what else
 * suits them, so each table's have a frame with a smaller table, which is faster, and one with shorter matches, which may be smaller.
 */
static void adapt(struct part_writer *writer, const uint8_t *frame, size_t raw, size_t compressed)
{
    if (writer->level != 1 || raw < PART_FRAME_BYTES)
        return;
    if (writer->plain_frames > 0) {
        try_next(writer, compressed);
    } else if (has_plain_literals(frame, compressed)) {
        writer->usual = compressed;
        writer->plain_frames = PLAIN_FRAMES;
    }
    set_parameters(writer);
}

static void forget(struct part_writer *writer)
{
    writer->plain_frames = 0;
    writer->trial = TRY_TABLE;
    writer->small_table = true;
    writer->short_matches = false;
    if (writer->level == 1)
        set_parameters(writer);
}

enum larder_status part_writer_begin(struct part_writer *writer, enum copy_format format,
                                     int columns, struct larder_error *error)
{
    rows_free(writer->rows);
    writer->rows = rows_new(format, columns);
    if (writer->rows == NULL)
        return larder_fail_memory(error);
    writer->format = format;
    forget(writer);
    writer->frame_length = 0;
    writer->rows_before = 0;
    writer->open = false;
    writer->at_row_start = true;
    writer->held = false;
    return LARDER_OK;
}

static enum larder_status flush_frame(struct part_writer *writer, struct larder_error *error)
{
    struct buffer *out = &writer->compressed;
    size_t length;

    if (writer->frame_length == 0)
        return LARDER_OK;
    if (!buffer_reserve(out, ZSTD_compressBound(writer->frame_length)))
        return larder_fail_memory(error);
    length = ZSTD_compress2(writer->zstd, out->bytes + out->length, out->capacity - out->length,
                            writer->frame, writer->frame_length);
    if (ZSTD_isError(length))
        return larder_fail(error, LARDER_FAILED, "could not compress: %s",
                           ZSTD_getErrorName(length));
    out->length += length;
    adapt(writer, out->bytes + out->length - length, writer->frame_length, length);
    writer->frame_length = 0;
    return LARDER_OK;
}

static enum larder_status append(struct part_writer *writer, const uint8_t *bytes, size_t length,
                                 struct larder_error *error)
{
    enum larder_status status;
    size_t step;

    writer->raw_bytes += length;
    while (length > 0) {
        step = PART_FRAME_BYTES - writer->frame_length;
        if (step > length)
            step = length;
        memcpy(writer->frame + writer->frame_length, bytes, step);
        writer->frame_length += step;
        bytes += step;
        length -= step;
        if (writer->frame_length == PART_FRAME_BYTES) {
            status = flush_frame(writer, error);
            if (status != LARDER_OK)
                return status;
        }
    }
    return LARDER_OK;
}

static enum larder_status open_part(struct part_writer *writer, struct larder_error *error)
{
    writer->open = true;
    writer->raw_bytes = 0;
    writer->compressed.length = 0;
    if (writer->format == COPY_TEXT)
        return LARDER_OK;
    return append(writer, copy_binary_header, COPY_HEADER_BYTES, error);
}

/* Appends bytes of a row. A lone first byte waits, since it may turn out to begin the trailer. */
static enum larder_status append_row(struct part_writer *writer, const uint8_t *bytes,
                                     size_t length, bool row_ended, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (writer->format == COPY_BINARY && writer->at_row_start && !row_ended && length == 1) {
        writer->held = true;
        writer->held_byte = bytes[0];
        writer->at_row_start = false;
        return LARDER_OK;
    }
    if (!writer->open)
        status = open_part(writer, error);
    if (status == LARDER_OK && writer->held) {
        writer->held = false;
        status = append(writer, &writer->held_byte, 1, error);
    }
    writer->at_row_start = row_ended;
    return status == LARDER_OK ? append(writer, bytes, length, error) : status;
}

enum larder_status part_writer_push(struct part_writer *writer, const uint8_t *bytes, size_t length,
                                    size_t *taken, struct part *part, struct larder_error *error)
{
    enum larder_status status;
    enum rows_event event;
    size_t step;

    *part = (struct part){0};
    *taken = 0;
    while (*taken < length) {
        status = rows_next(writer->rows, bytes + *taken, length - *taken, &step, &event, error);
        if (status == LARDER_OK && event != ROWS_AROUND)
            status = append_row(writer, bytes + *taken, step, event == ROWS_ROW, error);
        if (status != LARDER_OK)
            return status;
        *taken += step;
        if (event == ROWS_ROW && writer->raw_bytes >= writer->part_bytes)
            return part_writer_end(writer, part, error);
    }
    return LARDER_OK;
}

enum larder_status part_writer_end_stream(struct part_writer *writer, struct larder_error *error)
{
    writer->held = false;
    writer->at_row_start = true;
    return rows_restart(writer->rows, error);
}

enum larder_status part_writer_end(struct part_writer *writer, struct part *part,
                                   struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *part = (struct part){0};
    if (!writer->open)
        return LARDER_OK;
    writer->open = false;
    if (writer->format == COPY_BINARY)
        status = append(writer, copy_binary_trailer, COPY_TRAILER_BYTES, error);
    if (status == LARDER_OK)
        status = flush_frame(writer, error);
    if (status == LARDER_OK)
        status =
            sha256_of(writer->compressed.bytes, writer->compressed.length, part->sha256, error);
    if (status != LARDER_OK)
        return status;
    part->bytes = writer->compressed.bytes;
    part->length = writer->compressed.length;
    part->raw_bytes = writer->raw_bytes;
    part->rows = rows_count(writer->rows) - writer->rows_before;
    writer->rows_before = rows_count(writer->rows);
    return LARDER_OK;
}

uint64_t part_writer_rows(const struct part_writer *writer)
{
    return rows_count(writer->rows);
}

struct fingerprint part_writer_fingerprint(const struct part_writer *writer)
{
    return rows_fingerprint(writer->rows);
}
