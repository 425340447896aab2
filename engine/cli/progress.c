#include "engine/cli/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/cli/print.h"
#include "engine/run/run.h"

static const double redraw_seconds = 0.1;

struct progress {
    bool quiet, verbose, terminal, drawn;
    pthread_mutex_t lock;
    double begun, last;
    char phase[32];
};

static void erase(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

static int screen_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "export  [#####.....]  52%  156,312 rows  21.4 MB  38.1 MB/s  1s left", cut to the screen. */
static void draw(struct progress *p, const struct larder_progress *now, double seconds)
{
    enum { CELLS = 20, LINE = 256 };
    char line[LINE], rows[PRINT_NUMBER], bytes[PRINT_SIZE], rate[PRINT_SIZE], cells[CELLS + 1],
        left[32] = "";
    double part = 0;
    int width = screen_width();

    if (now->bytes_total > 0)
        part = (double)now->bytes / (double)now->bytes_total;
    if (now->rows_total > 0)
        part = (double)now->rows / (double)now->rows_total;
    if (part > 0.99)
        part = 0.99; /* the planner only estimates */
    for (int i = 0; i < CELLS; i++)
        cells[i] = i < (int)(part * CELLS) ? '#' : '.';
    cells[CELLS] = '\0';
    if (part > 0.02 && seconds > 0.5)
        snprintf(left, sizeof(left), "  %.0fs left", seconds / part - seconds);
    snprintf(line, sizeof(line), "%-7s [%s] %3.0f%%  %s rows  %s  %s/s%s", now->phase, cells,
             part * 100, print_number(now->rows, rows), print_size(now->bytes, bytes),
             print_size((uint64_t)(seconds > 0 ? (double)now->bytes / seconds : 0), rate), left);
    fprintf(stderr, "\r%.*s\033[K", width - 1, line);
    fflush(stderr);
    p->drawn = true;
}

static void on_progress(void *arg, const struct larder_progress *now)
{
    struct progress *p = arg;
    double clock = run_clock();

    pthread_mutex_lock(&p->lock);
    if (strcmp(p->phase, now->phase) != 0) {
        snprintf(p->phase, sizeof(p->phase), "%s", now->phase);
        p->begun = clock;
        p->last = 0;
    }
    if (p->terminal && !p->quiet && clock - p->last >= redraw_seconds) {
        draw(p, now, clock - p->begun);
        p->last = clock;
    }
    pthread_mutex_unlock(&p->lock);
}

static void on_message(void *arg, enum larder_level level, const char *text)
{
    struct progress *p = arg;

    pthread_mutex_lock(&p->lock);
    if (level == LARDER_WARNING || (!p->quiet && (level == LARDER_NOTE || p->verbose))) {
        erase(p);
        fprintf(stderr, "larder: %s%s\n", level == LARDER_WARNING ? "warning: " : "", text);
    }
    pthread_mutex_unlock(&p->lock);
}

struct progress *progress_new(bool quiet, bool verbose, struct larder_run *run)
{
    struct progress *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->quiet = quiet;
    p->verbose = verbose;
    p->terminal = isatty(STDERR_FILENO);
    pthread_mutex_init(&p->lock, NULL);
    run->progress = on_progress;
    run->message = on_message;
    run->arg = p;
    return p;
}

void progress_free(struct progress *p)
{
    if (p == NULL)
        return;
    erase(p);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
