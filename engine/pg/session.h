/* What a transaction of ours looks like: design section 2, "Nothing outside the transaction". */
#ifndef ENGINE_PG_SESSION_H
#define ENGINE_PG_SESSION_H

#include <stdbool.h>

#include "engine/pg/connection.h"

/*
 * Begins a transaction and pins, with SET LOCAL alone, every setting that could change what COPY
 * gives or takes. Nothing in it takes the snapshot of a REPEATABLE READ transaction. One that is
 * under way is rolled back before, in the same turn to the server.
 */
/* REPEATABLE READ, READ ONLY */
enum larder_status session_begin_read(struct pg *pg, struct larder_error *error);
/* READ COMMITTED, READ WRITE */
enum larder_status session_begin_write(struct pg *pg, struct larder_error *error);
/* The same with a query in the same turn, whose result the caller clears. */
enum larder_status session_begin_write_and(struct pg *pg, const char *query, PGresult **result,
                                           struct larder_error *error);
/* READ COMMITTED, and as the server is: on a standby, too */
enum larder_status session_begin_plain(struct pg *pg, struct larder_error *error);
enum larder_status session_commit(struct pg *pg, struct larder_error *error);
/*
 * Runs one message that begins by lifting the role's statement_timeout, and tries again where that is too slow; a transaction
 * under way is rolled back before. The statement that lifts it must not be the last: the clock may run out just as it ends, and
 * the server would say so in the answer to whatever comes next. The caller clears `*result`.
 */
enum larder_status session_lift(struct pg *pg, const char *sql, PGresult **result,
                                struct larder_error *error);
/* What runs in no transaction may take as long as it takes from here on, whatever the role's statement_timeout. */
enum larder_status session_untimed(struct pg *pg, struct larder_error *error);
/*
 * Runs within the transaction what may fail: `done` says whether it did not. Where it failed its effects are gone, `why` says
 * why, and the transaction goes on. Not LARDER_OK only where that cannot be.
 */
enum larder_status session_try(struct pg *pg, const char *sql, bool *done, struct larder_error *why,
                               struct larder_error *error);
/* Errors do not matter: the connection may be broken. */
void session_rollback(struct pg *pg);

#endif
