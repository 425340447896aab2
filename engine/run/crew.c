#include "engine/run/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/run/run.h"

enum { LANES_BY_DEFAULT = 8 };

struct crew {
    crew_work work;
    void *arg;
    const struct larder_run *run;
    size_t pieces;
    int stop_fd;

    pthread_mutex_t lock; /* of what follows */
    size_t next;
    enum larder_status status;
    struct larder_error error;
};

struct hand {
    struct crew *crew;
    int lane;
    pthread_t thread;
};

int crew_processors(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1 ? 1 : (int)processors;
}

int crew_lanes(int asked)
{
    int processors = crew_processors();

    if (asked > 0)
        return asked;
    return processors > LANES_BY_DEFAULT ? LANES_BY_DEFAULT : processors;
}

/* The next piece; false when there is none, or all is to stop. */
static bool next_piece(struct crew *crew, size_t *piece)
{
    bool more;

    pthread_mutex_lock(&crew->lock);
    more = crew->status == LARDER_OK && crew->next < crew->pieces;
    if (more)
        *piece = crew->next++;
    pthread_mutex_unlock(&crew->lock);
    return more;
}

static void fail(struct crew *crew, enum larder_status status, const struct larder_error *error)
{
    pthread_mutex_lock(&crew->lock);
    if (crew->status == LARDER_OK) {
        crew->status = status;
        crew->error = *error;
    }
    pthread_mutex_unlock(&crew->lock);
    eventfd_write(crew->stop_fd, 1); /* where that fails, it is readable already */
}

static void *work(void *arg)
{
    struct hand *hand = arg;
    struct crew *crew = hand->crew;
    struct larder_error error = {0};
    size_t piece;

    while (next_piece(crew, &piece)) {
        enum larder_status status = run_check(crew->run, &error);

        if (status == LARDER_OK)
            status = crew->work(crew->arg, hand->lane, piece, crew->stop_fd, &error);
        if (status != LARDER_OK)
            fail(crew, status, &error);
    }
    return NULL;
}

enum larder_status crew_run(int lanes, size_t pieces, crew_work do_work, void *arg,
                            const struct larder_run *run, struct larder_error *error)
{
    struct crew crew = {.work = do_work, .arg = arg, .run = run, .pieces = pieces};
    struct hand *hands;
    int started = 1;

    if (pieces < (size_t)lanes)
        lanes = pieces == 0 ? 1 : (int)pieces;
    if (lanes < 1)
        lanes = 1;
    crew.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (crew.stop_fd < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not prepare the lanes");
    hands = calloc((size_t)lanes, sizeof(*hands));
    if (hands == NULL) {
        close(crew.stop_fd);
        return larder_fail_memory(error);
    }
    pthread_mutex_init(&crew.lock, NULL);
    for (int i = 0; i < lanes; i++)
        hands[i] = (struct hand){.crew = &crew, .lane = i};
    while (started < lanes &&
           pthread_create(&hands[started].thread, NULL, work, &hands[started]) == 0)
        started++;
    work(&hands[0]);
    for (int i = 1; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    pthread_mutex_destroy(&crew.lock);
    close(crew.stop_fd);
    free(hands);
    if (crew.status != LARDER_OK && error != NULL)
        *error = crew.error;
    return crew.status;
}
