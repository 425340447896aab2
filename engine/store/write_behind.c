#include "engine/store/write_behind.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/store/file_calls.h"

enum {
    PIECES = 4,
    PIECE = WRITE_BEHIND_BYTES / PIECES,
    ALIGNMENT = 4096,    /* what devices ask of writes past the page cache, at most */
    PIECES_TO_SYNC = 16, /* 16 MiB: durable before the ring is full again */
};

struct write_behind {
    int fd;
    const char *name;
    bool has_thread; /* small files need none */
    pthread_t thread;

    pthread_mutex_t lock; /* of everything below, but for the bytes of pieces */
    pthread_cond_t changed;
    uint8_t *pieces;         /* a ring; piece N is at N % PIECES */
    uint64_t given, written; /* pieces, in all */
    bool ended, aborted;
    enum larder_status status;
    struct larder_error error;

    size_t length; /* of the piece that is being filled, which is number `given` */
};

struct write_behind *write_behind_new(int fd, const char *name)
{
    struct write_behind *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return NULL;
    file->fd = fd;
    file->name = name;
    file->pieces = aligned_alloc(ALIGNMENT, WRITE_BEHIND_BYTES);
    if (file->pieces == NULL) {
        free(file);
        return NULL;
    }
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->changed, NULL);
    return file;
}

static uint8_t *piece(const struct write_behind *file, uint64_t number)
{
    return file->pieces + number % PIECES * PIECE;
}

/* Turns writing past the page cache on or off: not every file system has it, nor for every length. False where nothing changed. */
static bool set_direct(int fd, bool direct)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || ((flags & O_DIRECT) != 0) == direct)
        return false;
    return fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

static enum larder_status write_piece(const struct write_behind *file, const uint8_t *bytes,
                                      size_t length, struct larder_error *error)
{
    while (length > 0) {
        ssize_t put = write(file->fd, bytes, length);

        if (put < 0 && (errno == EINTR || (errno == EINVAL && set_direct(file->fd, false))))
            continue;
        if (put < 0)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not write \"%s\"",
                                     file->name);
        bytes += put;
        length -= (size_t)put;
    }
    return LARDER_OK;
}

/*
 * Makes durable, now and then, what is written: past the page cache a device still has a cache of its own, and would take for all of a
 * file at its end as long as it writes.
 */
static enum larder_status sync_pieces(const struct write_behind *file, uint64_t written,
                                      struct larder_error *error)
{
    if (written % PIECES_TO_SYNC != 0 || file_sync(file->fd) == 0)
        return LARDER_OK;
    return larder_fail_errno(error, LARDER_FAILED, errno, "could not make \"%s\" durable",
                             file->name);
}

static void *run(void *arg)
{
    struct write_behind *file = arg;
    enum larder_status status = LARDER_OK;
    struct larder_error error = {0};

    pthread_mutex_lock(&file->lock);
    while (status == LARDER_OK && !file->aborted && (file->written < file->given || !file->ended)) {
        if (file->written == file->given) {
            pthread_cond_wait(&file->changed, &file->lock);
            continue;
        }
        pthread_mutex_unlock(&file->lock);
        status = write_piece(file, piece(file, file->written), PIECE, &error);
        if (status == LARDER_OK)
            status = sync_pieces(file, file->written + 1, &error);
        pthread_mutex_lock(&file->lock);
        file->written++;
        file->status = status;
        file->error = error;
        pthread_cond_broadcast(&file->changed);
    }
    pthread_mutex_unlock(&file->lock);
    return NULL;
}

/* Under the lock, or when the thread is gone. */
static enum larder_status result(const struct write_behind *file, struct larder_error *error)
{
    if (file->status != LARDER_OK && error != NULL)
        *error = file->error;
    return file->status;
}

/* Gives a full piece to the thread, and waits until the next may be filled. */
static enum larder_status give(struct write_behind *file, struct larder_error *error)
{
    enum larder_status status;

    if (!file->has_thread) {
        set_direct(file->fd, true);
        if (pthread_create(&file->thread, NULL, run, file) != 0)
            return larder_fail(error, LARDER_FAILED, "could not start a thread");
        file->has_thread = true;
    }
    pthread_mutex_lock(&file->lock);
    file->given++;
    file->length = 0;
    pthread_cond_broadcast(&file->changed);
    while (file->status == LARDER_OK && file->given - file->written == PIECES)
        pthread_cond_wait(&file->changed, &file->lock);
    status = result(file, error);
    pthread_mutex_unlock(&file->lock);
    return status;
}

enum larder_status write_behind_push(struct write_behind *file, const void *bytes, size_t length,
                                     struct larder_error *error)
{
    const uint8_t *from = bytes;
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && length > 0) {
        size_t step = PIECE - file->length < length ? PIECE - file->length : length;

        memcpy(piece(file, file->given) + file->length, from, step);
        file->length += step;
        from += step;
        length -= step;
        if (file->length == PIECE)
            status = give(file, error);
    }
    return status;
}

/* Ends the thread: at once, or when everything is written. */
static void end(struct write_behind *file, bool abort)
{
    if (!file->has_thread)
        return;
    pthread_mutex_lock(&file->lock);
    file->ended = true;
    file->aborted = abort;
    pthread_cond_broadcast(&file->changed);
    pthread_mutex_unlock(&file->lock);
    pthread_join(file->thread, NULL);
    file->has_thread = false;
}

enum larder_status write_behind_finish(struct write_behind *file, struct larder_error *error)
{
    enum larder_status status;

    end(file, false);
    status = result(file, error);
    if (status != LARDER_OK)
        return status;
    /* What is left is no multiple of a block. */
    set_direct(file->fd, false);
    return write_piece(file, piece(file, file->given), file->length, error);
}

void write_behind_free(struct write_behind *file)
{
    if (file == NULL)
        return;
    end(file, true);
    pthread_cond_destroy(&file->changed);
    pthread_mutex_destroy(&file->lock);
    free(file->pieces);
    free(file);
}
