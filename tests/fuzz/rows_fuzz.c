/*
 * The row scanner: a stream given whole and the same stream in pieces must be taken alike. The
 * first byte chooses the format, the second the columns, the third the pieces.
 */
#include <stdlib.h>

#include "formats/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum larder_status take(struct rows *rows, const uint8_t *bytes, size_t length, size_t piece)
{
    enum larder_status status = LARDER_OK;

    for (size_t at = 0; status == LARDER_OK && at < length; at += piece)
        status = rows_take(rows, bytes + at, length - at < piece ? length - at : piece, NULL);
    return status == LARDER_OK ? rows_restart(rows, NULL) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rows *whole, *pieces;
    enum copy_format format;

    if (size < 3)
        return 0;
    format = data[0] % 2 == 0 ? COPY_TEXT : COPY_BINARY;
    whole = rows_new(format, data[1] % 8);
    pieces = rows_new(format, data[1] % 8);
    if (take(whole, data + 3, size - 3, size) !=
        take(pieces, data + 3, size - 3, data[2] % 16 + 1u))
        abort();
    if (rows_count(whole) != rows_count(pieces) ||
        !fingerprint_equal(rows_fingerprint(whole), rows_fingerprint(pieces)))
        abort();
    rows_free(whole);
    rows_free(pieces);
    return 0;
}
