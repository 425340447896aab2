#include "engine/store/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/run/run.h"
#include "engine/store/file_calls.h"

enum { BUFFER = 128 * 1024 };

struct stream_stage {
    struct stage stage;
    int fd;
    char *name;
    bool is_file;
    const struct larder_run *run; /* NULL where nobody makes us wait */
    size_t buffered;
    uint8_t buffer[BUFFER]; /* small pushes gather here */
};

/* Waits until a descriptor that may block can be used, or the run is to stop. */
static enum larder_status wait_for(int fd, short events, const struct larder_run *run,
                                   struct larder_error *error)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = -1, .events = POLLIN}};
    enum larder_status status = LARDER_OK;

    if (run->stop_signal != NULL)
        fds[1].fd = run->wake_fd;
    do {
        poll(fds, 2, -1);
        status = run_check(run, error);
    } while (status == LARDER_OK && fds[0].revents == 0);
    return status;
}

enum larder_status stream_read(int fd, const char *name, const struct larder_run *run, void *bytes,
                               size_t most, size_t *length, struct larder_error *error)
{
    enum larder_status status;
    ssize_t got;

    do {
        status = wait_for(fd, POLLIN, run, error);
        if (status != LARDER_OK)
            return status;
        got = read(fd, bytes, most);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not read %s", name);
    *length = (size_t)got;
    return LARDER_OK;
}

enum larder_status stream_write(int fd, const char *name, const struct larder_run *run,
                                const void *bytes, size_t length, struct larder_error *error)
{
    const uint8_t *from = bytes;
    enum larder_status status;

    while (length > 0) {
        /* A pipe that is ready takes PIPE_BUF bytes without blocking. */
        size_t most = run == NULL || length < PIPE_BUF ? length : PIPE_BUF;
        ssize_t put;

        status = run == NULL ? LARDER_OK : wait_for(fd, POLLOUT, run, error);
        if (status != LARDER_OK)
            return status;
        put = write(fd, from, most);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not write \"%s\"", name);
        from += put;
        length -= (size_t)put;
    }
    return LARDER_OK;
}

static enum larder_status flush(struct stream_stage *stream, struct larder_error *error)
{
    size_t length = stream->buffered;

    stream->buffered = 0;
    return stream_write(stream->fd, stream->name, stream->run, stream->buffer, length, error);
}

static enum larder_status stream_push(struct stage *stage, const void *bytes, size_t length,
                                      struct larder_error *error)
{
    struct stream_stage *stream = (struct stream_stage *)stage;
    enum larder_status status = LARDER_OK;

    if (length > BUFFER - stream->buffered)
        status = flush(stream, error);
    if (status != LARDER_OK)
        return status;
    if (length > BUFFER)
        return stream_write(stream->fd, stream->name, stream->run, bytes, length, error);
    memcpy(stream->buffer + stream->buffered, bytes, length);
    stream->buffered += length;
    return LARDER_OK;
}

static enum larder_status stream_finish(struct stage *stage, struct larder_error *error)
{
    struct stream_stage *stream = (struct stream_stage *)stage;
    enum larder_status status = flush(stream, error);

    if (status == LARDER_OK && stream->is_file && file_sync(stream->fd) != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno, "could not make \"%s\" durable",
                                   stream->name);
    return status;
}

static void stream_free(struct stage *stage)
{
    struct stream_stage *stream = (struct stream_stage *)stage;

    free(stream->name);
    free(stream);
}

enum larder_status stream_write_to(int fd, const char *name, const struct larder_run *run,
                                   struct stage **stage, struct larder_error *error)
{
    static const struct stage_ops ops = {stream_push, stream_finish, stream_free};
    struct stream_stage *stream = calloc(1, sizeof(*stream));
    struct stat stat;

    *stage = NULL;
    if (stream == NULL)
        return larder_fail_memory(error);
    stream->stage.ops = &ops;
    stream->fd = fd;
    stream->name = strdup(name);
    if (stream->name == NULL) {
        free(stream);
        return larder_fail_memory(error);
    }
    stream->is_file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
    stream->run = stream->is_file ? NULL : run;
    *stage = &stream->stage;
    return LARDER_OK;
}
