/*
 * larder.conf, as docs/configuration.md has it. inih splits the lines; what it would cut or take for
 * a comment without a word (lines over 200 bytes, what follows " ;") is refused before it gets there.
 *
 * To be extended by rows of the table of keys in config_keys.c.
 */
#ifndef FORMATS_CONFIG_H
#define FORMATS_CONFIG_H

#include <stddef.h>

#include "formats/arena.h"
#include "larder/config.h"
#include "larder/error.h"

enum { CONFIG_MAX_BYTES = 64 * 1024, CONFIG_MAX_LINE = 197 };

/* Where variables are found; NULL for one that is not set. */
struct config_variables {
    const char *(*look_up)(void *arg, const char *name);
    void *arg;
};

/*
 * Reads a file's content; `file` names it in messages, and relative paths begin in its folder. All
 * text goes into the arena. LARDER_USAGE where something is wrong: the message begins with
 * FILE:LINE, and holds no value of a key that may hold a secret.
 */
enum larder_status config_read(const char *file, const char *text, size_t length,
                               const struct config_variables *variables, struct arena *arena,
                               struct larder_config *config, struct larder_error *error);

#endif
