#include "engine/cli/hooks.h"

#include <stdio.h>

#include "engine/run/run.h"
#include "formats/json_text.h"

const struct larder_hooks *hooks_of(const struct cli_values *v)
{
    static const struct larder_hooks none;

    return v->no_hooks ? &none : &v->config.hooks;
}

void hooks_begin(struct hooks *h, const struct cli_values *v, const struct larder_run *run,
                 const char *command, const char *preset)
{
    *h = (struct hooks){.configured = hooks_of(v),
                        .run = run,
                        .event = {.kind = LARDER_EVENT_START, .command = command, .preset = preset},
                        .begun = run_clock()};
    larder_hooks_run(h->configured, &h->event, run, &h->results);
}

/* What was asked to be left out is no failure. */
static bool is_well(enum larder_status status)
{
    return status == LARDER_OK || status == LARDER_LEFT_OUT;
}

void hooks_end(struct hooks *h, enum larder_status status, const struct larder_error *error)
{
    h->event.kind = status == LARDER_OVERDUE ? LARDER_EVENT_STALE
                    : is_well(status)        ? LARDER_EVENT_SUCCESS
                                             : LARDER_EVENT_FAILURE;
    h->event.exit = (int)status;
    if (!is_well(status) && h->event.message == NULL)
        h->event.message = error->message;
    h->event.seconds = run_clock() - h->begun;
    larder_hooks_run(h->configured, &h->event, h->run, &h->results);
}

void hooks_add_json(const struct hooks *h, json_t *document)
{
    json_t *all = json_array(), *warnings = json_object_get(document, "warnings");

    for (size_t i = 0; i < h->results.count; i++) {
        const char *hook = h->results.items[i].hook, *message = h->results.items[i].message;
        bool failed = h->results.items[i].failed;

        json_array_append_new(all,
                              json_pack("{s:o, s:b, s:o}", "hook", json_text(hook), "ok", !failed,
                                        "message", json_text(failed ? message : NULL)));
        if (failed && warnings != NULL) {
            char text[LARDER_HOOK_MESSAGE + 64];

            snprintf(text, sizeof(text), "the hook %s failed: %s", hook, message);
            json_array_append_new(warnings, json_text(text));
        }
    }
    json_object_set_new(document, "hooks", all);
}
