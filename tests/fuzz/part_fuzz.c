/*
 * The reader of parts: the first byte chooses the format, the second the columns, the next two are
 * the rows, the next four the raw bytes; the rest is the part, with its digest made right. It is read at once and in pieces, which
 * must come to the same.
 */
#include <stdlib.h>

#include "tests/formats/part_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum larder_status count(const struct part *part, size_t piece, enum copy_format format,
                                int columns)
{
    static struct part_reader *reader; /* made once */
    struct rows *rows = rows_new(format, columns);
    struct part_bytes source;
    enum larder_status status;

    if (reader == NULL)
        reader = part_reader_new();
    status = part_reader_count(reader, part_bytes(&source, part, piece), rows, NULL);
    if (status == LARDER_OK && rows_count(rows) != part->rows)
        abort();
    rows_free(rows);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum copy_format format;
    struct part part = {0};

    if (size < 8)
        return 0;
    format = data[0] % 2 == 0 ? COPY_TEXT : COPY_BINARY;
    part.rows = (uint64_t)data[2] << 8 | data[3];
    part.raw_bytes =
        (uint64_t)data[4] << 24 | (uint64_t)data[5] << 16 | (uint64_t)data[6] << 8 | data[7];
    part.bytes = data + 8;
    part.length = size - 8;
    if (sha256_of(part.bytes, size - 8, part.sha256, NULL) != LARDER_OK)
        abort();
    if (count(&part, SIZE_MAX, format, data[1] % 8) !=
        count(&part, 1 + data[0] / 2, format, data[1] % 8))
        abort();
    return 0;
}
