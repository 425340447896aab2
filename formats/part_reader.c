#include "formats/part.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "formats/zstd_frame.h"

enum {
    FRAME_BYTES_MIN = FRAME_MAGIC_BYTES + 2,
    FRAME_BYTES_MAX = 5 * 1024 * 1024, /* FORMAT.md section 3 */
    FRAME_HEADER_MAX = 18,             /* RFC 8878, section 3.1.1.1 */
    WINDOW_MAX = 8 * 1024 * 1024,
};

struct part_reader {
    ZSTD_DCtx *zstd;
    uint8_t *frame;
    const struct part_source *source;
    struct sha256 *sha;
    struct buffer held; /* read; what stands before `at` is decoded */
    size_t at;
    uint64_t unread; /* of the part */
    uint64_t raw_left;
};

struct part_reader *part_reader_new(void)
{
    struct part_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        return NULL;
    reader->zstd = ZSTD_createDCtx();
    reader->frame = malloc(PART_FRAME_LIMIT);
    if (reader->zstd == NULL || reader->frame == NULL) {
        part_reader_free(reader);
        return NULL;
    }
    return reader;
}

void part_reader_free(struct part_reader *reader)
{
    if (reader == NULL)
        return;
    ZSTD_freeDCtx(reader->zstd);
    free(reader->frame);
    sha256_free(reader->sha);
    buffer_free(&reader->held);
    free(reader);
}

enum larder_status part_reader_begin(struct part_reader *reader, const struct part_source *source,
                                     struct larder_error *error)
{
    sha256_free(reader->sha);
    reader->sha = source->sha256 != NULL ? sha256_new() : NULL;
    if (source->sha256 != NULL && reader->sha == NULL)
        return larder_fail_memory(error);
    reader->source = source;
    reader->held.length = 0;
    reader->at = 0;
    reader->unread = source->length;
    reader->raw_left = source->raw_bytes;
    return LARDER_OK;
}

static enum larder_status check_digest(struct part_reader *reader, struct larder_error *error)
{
    uint8_t digest[SHA256_BYTES];
    enum larder_status status;

    if (reader->sha == NULL)
        return LARDER_OK;
    status = sha256_final(reader->sha, digest, error);
    if (status == LARDER_OK && memcmp(digest, reader->source->sha256, sizeof(digest)) != 0)
        status = larder_fail(error, LARDER_DAMAGED, "its SHA-256 is not the manifest's");
    return status;
}

/* Reads on: what is decoded gives way. */
static enum larder_status fill(struct part_reader *reader, struct larder_error *error)
{
    struct buffer *held = &reader->held;
    size_t kept = held->length - reader->at;
    enum larder_status status;

    if (kept > 0 && reader->at > 0)
        memmove(held->bytes, held->bytes + reader->at, kept);
    held->length = kept;
    reader->at = 0;
    status = reader->source->more(reader->source->of, held, error);
    if (status == LARDER_OK && reader->sha != NULL)
        status = sha256_update(reader->sha, held->bytes + kept, held->length - kept, error);
    if (status != LARDER_OK) {
        reader->unread = 0; /* it is not asked again */
        return status;
    }
    reader->unread -= held->length - kept;
    return reader->unread == 0 ? check_digest(reader, error) : LARDER_OK;
}

/* The window that a decoder of streams would need. RFC 8878, section 3.1.1.1.2. */
static uint64_t window_of(uint8_t descriptor, uint8_t window)
{
    uint64_t base = UINT64_C(1) << (10 + (window >> 3));

    if ((descriptor & DESCRIPTOR_SINGLE_SEGMENT) != 0)
        return 0; /* as large as the content, which has a limit of its own */
    return base + base / 8 * (window & 7);
}

/* How many bytes the frame at `at` takes; reads on until it is there. */
static enum larder_status find_length(struct part_reader *reader, size_t *compressed,
                                      struct larder_error *error)
{
    size_t length = ZSTD_findFrameCompressedSize(reader->held.bytes + reader->at,
                                                 reader->held.length - reader->at);
    enum larder_status status = LARDER_OK;

    while (ZSTD_getErrorCode(length) == ZSTD_error_srcSize_wrong && reader->unread > 0 &&
           reader->held.length - reader->at <= FRAME_BYTES_MAX) {
        status = fill(reader, error);
        if (status != LARDER_OK)
            return status;
        length = ZSTD_findFrameCompressedSize(reader->held.bytes, reader->held.length);
    }
    *compressed = length;
    if (ZSTD_isError(length) || length > FRAME_BYTES_MAX)
        status = larder_fail(error, LARDER_DAMAGED, "a zstd frame is cut short or malformed");
    return status;
}

/* The rules that zstd itself would let pass. RFC 8878, section 3.1.1.1. */
static enum larder_status check_frame(const struct part_reader *reader, size_t *raw,
                                      struct larder_error *error)
{
    static const uint8_t magic[FRAME_MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
    const uint8_t *frame = reader->held.bytes + reader->at;
    size_t left = reader->held.length - reader->at;
    unsigned long long size;
    uint8_t descriptor;

    if (left < FRAME_BYTES_MIN || memcmp(frame, magic, sizeof(magic)) != 0)
        return larder_fail(error, LARDER_DAMAGED, "it is not made of zstd frames");
    descriptor = frame[FRAME_MAGIC_BYTES];
    if ((descriptor & DESCRIPTOR_CHECKSUM) == 0 || (descriptor & DESCRIPTOR_DICTIONARY) != 0)
        return larder_fail(error, LARDER_DAMAGED,
                           "a zstd frame has no checksum, or wants a dictionary");
    if (window_of(descriptor, frame[FRAME_MAGIC_BYTES + 1]) > WINDOW_MAX)
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame wants too large a window");
    size = ZSTD_getFrameContentSize(frame, left);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size == 0 ||
        size > PART_FRAME_LIMIT || size > reader->raw_left)
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame states a wrong content size");
    *raw = (size_t)size;
    return LARDER_OK;
}

static enum larder_status decode(struct part_reader *reader, size_t *length,
                                 struct larder_error *error)
{
    size_t compressed = 0, raw = 0, result;
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && reader->unread > 0 &&
           reader->held.length - reader->at < FRAME_HEADER_MAX)
        status = fill(reader, error);
    if (status == LARDER_OK)
        status = check_frame(reader, &raw, error);
    if (status == LARDER_OK)
        status = find_length(reader, &compressed, error);
    if (status != LARDER_OK)
        return status;
    result = ZSTD_decompressDCtx(reader->zstd, reader->frame, PART_FRAME_LIMIT,
                                 reader->held.bytes + reader->at, compressed);
    if (ZSTD_isError(result) || result != raw)
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame could not be decoded: %s",
                           ZSTD_isError(result) ? ZSTD_getErrorName(result) : "wrong size");
    reader->at += compressed;
    reader->raw_left -= raw;
    *length = raw;
    return LARDER_OK;
}

/* Bytes that are not those that were written are what is wrong, whatever they break first. */
static enum larder_status blame(struct part_reader *reader, struct larder_error *error)
{
    struct larder_error of_bytes = {0};
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && reader->unread > 0) {
        reader->at = reader->held.length;
        status = fill(reader, &of_bytes);
    }
    if (status == LARDER_DAMAGED && error != NULL)
        *error = of_bytes;
    return LARDER_DAMAGED;
}

enum larder_status part_reader_next(struct part_reader *reader, const uint8_t **bytes,
                                    size_t *length, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *bytes = reader->frame;
    *length = 0;
    if (reader->unread > 0 || reader->at < reader->held.length)
        status = decode(reader, length, error);
    else if (reader->raw_left != 0)
        status = larder_fail(error, LARDER_DAMAGED, "it holds fewer bytes than the manifest says");
    return status == LARDER_DAMAGED ? blame(reader, error) : status;
}

enum larder_status part_reader_count(struct part_reader *reader, const struct part_source *source,
                                     struct rows *rows, struct larder_error *error)
{
    uint64_t before = rows_count(rows);
    const uint8_t *bytes = NULL;
    size_t length = 0;
    enum larder_status status = part_reader_begin(reader, source, error);

    do {
        if (status == LARDER_OK)
            status = part_reader_next(reader, &bytes, &length, error);
        if (status == LARDER_OK)
            status = rows_take(rows, bytes, length, error);
    } while (status == LARDER_OK && length > 0);
    if (status == LARDER_DAMAGED)
        status = blame(reader, error);
    if (status == LARDER_OK)
        status = rows_restart(rows, error);
    if (status == LARDER_OK && rows_count(rows) - before != source->rows)
        status = larder_fail(error, LARDER_DAMAGED,
                             "it holds %" PRIu64 " rows, and the manifest says %" PRIu64,
                             rows_count(rows) - before, source->rows);
    return status;
}
