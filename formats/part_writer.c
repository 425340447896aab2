#include "formats/part.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/frame_writer.h"

enum {
    PARTS_EXPECTED = 20000, /* each takes a KiB of memory where the manifest is written or read */
};

struct part_writer {
    struct frame_writer *frames;
    struct rows *rows;
    enum copy_format format;
    uint64_t part_bytes;
    bool takes_digests;

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

struct part_writer *part_writer_new(int level, uint64_t raw_bytes, bool takes_digests)
{
    struct part_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return NULL;
    writer->part_bytes = raw_bytes > 0 ? raw_bytes : PART_RAW_BYTES;
    writer->takes_digests = takes_digests;
    writer->frames = frame_writer_new(level);
    writer->frame = malloc(PART_FRAME_BYTES);
    /* All the room that a part needs at once: one that grows leaves holes behind. What is not used costs nothing. */
    if (writer->frames == NULL || writer->frame == NULL ||
        !buffer_reserve(&writer->compressed,
                        (size_t)writer->part_bytes + ZSTD_compressBound(PART_FRAME_BYTES))) {
        part_writer_free(writer);
        return NULL;
    }
    return writer;
}

void part_writer_free(struct part_writer *writer)
{
    if (writer == NULL)
        return;
    frame_writer_free(writer->frames);
    rows_free(writer->rows);
    buffer_free(&writer->compressed);
    free(writer->frame);
    free(writer);
}

enum larder_status part_writer_begin(struct part_writer *writer, enum copy_format format,
                                     int columns, struct larder_error *error)
{
    rows_free(writer->rows);
    writer->rows = rows_new(format, columns);
    if (writer->rows == NULL)
        return larder_fail_memory(error);
    writer->format = format;
    frame_writer_begin(writer->frames);
    writer->frame_length = 0;
    writer->rows_before = 0;
    writer->open = false;
    writer->at_row_start = true;
    writer->held = false;
    return LARDER_OK;
}

static enum larder_status flush_frame(struct part_writer *writer, struct larder_error *error)
{
    enum larder_status status;

    if (writer->frame_length == 0)
        return LARDER_OK;
    status = frame_writer_append(writer->frames, writer->frame, writer->frame_length,
                                 &writer->compressed, error);
    if (status == LARDER_OK)
        writer->frame_length = 0;
    return status;
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
    if (status == LARDER_OK && writer->takes_digests)
        status =
            sha256_of(writer->compressed.bytes, writer->compressed.length, part->sha256, error);
    if (status != LARDER_OK)
        return status;
    part->has_sha256 = writer->takes_digests;
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
