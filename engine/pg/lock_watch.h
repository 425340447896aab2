/*
 * Bounds how long a program of ours waits for locks, where no setting of its session can: pg_dump sets
 * lock_timeout to 0, and its --lock-wait-timeout holds for its LOCK TABLE alone. To print a view it locks
 * the tables below, and would wait for those without an end.
 */
#ifndef ENGINE_PG_LOCK_WATCH_H
#define ENGINE_PG_LOCK_WATCH_H

#include "engine/pg/connection.h"
#include "larder/error.h"

struct lock_watch {
    struct pg *pg;           /* asked, within its transaction; NULL: nobody looks */
    const char *application; /* the application_name of whom is watched, and of nobody else */
    int timeout;             /* seconds */
    double since;            /* on run_clock(): when it was first seen waiting; 0: it was not */
};

/*
 * To be asked again and again; a `struct lock_watch` by its address. Fails, naming the table and who is in
 * the way, where the program has been found waiting for locks for `timeout` seconds. Where the server
 * cannot be asked it is not asked again.
 */
enum larder_status lock_watch_look(void *arg, struct larder_error *error);

#endif
