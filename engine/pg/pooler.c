#include <stdlib.h>

#include "engine/pg/connection_parts.h"

static enum larder_status backend_pid(struct pg *pg, long *pid, struct larder_error *error)
{
    char *text;
    enum larder_status status = pg_exec(
        pg,
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
        error);

    *pid = 0;
    if (status == LARDER_OK)
        status = pg_query_one(pg, "SELECT pg_catalog.pg_backend_pid()", 0, NULL, &text, error);
    if (status != LARDER_OK)
        return status;
    *pid = text == NULL ? 0 : strtol(text, NULL, 10);
    free(text);
    return pg_exec(pg, "COMMIT", error);
}

enum larder_status pg_is_shared(struct pg *pg, const struct larder_connect *to, bool *shared,
                                struct larder_error *error)
{
    enum { ROUNDS = 4 };
    struct pg *other = NULL;
    long first, mine = 0, others = 0;
    enum larder_status status = backend_pid(pg, &first, error);

    *shared = false;
    /* Without a pooler the number of the process is the one that the connection was told. */
    if (status != LARDER_OK || first == PQbackendPID(pg->conn))
        return status;
    status = pg_connect(to, pg->run, pg->stop_fd, PG_CONNECT_SECONDS, &other, error);
    for (int i = 0; status == LARDER_OK && !*shared && i < ROUNDS; i++) {
        status = backend_pid(other, &others, error);
        if (status == LARDER_OK)
            status = backend_pid(pg, &mine, error);
        *shared = mine != first || others == mine;
    }
    pg_close(other);
    return status;
}
