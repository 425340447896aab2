#include "engine/run/child.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/run/run.h"
#include "engine/run/spawn.h"

struct child {
    struct spawned spawned;
    const struct larder_run *run;
};

enum larder_status child_begin(const char *const *arguments, const struct larder_run *run,
                               struct child **child, struct larder_error *error)
{
    struct child *c = calloc(1, sizeof(*c));
    enum larder_status status;

    *child = NULL;
    if (c == NULL)
        return larder_fail_memory(error);
    c->run = run;
    status = spawn_begin(&c->spawned, arguments, NULL, NULL, error);
    if (status != LARDER_OK) {
        child_free(c);
        return status;
    }
    *child = c;
    return LARDER_OK;
}

/* Waits until it takes or gives something; what it says on standard error is taken meanwhile. */
static enum larder_status wait_for(struct child *c, bool to_write, bool *ready,
                                   struct larder_error *error)
{
    struct pollfd fds[4] = {
        {.fd = to_write ? -1 : c->spawned.out, .events = POLLIN},
        {.fd = c->spawned.err, .events = POLLIN},
        {.fd = to_write ? c->spawned.in : -1, .events = POLLOUT},
        {.fd = c->run->stop_signal != NULL ? c->run->wake_fd : -1, .events = POLLIN}};

    if (poll(fds, 4, -1) < 0 && errno != EINTR)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not wait for \"%s\"",
                                 c->spawned.program);
    if (fds[1].revents != 0)
        spawn_take_errors(&c->spawned);
    *ready = to_write ? fds[2].revents != 0 : fds[0].revents != 0;
    return run_check(c->run, error);
}

/* Why it takes no more: it has ended, or is about to. */
static enum larder_status explain(struct child *c, struct larder_error *error)
{
    enum larder_status status = child_finish(c, error);

    return status != LARDER_OK
               ? status
               : larder_fail(error, LARDER_FAILED, "\"%s\" ended too early", c->spawned.program);
}

enum larder_status child_write(struct child *c, const void *bytes, size_t length,
                               struct larder_error *error)
{
    const char *from = bytes;

    while (length > 0) {
        bool ready = false;
        enum larder_status status = wait_for(c, true, &ready, error);
        ssize_t put;

        if (status != LARDER_OK)
            return status;
        put = ready ? spawn_feed(&c->spawned, from, length) : 0;
        if (put < 0)
            return explain(c, error);
        from += put;
        length -= (size_t)put;
    }
    return LARDER_OK;
}

enum larder_status child_read(struct child *c, void *bytes, size_t most, size_t *length,
                              struct larder_error *error)
{
    bool ready = false;
    ssize_t got = -1;

    *length = 0;
    while (!ready || (got < 0 && errno == EINTR)) {
        enum larder_status status = wait_for(c, false, &ready, error);

        if (status != LARDER_OK)
            return status;
        if (ready)
            got = read(c->spawned.out, bytes, most);
    }
    if (got < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not read from \"%s\"",
                                 c->spawned.program);
    *length = (size_t)got;
    return LARDER_OK;
}

enum larder_status child_finish(struct child *c, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    char dropped[4096];

    spawn_close_fd(&c->spawned.in);
    while (c->spawned.out >= 0 || c->spawned.err >= 0) {
        bool ready = false;

        status = wait_for(c, false, &ready, error);
        if (status != LARDER_OK)
            return status;
        if (ready && read(c->spawned.out, dropped, sizeof(dropped)) == 0)
            spawn_close_fd(&c->spawned.out);
    }
    while (status == LARDER_OK && !spawn_has_ended(&c->spawned))
        status = run_check(c->run, error);
    return status != LARDER_OK ? status : spawn_wait(&c->spawned, NULL, error);
}

void child_free(struct child *c)
{
    if (c == NULL)
        return;
    spawn_end(&c->spawned);
    spawn_close(&c->spawned);
    free(c);
}
