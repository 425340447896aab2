#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/cli/cli.h"
#include "engine/cli/log.h"
#include "engine/cli/print.h"
#include "formats/buffer.h"
#include "formats/json_text.h"
#include "formats/json_times.h"
#include "formats/times.h"
#include "larder/list.h"

static json_t *item_json(const struct larder_list_item *item)
{
    json_t *problems = json_array();

    for (size_t j = 0; j < item->problem_count; j++)
        json_array_append_new(problems, json_text(item->problems[j]));
    return json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:I, s:I, s:b, s:s?, s:b, s:o, s:o, s:o, s:o, s:s?, s:s?, s:I, s:o, s:b}",
        "archive", json_text(item->archive), "backup_name", item->backup_name, "preset",
        item->preset, "source", json_text(item->source), "created_at",
        json_time_or_null(item->created_at), "bytes", (json_int_t)item->bytes, "rows",
        (json_int_t)item->rows, "encrypted", item->encrypted, "sha256", item->sha256, "good",
        item->good, "problems", problems, "verified_at", json_time_or_null(item->verified_at),
        "drilled_at", json_time_or_null(item->drilled_at), "drill_failed_at",
        json_time_or_null(item->drill_failed_at), "drill_failure", item->drill_failure,
        "shrunk_since", item->shrunk_since, "shrunk_tables", (json_int_t)item->shrunk_tables,
        "keep_until", json_time_or_null(item->keep_until), "held", item->held);
}

static json_t *list_json(const struct larder_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, item_json(&list->items[i]));
    return array;
}

enum { CELL = 96 };

static void age_text(time_t then, char text[CELL])
{
    print_age(time(NULL), then, text, CELL);
}

static void kept_text(const struct larder_list_item *item, char text[CELL])
{
    if (item->held) {
        snprintf(text, CELL, "held");
    } else if (item->keep_until == 0) {
        snprintf(text, CELL, "%s", item->sha256 != NULL ? "by hand" : "-");
    } else {
        times_to_text(item->keep_until, text);
        text[10] = '\0';
    }
}

enum column { BACKUP, SOURCE, PRESET, AGE, SIZE, ROWS, ENCRYPTED, VERIFIED, DRILLED, KEPT, STATE };
enum { COLUMNS = STATE + 1 };

static const struct {
    const char *head;
    char align;
} heads[COLUMNS] = {
    [BACKUP] = {"backup", 'n'},   [SOURCE] = {"source", 'l'},
    [PRESET] = {"preset", 'l'},   [AGE] = {"age", 'r'},
    [SIZE] = {"size", 'r'},       [ROWS] = {"rows", 'r'},
    [ENCRYPTED] = {"encr", 'l'},  [VERIFIED] = {"verified", 'r'},
    [DRILLED] = {"drilled", 'r'}, [KEPT] = {"kept until", 'l'},
    [STATE] = {"", 'l'},
};

/* What goes first where the screen is too narrow: the name says the preset, too. The source stays, which alone may tell two rows apart. */
static const enum column drops[] = {PRESET, ENCRYPTED, DRILLED, VERIFIED, ROWS, KEPT, SIZE, AGE};

static void cell_text(const struct larder_list_item *item, enum column column, char text[CELL])
{
    char number[PRINT_NUMBER], size[PRINT_SIZE];

    switch (column) {
    case BACKUP:
        snprintf(text, CELL, "%s", item->backup_name);
        break;
    case SOURCE:
        snprintf(text, CELL, "%s", item->source);
        break;
    case PRESET:
        snprintf(text, CELL, "%s", item->preset);
        break;
    case AGE:
        age_text(item->created_at, text);
        break;
    case SIZE:
        snprintf(text, CELL, "%s", print_size(item->bytes, size));
        break;
    case ROWS:
        snprintf(text, CELL, "%s", item->sha256 == NULL ? "-" : print_number(item->rows, number));
        break;
    case ENCRYPTED:
        snprintf(text, CELL, "%s", item->encrypted ? "yes" : "no");
        break;
    case VERIFIED:
        age_text(item->verified_at, text);
        break;
    case DRILLED:
        age_text(item->drilled_at, text);
        break;
    case KEPT:
        kept_text(item, text);
        break;
    default:
        snprintf(text, CELL, "%s", !item->good ? "NOT GOOD" : item->note_count > 0 ? "look" : "");
        break;
    }
}

/* All columns but the source where there is only one. */
static void choose_columns(const struct larder_list *list, bool shown[COLUMNS])
{
    for (size_t j = 0; j < COLUMNS; j++)
        shown[j] = true;
    shown[SOURCE] = shown[STATE] = false;
    for (size_t i = 0; i < list->count; i++) {
        shown[SOURCE] |= strcmp(list->items[i].source, list->items[0].source) != 0;
        shown[STATE] |= !list->items[i].good || list->items[i].note_count > 0;
    }
}

/* Picks the cells of the columns that are shown; returns how many columns these are. */
static size_t pick(char (*texts)[CELL], size_t rows, const bool shown[COLUMNS], const char **cells,
                   char align[COLUMNS])
{
    size_t n = 0, columns = 0;

    for (size_t j = 0; j < COLUMNS; j++)
        if (shown[j])
            align[columns++] = heads[j].align;
    for (size_t i = 0; i < rows * COLUMNS; i++)
        if (shown[i % COLUMNS])
            cells[n++] = texts[i];
    return columns;
}

static void print_list(const struct larder_list *list)
{
    size_t rows = list->count + 1, columns, wide = print_screen_width();
    char(*texts)[CELL] = calloc(rows * COLUMNS, CELL);
    const char **cells = calloc(rows * COLUMNS, sizeof(*cells));
    bool shown[COLUMNS];
    char align[COLUMNS];

    for (size_t i = 0; texts != NULL && i < rows * COLUMNS; i++) {
        if (i < COLUMNS)
            snprintf(texts[i], CELL, "%s", heads[i].head);
        else
            cell_text(&list->items[i / COLUMNS - 1], (enum column)(i % COLUMNS), texts[i]);
    }
    choose_columns(list, shown);
    if (texts != NULL && cells != NULL) {
        columns = pick(texts, rows, shown, cells, align);
        for (size_t k = 0; k < sizeof(drops) / sizeof(drops[0]) && wide > 0 &&
                           print_table_width(cells, rows, columns) > wide;
             k++) {
            shown[drops[k]] = false;
            columns = pick(texts, rows, shown, cells, align);
        }
        print_table(cells, rows, columns, align);
    }
    free(texts);
    free(cells);
}

static void print_lines(const char *archive, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_text(archive);
        printf(": ");
        print_text(lines[i]);
        printf("\n");
    }
}

static void print_problems(const struct larder_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct larder_list_item *item = &list->items[i];

        print_lines(item->archive, item->problems, item->problem_count);
        print_lines(item->archive, item->notes, item->note_count);
    }
}

enum larder_status cli_need_store(const char *store, struct larder_error *error)
{
    if (store != NULL)
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE, "no store was given");
    larder_hint(error, "Give --store URL, set LARDER_STORE, or name it in larder.conf.");
    return LARDER_USAGE;
}

static void say_that_there_is_none(const struct larder_list_options *options, const char *hint)
{
    struct buffer text = {0};

    buffer_puts(&text, "there is no archive");
    if (options->preset != NULL)
        buffer_printf(&text, " of preset \"%s\"", options->preset);
    buffer_printf(&text, " in \"%s\"", options->store);
    log_event(LOG_IS_NOTE, buffer_text(&text), hint);
    buffer_free(&text);
}

static enum larder_status show(const struct cli_values *v, const struct larder_list *list,
                               struct larder_error *error)
{
    if (v->json)
        return print_json(list_json(list), error);
    if (list->count > 0) {
        print_list(list);
        print_problems(list);
    }
    return LARDER_OK;
}

enum larder_status cli_list(const struct cli_values *v, struct larder_run *run,
                            struct larder_error *error)
{
    struct larder_list_options options = {.store = v->store,
                                          .preset =
                                              v->arguments.count > 0 ? v->arguments.items[0] : NULL,
                                          .presets = v->config.presets};
    struct larder_list list;
    struct larder_error why = {0};
    enum larder_status printed = LARDER_OK, status = cli_need_store(options.store, error);

    if (v->arguments.count > 1)
        return larder_fail(error, LARDER_USAGE, "one preset at a time: \"%s\" is one too many",
                           v->arguments.items[1]);
    if (status != LARDER_OK)
        return status;
    status = larder_list(&options, run, &list, error);
    /* A database, which is not asked, may have presets of which there is no archive yet. */
    if (list.no_such_preset && options.presets.count == 0)
        status = LARDER_OK;
    if (status == LARDER_OK && list.count == 0)
        say_that_there_is_none(&options, list.no_such_preset ? error->hint : NULL);
    if (status == LARDER_OK || list.unread != NULL)
        printed = show(v, &list, &why);
    larder_list_free(&list);
    if (printed != LARDER_OK)
        *error = why;
    return printed != LARDER_OK ? printed : status;
}
