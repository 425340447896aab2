#include "engine/run/process.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "engine/run/run.h"
#include "engine/run/spawn.h"

enum { WATCH_MS = 500 };

/* Asks the watch, where there is one and it is time. */
static enum larder_status look(const struct process *process, double *next,
                               struct larder_error *error)
{
    if (process->watch == NULL || run_clock() < *next)
        return LARDER_OK;
    *next = run_clock() + WATCH_MS / 1000.0;
    return process->watch(process->watched, error);
}

/* Whether anything ends the program before its time. */
static enum larder_status check(const struct process *process, const struct larder_run *run,
                                int stop_fd, double *next, struct larder_error *error)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    enum larder_status status = run_check(run, error);

    if (status == LARDER_OK && poll(&stop, 1, 0) > 0)
        status = larder_fail(error, LARDER_FAILED, "stopped");
    return status == LARDER_OK ? look(process, next, error) : status;
}

/* Feeds and reads until the program has closed both its outputs, and ended. */
static enum larder_status talk(const struct process *process, const struct larder_run *run,
                               int stop_fd, struct spawned *child, struct buffer *output,
                               struct larder_error *error)
{
    const char *input = process->input;
    size_t left = process->input_length;
    bool waits = process->later != NULL;
    double next = run_clock() + WATCH_MS / 1000.0;
    enum larder_status status = LARDER_OK;

    while (child->out >= 0 || child->err >= 0) {
        struct pollfd fds[] = {
            {.fd = child->out, .events = POLLIN},
            {.fd = child->err, .events = POLLIN},
            {.fd = waits ? -1 : child->in, .events = POLLOUT},
            {.fd = stop_fd, .events = POLLIN},
            {.fd = run->stop_signal != NULL ? run->wake_fd : -1, .events = POLLIN},
            {.fd = waits ? process->ready_fd : -1, .events = POLLIN}};

        if (left == 0 && !waits) {
            spawn_close_fd(&child->in);
            fds[2].fd = -1;
        }
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), process->watch != NULL ? WATCH_MS : -1) < 0 &&
            errno != EINTR)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not wait for \"%s\"",
                                     process->arguments[0]);
        status = check(process, run, stop_fd, &next, error);
        if (status != LARDER_OK)
            return status;
        if (fds[0].revents != 0 && !spawn_drain(child->out, output))
            spawn_close_fd(&child->out);
        if (fds[1].revents != 0)
            spawn_take_errors(child);
        if (fds[2].revents != 0) {
            ssize_t put = spawn_feed(child, input, left);

            input += put > 0 ? put : 0;
            left = put < 0 ? 0 : left - (size_t)put;
        }
        if (waits && fds[5].revents != 0) {
            waits = eventfd_read(process->ready_fd, &(eventfd_t){0}) != 0;
            input = (const char *)process->later->bytes;
            left = process->later->length;
        }
    }
    while (status == LARDER_OK && !spawn_has_ended(child))
        status = check(process, run, stop_fd, &next, error);
    if (status != LARDER_OK)
        return status;
    return output->failed || child->errors.failed ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status process_run(const struct process *process, const struct larder_run *run,
                               int stop_fd, struct buffer *output, struct larder_error *error)
{
    struct spawned child;
    enum larder_status status =
        spawn_begin(&child, process->arguments, process->environment, process->secret, error);

    if (status == LARDER_OK)
        status = talk(process, run, stop_fd, &child, output, error);
    if (status == LARDER_OK)
        status = spawn_wait(&child, process->exit_code, error);
    spawn_end(&child);
    spawn_close(&child);
    return status;
}
