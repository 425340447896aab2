/*
 * The reader of parts: the first byte chooses the format, the second the columns, the next two are
 * the rows, the next four the raw bytes; the rest is the part, with its digest made right.
 */
#include <stdlib.h>

#include "formats/part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct part_reader *reader; /* made once */
    struct rows *rows;
    struct part part = {0};

    if (size < 8)
        return 0;
    part.rows = (uint64_t)data[2] << 8 | data[3];
    part.raw_bytes =
        (uint64_t)data[4] << 24 | (uint64_t)data[5] << 16 | (uint64_t)data[6] << 8 | data[7];
    part.bytes = data + 8;
    part.length = size - 8;
    if (sha256_of(part.bytes, size - 8, part.sha256, NULL) != LARDER_OK)
        abort();
    if (reader == NULL)
        reader = part_reader_new();
    rows = rows_new(data[0] % 2 == 0 ? COPY_TEXT : COPY_BINARY, data[1] % 8);
    if (part_reader_count(reader, &part, rows, NULL) == LARDER_OK && rows_count(rows) != part.rows)
        abort();
    rows_free(rows);
    return 0;
}
