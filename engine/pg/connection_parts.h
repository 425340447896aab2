/* What connection.c, query.c and pooler.c know of a connection. Internal to these. */
#ifndef ENGINE_PG_CONNECTION_PARTS_H
#define ENGINE_PG_CONNECTION_PARTS_H

#include "engine/pg/connection.h"

struct pg {
    PGconn *conn;
    const struct larder_run *run;
    int stop_fd;
    int lock_timeout; /* seconds, of its transactions; 0: none */
    char sqlstate[6];
    enum { STRINGS_UNKNOWN, STRINGS_STANDARD, STRINGS_BACKSLASHES } strings; /* at first */
    int doublings; /* of the buffer that COPY is read into */
};

#endif
