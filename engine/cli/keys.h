/* Keys and passphrases as the commands take them. */
#ifndef ENGINE_CLI_KEYS_H
#define ENGINE_CLI_KEYS_H

#include "engine/cli/cli.h"
#include "larder/keys.h"

/* From here on this process leaves no core dump, and others of the same user cannot look into it. */
void keys_guard(void);

/* Whom -r, -R and --passphrase-file name; where they name somebody, the process is guarded. */
struct larder_encryption keys_encryption(const struct cli_values *values);

/* Whom a restore encrypts its undo archive to: -r and -R, else what the configuration says of exports. */
struct larder_encryption keys_undo_encryption(const struct cli_values *values);

/* What is encrypted has a name that says so, in a store; a file is named by whoever asks for it. `output` may be NULL. */
void keys_warn_of_name(const struct cli_values *values, const char *output,
                       const struct larder_encryption *to, const struct larder_run *run);

/*
 * What -i, else LARDER_IDENTITY, and --passphrase-file name, and a question on the terminal where
 * an archive needs a passphrase. The caller frees `*keys` with larder_keys_free.
 */
enum larder_status keys_given(const struct cli_values *values, const struct larder_run *run,
                              struct larder_keys **keys, struct larder_error *error);

#endif
