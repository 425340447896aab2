/* COPY through libpq: what the server gives, and what it takes. */
#ifndef ENGINE_PG_COPY_H
#define ENGINE_PG_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pg/connection.h"
#include "formats/manifest.h"

/* What a COPY reads: a table's own rows (not its children's), all of them or those of some of its pages, or what a query gives. */
struct copy_rows {
    const struct manifest_table *table;
    uint32_t begin, end; /* pages, from the first up to, not including, `end`; end 0: to the last */
    const char *query;   /* gives the table's columns that are not generated; or NULL */
};

enum { COPY_BLOCK_BYTES = 128 * 1024 };

/* COPY ... TO STDOUT under way, of one table or of several. Lives on the caller's stack, from {0}. */
struct copy_out {
    struct pg *pg;
    size_t more;    /* that follow, and have been asked for */
    char *block;    /* COPY_BLOCK_BYTES */
    uint64_t bytes; /* that have come */
    struct pg_pace pace;
};

/* Begins to read the first of them in `encoding`, and asks for all `count`: one turn to the server. Errors are of the first. */
enum larder_status copy_out_begin(struct copy_out *copy, struct pg *pg,
                                  const struct copy_rows *rows, size_t count, const char *encoding,
                                  struct larder_error *error);

/* Begins to read the next, where the one before has come to its end. */
enum larder_status copy_out_follow(struct copy_out *copy, struct larder_error *error);

/*
 * Gives the next bytes, valid until the next call. At the end `*length` is 0 and `*rows` has the
 * count of the server's own command tag: only then was the COPY complete.
 */
enum larder_status copy_out_next(struct copy_out *copy, const uint8_t **bytes, size_t *length,
                                 uint64_t *rows, struct larder_error *error);

/* Must come last, whatever happened; cancels what has not come to its end. */
void copy_out_end(struct copy_out *copy);

/* Begins to write into the table; `freeze` where this transaction has created or truncated it. */
enum larder_status copy_in_begin(struct pg *pg, const struct manifest_table *table,
                                 const char *encoding, bool freeze, struct larder_error *error);
enum larder_status copy_in_push(struct pg *pg, const uint8_t *bytes, size_t length,
                                struct larder_error *error);
/* When it returns LARDER_OK the server has taken everything, and `*rows` is its own count. */
enum larder_status copy_in_end(struct pg *pg, uint64_t *rows, struct larder_error *error);

#endif
