#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/doctor.h"
#include "engine/cli/keys.h"
#include "engine/cli/password.h"
#include "engine/cli/print.h"
#include "engine/cli/screen.h"
#include "engine/cli/settings.h"
#include "formats/json_text.h"

static const char *const verdicts[] = {"ok", "warning", "FAILED"};

/* A file that is not as it should be is a line like the others, and then there is nothing to check. */
static void only_config(struct larder_doctor *result, struct larder_doctor_line *line,
                        const struct larder_error *error)
{
    *line = (struct larder_doctor_line){"config", LARDER_VERDICT_FAILED, error->message,
                                        error->hint[0] != '\0' ? error->hint : NULL};
    *result = (struct larder_doctor){.lines = line, .count = 1, .failures = 1};
}

static json_t *result_json(const struct larder_doctor *result, json_t *config)
{
    json_t *checks = json_array();

    for (size_t i = 0; i < result->count; i++) {
        const struct larder_doctor_line *line = &result->lines[i];

        json_array_append_new(
            checks,
            json_pack("{s:o, s:s, s:o, s:o}", "check", json_text(line->subject), "result",
                      line->verdict == LARDER_VERDICT_FAILED ? "failed" : verdicts[line->verdict],
                      "message", json_text(line->message), "help", json_text(line->help)));
    }
    return json_pack("{s:o, s:o, s:I, s:I}", "config", config, "checks", checks, "warnings",
                     (json_int_t)result->warnings, "failed", (json_int_t)result->failures);
}

void doctor_print_lines(const struct larder_doctor *result, bool quiet)
{
    size_t width = 0, indent;

    for (size_t i = 0; i < result->count; i++)
        if (screen_width(result->lines[i].subject) > width)
            width = screen_width(result->lines[i].subject);
    indent = width + 11;
    for (size_t i = 0; i < result->count; i++) {
        const struct larder_doctor_line *line = &result->lines[i];

        if (quiet && line->verdict == LARDER_VERDICT_OK)
            continue;
        print_word(verdicts[line->verdict]);
        printf("%*s ", 8 - (int)strlen(verdicts[line->verdict]), "");
        print_text(line->subject);
        printf("%*s  ", (int)(width - screen_width(line->subject)), "");
        print_sentence(line->message, indent, indent);
        if (line->help != NULL) {
            printf("%*shelp: ", (int)indent, "");
            print_sentence(line->help, indent + 6, indent);
        }
    }
}

static void show(const struct cli_values *v, const struct larder_doctor *result, bool configured)
{
    if (v->json) {
        print_json(result_json(result, configured ? settings_json(v) : json_null()), NULL);
        return;
    }
    if (configured && !v->quiet)
        settings_print(v);
    doctor_print_lines(result, v->quiet);
    printf("%zu checks, %zu warning%s, %zu failed\n", result->count, result->warnings,
           result->warnings == 1 ? "" : "s", result->failures);
}

/* No passphrase is asked for: what opens archives by itself at night must be in a file. */
static struct larder_keys_options keys_options(const struct cli_values *v, const char **variable)
{
    struct larder_keys_options keys = {.identity_files = v->identity_files.items,
                                       .identity_file_count = v->identity_files.count,
                                       .passphrase_file = v->passphrase_file};

    *variable = getenv("LARDER_IDENTITY");
    if (keys.identity_file_count == 0 && *variable != NULL && *variable[0] != '\0') {
        keys.identity_files = variable;
        keys.identity_file_count = 1;
    }
    return keys;
}

static enum larder_status check(const struct cli_values *v, const struct larder_run *run,
                                struct larder_doctor *result, struct larder_error *error)
{
    struct larder_connect schema_from = {.dbname = v->schema_from};
    struct larder_connect record_to = {.dbname = v->record_to};
    const struct larder_config *c = &v->config;
    const char *variable;
    struct larder_doctor_options options = {
        .config_file = c->file,
        .source = config_source(v),
        .source_name = v->source_name,
        .schema_from = v->schema_from != NULL ? &schema_from : NULL,
        .record_to = v->record_to != NULL ? &record_to : NULL,
        .no_record = v->no_record,
        .presets = c->presets,
        .store = v->store,
        .lock = c->lock,
        .encryption = {.recipients = c->recipients,
                       .recipient_count = c->recipient_count,
                       .recipient_files = c->recipient_files,
                       .recipient_file_count = c->recipient_file_count,
                       .passphrase_file = c->passphrase_file},
        .hooks = c->hooks,
        .keys = keys_options(v, &variable),
    };
    char password[PASSWORD_BYTES];
    enum larder_status status = password_ask(v, &options.source, password, run, error);

    keys_guard();
    return status == LARDER_OK ? larder_doctor(&options, run, result, error) : status;
}

enum larder_status cli_doctor(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error)
{
    struct cli_values *v;
    struct larder_doctor result = {0};
    struct larder_doctor_line line;
    enum larder_status status;

    if (values->arguments.count > 0)
        return larder_fail(error, LARDER_USAGE, "doctor takes no argument \"%s\"",
                           values->arguments.items[0]);
    v = malloc(sizeof(*v));
    if (v == NULL)
        return larder_fail_memory(error);
    *v = *values;
    status = config_complete("snFDiK", v, run, error);
    if (status != LARDER_OK) {
        only_config(&result, &line, error);
        show(v, &result, false);
        larder_fail(error, status, "the configuration cannot be used");
    } else {
        status = check(v, run, &result, error);
        if (status == LARDER_OK || result.failures > 0)
            show(v, &result, true);
        larder_doctor_free(&result);
    }
    larder_config_free(&v->config);
    free(v);
    return status;
}
