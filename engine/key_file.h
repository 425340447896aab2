/* Reads files that hold keys, recipients or passphrases. */
#ifndef ENGINE_KEY_FILE_H
#define ENGINE_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/run.h"

enum { KEY_FILE_LIMIT = 64 * 1024 };

/*
 * Reads a file of at most KEY_FILE_LIMIT bytes, which may be a pipe, into secret memory; the
 * caller frees `*bytes` with age_secret_free. Warns where it is to be secret and others can read it.
 * `what` is for messages: "identity file". LARDER_USAGE where there is no such file.
 */
enum larder_status key_file_read(const char *path, const char *what, bool is_secret,
                                 const struct larder_run *run, char **bytes, size_t *length,
                                 struct larder_error *error);

#endif
