#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/hooks.h"
#include "engine/cli/password.h"
#include "engine/cli/print.h"
#include "formats/json_text.h"
#include "formats/names.h"
#include "larder/prune.h"

enum { COLUMNS = 3 };

static json_t *result_json(const struct larder_prune *result, bool dry_run)
{
    json_t *archives = json_array();

    for (size_t i = 0; i < result->count; i++) {
        const struct larder_prune_item *item = &result->items[i];

        json_array_append_new(
            archives, json_pack("{s:o, s:s, s:s, s:I, s:b, s:o, s:b, s:o}", "archive",
                                json_text(item->archive), "backup_name", item->backup_name,
                                "preset", item->preset, "bytes", (json_int_t)item->bytes, "remove",
                                item->remove, "reason", json_text(item->reason), "removed",
                                item->removed, "failure", json_text(item->failure)));
    }
    return json_pack("{s:o, s:b, s:I, s:I, s:o}", "source", json_text(result->source), "dry_run",
                     dry_run, "removed", (json_int_t)result->removed, "bytes_removed",
                     (json_int_t)result->bytes_removed, "archives", archives);
}

static const char *verb(const struct larder_prune_item *item, bool dry_run)
{
    if (!item->remove)
        return "keep";
    return item->removed ? "removed" : dry_run ? "remove" : "FAILED";
}

static void print_result(const struct larder_prune *result, bool dry_run)
{
    const char **cells = calloc(result->count * COLUMNS + 1, sizeof(*cells));
    char bytes[PRINT_SIZE];

    for (size_t i = 0; cells != NULL && i < result->count; i++) {
        const struct larder_prune_item *item = &result->items[i];

        cells[i * COLUMNS] = verb(item, dry_run);
        cells[i * COLUMNS + 1] = item->backup_name;
        cells[i * COLUMNS + 2] = item->failure != NULL ? item->failure : item->reason;
    }
    if (cells != NULL && result->count > 0)
        print_table(cells, result->count, COLUMNS, "nnn");
    if (dry_run)
        printf("nothing was touched\n");
    else
        printf("%zu of %zu archive%s removed, %s\n", result->removed, result->count,
               result->count == 1 ? "" : "s", print_size(result->bytes_removed, bytes));
    free(cells);
}

enum larder_status cli_prune(const struct cli_values *v, struct larder_run *run,
                             struct larder_error *error)
{
    struct larder_connect database = config_source(v);
    struct larder_prune_options options = {
        .store = v->store,
        .preset = v->arguments.count > 0 ? v->arguments.items[0] : NULL,
        .source_name = v->source_name,
        .database = config_names_database(&database) ? &database : NULL,
        .presets = v->config.presets,
        .keep_min = v->keep_min,
        .dry_run = v->dry_run,
    };
    struct larder_prune result;
    struct hooks hooks = {0};
    char password[PASSWORD_BYTES];
    enum larder_status status;

    if (v->arguments.count > 1)
        return larder_fail(error, LARDER_USAGE, "one preset at a time: \"%s\" is one too many",
                           v->arguments.items[1]);
    status = cli_need_store(options.store, error);
    if (status == LARDER_OK)
        status = password_ask(v, &database, password, run, error);
    if (status != LARDER_OK)
        return status;
    if (!v->dry_run)
        hooks_begin(&hooks, v, run, "prune", options.preset);
    status = larder_prune(&options, run, &result, error);
    hooks.event.source = result.source;
    hooks.event.bytes = result.bytes_removed;
    if (!v->dry_run)
        hooks_end(&hooks, status, error);
    if (v->json) {
        json_t *json = result_json(&result, v->dry_run);
        enum larder_status printed;

        hooks_add_json(&hooks, json);
        printed = print_json(json, NULL);
        status = status == LARDER_OK ? printed : status;
    } else if (!v->quiet && (status == LARDER_OK || result.count > 0)) {
        print_result(&result, v->dry_run);
    }
    larder_prune_free(&result);
    return status;
}

static void say_what_was_done(const char *name, bool hold, bool was_held)
{
    if (hold)
        printf("%s is held, and stays until it is released\n", name);
    else if (was_held)
        printf("%s is released: it goes when its time is over\n", name);
    else
        printf("%s was not held\n", name);
}

static enum larder_status hold_or_release(const struct cli_values *v, bool hold,
                                          const struct larder_run *run, struct larder_error *error)
{
    enum larder_status status = cli_need_store(v->store, error);
    const char *name = v->arguments.items[0];
    bool was_held;

    if (status == LARDER_OK && v->arguments.count != 1)
        return larder_fail(error, LARDER_USAGE, "%s takes one backup's name, and got %zu",
                           hold ? "hold" : "release", v->arguments.count);
    if (status != LARDER_OK)
        return status;
    status = hold ? larder_hold(v->store, name, run, &was_held, error)
                  : larder_release(v->store, name, run, &was_held, error);
    if (status == LARDER_OK && v->json)
        status = print_json(
            json_pack("{s:o, s:b}", "backup_name", json_text(names_base(name)), "held", hold),
            error);
    else if (status == LARDER_OK && !v->quiet)
        say_what_was_done(name, hold, was_held);
    return status;
}

enum larder_status cli_hold(const struct cli_values *v, struct larder_run *run,
                            struct larder_error *error)
{
    return hold_or_release(v, true, run, error);
}

enum larder_status cli_release(const struct cli_values *v, struct larder_run *run,
                               struct larder_error *error)
{
    return hold_or_release(v, false, run, error);
}
