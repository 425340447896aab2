/* The configuration as it comes out of options, environment and file, with secrets hidden. */
#ifndef ENGINE_CLI_SETTINGS_H
#define ENGINE_CLI_SETTINGS_H

#include <jansson.h>

#include "engine/cli/cli.h"

/* On standard output, in the file's own form. */
void settings_print(const struct cli_values *values);

/* {"file": ..., "settings": {SECTION: {KEY: VALUE}}}; values are text, or lists of it. */
json_t *settings_json(const struct cli_values *values);

#endif
