#include "engine/restore/copy.h"

#include "engine/pg/copy.h"

enum larder_status part_copy_begin(struct part_copy *c, struct larder_error *error)
{
    c->reader = part_reader_new();
    return c->reader == NULL ? larder_fail_memory(error) : LARDER_OK;
}

void part_copy_end(struct part_copy *c)
{
    part_reader_free(c->reader);
}

static void tell(const struct part_copy *c, uint64_t rows, uint64_t bytes)
{
    if (c->tell != NULL)
        c->tell(c->arg, rows, bytes);
}

static enum larder_status push(struct part_copy *c, struct pg *pg, struct larder_error *error)
{
    const uint8_t *bytes;
    size_t length = 1;
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && length > 0) {
        status = part_reader_next(c->reader, &bytes, &length, error);
        if (status == LARDER_OK && length > 0)
            status = copy_in_push(pg, bytes, length, error);
        if (status == LARDER_OK)
            tell(c, 0, length);
    }
    return status;
}

enum larder_status part_copy_run(struct part_copy *c, struct pg *pg,
                                 const struct manifest_table *table,
                                 const struct manifest_table *into, size_t number, bool freeze,
                                 struct larder_error *error)
{
    struct restore *r = c->restore;
    struct archive_part part;
    uint64_t rows = 0;
    enum larder_status status;

    archive_reader_part(r->opened.reader, table, number, &part);
    status = part_reader_begin(c->reader, &part.source, error);
    if (status == LARDER_OK)
        status = copy_in_begin(pg, into, r->manifest->server_encoding, freeze, error);
    if (status != LARDER_OK)
        return status;
    status = push(c, pg, error);
    if (status != LARDER_OK) {
        pg_cancel(pg);
        return status;
    }
    status = copy_in_end(pg, &rows, error);
    if (status == LARDER_OK && rows != part.source.rows)
        status = larder_fail(error, LARDER_DIFFERENCE,
                             "the server took %llu rows of a part that holds %llu",
                             (unsigned long long)rows, (unsigned long long)part.source.rows);
    if (status == LARDER_OK)
        tell(c, rows, 0);
    return status;
}
