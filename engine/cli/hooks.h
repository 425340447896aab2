/* Telling the configuration's hooks what becomes of a command. */
#ifndef ENGINE_CLI_HOOKS_H
#define ENGINE_CLI_HOOKS_H

#include <jansson.h>

#include "engine/cli/cli.h"
#include "larder/hooks.h"

struct hooks {
    const struct larder_hooks *configured;
    const struct larder_run *run;
    struct larder_event event; /* what is known by the end, the caller puts in */
    struct larder_hook_results results;
    double begun;
};

/* Those of the configuration; none where none were wanted. */
const struct larder_hooks *hooks_of(const struct cli_values *values);

/* Tells that a command begins; `preset` may be NULL. */
void hooks_begin(struct hooks *hooks, const struct cli_values *values, const struct larder_run *run,
                 const char *command, const char *preset);

/* Tells what it has come to. */
void hooks_end(struct hooks *hooks, enum larder_status status, const struct larder_error *error);

/* Puts what became of the hooks into a document: `hooks`, and those that failed into its `warnings`, where it has them. */
void hooks_add_json(const struct hooks *hooks, json_t *document);

#endif
