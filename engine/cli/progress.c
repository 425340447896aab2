#include "engine/cli/progress.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/cli/bar.h"
#include "engine/cli/log.h"
#include "engine/run/run.h"

static const double redraw_seconds = 0.1, tell_seconds = 30;
enum { TICK_MILLISECONDS = 1000, NAME = 128 };

struct progress {
    bool quiet, verbose, json, terminal, stopped;
    const struct larder_run *run;
    pthread_mutex_t lock;
    double begun, last;
    struct bar bar;

    /* What was told last, for redraws in between: a copy, since what it points to goes. */
    struct larder_progress now;
    struct larder_lane lanes[LARDER_LANES_MAX];
    char phase[32], schemas[LARDER_LANES_MAX][NAME], tables[LARDER_LANES_MAX][NAME];

    pthread_t watcher; /* only on a terminal */
    bool watched;
    int end_fd;
};

/* All at once: a redraw that is written in pieces is seen in pieces. */
static void write_out(struct buffer *out)
{
    if (!out->failed && out->length > 0)
        (void)!write(STDERR_FILENO, out->bytes, out->length);
    buffer_free(out);
}

static void erase(struct progress *p)
{
    struct buffer out = {0};

    bar_erase(&p->bar, screen_of(STDERR_FILENO), &out);
    write_out(&out);
}

static void draw(struct progress *p)
{
    struct screen screen = screen_of(STDERR_FILENO);
    struct buffer out = {0};

    p->last = run_clock();
    if (p->stopped || p->phase[0] == '\0' || screen.columns == 0)
        return;
    bar_draw(&p->bar, &p->now, p->last - p->begun, screen, &out);
    write_out(&out);
}

static void keep(struct progress *p, const struct larder_progress *now)
{
    size_t count = now->lane_count < LARDER_LANES_MAX ? now->lane_count : LARDER_LANES_MAX;

    p->now = *now;
    p->now.phase = p->phase;
    p->now.lanes = p->lanes;
    p->now.lane_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct larder_lane *lane = &now->lanes[i];

        p->lanes[i] = *lane;
        if (lane->table == NULL)
            continue;
        snprintf(p->schemas[i], NAME, "%s", lane->schema);
        snprintf(p->tables[i], NAME, "%s", lane->table);
        p->lanes[i].schema = p->schemas[i];
        p->lanes[i].table = p->tables[i];
    }
}

/* Where there is no terminal, a line when a phase begins, and now and then. */
static void tell(struct progress *p, double clock)
{
    p->last = clock;
    if ((p->verbose || p->json) && !p->quiet)
        log_progress(&p->now);
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
    if (p->terminal && !p->quiet) {
        keep(p, now);
        if (clock - p->last >= redraw_seconds)
            draw(p);
    } else if (!p->terminal && clock - p->last >= tell_seconds) {
        keep(p, now);
        tell(p, clock);
    }
    pthread_mutex_unlock(&p->lock);
}

/* Above the bar, which comes again with the next redraw. */
static void say(struct progress *p, enum log_level level, const char *text)
{
    erase(p);
    log_event(level, text, NULL);
}

static void on_message(void *arg, enum larder_level level, const char *text)
{
    static const enum log_level levels[] = {[LARDER_NOTE] = LOG_IS_NOTE,
                                            [LARDER_WARNING] = LOG_IS_WARNING,
                                            [LARDER_DETAIL] = LOG_IS_DETAIL};
    struct progress *p = arg;
    char warning[4200];

    pthread_mutex_lock(&p->lock);
    if (level == LARDER_WARNING || (!p->quiet && (level == LARDER_NOTE || p->verbose))) {
        snprintf(warning, sizeof(warning), "%s%s",
                 level == LARDER_WARNING && !p->json ? "warning: " : "", text);
        say(p, levels[level], warning);
    }
    pthread_mutex_unlock(&p->lock);
}

/* Whoever has pressed Ctrl-C sees at once that it was heard, however long the clean-up takes. */
static void answer_stop(struct progress *p)
{
    p->stopped = true;
    erase(p);
    fputs("\r\033[K", stderr); /* the terminal's own ^C */
    say(p, LOG_IS_NOTE,
        *p->run->stop_signal == SIGINT ? "interrupted: stopping, and cleaning up"
                                       : "terminated: stopping, and cleaning up");
}

/* Time goes on where nothing else does. */
static void *watch(void *of)
{
    struct progress *p = of;
    struct pollfd fds[2] = {{.fd = p->end_fd, .events = POLLIN},
                            {.fd = p->run->wake_fd, .events = POLLIN}};

    while (poll(fds, 2, TICK_MILLISECONDS) >= 0 && fds[0].revents == 0) {
        pthread_mutex_lock(&p->lock);
        if (fds[1].revents != 0 && !p->stopped) {
            answer_stop(p);
            fds[1].fd = -1;
        } else if (!p->quiet && run_clock() - p->last >= redraw_seconds) {
            draw(p);
        }
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

/* Signals stay the business of the threads that do the work. */
static void begin_watching(struct progress *p)
{
    sigset_t all, before;

    p->end_fd = eventfd(0, EFD_CLOEXEC);
    if (p->end_fd < 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->watched = pthread_create(&p->watcher, NULL, watch, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_watching(struct progress *p)
{
    uint64_t one = 1;

    if (p->watched && write(p->end_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
        pthread_join(p->watcher, NULL);
    if (p->end_fd >= 0)
        close(p->end_fd);
}

struct progress *progress_new(bool quiet, bool verbose, struct larder_run *run)
{
    struct progress *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->quiet = quiet;
    p->verbose = verbose;
    p->json = log_form() == LOG_JSON;
    p->terminal = !p->json && screen_of(STDERR_FILENO).columns > 0;
    p->run = run;
    p->last = -tell_seconds;
    p->end_fd = -1;
    pthread_mutex_init(&p->lock, NULL);
    run->progress = on_progress;
    run->message = on_message;
    run->arg = p;
    if (p->terminal && run->stop_signal != NULL)
        begin_watching(p);
    return p;
}

void progress_pause(const struct larder_run *run)
{
    struct progress *p = run->arg;

    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->phase[0] = '\0';
    erase(p);
    pthread_mutex_unlock(&p->lock);
}

void progress_free(struct progress *p)
{
    if (p == NULL)
        return;
    end_watching(p);
    erase(p);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
