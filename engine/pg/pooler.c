#include <stdlib.h>

#include "engine/pg/connection_parts.h"
#include "engine/pg/session.h"

/* In one message, which is a transaction of its own, without a role's statement_timeout. */
static enum larder_status backend_pid(struct pg *pg, long *pid, struct larder_error *error)
{
    static const char sql[] = "SET LOCAL statement_timeout = 0; SELECT pg_catalog.pg_backend_pid()";
    PGresult *result = NULL;
    enum larder_status status = session_lift(pg, sql, &result, error);

    *pid = status == LARDER_OK ? strtol(pg_value(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return status;
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
