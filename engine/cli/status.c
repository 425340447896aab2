#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/hooks.h"
#include "engine/cli/password.h"
#include "engine/cli/print.h"
#include "engine/cli/status_print.h"
#include "engine/replace_file.h"
#include "engine/run/run.h"
#include "larder/status.h"

static enum larder_status check_usage(const struct cli_values *v, struct larder_error *error)
{
    if (v->arguments.count > 1)
        return larder_fail(error, LARDER_USAGE, "one preset at a time: \"%s\" is one too many",
                           v->arguments.items[1]);
    if (v->prometheus + v->nagios + v->json > 1)
        return larder_fail(error, LARDER_USAGE,
                           "only one of --json, --prometheus and --nagios can be had at once");
    if (v->output != NULL && !v->prometheus)
        return larder_fail(error, LARDER_USAGE, "-o FILE goes with --prometheus alone");
    return LARDER_OK;
}

static enum larder_status read_status(const struct cli_values *v, const struct larder_run *run,
                                      struct larder_status_report *report,
                                      struct larder_error *error)
{
    struct larder_connect database = config_source(v);
    struct larder_status_options options = {
        .store = v->store,
        .preset = v->arguments.count > 0 ? v->arguments.items[0] : NULL,
        .source_name = v->source_name,
        .database = config_names_database(&database) ? &database : NULL,
        .presets = v->config.presets,
        .keep_min = v->keep_min,
    };
    char password[PASSWORD_BYTES];
    enum larder_status status = cli_need_store(v->store, error);

    if (status == LARDER_OK)
        status = password_ask(v, &database, password, run, error);
    if (status == LARDER_OK)
        status = larder_status_read(&options, run, report, error);
    if (report->not_asked != NULL)
        run_message(run, LARDER_WARNING,
                    "the database could not be asked, so schedules are those that were recorded: "
                    "%s",
                    report->not_asked);
    if (report->unread != NULL && status == LARDER_OVERDUE)
        run_message(run, LARDER_WARNING, "not all could be read: %s", report->unread);
    return status;
}

/* "daily OVERDUE (31h old, due every 24h), weekly MISSING", and the presets alone. */
static void name_late(const struct larder_status_report *report, struct buffer *message,
                      struct buffer *presets)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct larder_status_preset *p = &report->presets[i];

        if (p->standing != LARDER_STANDING_OVERDUE && p->standing != LARDER_STANDING_MISSING)
            continue;
        buffer_puts(message, message->length > 0 ? ", " : "");
        status_put_state(message, report, i);
        buffer_printf(presets, "%s%s", presets->length > 0 ? " " : "", p->preset);
    }
}

/* Where no table has shown which they are; a schedule's mail has nothing but the error. */
static void name_late_in(const struct larder_status_report *report, struct larder_error *error)
{
    struct buffer message = {0}, presets = {0};
    struct larder_error count = *error;

    name_late(report, &message, &presets);
    if (presets.length > 0 && !report->empty)
        larder_fail(error, LARDER_OVERDUE, "%s: %s", count.message, buffer_text(&message));
    buffer_free(&message);
    buffer_free(&presets);
}

/* That all is well is news for nobody but a ping that is for the status alone. */
static void tell_hooks(const struct cli_values *v, struct hooks *hooks,
                       const struct larder_status_report *report, enum larder_status status,
                       const struct larder_error *error)
{
    struct buffer message = {0}, presets = {0};
    struct larder_hooks ping_only = {.ping = hooks_of(v)->ping, .timeout = hooks_of(v)->timeout};

    if (status == LARDER_OK)
        hooks->configured = &ping_only;
    name_late(report, &message, &presets);
    if (status == LARDER_OVERDUE && presets.length > 0) {
        hooks->event.message = buffer_text(&message);
        hooks->event.preset = buffer_text(&presets);
    }
    hooks_end(hooks, status, error);
    hooks->event.message = hooks->event.preset = NULL;
    hooks->configured = hooks_of(v);
    buffer_free(&message);
    buffer_free(&presets);
}

static enum larder_status print_metrics(const struct cli_values *v,
                                        const struct larder_status_report *report, bool success,
                                        struct larder_error *error)
{
    struct buffer text = {0};
    enum larder_status status = LARDER_OK;

    status_metrics(report, success, &text);
    if (text.failed)
        status = larder_fail_memory(error);
    else if (v->output != NULL)
        status = replace_file(v->output, text.bytes, text.length, error);
    else
        fwrite(text.bytes, 1, text.length, stdout);
    buffer_free(&text);
    return status;
}

/* Returns the exit code. */
static enum larder_status show(const struct cli_values *v,
                               const struct larder_status_report *report, const struct hooks *hooks,
                               enum larder_status status, struct larder_error *error)
{
    bool read = status == LARDER_OK || status == LARDER_OVERDUE;
    struct larder_error why = {0};

    if (v->nagios)
        return (enum larder_status)status_print_nagios(report, status, error);
    if (v->prometheus && print_metrics(v, report, read && report->unread == NULL && !report->empty,
                                       &why) != LARDER_OK) {
        *error = why;
        return LARDER_FAILED;
    }
    if ((!read && report->unread == NULL) || v->prometheus)
        return status;
    if (v->json) {
        json_t *json = status_json(report, v->store);

        hooks_add_json(hooks, json);
        if (print_json(json, &why) != LARDER_OK) {
            *error = why;
            return LARDER_FAILED;
        }
    }
    if (!v->json && !v->quiet && report->count > 0)
        status_print_screen(report, v->store);
    return status;
}

/* What is wrong with the configuration is told in the form that was asked for, too. */
enum larder_status cli_status(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error)
{
    struct larder_status_report report = {0};
    struct hooks hooks = {0};
    enum larder_status status = check_usage(values, error);
    struct cli_values *v;

    if (status != LARDER_OK)
        return status;
    v = malloc(sizeof(*v));
    if (v == NULL)
        return larder_fail_memory(error);
    *v = *values;
    /* Where metrics go to stands in place of no store. */
    v->output = NULL;
    status = config_complete("snM", v, run, error);
    v->output = values->output;
    if (status == LARDER_OK) {
        hooks_begin(&hooks, v, run, "status",
                    v->arguments.count > 0 ? v->arguments.items[0] : NULL);
        status = read_status(v, run, &report, error);
        tell_hooks(v, &hooks, &report, status, error);
    }
    status = show(v, &report, &hooks, status, error);
    if (status == LARDER_OVERDUE && (v->quiet || v->prometheus) && !v->json)
        name_late_in(&report, error);
    larder_status_free(&report);
    larder_config_free(&v->config);
    free(v);
    return status;
}
