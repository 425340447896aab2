#include "engine/run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 65536, ERROR_BYTES = 16384, PATIENCE = 5 /* seconds */ };
enum { SHORTEST_PAUSE = 100, LONGEST_PAUSE = 25600 }; /* microseconds */

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

static enum larder_status start(const char *const *arguments, const char *const *environment,
                                int in, int out, int err, int secret, pid_t *pid,
                                struct larder_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    char **variables = make_environment(environment);
    int failed;

    if (variables == NULL)
        return larder_fail_memory(error);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    if (secret >= 0)
        posix_spawn_file_actions_adddup2(&actions, secret, 3);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    /* A group of its own: a Ctrl-C is ours to pass on. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    failed = posix_spawn(pid, arguments[0], &actions, &attributes,
                         (char *const *)(uintptr_t)arguments, variables);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(variables);
    if (failed != 0)
        return larder_fail_errno(error, LARDER_FAILED, failed, "could not start \"%s\"",
                                 arguments[0]);
    return LARDER_OK;
}

/* In memory alone; -1 where there is none. */
static enum larder_status make_secret(const char *text, int *fd, struct larder_error *error)
{
    *fd = text == NULL ? -1 : memfd_create("larder", MFD_CLOEXEC);
    if (text == NULL || (*fd >= 0 && write(*fd, text, strlen(text)) == (ssize_t)strlen(text)))
        return LARDER_OK;
    return larder_fail_errno(error, LARDER_FAILED, errno, "could not make a file in memory");
}

enum larder_status spawn_begin(struct spawned *child, const char *const *arguments,
                               const char *const *environment, const char *secret,
                               struct larder_error *error)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, file;
    enum larder_status status = make_secret(secret, &file, error);

    *child = (struct spawned){.program = arguments[0], .pid = -1};
    /* A socket, since writing to one need not raise SIGPIPE. */
    if (status == LARDER_OK && (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0 ||
                                pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0))
        status = larder_fail_errno(error, LARDER_FAILED, errno, "could not make a pipe");
    if (status == LARDER_OK) {
        fcntl(in[1], F_SETFL, O_NONBLOCK);
        status = start(arguments, environment, in[0], out[1], err[1], file, &child->pid, error);
    }
    spawn_close_fd(&in[0]);
    spawn_close_fd(&out[1]);
    spawn_close_fd(&err[1]);
    spawn_close_fd(&file);
    child->in = in[1];
    child->out = out[0];
    child->err = err[0];
    return status;
}

bool spawn_drain(int fd, struct buffer *buffer)
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

void spawn_take_errors(struct spawned *child)
{
    if (!spawn_drain(child->err, &child->errors))
        spawn_close_fd(&child->err);
    if (child->errors.length > 2 * ERROR_BYTES) {
        memmove(child->errors.bytes, child->errors.bytes + child->errors.length - ERROR_BYTES,
                ERROR_BYTES);
        child->errors.length = ERROR_BYTES;
    }
}

ssize_t spawn_feed(struct spawned *child, const void *bytes, size_t length)
{
    ssize_t put = send(child->in, bytes, length, MSG_NOSIGNAL);

    if (put < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -1;
    return put;
}

void spawn_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/*
 * Where the last words begin, which may have `size` bytes: with all of them, with the last line that tells an error (pg_dump's
 * query may follow, of many lines), or with as many as there is room for.
 */
static const char *find_last_words(const char *text, size_t size)
{
    const char *line = NULL;

    if (strlen(text) < size)
        return text;
    for (const char *mark = text; (mark = strstr(mark, ": error: ")) != NULL; mark++) {
        line = mark;
        while (line > text && line[-1] != '\n')
            line--;
    }
    return line != NULL ? line : text + strlen(text) - (size - 1);
}

/* The last lines of what a program wrote to standard error, on one line. */
static void last_words(struct buffer *errors, char *words, size_t size)
{
    const char *text = find_last_words(buffer_text(errors), size);
    size_t n = 0;

    for (; *text != '\0' && n + 1 < size; text++)
        words[n++] = *text == '\n' ? ' ' : *text;
    while (n > 0 && words[n - 1] == ' ')
        n--;
    words[n] = '\0';
}

bool spawn_has_ended(const struct spawned *child)
{
    for (useconds_t pause = SHORTEST_PAUSE; pause <= LONGEST_PAUSE; pause *= 2) {
        siginfo_t end = {0};

        /* Where nothing is known of it, spawn_wait says so. */
        if (waitid(P_PID, (id_t)child->pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            end.si_pid != 0)
            return true;
        usleep(pause);
    }
    return false;
}

enum larder_status spawn_wait(struct spawned *child, int *code, struct larder_error *error)
{
    char words[1024];
    int state = 0;
    pid_t ended;

    while ((ended = waitpid(child->pid, &state, 0)) < 0 && errno == EINTR)
        ;
    child->pid = -1;
    if (code != NULL)
        *code = ended >= 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    if (ended < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not learn how \"%s\" ended",
                                 child->program);
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return LARDER_OK;
    last_words(&child->errors, words, sizeof(words));
    if (words[0] == '\0' && WIFSIGNALED(state))
        return larder_fail(error, LARDER_FAILED, "\"%s\" was ended by signal %d", child->program,
                           WTERMSIG(state));
    return larder_fail(error, LARDER_FAILED, "\"%s\" failed: %s", child->program,
                       words[0] == '\0' ? "it says nothing" : words);
}

void spawn_end(struct spawned *child)
{
    pid_t pid = child->pid;

    child->pid = -1;
    if (pid < 0)
        return;
    kill(-pid, SIGTERM);
    for (int i = 0; i < PATIENCE * 100; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(10000);
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

void spawn_close(struct spawned *child)
{
    spawn_close_fd(&child->in);
    spawn_close_fd(&child->out);
    spawn_close_fd(&child->err);
    buffer_free(&child->errors);
}
