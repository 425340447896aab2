#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/hooks.h"
#include "engine/cli/keys.h"
#include "engine/cli/log.h"
#include "engine/cli/password.h"
#include "engine/cli/print.h"
#include "engine/cli/progress.h"
#include "engine/cli/screen.h"
#include "engine/run/run.h"
#include "formats/json_text.h"
#include "larder/prune.h"

static json_t *tables_json(const struct larder_export_table *tables, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct larder_export_table *t = &tables[i];
        json_t *table = json_pack("{s:o, s:o, s:I, s:I, s:s, s:s}", "schema", json_text(t->schema),
                                  "name", json_text(t->name), "rows", (json_int_t)t->rows, "bytes",
                                  (json_int_t)t->bytes, "copy_format", t->copy_format,
                                  "fingerprint", t->fingerprint);

        if (t->only != NULL)
            json_object_set_new(table, "only", json_text(t->only));
        json_array_append_new(array, table);
    }
    return array;
}

static json_t *shrunk_json(const struct larder_export_result *r)
{
    json_t *array = json_array();

    for (size_t i = 0; i < r->shrunk_count; i++) {
        const struct larder_export_shrunk *s = &r->shrunk[i];

        json_array_append_new(array, json_pack("{s:o, s:I, s:o}", "table", json_text(s->table),
                                               "rows_before", (json_int_t)s->rows_before, "rows",
                                               s->rows < 0 ? json_null() : json_integer(s->rows)));
    }
    return array;
}

static json_t *result_json(const struct larder_export_result *r, const struct hooks *hooks)
{
    json_t *warnings = json_array(), *json;

    for (size_t i = 0; i < r->warning_count; i++)
        json_array_append_new(warnings, json_text(r->warnings[i]));
    json = json_pack("{s:o, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:f, s:s, s:b, s:b, s:o, s:o, s:o, "
                     "s:s?, s:o}",
                     "archive", json_text(r->archive), "backup_name", r->backup_name, "preset",
                     r->preset, "source", json_text(r->source), "database", json_text(r->database),
                     "rows", (json_int_t)r->rows, "bytes", (json_int_t)r->bytes, "raw_bytes",
                     (json_int_t)r->raw_bytes, "seconds", r->seconds, "sha256", r->sha256,
                     "encrypted", r->encrypted, "recorded", r->recorded, "tables",
                     tables_json(r->tables, r->table_count), "referenced",
                     tables_json(r->referenced, r->referenced_count), "warnings", warnings,
                     "shrunk_since", r->shrunk_since, "shrunk", shrunk_json(r));
    if (json != NULL)
        hooks_add_json(hooks, json);
    return json;
}

/* The archive itself may be what goes to standard output: then the summary goes to standard error.
 */
static void print_result(FILE *out, const struct larder_export_result *r)
{
    char rows[PRINT_NUMBER], bytes[PRINT_SIZE], raw[PRINT_SIZE];

    fprintf(out, "%s\n", r->archive);
    fprintf(out, "  %s row%s of %zu table%s, %s in %s%s (%.1f s)%s\n", print_number(r->rows, rows),
            r->rows == 1 ? "" : "s", r->table_count, r->table_count == 1 ? "" : "s",
            print_size(r->raw_bytes, raw), print_size(r->bytes, bytes),
            r->encrypted ? ", encrypted" : "", r->seconds,
            r->recorded ? ", recorded in the database" : "");
    for (size_t i = 0; i < r->referenced_count; i++) {
        fprintf(out, "  %s %s of ", print_number(r->referenced[i].rows, rows),
                r->referenced[i].only);
        screen_put(out, r->referenced[i].schema, strlen(r->referenced[i].schema), " ");
        fputc('.', out);
        screen_put(out, r->referenced[i].name, strlen(r->referenced[i].name), " ");
        fputs(", which foreign keys refer to\n", out);
    }
    fprintf(out, "  sha256 %s\n", r->sha256);
}

/* The archive is there, whatever becomes of the older ones. */
static enum larder_status prune_after(const struct cli_values *v,
                                      const struct larder_export_options *export,
                                      const struct larder_export_result *exported,
                                      const struct larder_run *run, struct larder_error *error)
{
    struct larder_prune_options options = {.store = export->store,
                                           .preset = exported->preset,
                                           .source_name = exported->source,
                                           .database = &export->source,
                                           .presets = export->presets,
                                           .keep_min = v->keep_min};
    struct larder_prune result;
    enum larder_status status = larder_prune(&options, run, &result, error);

    for (size_t i = 0; i < result.count; i++)
        if (result.items[i].removed)
            run_message(run, LARDER_NOTE, "removed %s: %s", result.items[i].backup_name,
                        result.items[i].reason);
    larder_prune_free(&result);
    if (status == LARDER_OK)
        return LARDER_OK;
    larder_context(error, "the archive is complete, but older ones were not removed");
    return run_is_stopped(status) ? status : LARDER_FAILED;
}

/* Also where tables have shrunk and that was to be an error. */
static bool is_complete(enum larder_status status)
{
    return status == LARDER_OK || status == LARDER_DIFFERENCE;
}

static enum larder_status show(const struct cli_values *v,
                               const struct larder_export_result *result, const struct hooks *hooks,
                               enum larder_status status, struct larder_error *error)
{
    bool to_stdout = v->output != NULL && v->output[0] == '-' && v->output[1] == '\0';
    struct larder_error why = {0};

    if (v->json && !to_stdout && print_json(result_json(result, hooks), &why) != LARDER_OK) {
        *error = why;
        return LARDER_FAILED;
    }
    if ((!v->json || to_stdout) && !v->quiet)
        print_result(to_stdout ? stderr : stdout, result);
    return status;
}

/* Exports, removes older ones where that was asked for, tells the hooks, and says what it came to. */
static enum larder_status export_and_tell(const struct cli_values *v,
                                          const struct larder_export_options *options,
                                          const struct larder_run *run, struct larder_error *error)
{
    struct larder_export_result result;
    struct hooks hooks;
    enum larder_status status;
    bool complete;

    hooks_begin(&hooks, v, run, "export", options->preset != NULL ? options->preset : "adhoc");
    status = larder_export(options, run, &result, error);
    progress_pause(run);
    complete = is_complete(status);
    if (!complete && result.findings.count > 1)
        log_findings(&result.findings);
    if (status == LARDER_OK && v->prune && result.shrunk_since == NULL)
        status = prune_after(v, options, &result, run, error);
    hooks.event.source = result.source;
    hooks.event.backup_name = complete ? result.backup_name : NULL;
    hooks.event.archive = complete ? result.archive : NULL;
    hooks.event.rows = result.rows;
    hooks.event.bytes = result.bytes;
    hooks.event.warnings = result.warnings;
    hooks.event.warning_count = result.warning_count;
    hooks_end(&hooks, status, error);
    if (complete)
        status = show(v, &result, &hooks, status, error);
    larder_export_result_free(&result);
    return status;
}

enum larder_status cli_export(const struct cli_values *v, struct larder_run *run,
                              struct larder_error *error)
{
    struct larder_connect record_to = {.dbname = v->record_to};
    struct larder_connect schema_from = {.dbname = v->schema_from};
    struct larder_export_options options = {
        .source = config_source(v),
        .preset = v->arguments.count > 0 ? v->arguments.items[0] : NULL,
        .tables = v->tables.items,
        .table_count = v->tables.count,
        .output = v->output,
        .store = v->store,
        .encryption = keys_encryption(v),
        .source_name = v->source_name,
        .lanes = v->lanes,
        .level = v->level,
        .copy_format = v->copy_format,
        .copy_choices = v->copy_choices,
        .copy_choice_count = v->copy_choice_count,
        .schema_from = v->schema_from != NULL ? &schema_from : NULL,
        .record_to = v->record_to != NULL ? &record_to : NULL,
        .no_record = v->no_record,
        .lock = v->config.lock,
        .lock_timeout = v->lock_timeout,
        .references = v->references,
        .whole_tables = v->whole_tables,
        .fail_on_shrink = v->fail_on_shrink,
        .accept_shrink = v->accept_shrink,
        .presets = v->config.presets,
    };
    char password[PASSWORD_BYTES];
    enum larder_status status;

    if (v->arguments.count > 1)
        return larder_fail(error, LARDER_USAGE, "one preset at a time: \"%s\" is one too many",
                           v->arguments.items[1]);
    if (v->prune && v->output != NULL)
        return larder_fail(error, LARDER_USAGE, "--prune needs a store, and -o names a file");
    status = password_ask(v, &options.source, password, run, error);
    if (status != LARDER_OK)
        return status;
    keys_warn_of_name(v, v->output, &options.encryption, run);
    return export_and_tell(v, &options, run, error);
}
