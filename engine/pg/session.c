#include "engine/pg/session.h"

#include <string.h>

#include "formats/buffer.h"

enum { TRIES = 20 };
static const char query_canceled[] = "57014";
static const char deadlock_detected[] = "40P01";

static const char pinned[] = "SET LOCAL application_name = 'larder';"
                             "SET LOCAL client_encoding = 'UTF8';"
                             "SET LOCAL standard_conforming_strings = on;"
                             "SET LOCAL DateStyle = 'ISO, YMD';"
                             "SET LOCAL IntervalStyle = 'postgres';"
                             "SET LOCAL TimeZone = 'UTC';"
                             "SET LOCAL extra_float_digits = 3;"
                             "SET LOCAL bytea_output = 'hex';"
                             "SET LOCAL search_path = '';"
                             "SET LOCAL quote_all_identifiers = off;"
                             "SET LOCAL array_nulls = on;"
                             "SET LOCAL xmloption = 'content';"
                             "SET LOCAL lc_monetary = 'C';"
                             "SET LOCAL row_security = off;"
                             "SET LOCAL synchronize_seqscans = off;"
                             "SET LOCAL jit = off;"
                             "SET LOCAL check_function_bodies = off;"
                             "SET LOCAL client_min_messages = warning;";

/* Settings that older servers do not know. */
static const struct {
    int version;
    const char *sql;
} newer[] = {
    {170000, "SET LOCAL transaction_timeout = 0;"},
};

/* In a database in SQL_ASCII any bytes are text, in names and definitions, too, and are read as they are. */
static const char any_bytes[] = "SET LOCAL client_encoding = 'SQL_ASCII';";

static bool is_of_any_bytes(struct pg *pg)
{
    const char *encoding = PQparameterStatus(pg_libpq(pg), "server_encoding");

    return encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0;
}

static bool is_in_transaction(struct pg *pg)
{
    PGTransactionStatusType status = PQtransactionStatus(pg_libpq(pg));

    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

/* A role's statement_timeout may be shorter than what lifts it takes on a busy server. */
enum larder_status session_lift(struct pg *pg, const char *sql, PGresult **result,
                                struct larder_error *error)
{
    struct buffer again = {0};
    enum larder_status status = LARDER_OK;

    buffer_printf(&again, "ROLLBACK;%s", sql);
    if (again.failed)
        status = larder_fail_memory(error);
    for (int i = 0; !again.failed && i < TRIES; i++) {
        status = pg_script(pg, is_in_transaction(pg) ? buffer_text(&again) : sql, result, error);
        if (status != LARDER_FAILED || strcmp(pg_sqlstate(pg), query_canceled) != 0)
            break;
    }
    buffer_free(&again);
    return status;
}

enum larder_status session_untimed(struct pg *pg, struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status =
        session_lift(pg, "SET statement_timeout = 0; SELECT", &result, error);

    PQclear(result);
    return status;
}

/* One message, and so one turn to the server. Timeouts are lifted first of all: the clock stops with the statement that does it. */
static enum larder_status begin(struct pg *pg, const char *mode, const char *query,
                                PGresult **result, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    buffer_printf(&sql,
                  "BEGIN %s;SET LOCAL statement_timeout = 0;"
                  "SET LOCAL idle_in_transaction_session_timeout = 0;"
                  "SET LOCAL lock_timeout = '%ds';",
                  mode, pg_lock_timeout(pg));
    for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++)
        if (pg_server_version(pg) >= newer[i].version)
            buffer_puts(&sql, newer[i].sql);
    buffer_puts(&sql, pinned);
    if (is_of_any_bytes(pg))
        buffer_puts(&sql, any_bytes);
    if (query != NULL)
        buffer_puts(&sql, query);
    status =
        sql.failed ? larder_fail_memory(error) : session_lift(pg, buffer_text(&sql), result, error);
    buffer_free(&sql);
    return status;
}

static enum larder_status begin_alone(struct pg *pg, const char *mode, struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status = begin(pg, mode, NULL, &result, error);

    PQclear(result);
    return status;
}

enum larder_status session_begin_read(struct pg *pg, struct larder_error *error)
{
    return begin_alone(pg, "ISOLATION LEVEL REPEATABLE READ, READ ONLY", error);
}

enum larder_status session_begin_write(struct pg *pg, struct larder_error *error)
{
    return begin_alone(pg, "ISOLATION LEVEL READ COMMITTED, READ WRITE", error);
}

enum larder_status session_begin_write_and(struct pg *pg, const char *query, PGresult **result,
                                           struct larder_error *error)
{
    *result = NULL;
    return begin(pg, "ISOLATION LEVEL READ COMMITTED, READ WRITE", query, result, error);
}

enum larder_status session_begin_plain(struct pg *pg, struct larder_error *error)
{
    return begin_alone(pg, "ISOLATION LEVEL READ COMMITTED", error);
}

enum larder_status session_commit(struct pg *pg, struct larder_error *error)
{
    return pg_exec(pg, "COMMIT", error);
}

/* After a deadlock all of the transaction is tried again, by who knows what it was made of. */
enum larder_status session_try(struct pg *pg, const char *sql, bool *done, struct larder_error *why,
                               struct larder_error *error)
{
    struct buffer all = {0};
    enum larder_status status = pg_exec(pg, "SAVEPOINT larder_try", error);

    *done = false;
    if (status != LARDER_OK)
        return status;
    /* Not in one message with the savepoint, which a mistake in the syntax would keep from being made. */
    buffer_printf(&all, "%s\n;RELEASE SAVEPOINT larder_try", sql);
    status = all.failed ? larder_fail_memory(why) : pg_exec(pg, buffer_text(&all), why);
    buffer_free(&all);
    *done = status == LARDER_OK;
    if (status == LARDER_OK)
        return status;
    if (status != LARDER_FAILED || pg_is_broken(pg) ||
        strcmp(pg_sqlstate(pg), deadlock_detected) == 0) {
        *error = *why;
        return status;
    }
    return pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_try; RELEASE SAVEPOINT larder_try", error);
}

void session_rollback(struct pg *pg)
{
    if (pg != NULL && !pg_is_broken(pg))
        pg_exec(pg, "ROLLBACK", NULL);
}
