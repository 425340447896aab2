/*
 * The writer of parts: whatever stream it takes must come back, with the same rows and fingerprint.
 * The first byte chooses the format, the second the columns, the third the pieces, the fourth the
 * size of parts.
 */
#include <stdlib.h>

#include "tests/formats/part_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void count(struct part_reader *reader, const struct part *part, struct rows *rows)
{
    struct part_bytes source;

    if (part->bytes == NULL)
        return;
    must(part->rows > 0);
    part_bytes(&source, part, 100);
    must(part_reader_count(reader, &source.source, rows, NULL) == LARDER_OK);
}

/* Whether the writer took the whole stream. */
static bool write_stream(struct part_writer *writer, const uint8_t *bytes, size_t length,
                         size_t piece, struct part_reader *reader, struct rows *rows)
{
    struct part part;
    size_t taken;

    for (size_t at = 0; at < length; at += taken) {
        size_t step = length - at < piece ? length - at : piece;

        if (part_writer_push(writer, bytes + at, step, &taken, &part, NULL) != LARDER_OK)
            return false;
        must(taken == step || part.bytes != NULL);
        count(reader, &part, rows);
    }
    return part_writer_end_stream(writer, NULL) == LARDER_OK;
}

/* Made once: their room is large, and an export, too, uses them for many tables. */
static struct part_writer *writer_of(uint8_t choice)
{
    static const size_t sizes[] = {1, 7, 64, 256};
    static struct part_writer *writers[4];

    if (writers[choice % 4] == NULL)
        writers[choice % 4] = part_writer_new(1, sizes[choice % 4], true);
    return writers[choice % 4];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct part_reader *reader;
    struct part_writer *writer;
    struct rows *rows;
    struct part part;
    enum copy_format format;

    if (size < 4)
        return 0;
    format = data[0] % 2 == 0 ? COPY_TEXT : COPY_BINARY;
    writer = writer_of(data[3]);
    reader = reader != NULL ? reader : part_reader_new();
    rows = rows_new(format, data[1] % 8);
    must(part_writer_begin(writer, format, data[1] % 8, NULL) == LARDER_OK);
    if (write_stream(writer, data + 4, size - 4, data[2] % 16 + 1u, reader, rows)) {
        must(part_writer_end(writer, &part, NULL) == LARDER_OK);
        count(reader, &part, rows);
        must(rows_count(rows) == part_writer_rows(writer));
        must(fingerprint_equal(rows_fingerprint(rows), part_writer_fingerprint(writer)));
    }
    rows_free(rows);
    return 0;
}
