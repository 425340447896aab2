#include <stdlib.h>
#include <string.h>

#include "engine/pg/connection_parts.h"

/* Waits for the next result; NULL in `*result` when there is none left. */
static enum larder_status next_result(struct pg *pg, PGresult **result, struct larder_error *error)
{
    enum larder_status status;
    int unsent;

    while ((unsent = PQflush(pg->conn)) > 0 || PQisBusy(pg->conn)) {
        status = pg_wait(pg, unsent > 0, error);
        if (status != LARDER_OK) {
            pg_cancel(pg);
            return status;
        }
        if (PQconsumeInput(pg->conn) == 0)
            return pg_fail(pg, NULL, error);
    }
    *result = PQgetResult(pg->conn);
    return LARDER_OK;
}

/* Reads all results; gives the last, or fails with the first error. */
static enum larder_status finish_query(struct pg *pg, PGresult **last, struct larder_error *error)
{
    enum larder_status status = LARDER_OK, waited;
    PGresult *result = NULL;

    *last = NULL;
    for (;;) {
        waited = next_result(pg, &result, status == LARDER_OK ? error : NULL);
        if (waited != LARDER_OK) {
            PQclear(*last);
            *last = NULL;
            return status == LARDER_OK ? waited : status;
        }
        if (result == NULL)
            return status;
        if (PQresultStatus(result) == PGRES_COPY_OUT || PQresultStatus(result) == PGRES_COPY_IN) {
            PQclear(result);
            PQclear(*last);
            *last = NULL;
            pg_cancel(pg);
            return larder_fail(error, LARDER_FAILED, "a COPY cannot be run here");
        }
        if (status == LARDER_OK && PQresultStatus(result) != PGRES_COMMAND_OK &&
            PQresultStatus(result) != PGRES_TUPLES_OK &&
            PQresultStatus(result) != PGRES_EMPTY_QUERY)
            status = pg_fail(pg, result, error);
        PQclear(*last);
        *last = result;
        if (PQstatus(pg->conn) == CONNECTION_BAD)
            return status == LARDER_OK ? pg_fail(pg, NULL, error) : status;
    }
}

/* What came of what was sent, where that could be sent. */
static enum larder_status answer(struct pg *pg, bool sent, PGresult **result,
                                 struct larder_error *error)
{
    enum larder_status status;

    pg->sqlstate[0] = '\0';
    *result = NULL;
    if (!sent)
        return pg_fail(pg, NULL, error);
    status = finish_query(pg, result, error);
    if (status != LARDER_OK) {
        PQclear(*result);
        *result = NULL;
    }
    return status;
}

enum larder_status pg_script(struct pg *pg, const char *sql, PGresult **result,
                             struct larder_error *error)
{
    return answer(pg, PQsendQuery(pg->conn, sql) != 0, result, error);
}

enum larder_status pg_exec(struct pg *pg, const char *sql, struct larder_error *error)
{
    PGresult *result;
    enum larder_status status = pg_script(pg, sql, &result, error);

    PQclear(result);
    return status;
}

enum larder_status pg_query(struct pg *pg, const char *sql, int count, const char *const *values,
                            PGresult **result, struct larder_error *error)
{
    int sent = PQsendQueryParams(pg->conn, sql, count, NULL, values, NULL, NULL, 0);

    return answer(pg, sent != 0, result, error);
}

enum larder_status pg_query_one(struct pg *pg, const char *sql, int count,
                                const char *const *values, char **value, struct larder_error *error)
{
    PGresult *result;
    enum larder_status status = pg_query(pg, sql, count, values, &result, error);

    *value = NULL;
    if (status != LARDER_OK)
        return status;
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)) {
        *value = strdup(pg_value(result, 0, 0));
        if (*value == NULL)
            status = larder_fail_memory(error);
    }
    PQclear(result);
    return status;
}

enum larder_status pg_writes_backslashes(struct pg *pg, bool *backslashes,
                                         struct larder_error *error)
{
    char *setting = NULL;
    enum larder_status status = LARDER_OK;

    /* Not every pooler says what libpq then knows. */
    if (pg->strings == STRINGS_UNKNOWN)
        status = pg_query_one(
            pg,
            "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings'",
            0, NULL, &setting, error);
    *backslashes =
        pg->strings == STRINGS_BACKSLASHES || (setting != NULL && strcmp(setting, "off") == 0);
    free(setting);
    return status;
}

const char *pg_value(const PGresult *result, int row, int column)
{
    const char *value = row < PQntuples(result) && column < PQnfields(result)
                            ? PQgetvalue(result, row, column)
                            : NULL;

    return value == NULL ? "" : value;
}

enum larder_status pg_fail_answer(struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED,
                       "the server's answer is not one to what it was asked for");
}

enum larder_status pg_query_value(struct pg *pg, const char *sql, int count,
                                  const char *const *values, char **value,
                                  struct larder_error *error)
{
    enum larder_status status = pg_query_one(pg, sql, count, values, value, error);

    return status == LARDER_OK && *value == NULL ? pg_fail_answer(error) : status;
}
