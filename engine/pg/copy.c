#include "engine/pg/copy.h"

#include <stdlib.h>

#include "formats/sql_text.h"

enum { MUCH_BYTES = 1024 * 1024 }; /* a COPY that has given so many will give more */

static void put_options(struct buffer *sql, const struct manifest_table *table,
                        const char *encoding, bool freeze)
{
    buffer_printf(sql, " WITH (FORMAT %s", table->copy_format == COPY_TEXT ? "text" : "binary");
    if (encoding[0] != '\0') {
        buffer_puts(sql, ", ENCODING ");
        sql_literal(sql, encoding);
    }
    buffer_puts(sql, freeze ? ", FREEZE)" : ")");
}

/* A subselect stands wherever COPY of the bare table could not be restricted. */
static void put_range(struct buffer *sql, const struct copy_rows *rows)
{
    const struct manifest_table *table = rows->table;
    const char *before = "";

    buffer_puts(sql, "(SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated)
            continue;
        buffer_puts(sql, before);
        sql_identifier(sql, table->columns[i].name);
        before = ", ";
    }
    buffer_puts(sql, " FROM ONLY ");
    sql_qualified(sql, table->schema, table->name);
    buffer_printf(sql, " WHERE ctid >= '(%u,0)'", rows->begin);
    if (rows->end != 0)
        buffer_printf(sql, " AND ctid < '(%u,0)'", rows->end);
    buffer_puts(sql, ")");
}

/* Waits until the server is ready for a COPY that it was asked for. */
static enum larder_status expect(struct pg *pg, ExecStatusType wanted, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    PGresult *result;

    while (PQisBusy(pg_libpq(pg))) {
        status = pg_wait(pg, PQflush(pg_libpq(pg)) > 0, error);
        if (status != LARDER_OK) {
            pg_cancel(pg);
            return status;
        }
        if (PQconsumeInput(pg_libpq(pg)) == 0)
            return pg_fail(pg, NULL, error);
    }
    result = PQgetResult(pg_libpq(pg));
    if (PQresultStatus(result) != wanted) {
        status = pg_fail(pg, result, error);
        pg_settle(pg);
    }
    PQclear(result);
    return status;
}

static enum larder_status begin(struct pg *pg, struct buffer *sql, ExecStatusType wanted,
                                struct larder_error *error)
{
    const char *text = buffer_text(sql);

    if (sql->failed)
        return larder_fail_memory(error);
    if (PQsendQuery(pg_libpq(pg), text) == 0)
        return pg_fail(pg, NULL, error);
    return expect(pg, wanted, error);
}

static void put_copy_out(struct buffer *sql, const struct copy_rows *rows, const char *encoding)
{
    buffer_puts(sql, "COPY ");
    if (rows->query != NULL) {
        buffer_printf(sql, "(%s)", rows->query);
    } else if (rows->begin == 0 && rows->end == 0) {
        sql_qualified(sql, rows->table->schema, rows->table->name);
        sql_columns(sql, rows->table);
    } else {
        put_range(sql, rows);
    }
    buffer_puts(sql, " TO STDOUT");
    put_options(sql, rows->table, encoding, false);
}

enum larder_status copy_out_begin(struct copy_out *copy, struct pg *pg,
                                  const struct copy_rows *rows, size_t count, const char *encoding,
                                  struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    for (size_t i = 0; i < count; i++) {
        buffer_puts(&sql, i > 0 ? "; " : "");
        put_copy_out(&sql, &rows[i], encoding);
    }
    status = begin(pg, &sql, PGRES_COPY_OUT, error);
    buffer_free(&sql);
    copy->pg = status == LARDER_OK ? pg : NULL;
    copy->more = count - 1;
    copy->pace.nanoseconds = PG_PACE_LONGEST;
    copy->block = malloc(COPY_BLOCK_BYTES);
    return status == LARDER_OK && copy->block == NULL ? larder_fail_memory(error) : status;
}

enum larder_status copy_out_follow(struct copy_out *copy, struct larder_error *error)
{
    enum larder_status status = expect(copy->pg, PGRES_COPY_OUT, error);

    copy->more--;
    copy->bytes = 0;
    copy->pace = (struct pg_pace){.nanoseconds = PG_PACE_LONGEST};
    if (status != LARDER_OK)
        copy->pg = NULL;
    return status;
}

/* The end of a COPY is believed only with the command's own completion behind it; `last`: no other follows that was asked for. */
static enum larder_status take_completion(struct pg *pg, bool last, uint64_t *rows,
                                          struct larder_error *error)
{
    enum larder_status status = LARDER_OK, waited;
    bool complete = false;
    PGresult *result;

    for (;;) {
        while (PQisBusy(pg_libpq(pg))) {
            waited = pg_wait(pg, PQflush(pg_libpq(pg)) > 0, status == LARDER_OK ? error : NULL);
            if (waited != LARDER_OK) {
                pg_cancel(pg);
                return status == LARDER_OK ? waited : status;
            }
            if (PQconsumeInput(pg_libpq(pg)) == 0)
                return status == LARDER_OK ? pg_fail(pg, NULL, error) : status;
        }
        result = PQgetResult(pg_libpq(pg));
        if (result == NULL)
            break;
        if (PQresultStatus(result) == PGRES_COMMAND_OK) {
            complete = true;
            *rows = strtoull(PQcmdTuples(result), NULL, 10);
        } else if (status == LARDER_OK) {
            status = pg_fail(pg, result, error);
        }
        PQclear(result);
        if (PQstatus(pg_libpq(pg)) == CONNECTION_BAD || (complete && !last))
            break;
    }
    if (status == LARDER_OK && !complete)
        status = larder_fail(error, LARDER_FAILED, "the server did not complete the COPY");
    return status;
}

/*
 * PQgetCopyData allocates and copies for each row; PQgetlineAsync, which is older, puts the rows where they are wanted, also
 * binary ones. It says -1 for an end of any kind: the results that follow tell which.
 */
enum larder_status copy_out_next(struct copy_out *copy, const uint8_t **bytes, size_t *length,
                                 uint64_t *rows, struct larder_error *error)
{
    PGconn *conn = pg_libpq(copy->pg);
    enum larder_status status;
    int got = 1;

    *length = 0;
    *bytes = (const uint8_t *)copy->block;
    while (got > 0 && *length < COPY_BLOCK_BYTES) {
        got = PQgetlineAsync(conn, copy->block + *length, (int)(COPY_BLOCK_BYTES - *length));
        if (got > 0) {
            *length += (size_t)got;
        } else if (got == 0 && *length == 0) {
            status = pg_receive(copy->pg, copy->bytes >= MUCH_BYTES ? &copy->pace : NULL, error);
            if (status != LARDER_OK)
                return status;
            got = 1;
        }
    }
    copy->bytes += *length;
    if (*length > 0)
        return LARDER_OK;
    status = take_completion(copy->pg, copy->more == 0, rows, error);
    if (status != LARDER_OK || copy->more == 0)
        copy->pg = NULL;
    return status;
}

void copy_out_end(struct copy_out *copy)
{
    free(copy->block);
    copy->block = NULL;
    if (copy->pg != NULL && !pg_is_broken(copy->pg))
        pg_cancel(copy->pg);
    copy->pg = NULL;
}

enum larder_status copy_in_begin(struct pg *pg, const struct manifest_table *table,
                                 const char *encoding, bool freeze, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    buffer_puts(&sql, "COPY ");
    sql_qualified(&sql, table->schema, table->name);
    sql_columns(&sql, table);
    buffer_puts(&sql, " FROM STDIN");
    put_options(&sql, table, encoding, freeze);
    status = begin(pg, &sql, PGRES_COPY_IN, error);
    buffer_free(&sql);
    if (status == LARDER_OK && PQsetnonblocking(pg_libpq(pg), 1) != 0)
        status = pg_fail(pg, NULL, error);
    return status;
}

/* What the server has to say while it is being fed: an error ends the COPY at once. */
static enum larder_status flush(struct pg *pg, struct larder_error *error)
{
    enum larder_status status;
    int unsent;

    while ((unsent = PQflush(pg_libpq(pg))) > 0) {
        status = pg_wait(pg, true, error);
        if (status != LARDER_OK)
            return status;
        if (PQconsumeInput(pg_libpq(pg)) == 0)
            return pg_fail(pg, NULL, error);
    }
    return unsent < 0 ? pg_fail(pg, NULL, error) : LARDER_OK;
}

enum larder_status copy_in_push(struct pg *pg, const uint8_t *bytes, size_t length,
                                struct larder_error *error)
{
    enum { PIECE = 64 * 1024 };
    enum larder_status status = LARDER_OK;

    /* In pieces, so that libpq's own buffer stays small. */
    while (status == LARDER_OK && length > 0) {
        int step = length < PIECE ? (int)length : PIECE;

        int put = PQputCopyData(pg_libpq(pg), (const char *)bytes, step);

        /* Nothing of it is taken where libpq's buffer cannot grow. */
        if (put == 0) {
            pg_cancel(pg);
            return larder_fail_memory(error);
        }
        if (put < 0) {
            uint64_t rows;

            /* The server has ended the COPY; what it said comes with the result. */
            status = take_completion(pg, true, &rows, error);
            return status == LARDER_OK ? pg_fail(pg, NULL, error) : status;
        }
        status = flush(pg, error);
        bytes += step;
        length -= (size_t)step;
    }
    return status;
}

enum larder_status copy_in_end(struct pg *pg, uint64_t *rows, struct larder_error *error)
{
    enum larder_status status;

    if (PQputCopyEnd(pg_libpq(pg), NULL) < 0) {
        status = take_completion(pg, true, rows, error);
        return status == LARDER_OK ? pg_fail(pg, NULL, error) : status;
    }
    status = flush(pg, error);
    if (status == LARDER_OK)
        status = take_completion(pg, true, rows, error);
    PQsetnonblocking(pg_libpq(pg), 0);
    return status;
}
