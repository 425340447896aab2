#include "engine/cli/bar.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/print.h"

enum { LINE = 1024, CELLS = 24, FEWEST_CELLS = 6 };

/* Terminals that know it show all of it at once; others take no notice. */
static const char begin_update[] = "\033[?2026h", end_update[] = "\033[?2026l";

void bar_erase(struct bar *bar, struct screen screen, struct buffer *out)
{
    size_t up = 0;

    /* A screen that has become narrower has broken lines in two. */
    for (size_t i = 0; i < bar->count; i++)
        up += screen.columns > 0 && bar->widths[i] > 0 ? (bar->widths[i] - 1) / screen.columns + 1
                                                       : 1;
    if (up > 1)
        buffer_printf(out, "\033[%zuA", up - 1);
    if (up > 0)
        buffer_puts(out, "\r\033[J");
    bar->count = 0;
}

/* How much of it is done; an estimate never says that all is. */
static double part_done(const struct larder_progress *now)
{
    double part = now->rows_total > 0    ? (double)now->rows / (double)now->rows_total
                  : now->bytes_total > 0 ? (double)now->bytes / (double)now->bytes_total
                                         : 0;

    return part > 0.99 ? 0.99 : part;
}

enum { TIME = 48 };

static void time_text(double seconds, char text[TIME])
{
    long s = (long)(seconds + 0.5);

    if (s < 100)
        snprintf(text, TIME, "%lds", s);
    else if (s < 6000)
        snprintf(text, TIME, "%ldm%02lds", s / 60, s % 60);
    else
        snprintf(text, TIME, "%ldh%02ldm", s / 3600, s / 60 % 60);
}

/* "156,312 rows  21.4 MB  38.1 MB/s  12s left", less of it where there is less room. */
static void numbers_text(const struct larder_progress *now, double part, double seconds,
                         size_t room, char *text, size_t size)
{
    char rows[PRINT_NUMBER], bytes[PRINT_SIZE], rate[PRINT_SIZE], left[TIME], all[4][64] = {{0}};

    if (now->rows > 0)
        snprintf(all[0], sizeof(all[0]), "  %s rows", print_number(now->rows, rows));
    if (now->bytes > 0)
        snprintf(all[1], sizeof(all[1]), "  %s", print_size(now->bytes, bytes));
    if (now->bytes > 0 && seconds > 0.5)
        snprintf(all[2], sizeof(all[2]), "  %s/s",
                 print_size((uint64_t)((double)now->bytes / seconds), rate));
    if (part > 0.02 && seconds > 0.5) {
        time_text(seconds / part - seconds, left);
        snprintf(all[3], sizeof(all[3]), "  %s left", left);
    } else {
        time_text(seconds, left);
        snprintf(all[3], sizeof(all[3]), "  %s", left);
    }
    /* The rate goes first, then the rows, then the bytes. */
    for (int drop = 0; drop < 4; drop++) {
        static const int order[] = {2, 0, 1, 3};

        snprintf(text, size, "%s%s%s%s", all[0], all[1], all[2], all[3]);
        if (strlen(text) <= room)
            return;
        all[order[drop]][0] = '\0';
    }
    text[0] = '\0';
}

/* "export  [#####.....]  52%  156,312 rows  21.4 MB  38.1 MB/s  12s left" */
static void total_line(const struct larder_progress *now, double seconds, size_t columns,
                       char line[LINE])
{
    double part = part_done(now);
    char cells[CELLS + 1] = "", numbers[256], head[64];
    size_t room, count;

    if (now->rows_total + now->bytes_total > 0)
        snprintf(head, sizeof(head), "%-7s %3d%%", now->phase, (int)(part * 100));
    else
        snprintf(head, sizeof(head), "%-7s", now->phase);
    room = columns > strlen(head) ? columns - strlen(head) : 0;
    numbers_text(now, part, seconds, room, numbers, sizeof(numbers));
    room -= strlen(numbers);
    count = room > 4 + CELLS ? CELLS : room > 4 ? room - 4 : 0;
    if (count < FEWEST_CELLS || now->rows_total + now->bytes_total == 0) {
        snprintf(line, LINE, "%s%s", head, numbers);
        return;
    }
    for (size_t i = 0; i < count; i++)
        cells[i] = (double)i < part * (double)count ? '#' : '.';
    cells[count] = '\0';
    snprintf(line, LINE, "%-7s [%s] %3d%%%s", now->phase, cells, (int)(part * 100), numbers);
}

/* "  2  user_interactions      156,312 rows  21.4 MB"; the name gets what room there is. */
static void lane_line(const struct larder_lane *lane, size_t number, size_t columns,
                      char line[LINE])
{
    char name[512], fitted[512] = "", rows[PRINT_NUMBER], bytes[PRINT_SIZE], numbers[64] = "";
    size_t most = columns, width;

    if (lane->table == NULL) {
        snprintf(line, LINE, " %2zu  -", number);
        return;
    }
    snprintf(numbers, sizeof(numbers), "  %15s rows  %8s", print_number(lane->rows, rows),
             print_size(lane->bytes, bytes));
    if (columns < 5 + 12 + strlen(numbers))
        numbers[0] = '\0';
    most = columns > 5 + strlen(numbers) ? columns - 5 - strlen(numbers) : 1;
    most = most > 40 ? 40 : most;
    snprintf(name, sizeof(name), "%s%s%s", strcmp(lane->schema, "public") == 0 ? "" : lane->schema,
             strcmp(lane->schema, "public") == 0 ? "" : ".", lane->table);
    width = screen_fit(name, most, fitted, sizeof(fitted));
    snprintf(line, LINE, " %2zu  %s%*s%s", number, fitted,
             numbers[0] != '\0' ? (int)(most - width) : 0, "", numbers);
}

/* One lane alone is the whole. Of more than the screen has room for the first are shown. */
static size_t lanes_shown(const struct larder_progress *now, struct screen screen)
{
    size_t room = screen.rows > 3 ? screen.rows - 3 : 0;

    if (now->lane_count < 2)
        return 0;
    return now->lane_count < room ? now->lane_count : room;
}

void bar_draw(struct bar *bar, const struct larder_progress *now, double seconds,
              struct screen screen, struct buffer *out)
{
    size_t columns = screen.columns > 1 ? screen.columns - 1 : 1, lanes = lanes_shown(now, screen);
    char line[LINE], fitted[LINE];

    buffer_puts(out, begin_update);
    bar_erase(bar, screen, out);
    for (size_t i = 0; i <= lanes && i < BAR_LINES_MAX; i++) {
        if (i == 0)
            total_line(now, seconds, columns, line);
        else
            lane_line(&now->lanes[i - 1], i, columns, line);
        bar->widths[bar->count++] = screen_fit(line, columns, fitted, sizeof(fitted));
        buffer_printf(out, "%s%s", i > 0 ? "\r\n" : "", fitted);
    }
    buffer_puts(out, end_update);
}
