/*
 * The row scanner: finds where the rows of a COPY stream begin and end, counts them, and sums their
 * fingerprint. It never looks into a value. FORMAT.md sections 4 to 6.
 *
 * A stream is given in pieces cut anywhere. Several streams of one table may follow each other
 * (rows_restart); count and fingerprint go on.
 */
#ifndef FORMATS_ROWS_H
#define FORMATS_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "formats/fingerprint.h"
#include "larder/error.h"

enum copy_format { COPY_TEXT, COPY_BINARY };

/* What stands around the rows of a binary stream. */
enum { COPY_HEADER_BYTES = 19, COPY_TRAILER_BYTES = 2 };
extern const uint8_t copy_binary_header[COPY_HEADER_BYTES];
extern const uint8_t copy_binary_trailer[COPY_TRAILER_BYTES];

enum rows_event {
    ROWS_MORE,   /* all bytes were taken, in the midst of a row */
    ROWS_ROW,    /* the bytes taken end a row */
    ROWS_AROUND, /* the bytes taken belong to no row: header or trailer */
};

struct rows;

/* `columns`: how many columns the stream has (binary only). NULL when memory is short. */
struct rows *rows_new(enum copy_format format, int columns);
void rows_free(struct rows *rows);

/*
 * Takes bytes up to and including the next end of a row, and says how many in `taken` (at least one
 * where `length` is not 0). LARDER_DAMAGED where the bytes are no such stream.
 */
enum larder_status rows_next(struct rows *rows, const uint8_t *bytes, size_t length, size_t *taken,
                             enum rows_event *event, struct larder_error *error);

/* Takes all bytes; for who wants only count and fingerprint. */
enum larder_status rows_take(struct rows *rows, const uint8_t *bytes, size_t length,
                             struct larder_error *error);

/* The stream is over: LARDER_DAMAGED where it ended in the midst of something. Another may begin.
 */
enum larder_status rows_restart(struct rows *rows, struct larder_error *error);

uint64_t rows_count(const struct rows *rows);
struct fingerprint rows_fingerprint(const struct rows *rows);

#endif
