#include "engine/cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

size_t print_screen_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    if (columns != NULL && atoi(columns) > 0)
        return (size_t)atoi(columns);
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Columns on the screen, for UTF-8: bytes that do not go on with a character. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    return width;
}

/* The width of each column; NULL when memory is short. */
static size_t *column_widths(const char *const *cells, size_t rows, size_t columns)
{
    size_t *widths = calloc(columns, sizeof(*widths));

    for (size_t i = 0; widths != NULL && i < rows * columns; i++)
        if (width_of(cells[i]) > widths[i % columns])
            widths[i % columns] = width_of(cells[i]);
    return widths;
}

size_t print_table_width(const char *const *cells, size_t rows, size_t columns)
{
    size_t *widths = column_widths(cells, rows, columns), width = 0;

    for (size_t j = 0; widths != NULL && j < columns; j++)
        width += widths[j] + (j > 0 ? 2 : 0);
    free(widths);
    return width;
}

void print_table(const char *const *cells, size_t rows, size_t columns, const char *align)
{
    size_t *widths = column_widths(cells, rows, columns);

    if (widths == NULL)
        return;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            const char *cell = cells[i * columns + j];
            int pad = (int)(widths[j] - width_of(cell));

            if (align[j] == 'r')
                printf("%s%*s%s", j > 0 ? "  " : "", pad, "", cell);
            else
                printf("%s%s%*s", j > 0 ? "  " : "", cell, j + 1 < columns ? pad : 0, "");
        }
        printf("\n");
    }
    free(widths);
}

enum larder_status print_json(json_t *json, struct larder_error *error)
{
    int failed = json == NULL || json_dumpf(json, stdout, JSON_INDENT(2)) != 0;

    json_decref(json);
    printf("\n");
    return failed ? larder_fail(error, LARDER_FAILED, "could not write the result as JSON")
                  : LARDER_OK;
}

json_t *print_findings_json(const struct larder_findings *findings)
{
    json_t *array = json_array();

    for (size_t i = 0; i < findings->count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "kind", findings->items[i].kind,
                                               "object", findings->items[i].object, "message",
                                               findings->items[i].message));
    return array;
}

void print_findings(const struct larder_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        fprintf(stderr, "  %s: %s\n", findings->items[i].kind, findings->items[i].message);
}
