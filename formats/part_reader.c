#include "formats/part.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/zstd_frame.h"

enum {
    FRAME_BYTES_MIN = FRAME_MAGIC_BYTES + 2,
    WINDOW_MAX = 8 * 1024 * 1024,
};

struct part_reader {
    ZSTD_DCtx *zstd;
    uint8_t *frame;
    const uint8_t *at;
    size_t left;
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
    free(reader);
}

enum larder_status part_reader_begin(struct part_reader *reader, const struct part *part,
                                     struct larder_error *error)
{
    uint8_t digest[SHA256_BYTES];
    enum larder_status status = sha256_of(part->bytes, (size_t)part->length, digest, error);

    if (status != LARDER_OK)
        return status;
    if (memcmp(digest, part->sha256, sizeof(digest)) != 0)
        return larder_fail(error, LARDER_DAMAGED, "its SHA-256 is not the manifest's");
    reader->at = part->bytes;
    reader->left = (size_t)part->length;
    reader->raw_left = part->raw_bytes;
    return LARDER_OK;
}

/* The window that a decoder of streams would need. RFC 8878, section 3.1.1.1.2. */
static uint64_t window_of(uint8_t descriptor, uint8_t window)
{
    uint64_t base = UINT64_C(1) << (10 + (window >> 3));

    if ((descriptor & DESCRIPTOR_SINGLE_SEGMENT) != 0)
        return 0; /* as large as the content, which has a limit of its own */
    return base + base / 8 * (window & 7);
}

/* The rules that zstd itself would let pass. RFC 8878, section 3.1.1.1. */
static enum larder_status check_frame(const struct part_reader *reader, size_t *compressed,
                                      size_t *raw, struct larder_error *error)
{
    static const uint8_t magic[FRAME_MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
    unsigned long long size;
    uint8_t descriptor;

    if (reader->left < FRAME_BYTES_MIN || memcmp(reader->at, magic, sizeof(magic)) != 0)
        return larder_fail(error, LARDER_DAMAGED, "it is not made of zstd frames");
    descriptor = reader->at[FRAME_MAGIC_BYTES];
    if ((descriptor & DESCRIPTOR_CHECKSUM) == 0 || (descriptor & DESCRIPTOR_DICTIONARY) != 0)
        return larder_fail(error, LARDER_DAMAGED,
                           "a zstd frame has no checksum, or wants a dictionary");
    if (window_of(descriptor, reader->at[FRAME_MAGIC_BYTES + 1]) > WINDOW_MAX)
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame wants too large a window");
    size = ZSTD_getFrameContentSize(reader->at, reader->left);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size == 0 ||
        size > PART_FRAME_LIMIT || size > reader->raw_left)
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame states a wrong content size");
    *raw = (size_t)size;
    *compressed = ZSTD_findFrameCompressedSize(reader->at, reader->left);
    if (ZSTD_isError(*compressed))
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame is cut short or malformed");
    return LARDER_OK;
}

enum larder_status part_reader_next(struct part_reader *reader, const uint8_t **bytes,
                                    size_t *length, struct larder_error *error)
{
    enum larder_status status;
    size_t compressed, raw, result;

    *bytes = NULL;
    *length = 0;
    if (reader->left == 0) {
        if (reader->raw_left != 0)
            return larder_fail(error, LARDER_DAMAGED,
                               "it holds fewer bytes than the manifest says");
        return LARDER_OK;
    }
    status = check_frame(reader, &compressed, &raw, error);
    if (status != LARDER_OK)
        return status;
    result =
        ZSTD_decompressDCtx(reader->zstd, reader->frame, PART_FRAME_LIMIT, reader->at, compressed);
    if (ZSTD_isError(result) || result != raw)
        return larder_fail(error, LARDER_DAMAGED, "a zstd frame could not be decoded: %s",
                           ZSTD_isError(result) ? ZSTD_getErrorName(result) : "wrong size");
    reader->at += compressed;
    reader->left -= compressed;
    reader->raw_left -= raw;
    *bytes = reader->frame;
    *length = raw;
    return LARDER_OK;
}

enum larder_status part_reader_count(struct part_reader *reader, const struct part *part,
                                     struct rows *rows, struct larder_error *error)
{
    uint64_t before = rows_count(rows);
    const uint8_t *bytes = NULL;
    size_t length = 0;
    enum larder_status status = part_reader_begin(reader, part, error);

    do {
        if (status == LARDER_OK)
            status = part_reader_next(reader, &bytes, &length, error);
        if (status == LARDER_OK)
            status = rows_take(rows, bytes, length, error);
    } while (status == LARDER_OK && length > 0);
    if (status == LARDER_OK)
        status = rows_restart(rows, error);
    if (status == LARDER_OK && rows_count(rows) - before != part->rows)
        status = larder_fail(error, LARDER_DAMAGED,
                             "it holds %" PRIu64 " rows, and the manifest says %" PRIu64,
                             rows_count(rows) - before, part->rows);
    return status;
}
