#include "engine/run/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/run/run.h"

enum { PIECE = 65536, ERROR_BYTES = 16384, PATIENCE = 5 /* seconds */, WATCH_MS = 500 };

/* Our environment, with the given variables in place of those of the same names, and without what is meant for larder alone. */
static char **make_environment(const char *const *more)
{
    size_t count = 0, more_count = 0, n = 0;
    char **all;

    while (environ[count] != NULL)
        count++;
    while (more != NULL && more[more_count] != NULL)
        more_count++;
    all = calloc(count + more_count + 1, sizeof(*all));
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        bool replaced = strncmp(environ[i], "LARDER_", strlen("LARDER_")) == 0;

        for (size_t j = 0; j < more_count; j++) {
            size_t name = strcspn(more[j], "=") + 1;

            replaced = replaced || strncmp(environ[i], more[j], name) == 0;
        }
        if (!replaced)
            all[n++] = environ[i];
    }
    for (size_t j = 0; j < more_count; j++)
        all[n++] = (char *)(uintptr_t)more[j];
    return all;
}

static enum larder_status spawn(const struct process *process, int in, int out, int err, pid_t *pid,
                                struct larder_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    char **environment = make_environment(process->environment);
    int failed;

    if (environment == NULL)
        return larder_fail_memory(error);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    /* A group of its own: a Ctrl-C is ours to pass on. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    failed = posix_spawn(pid, process->arguments[0], &actions, &attributes,
                         (char *const *)(uintptr_t)process->arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    if (failed != 0)
        return larder_fail_errno(error, LARDER_FAILED, failed, "could not start \"%s\"",
                                 process->arguments[0]);
    return LARDER_OK;
}

/* Reads what is there; false at the end. */
static bool drain(int fd, struct buffer *buffer)
{
    ssize_t got;

    if (!buffer_reserve(buffer, PIECE))
        return false;
    do
        got = read(fd, buffer->bytes + buffer->length, PIECE);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    buffer->length += (size_t)got;
    return true;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Asks the watch, where there is one and it is time. */
static enum larder_status look(const struct process *process, double *next,
                               struct larder_error *error)
{
    if (process->watch == NULL || run_clock() < *next)
        return LARDER_OK;
    *next = run_clock() + WATCH_MS / 1000.0;
    return process->watch(process->watched, error);
}

/* Feeds and reads until the program has closed both its outputs. */
static enum larder_status talk(const struct process *process, const struct larder_run *run,
                               int stop_fd, int *in, int *out, int *err, struct buffer *output,
                               struct buffer *errors, struct larder_error *error)
{
    const char *input = process->input;
    size_t left = process->input_length;
    double next = run_clock() + WATCH_MS / 1000.0;
    enum larder_status status;

    while (*out >= 0 || *err >= 0) {
        struct pollfd fds[5] = {
            {.fd = *out, .events = POLLIN},
            {.fd = *err, .events = POLLIN},
            {.fd = *in, .events = POLLOUT},
            {.fd = stop_fd, .events = POLLIN},
            {.fd = run->stop_signal != NULL ? run->wake_fd : -1, .events = POLLIN}};

        if (left == 0) {
            close_fd(in);
            fds[2].fd = -1;
        }
        if (poll(fds, 5, process->watch != NULL ? WATCH_MS : -1) < 0 && errno != EINTR)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not wait for \"%s\"",
                                     process->arguments[0]);
        status = run_check(run, error);
        if (status != LARDER_OK)
            return status;
        if (fds[3].revents != 0)
            return larder_fail(error, LARDER_FAILED, "stopped");
        status = look(process, &next, error);
        if (status != LARDER_OK)
            return status;
        if (fds[0].revents != 0 && !drain(*out, output))
            close_fd(out);
        if (fds[1].revents != 0 && !drain(*err, errors))
            close_fd(err);
        if (errors->length > 2 * ERROR_BYTES) {
            memmove(errors->bytes, errors->bytes + errors->length - ERROR_BYTES, ERROR_BYTES);
            errors->length = ERROR_BYTES;
        }
        if (fds[2].revents != 0) {
            ssize_t put = send(*in, input, left, MSG_NOSIGNAL);

            if (put < 0 && errno != EINTR && errno != EAGAIN)
                left = 0;
            else if (put > 0) {
                input += put;
                left -= (size_t)put;
            }
        }
    }
    return output->failed || errors->failed ? larder_fail_memory(error) : LARDER_OK;
}

/* The last lines of what a program wrote to standard error, on one line. */
static void last_words(struct buffer *errors, char *words, size_t size)
{
    const char *text = buffer_text(errors);
    size_t length = strlen(text), n = 0;

    if (length > size - 1)
        text += length - (size - 1);
    for (; *text != '\0' && n + 1 < size; text++)
        words[n++] = *text == '\n' ? ' ' : *text;
    while (n > 0 && words[n - 1] == ' ')
        n--;
    words[n] = '\0';
}

static enum larder_status wait_for(const struct process *process, pid_t pid, struct buffer *errors,
                                   struct larder_error *error)
{
    char words[1024];
    int state = 0;

    while (waitpid(pid, &state, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return LARDER_OK;
    last_words(errors, words, sizeof(words));
    if (words[0] == '\0' && WIFSIGNALED(state))
        return larder_fail(error, LARDER_FAILED, "\"%s\" was ended by signal %d",
                           process->arguments[0], WTERMSIG(state));
    return larder_fail(error, LARDER_FAILED, "\"%s\" failed: %s", process->arguments[0],
                       words[0] == '\0' ? "it says nothing" : words);
}

/* Ends a program: what does not listen to SIGTERM is killed. */
static void end(pid_t pid)
{
    kill(-pid, SIGTERM);
    for (int i = 0; i < PATIENCE * 100; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(10000);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

enum larder_status process_run(const struct process *process, const struct larder_run *run,
                               int stop_fd, struct buffer *output, struct larder_error *error)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    struct buffer errors = {0};
    enum larder_status status;
    pid_t pid = -1;

    /* A socket, since writing to one need not raise SIGPIPE. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
        pipe2(err, O_CLOEXEC) != 0) {
        status = larder_fail_errno(error, LARDER_FAILED, errno, "could not make a pipe");
        goto done;
    }
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    status = spawn(process, in[0], out[1], err[1], &pid, error);
    if (status != LARDER_OK)
        goto done;
    close_fd(&in[0]);
    close_fd(&out[1]);
    close_fd(&err[1]);
    status = talk(process, run, stop_fd, &in[1], &out[0], &err[0], output, &errors, error);
    if (status == LARDER_OK) {
        status = wait_for(process, pid, &errors, error);
    } else {
        end(pid);
    }
done:
    for (int i = 0; i < 2; i++) {
        close_fd(&in[i]);
        close_fd(&out[i]);
        close_fd(&err[i]);
    }
    buffer_free(&errors);
    return status;
}
