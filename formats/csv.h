/*
 * Rows of COPY's text format as CSV (RFC 4180, with a line feed at the end of a line): what the server's own COPY ... (FORMAT
 * csv) would write of them. NULL is nothing, the empty string is "".
 */
#ifndef FORMATS_CSV_H
#define FORMATS_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "formats/buffer.h"
#include "formats/manifest.h"
#include "larder/error.h"

struct csv;

/* For rows of so many columns; NULL when memory is short. */
struct csv *csv_new(size_t columns);
void csv_free(struct csv *csv);

/* Appends the names of the columns that are not generated, as a line. */
void csv_put_header(struct buffer *out, const struct manifest_table *table);

/* Takes bytes, cut anywhere, and appends what is complete of them. Holds at most one value. */
enum larder_status csv_take(struct csv *csv, const uint8_t *bytes, size_t length,
                            struct buffer *out, struct larder_error *error);

/* LARDER_DAMAGED where the bytes have ended in the midst of a row. */
enum larder_status csv_end(const struct csv *csv, struct larder_error *error);

#endif
