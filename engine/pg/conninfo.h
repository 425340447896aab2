/* Conninfo strings and URIs, where they are to be shown or judged. */
#ifndef ENGINE_PG_CONNINFO_H
#define ENGINE_PG_CONNINFO_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "formats/arena.h"
#include "larder/error.h"
#include "larder/run.h"

bool conninfo_is_uri(const char *text);

/* Whether an option that is set is none to be shown. */
bool conninfo_is_secret(const PQconninfoOption *option);

/*
 * LARDER_USAGE where libpq cannot read it, or takes a part of a URI's password for something else; `error` says nothing that may be of a
 * password. What is the name of a database is fine.
 */
enum larder_status conninfo_check(const char *text, struct larder_error *error);

/* Whether it holds a password, of the role or of a key's file. */
bool conninfo_has_password(const char *text);

/* What may be shown of it: `keyword=value ...` without passwords; in the arena. */
const char *conninfo_without_password(const char *text, struct arena *arena);

/*
 * All that is known of how to connect, as one conninfo that means the same in another environment: what is given, and what libpq's
 * variables add to it; with the password. In the arena.
 */
enum larder_status conninfo_complete(const struct larder_connect *connect, struct arena *arena,
                                     const char **conninfo, struct larder_error *error);

/* Whether it leads to this host, by a socket or by the loopback; that of a service file cannot be told, and does not. */
bool conninfo_is_local(const char *conninfo);

#endif
