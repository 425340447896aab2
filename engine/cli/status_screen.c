#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/print.h"
#include "engine/cli/status_print.h"
#include "formats/json_text.h"
#include "formats/json_times.h"

enum { CELL = 96, PROBLEMS_SHOWN = 6, NAMES_SHOWN = 3 };
enum column { PRESET, AGE, EVERY, SIZE, TREND, VERIFIED, DRILLED, PRUNES, STATE, COLUMNS };

static const struct {
    const char *head;
    char align;
} heads[COLUMNS] = {
    [PRESET] = {"preset", 'l'}, [AGE] = {"age", 'r'},      [EVERY] = {"every", 'r'},
    [SIZE] = {"size", 'r'},     [TREND] = {"trend", 'r'},  [VERIFIED] = {"verify", 'r'},
    [DRILLED] = {"drill", 'r'}, [PRUNES] = {"prune", 'r'}, [STATE] = {"", 'l'},
};

/* What goes first where the screen is too narrow. */
static const enum column drops[] = {PRUNES, TREND, SIZE, DRILLED, VERIFIED, EVERY};

/* "+2% (+14%)": against the one before, and against the oldest of the last ones. */
static void trend_text(const struct larder_status_preset *p, char text[CELL])
{
    if (p->size_count < 2)
        snprintf(text, CELL, "-");
    else if (p->size_count == 2)
        snprintf(text, CELL, "%+d%%", larder_status_trend(p->sizes[0], p->sizes[1]));
    else
        snprintf(text, CELL, "%+d%% (%+d%%)", larder_status_trend(p->sizes[0], p->sizes[1]),
                 larder_status_trend(p->sizes[0], p->sizes[p->size_count - 1]));
}

static void prune_text(const struct larder_status_preset *p, time_t now, char text[CELL])
{
    if (p->over > 0)
        snprintf(text, CELL, "now");
    else if (p->prune_at <= now)
        snprintf(text, CELL, "-");
    else
        print_duration(p->prune_at - now, text, CELL);
}

static const char *state_text(const struct larder_status_preset *p)
{
    if (p->standing == LARDER_STANDING_OVERDUE)
        return "OVERDUE";
    if (p->standing == LARDER_STANDING_MISSING)
        return "MISSING";
    if (p->standing == LARDER_STANDING_UNKNOWN)
        return "UNKNOWN";
    return p->problem_count > 0 ? "look" : "ok";
}

static void cell_text(const struct larder_status_preset *p, time_t now, bool sources,
                      enum column column, char text[CELL])
{
    char size[PRINT_SIZE];

    switch (column) {
    case PRESET:
        snprintf(text, CELL, "%.40s%s%.50s", sources && p->source != NULL ? p->source : "",
                 sources && p->source != NULL ? "/" : "", p->preset);
        break;
    case AGE:
        print_age(now, p->started_at, text, CELL);
        break;
    case EVERY:
        snprintf(text, CELL, "-");
        if (p->every > 0)
            print_duration(p->every, text, CELL);
        break;
    case SIZE:
        snprintf(text, CELL, "%s", p->backup_name == NULL ? "-" : print_size(p->bytes, size));
        break;
    case TREND:
        trend_text(p, text);
        break;
    case VERIFIED:
        print_age(now, p->verified_at, text, CELL);
        break;
    case DRILLED:
        print_age(now, p->drilled_at, text, CELL);
        break;
    case PRUNES:
        prune_text(p, now, text);
        break;
    default:
        snprintf(text, CELL, "%s", state_text(p));
        break;
    }
}

bool status_has_sources(const struct larder_status_report *report)
{
    for (size_t i = 1; i < report->count; i++)
        if (report->presets[i].source != NULL && report->presets[0].source != NULL &&
            strcmp(report->presets[i].source, report->presets[0].source) != 0)
            return true;
    return false;
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

static void print_presets(const struct larder_status_report *report)
{
    size_t rows = report->count + 1, columns, wide = print_screen_width();
    char(*texts)[CELL] = calloc(rows * COLUMNS, CELL);
    const char **cells = calloc(rows * COLUMNS, sizeof(*cells));
    bool shown[COLUMNS] = {0}, sources = status_has_sources(report);
    char align[COLUMNS];

    for (size_t i = 0; texts != NULL && i < rows * COLUMNS; i++) {
        shown[i % COLUMNS] = true;
        if (i < COLUMNS)
            snprintf(texts[i], CELL, "%s", heads[i].head);
        else
            cell_text(&report->presets[i / COLUMNS - 1], report->now, sources,
                      (enum column)(i % COLUMNS), texts[i]);
    }
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

static void print_problems(const struct larder_status_report *report)
{
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++)
        for (size_t j = 0; j < report->presets[i].problem_count; j++)
            if (count++ < PROBLEMS_SHOWN) {
                print_text(report->presets[i].problems[j]);
                printf("\n");
            }
    if (count > PROBLEMS_SHOWN)
        printf("and %zu more: `larder list` has them all\n", count - PROBLEMS_SHOWN);
}

static void print_uncovered(const struct larder_status_report *report)
{
    size_t count = report->uncovered_count;

    if (count == 0)
        return;
    printf("no scheduled preset covers %zu table%s:", count, count > 1 ? "s" : "");
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        printf("%s ", i > 0 ? "," : "");
        print_text(report->uncovered[i]);
    }
    if (count > NAMES_SHOWN)
        printf(" and %zu other%s", count - NAMES_SHOWN, count - NAMES_SHOWN == 1 ? "" : "s");
    printf("\n");
}

void status_print_screen(const struct larder_status_report *report, const char *store)
{
    uint64_t bytes = 0;
    size_t archives = 0;
    char size[PRINT_SIZE];

    print_presets(report);
    for (size_t i = 0; i < report->count; i++) {
        bytes += report->presets[i].total_bytes;
        archives += report->presets[i].archives;
    }
    print_problems(report);
    print_uncovered(report);
    printf("%zu archive%s, %s, in %s\n", archives, archives == 1 ? "" : "s",
           print_size(bytes, size), store);
}

static json_t *texts_json(const char *const *texts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_text(texts[i]));
    return array;
}

static json_t *preset_json(const struct larder_status_preset *p, time_t now)
{
    json_t *sizes = json_array(), *json;

    for (size_t i = 0; i < p->size_count; i++)
        json_array_append_new(sizes, json_integer((json_int_t)p->sizes[i]));
    json = json_pack(
        "{s:o, s:s, s:s, s:s?, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:o}",
        "source", json_text(p->source), "preset", p->preset, "state",
        larder_standing_name(p->standing), "backup_name", p->backup_name, "archive",
        json_text(p->archive), "started_at", json_time_or_null(p->started_at), "bytes",
        (json_int_t)p->bytes, "rows", (json_int_t)p->rows, "sizes", sizes, "archives",
        (json_int_t)p->archives, "good", (json_int_t)p->good, "total_bytes",
        (json_int_t)p->total_bytes, "verified_at", json_time_or_null(p->verified_at), "drilled_at",
        json_time_or_null(p->drilled_at), "prune_at", json_time_or_null(p->prune_at), "over",
        (json_int_t)p->over, "problems", texts_json(p->problems, p->problem_count));
    if (json == NULL)
        return NULL;
    json_object_set_new(json, "age",
                        p->started_at == 0 ? json_null() : json_integer(now - p->started_at));
    json_object_set_new(json, "every", p->every == 0 ? json_null() : json_integer(p->every));
    json_object_set_new(json, "shrunk_since", json_text(p->shrunk_since));
    json_object_set_new(json, "shrunk_tables", json_integer((json_int_t)p->shrunk_tables));
    json_object_set_new(json, "due_at", json_time_or_null(p->due_at));
    json_object_set_new(json, "overdue_at", json_time_or_null(p->overdue_at));
    return json;
}

json_t *status_json(const struct larder_status_report *report, const char *store)
{
    json_t *presets = json_array();
    bool overdue = report->count == 0;

    for (size_t i = 0; i < report->count; i++) {
        overdue |= report->presets[i].standing == LARDER_STANDING_OVERDUE ||
                   report->presets[i].standing == LARDER_STANDING_MISSING;
        json_array_append_new(presets, preset_json(&report->presets[i], report->now));
    }
    return json_pack(
        "{s:o, s:o, s:b, s:b, s:o, s:o, s:o}", "store", json_text(store), "now",
        json_time(report->now), "overdue", overdue, "database_asked", report->asked,
        "database_problem", json_text(report->not_asked), "presets", presets, "uncovered",
        report->asked ? texts_json(report->uncovered, report->uncovered_count) : json_null());
}
