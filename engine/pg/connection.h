/*
 * One connection to a PostgreSQL server, through libpq's asynchronous calls, so that no wait
 * outlasts a signal or the failure of another lane.
 *
 * Failures carry the server's own message, and its hint. A call that was stopped has cancelled its
 * query.
 */
#ifndef ENGINE_PG_CONNECTION_H
#define ENGINE_PG_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "larder/error.h"
#include "larder/run.h"

struct pg;

/* SQLSTATEs that callers act on. */
#define PG_LOCK_NOT_AVAILABLE "55P03"

/*
 * Connects. `run` must live as long as the connection. `stop_fd`, where it is not -1, ends every
 * wait once it is readable, with LARDER_FAILED and the message "stopped". Takes `seconds` at most, or
 * what connect_timeout says where that is shorter.
 */
enum larder_status pg_connect(const struct larder_connect *to, const struct larder_run *run,
                              int stop_fd, int seconds, struct pg **pg, struct larder_error *error);

enum { PG_CONNECT_SECONDS = 30 };

/* Whether it names a database itself, by name or in its conninfo, so that PGDATABASE does not come
 * in. One that cannot be understood counts as if: pg_connect says what is wrong with it. */
bool pg_names_database(const struct larder_connect *to);

/* Closing NULL is fine. An open transaction is rolled back by the server. */
void pg_close(struct pg *pg);

/* Runs one or more statements, whose results do not matter. */
enum larder_status pg_exec(struct pg *pg, const char *sql, struct larder_error *error);

/* The same, with the result of the last; the caller clears `*result`. */
enum larder_status pg_script(struct pg *pg, const char *sql, PGresult **result,
                             struct larder_error *error);

/* Runs one statement; the caller clears `*result`. Parameters are text, NULL for null. */
enum larder_status pg_query(struct pg *pg, const char *sql, int count, const char *const *values,
                            PGresult **result, struct larder_error *error);

/* A field of its answer; "" where there is none, since nobody says that a server answers in the shape that was asked for. */
const char *pg_value(const PGresult *result, int row, int column);

/* What there is to say where an answer has another shape. */
enum larder_status pg_fail_answer(struct larder_error *error);

/* The same, where only the first column of the only row matters: NULL for null, else the caller
 * frees it. */
enum larder_status pg_query_one(struct pg *pg, const char *sql, int count,
                                const char *const *values, char **value,
                                struct larder_error *error);

/* As pg_query_one, where there is a value in any case: fails where there is none. */
enum larder_status pg_query_value(struct pg *pg, const char *sql, int count,
                                  const char *const *values, char **value,
                                  struct larder_error *error);

/* The SQLSTATE of the last failure on this connection; "" where it was none of the server's. */
const char *pg_sqlstate(const struct pg *pg);

int pg_server_version(const struct pg *pg); /* as 150018 */
PGconn *pg_libpq(struct pg *pg);

/* Whether sessions of this role in this database begin with standard_conforming_strings off. */
enum larder_status pg_writes_backslashes(struct pg *pg, bool *backslashes,
                                         struct larder_error *error);

/* Whether the connection has broken. */
bool pg_is_broken(const struct pg *pg);

/* Transactions that are begun from here on wait so many seconds for a lock at most; 0, as at first: as long as it takes. */
void pg_limit_waits(struct pg *pg, int seconds);
int pg_lock_timeout(const struct pg *pg);

/* From here on this descriptor ends waits, in place of the one given when it was connected; -1: none. */
void pg_set_stop_fd(struct pg *pg, int stop_fd);

/*
 * Whether the server connection behind this one is shared with others, as a pooler in transaction mode does; `to` is what it was
 * connected with. Not to be asked within a transaction.
 */
enum larder_status pg_is_shared(struct pg *pg, const struct larder_connect *to, bool *shared,
                                struct larder_error *error);

/* Sends NOTICEs to the run's messages, as notes; they are dropped otherwise. */
void pg_show_notices(struct pg *pg);

/* Waits until the socket may be read (or written, too), or for a second; ends early by signal or stop. */
enum larder_status pg_wait(struct pg *pg, bool writing, struct larder_error *error);

/* How long to wait until what a COPY sends is worth a turn. */
enum { PG_PACE_LONGEST = 400 * 1000 };
struct pg_pace {
    long nanoseconds; /* at first PG_PACE_LONGEST */
    bool adapts;      /* to how fast the server sends: for who has a processor */
};

/* Waits for what a COPY sends, and takes all of it that has arrived. Where there is much to come there is a pace; else NULL. */
enum larder_status pg_receive(struct pg *pg, struct pg_pace *pace, struct larder_error *error);

/* Cancels what runs, and reads until the connection is idle or broken. */
void pg_cancel(struct pg *pg);

/*
 * Only reads: for a query that has failed by itself. A request to cancel could come late, and hit the next one.
 */
void pg_settle(struct pg *pg);

/* Turns a result into an error, or what libpq says of the connection where `result` is NULL. */
enum larder_status pg_fail(struct pg *pg, const PGresult *result, struct larder_error *error);

#endif
