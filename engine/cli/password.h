/* Passwords and passphrases: asked for on the terminal, without echo. */
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

/*
 * Asks on the terminal for at most `most` bytes, without echo. Sets `*length`: 0 where there is no
 * terminal, or nothing was typed. LARDER_INTERRUPTED where the question was not answered; a signal
 * for the run ends the wait.
 */
enum larder_status password_prompt(const char *question, char *text, size_t most, size_t *length,
                                   const struct larder_run *run, struct larder_error *error);

#endif
