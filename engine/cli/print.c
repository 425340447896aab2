#include "engine/cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/screen.h"
#include "formats/json_memory.h"
#include "formats/json_text.h"

enum { LEAST_COLUMN = 8, OTHER_LINES = 8 };

const char *print_number(uint64_t number, char text[PRINT_NUMBER])
{
    char digits[PRINT_NUMBER];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, number), n = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[n++] = ',';
        text[n++] = digits[i];
    }
    text[n] = '\0';
    return text;
}

const char *print_size(uint64_t bytes, char text[PRINT_SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000;
        unit++;
    }
    snprintf(text, PRINT_SIZE, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value,
             units[unit]);
    return text;
}

void print_duration(int64_t seconds, char *text, size_t size)
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (i < 3 && seconds < units[i].seconds * (i == 0 ? 2 : 1))
        i++;
    snprintf(text, size, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
}

void print_age(time_t now, time_t then, char *text, size_t size)
{
    if (then == 0 || then > now)
        snprintf(text, size, "%s", then == 0 ? "-" : "future");
    else
        print_duration(now - then, text, size);
}

/* The width of each column; NULL when memory is short. */
static size_t *column_widths(const char *const *cells, size_t rows, size_t columns)
{
    size_t *widths = calloc(columns, sizeof(*widths));

    for (size_t i = 0; widths != NULL && i < rows * columns; i++)
        if (screen_width(cells[i]) > widths[i % columns])
            widths[i % columns] = screen_width(cells[i]);
    return widths;
}

static size_t sum_of(const size_t *widths, size_t columns)
{
    size_t width = 0;

    for (size_t j = 0; widths != NULL && j < columns; j++)
        width += widths[j] + (j > 0 ? 2 : 0);
    return width;
}

size_t print_table_width(const char *const *cells, size_t rows, size_t columns)
{
    size_t *widths = column_widths(cells, rows, columns), width = sum_of(widths, columns);

    free(widths);
    return width;
}

size_t print_screen_width(void)
{
    const char *columns = getenv("COLUMNS");

    if (columns != NULL && atoi(columns) > 0)
        return (size_t)atoi(columns);
    return screen_of(STDOUT_FILENO).columns;
}

size_t print_rows(size_t rows, bool all)
{
    size_t screen = screen_of(STDOUT_FILENO).rows;
    size_t room = screen > OTHER_LINES ? screen - OTHER_LINES : 1;

    return all || screen == 0 || rows <= room ? rows : room - 1;
}

void print_rest(size_t rows, size_t printed)
{
    char number[PRINT_NUMBER];

    if (printed < rows)
        printf("and %s more: -v or --json shows all\n", print_number(rows - printed, number));
}

void print_word(const char *word)
{
    bool colour = screen_of(STDOUT_FILENO).colour;
    enum tone tone = screen_tone_of(word);

    printf("%s%s%s", screen_tone(colour, tone), word, screen_plain(colour, tone));
}

void print_text(const char *text)
{
    screen_put(stdout, text, strlen(text), "    ");
}

void print_sentence(const char *text, size_t at, size_t indent)
{
    size_t most = screen_of(STDOUT_FILENO).columns;

    for (bool first = true; *text != '\0'; first = false) {
        size_t word = strcspn(text, " ");

        if (!first && most > 0 && at > indent && at + 1 + word > most) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        screen_put(stdout, text, word, "");
        at += word;
        text += word + (text[word] == ' ');
    }
    putchar('\n');
}

/* Takes from the widest column of text, again and again. */
static void shrink(size_t *widths, size_t columns, const char *align, size_t most)
{
    while (sum_of(widths, columns) > most) {
        size_t widest = columns;

        for (size_t j = 0; j < columns; j++)
            if (align[j] == 'l' && widths[j] > LEAST_COLUMN &&
                (widest == columns || widths[j] > widths[widest]))
                widest = j;
        if (widest == columns)
            return;
        widths[widest]--;
    }
}

static void print_cell(const char *cell, size_t width, char align, bool last)
{
    char text[512];
    size_t wide = screen_width(cell);

    wide = screen_fit(cell, wide > width && align == 'l' ? width : wide, text, sizeof(text));
    if (align == 'r')
        printf("%*s", (int)(width > wide ? width - wide : 0), "");
    print_word(text);
    if (align != 'r' && !last)
        printf("%*s", (int)(width > wide ? width - wide : 0), "");
}

void print_table(const char *const *cells, size_t rows, size_t columns, const char *align)
{
    size_t *widths = column_widths(cells, rows, columns), most = print_screen_width();

    if (widths == NULL)
        return;
    if (most > 0)
        shrink(widths, columns, align, most);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            printf("%s", j > 0 ? "  " : "");
            print_cell(cells[i * columns + j], widths[j], align[j], j + 1 == columns);
        }
        printf("\n");
    }
    free(widths);
}

enum larder_status print_json(json_t *json, struct larder_error *error)
{
    int failed;

    if (json_memory_lacked()) {
        json_decref(json);
        return larder_fail_memory(error);
    }
    failed = json == NULL || json_dumpf(json, stdout, JSON_INDENT(2)) != 0;

    json_decref(json);
    printf("\n");
    return failed ? larder_fail(error, LARDER_FAILED, "could not write the result as JSON")
                  : LARDER_OK;
}

json_t *print_findings_json(const struct larder_findings *findings)
{
    json_t *array = json_array();

    for (size_t i = 0; i < findings->count; i++)
        json_array_append_new(array, json_pack("{s:s, s:o, s:o}", "kind", findings->items[i].kind,
                                               "object", json_text(findings->items[i].object),
                                               "message", json_text(findings->items[i].message)));
    return array;
}
