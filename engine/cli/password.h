/* Passwords for databases: asked for on the terminal, and wiped. */
#ifndef ENGINE_CLI_PASSWORD_H
#define ENGINE_CLI_PASSWORD_H

#include "engine/cli/cli.h"

enum { PASSWORD_BYTES = 1024 };

/*
 * Asks where -W was given; `connect` then points to `password`. Warns where a password stands in a
 * URI, where others can read it.
 */
enum larder_status password_ask(const struct cli_values *values, struct larder_connect *connect,
                                char password[PASSWORD_BYTES], const struct larder_run *run,
                                struct larder_error *error);

#endif
