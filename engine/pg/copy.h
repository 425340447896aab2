/* COPY through libpq: what the server gives, and what it takes. */
#ifndef ENGINE_PG_COPY_H
#define ENGINE_PG_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pg/connection.h"
#include "formats/manifest.h"

/* A range of a table's pages: from the first up to, not including, `end`; end 0: to the last. Or the rows of a query. */
struct copy_range {
    uint32_t begin, end;
    const char *query; /* gives the table's columns that are not generated; or NULL */
};

enum { COPY_BLOCK_BYTES = 128 * 1024 };

/* A COPY ... TO STDOUT under way. Lives on the caller's stack, from {0}. */
struct copy_out {
    struct pg *pg;
    char *block;    /* COPY_BLOCK_BYTES */
    uint64_t bytes; /* that have come */
    struct pg_pace pace;
};

/* Begins to read the table's own rows (not its children's), all of them or a range, in `encoding`.
 */
enum larder_status copy_out_begin(struct copy_out *copy, struct pg *pg,
                                  const struct manifest_table *table, const char *encoding,
                                  struct copy_range range, struct larder_error *error);

/*
 * Gives the next bytes, valid until the next call. At the end `*length` is 0 and `*rows` has the
 * count of the server's own command tag: only then was the COPY complete.
 */
enum larder_status copy_out_next(struct copy_out *copy, const uint8_t **bytes, size_t *length,
                                 uint64_t *rows, struct larder_error *error);

/* Must follow, whatever happened; cancels a COPY that has not come to its end. */
void copy_out_end(struct copy_out *copy);

/* Begins to write into the table; `freeze` where this transaction has created or truncated it. */
enum larder_status copy_in_begin(struct pg *pg, const struct manifest_table *table,
                                 const char *encoding, bool freeze, struct larder_error *error);
enum larder_status copy_in_push(struct pg *pg, const uint8_t *bytes, size_t length,
                                struct larder_error *error);
/* When it returns LARDER_OK the server has taken everything, and `*rows` is its own count. */
enum larder_status copy_in_end(struct pg *pg, uint64_t *rows, struct larder_error *error);

#endif
