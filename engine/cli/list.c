#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/cli/cli.h"
#include "engine/cli/print.h"
#include "formats/times.h"
#include "larder/list.h"

static json_t *time_or_null(time_t time)
{
    char text[TIMES_TEXT];

    if (time == 0)
        return json_null();
    times_to_text(time, text);
    return json_string(text);
}

static json_t *list_json(const struct larder_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const struct larder_list_item *item = &list->items[i];
        json_t *problems = json_array();

        for (size_t j = 0; j < item->problem_count; j++)
            json_array_append_new(problems, json_string(item->problems[j]));
        json_array_append_new(
            array,
            json_pack(
                "{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:b, s:s?, s:b, s:o, s:o, s:o, s:o, s:b}",
                "archive", item->archive, "backup_name", item->backup_name, "preset", item->preset,
                "source", item->source, "created_at", time_or_null(item->created_at), "bytes",
                (json_int_t)item->bytes, "rows", (json_int_t)item->rows, "encrypted",
                item->encrypted, "sha256", item->sha256, "good", item->good, "problems", problems,
                "verified_at", time_or_null(item->verified_at), "drilled_at",
                time_or_null(item->drilled_at), "keep_until", time_or_null(item->keep_until),
                "held", item->held));
    }
    return array;
}

/* "5 minutes", "3 hours", "12 days" */
static void age_text(time_t then, char text[32])
{
    static const struct {
        long seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    long age = (long)(time(NULL) - then);

    snprintf(text, 32, "-");
    if (then == 0 || age < 0)
        return;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (age >= units[i].seconds || units[i].seconds == 1) {
            long number = age / units[i].seconds;

            snprintf(text, 32, "%ld %s%s", number, units[i].name, number == 1 ? "" : "s");
            return;
        }
}

enum { COLUMNS = 7, CELL = 128 };

static const char *kept_text(const struct larder_list_item *item, char text[32])
{
    if (item->held)
        return "held";
    if (item->keep_until == 0)
        return item->good ? "by hand" : "-";
    times_to_text(item->keep_until, text);
    text[10] = '\0';
    return text;
}

static void print_list(const struct larder_list *list)
{
    static const char *const heads[COLUMNS] = {"backup", "source",     "age", "size",
                                               "rows",   "kept until", ""};
    char(*texts)[CELL] = calloc((list->count + 1) * COLUMNS, CELL);
    const char **cells = calloc((list->count + 1) * COLUMNS, sizeof(*cells));

    for (size_t i = 0; texts != NULL && cells != NULL && i <= list->count; i++) {
        const struct larder_list_item *item = i == 0 ? NULL : &list->items[i - 1];
        char age[32], kept[32], rows[PRINT_NUMBER], bytes[PRINT_SIZE];

        for (size_t j = 0; j < COLUMNS; j++) {
            cells[i * COLUMNS + j] = texts[i * COLUMNS + j];
            if (item == NULL)
                snprintf(texts[j], CELL, "%s", heads[j]);
        }
        if (item == NULL)
            continue;
        age_text(item->created_at, age);
        snprintf(texts[i * COLUMNS], CELL, "%s", item->backup_name);
        snprintf(texts[i * COLUMNS + 1], CELL, "%s", item->source);
        snprintf(texts[i * COLUMNS + 2], CELL, "%s", age);
        snprintf(texts[i * COLUMNS + 3], CELL, "%s", print_size(item->bytes, bytes));
        snprintf(texts[i * COLUMNS + 4], CELL, "%s",
                 item->sha256 == NULL ? "-" : print_number(item->rows, rows));
        snprintf(texts[i * COLUMNS + 5], CELL, "%s", kept_text(item, kept));
        snprintf(texts[i * COLUMNS + 6], CELL, "%s%s",
                 item->good ? "" : "NOT GOOD: ", item->good ? "" : item->problems[0]);
    }
    if (texts != NULL && cells != NULL)
        print_table(cells, list->count + 1, COLUMNS, "lllrrll");
    free(texts);
    free(cells);
}

enum larder_status cli_list(const struct cli_values *v, struct larder_run *run,
                            struct larder_error *error)
{
    struct larder_list_options options = {
        .store = v->store != NULL ? v->store : getenv("LARDER_STORE"),
        .preset = v->arguments.count > 0 ? v->arguments.items[0] : NULL};
    struct larder_list list;
    enum larder_status status;

    if (options.store == NULL) {
        larder_fail(error, LARDER_USAGE, "no store was given");
        larder_hint(error, "Give --store URL, or set LARDER_STORE.");
        return LARDER_USAGE;
    }
    status = larder_list(&options, run, &list, error);
    if (status == LARDER_OK && v->json)
        status = print_json(list_json(&list), error);
    else if (status == LARDER_OK && list.count == 0)
        fprintf(stderr, "larder: there is no archive in \"%s\"\n", options.store);
    else if (status == LARDER_OK)
        print_list(&list);
    larder_list_free(&list);
    return status;
}
