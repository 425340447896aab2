#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/hooks/parts.h"
#include "engine/run/run.h"
#include "engine/run/spawn.h"

enum { LINES_MOST = 100, LINE_BYTES = 1000, WAIT_MS = 200 };

/* Lines that a command writes, told as they come; after so many, what comes is dropped. */
struct told {
    const char *name;
    const struct larder_run *run;
    struct buffer line;
    size_t count;
};

static bool may_run(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

const char *hook_find_program(const char *word, struct arena *arena)
{
    const char *path = getenv("PATH");

    if (strchr(word, '/') != NULL)
        return may_run(word) ? word : NULL;
    for (path = path == NULL ? "/usr/bin:/bin" : path; *path != '\0';) {
        size_t length = strcspn(path, ":");
        const char *file = arena_printf(arena, "%.*s/%s", (int)length, path, word);

        /* A program is never whatever lies where we happen to stand. */
        if (path[0] == '/' && may_run(file))
            return file;
        path += length + (path[length] == ':' ? 1 : 0);
    }
    return NULL;
}

static void tell_line(struct told *told)
{
    if (told->count++ < LINES_MOST && told->line.length > 0)
        run_message(told->run, LARDER_NOTE, "%s: %.*s", told->name, LINE_BYTES,
                    buffer_text(&told->line));
    told->line.length = 0;
}

static void tell(struct told *told, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n')
            tell_line(told);
        else if (told->line.length < LINE_BYTES)
            buffer_append(&told->line,
                          (unsigned char)bytes[i] < ' ' && bytes[i] != '\t' ? "?" : &bytes[i], 1);
    }
}

/* Takes what is there; closes the descriptor at its end. */
static void take(struct told *told, int *fd)
{
    char bytes[4096];
    ssize_t got = read(*fd, bytes, sizeof(bytes));

    if (got > 0)
        tell(told, bytes, (size_t)got);
    else if (got == 0 || errno != EINTR)
        spawn_close_fd(fd);
}

static enum larder_status check_limit(const struct hook_limit *limit, struct larder_error *error)
{
    const struct larder_run *run = limit->run;

    if (run_clock() > limit->until)
        return larder_fail(error, LARDER_FAILED, "it took too long, and was ended");
    if (run->stop_signal != NULL && *run->stop_signal != limit->signal)
        return larder_fail(error, LARDER_FAILED, "interrupted");
    return LARDER_OK;
}

/* LARDER_OK once it has closed its outputs, and ended. */
static enum larder_status listen_to(struct spawned *child, struct told *told,
                                    const struct hook_limit *limit, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    while (child->out >= 0 || child->err >= 0) {
        struct pollfd fds[2] = {{.fd = child->out, .events = POLLIN},
                                {.fd = child->err, .events = POLLIN}};

        status = check_limit(limit, error);
        if (status != LARDER_OK)
            return status;
        if (poll(fds, 2, WAIT_MS) < 0 && errno != EINTR)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not wait for it");
        if (fds[0].revents != 0)
            take(told, &child->out);
        if (fds[1].revents != 0)
            take(told, &child->err);
    }
    while (status == LARDER_OK && !spawn_has_ended(child))
        status = check_limit(limit, error);
    return status;
}

enum larder_status hook_command_run(const char *name, const char *const *words, size_t count,
                                    const char *const *environment, const struct hook_limit *limit,
                                    struct arena *arena, struct larder_error *error)
{
    const char **arguments = arena_alloc(arena, count + 1, sizeof(*arguments));
    struct told told = {.name = name, .run = limit->run};
    struct spawned child;
    enum larder_status status;
    int code = 0;

    if (arguments == NULL)
        return larder_fail_memory(error);
    memcpy(arguments, words, count * sizeof(*arguments));
    arguments[0] = hook_find_program(words[0], arena);
    if (arguments[0] == NULL)
        return larder_fail(error, LARDER_FAILED, "there is no program \"%s\" that may be run",
                           words[0]);
    status = spawn_begin(&child, arguments, environment, NULL, error);
    if (status == LARDER_OK) {
        spawn_close_fd(&child.in);
        status = listen_to(&child, &told, limit, error);
        tell_line(&told);
    }
    if (status == LARDER_OK && spawn_wait(&child, &code, error) != LARDER_OK)
        status = code < 0 ? LARDER_FAILED
                          : larder_fail(error, LARDER_FAILED, "\"%s\" ended with exit code %d",
                                        words[0], code);
    spawn_end(&child);
    spawn_close(&child);
    buffer_free(&told.line);
    return status;
}
