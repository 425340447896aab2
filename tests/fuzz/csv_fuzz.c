/* Text rows as CSV: whole and in pieces they come out alike, a line for each row or more. The first byte
 * chooses the pieces. */
#include <stdlib.h>
#include <string.h>

#include "formats/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum larder_status convert(const uint8_t *bytes, size_t length, size_t piece,
                                  struct buffer *out)
{
    struct csv *csv = csv_new(1);
    enum larder_status status = LARDER_OK;

    for (size_t at = 0; status == LARDER_OK && at < length; at += piece)
        status = csv_take(csv, bytes + at, length - at < piece ? length - at : piece, out, NULL);
    if (status == LARDER_OK)
        status = csv_end(csv, NULL);
    csv_free(csv);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, pieces = {0};

    if (size < 2)
        return 0;
    if (convert(data + 1, size - 1, size, &whole) !=
        convert(data + 1, size - 1, data[0] % 16 + 1u, &pieces))
        abort();
    if (whole.length != pieces.length ||
        (whole.length > 0 && memcmp(whole.bytes, pieces.bytes, whole.length) != 0))
        abort();
    buffer_free(&whole);
    buffer_free(&pieces);
    return 0;
}
