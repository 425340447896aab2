/*
 * Random reads of an object: a start of the program takes long, so what is read is kept, and more than was asked for is
 * read. What is small is read whole. Of what is large the first read at a place takes a piece, and reading on from
 * there takes a stream: one run of `rclone cat` over a range that is larger each time, up to the object's end.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/child.h"
#include "engine/run/run.h"
#include "engine/store/rclone_parts.h"
#include "formats/names.h"

enum {
    WHOLE = 1024 *
            1024, /* what is read at once where an object is no archive; and of an archive's end */
    PIECE = 256 * 1024,
    PIECES = 4,
    STREAMS = 8,       /* programs that run at once */
    GROWTH = 4,        /* of the range from one stream to the next */
    SKIP = 512 * 1024, /* what is read past rather than beginning anew */
    ATTEMPTS = 3,
};

struct piece {
    uint64_t offset, used;
    struct buffer bytes;
};

struct stream {
    struct child *child; /* NULL: it has ended; the next goes on at `offset` */
    uint64_t offset, end, range, used;
    bool busy;
};

struct reader {
    struct input input;
    struct rclone *rclone;
    char *path;
    pthread_mutex_t lock; /* of what follows, but for a stream that is busy */
    pthread_cond_t idle;
    uint64_t clock;
    struct piece pieces[PIECES];
    struct stream streams[STREAMS];
};

/* Runs `rclone cat` for a range; what it gives is appended. */
static enum larder_status fetch(const struct rclone *rclone, const char *path, uint64_t offset,
                                uint64_t count, struct buffer *out, struct larder_error *error)
{
    char from[40], length[40];
    const char *arguments[] = {"cat", from, length, path, NULL};

    snprintf(from, sizeof(from), "--offset=%llu", (unsigned long long)offset);
    snprintf(length, sizeof(length), "--count=%llu", (unsigned long long)count);
    return rclone_run(rclone, arguments, out, NULL, error);
}

static enum larder_status fetch_piece(struct reader *r, struct piece *piece, uint64_t offset,
                                      struct larder_error *error)
{
    uint64_t left, from_end = r->input.size > WHOLE ? r->input.size - WHOLE : 0;
    enum larder_status status;

    if (offset >= from_end)
        offset = from_end;
    left = r->input.size - offset;
    if (offset != from_end && left > PIECE)
        left = PIECE;
    piece->bytes.length = 0;
    piece->offset = offset;
    status = fetch(r->rclone, r->path, offset, left, &piece->bytes, error);
    if (status == LARDER_OK && piece->bytes.length != left)
        status = larder_fail(error, LARDER_DAMAGED, "\"%s\" has become shorter", r->path);
    if (status != LARDER_OK)
        piece->bytes.length = 0;
    return status;
}

/* The piece that holds what is at the offset. */
static struct piece *piece_at(struct reader *r, uint64_t offset)
{
    for (int i = 0; i < PIECES; i++) {
        struct piece *piece = &r->pieces[i];

        if (offset >= piece->offset && offset - piece->offset < piece->bytes.length)
            return piece;
    }
    return NULL;
}

static size_t copy_from(struct piece *piece, uint64_t offset, uint8_t *to, size_t length)
{
    size_t at = (size_t)(offset - piece->offset);
    size_t there = piece->bytes.length - at;

    length = length < there ? length : there;
    memcpy(to, piece->bytes.bytes + at, length);
    return length;
}

/* The stream that reads on at the offset, or shortly before it. */
static struct stream *stream_at(struct reader *r, uint64_t offset)
{
    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &r->streams[i];

        if (!stream->busy && stream->range > 0 && offset >= stream->offset &&
            offset - stream->offset <= SKIP)
            return stream;
    }
    return NULL;
}

/* The idle stream that was used longest ago; NULL where all are busy. */
static struct stream *oldest_stream(struct reader *r)
{
    struct stream *oldest = NULL;

    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &r->streams[i];

        if (!stream->busy && (oldest == NULL || stream->used < oldest->used))
            oldest = stream;
    }
    return oldest;
}

static struct piece *oldest_piece(struct reader *r)
{
    struct piece *oldest = &r->pieces[0];

    for (int i = 1; i < PIECES; i++)
        if (r->pieces[i].used < oldest->used)
            oldest = &r->pieces[i];
    return oldest;
}

static enum larder_status begin_range(struct reader *r, struct stream *stream,
                                      struct larder_error *error)
{
    char from[40], count[40];
    const char *arguments[RCLONE_ARGUMENTS];
    uint64_t left = r->input.size - stream->offset;

    stream->range = left / GROWTH < stream->range ? left : stream->range * GROWTH;
    stream->end = stream->offset + stream->range;
    snprintf(from, sizeof(from), "--offset=%llu", (unsigned long long)stream->offset);
    snprintf(count, sizeof(count), "--count=%llu", (unsigned long long)stream->range);
    rclone_arguments(r->rclone, (const char *[]){"cat", from, count, r->path, NULL}, arguments);
    return child_begin(arguments, r->rclone->store.run, &stream->child, error);
}

static void end_range(struct stream *stream)
{
    child_free(stream->child);
    stream->child = NULL;
}

/* Reads some bytes of a stream, beginning its next range where one has ended: 0 where it has broken off. */
static enum larder_status read_some(struct reader *r, struct stream *stream, uint8_t *to,
                                    size_t length, size_t *got, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (stream->child == NULL)
        status = begin_range(r, stream, error);
    if (status != LARDER_OK)
        return status;
    if (length > stream->end - stream->offset)
        length = (size_t)(stream->end - stream->offset);
    status = child_read(stream->child, to, length, got, error);
    if (status == LARDER_OK && *got == 0)
        status = child_finish(stream->child, error);
    stream->offset += *got;
    if (stream->offset == stream->end || *got == 0 || status != LARDER_OK)
        end_range(stream);
    return status;
}

/* A connection that was left waiting may be gone, so it is tried again where it has broken off. */
static enum larder_status read_stream(struct reader *r, struct stream *stream, uint64_t offset,
                                      uint8_t *to, size_t length, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    int failures = 0;

    while (length > 0) {
        uint64_t skip = offset - stream->offset;
        size_t got = 0, step = skip > 0 && skip < length ? (size_t)skip : length;

        /* What is skipped goes where something else will stand. */
        status = read_some(r, stream, to, step, &got, error);
        if (run_check(r->rclone->store.run, NULL) != LARDER_OK)
            return status != LARDER_OK ? status : run_check(r->rclone->store.run, error);
        failures = got > 0 ? 0 : failures + 1;
        if (failures == ATTEMPTS)
            return status != LARDER_OK
                       ? status
                       : larder_fail(error, LARDER_DAMAGED, "\"%s\" has become shorter", r->path);
        if (skip > 0)
            continue;
        to += got;
        offset += got;
        length -= got;
    }
    return LARDER_OK;
}

/* Reads on in a stream, which meanwhile is this thread's. The lock is held before and afterwards. */
static enum larder_status use_stream(struct reader *r, struct stream *stream, uint64_t offset,
                                     uint8_t *to, size_t length, struct larder_error *error)
{
    enum larder_status status;

    stream->busy = true;
    pthread_mutex_unlock(&r->lock);
    status = read_stream(r, stream, offset, to, length, error);
    pthread_mutex_lock(&r->lock);
    stream->busy = false;
    stream->used = ++r->clock;
    pthread_cond_broadcast(&r->idle);
    return status;
}

/* Fetches a piece, and lets a stream go on behind it once somebody reads on. */
static enum larder_status begin_at(struct reader *r, struct stream *stream, uint64_t offset,
                                   struct larder_error *error)
{
    struct piece *piece = oldest_piece(r);
    enum larder_status status;

    end_range(stream);
    status = fetch_piece(r, piece, offset, error);
    piece->used = ++r->clock;
    *stream = (struct stream){.offset = piece->offset + piece->bytes.length,
                              .range = status == LARDER_OK ? PIECE : 0,
                              .used = r->clock};
    return status;
}

/* Gets some of what is wanted; the lock is held. `*got` is 0 where one had to wait, and is to look again. */
static enum larder_status get_some(struct reader *r, uint64_t offset, uint8_t *to, size_t length,
                                   size_t *got, struct larder_error *error)
{
    struct piece *piece = piece_at(r, offset);
    struct stream *stream = piece != NULL ? NULL : stream_at(r, offset);

    *got = 0;
    if (piece != NULL) {
        piece->used = ++r->clock;
        *got = copy_from(piece, offset, to, length);
        return LARDER_OK;
    }
    if (stream != NULL) {
        *got = length;
        return use_stream(r, stream, offset, to, length, error);
    }
    stream = oldest_stream(r);
    if (stream == NULL) {
        pthread_cond_wait(&r->idle, &r->lock);
        return LARDER_OK;
    }
    return begin_at(r, stream, offset, error);
}

static enum larder_status reader_read_at(struct input *input, uint64_t offset, void *buffer,
                                         size_t length, struct larder_error *error)
{
    struct reader *r = (struct reader *)input;
    enum larder_status status = LARDER_OK;
    uint8_t *to = buffer;

    pthread_mutex_lock(&r->lock);
    while (status == LARDER_OK && length > 0) {
        size_t got;

        status = get_some(r, offset, to, length, &got, error);
        to += got;
        offset += got;
        length -= got;
    }
    pthread_mutex_unlock(&r->lock);
    return status == LARDER_OK ? status : rclone_context(r->rclone, "read", r->path, error);
}

static void reader_close(struct input *input)
{
    struct reader *r = (struct reader *)input;

    for (int i = 0; i < STREAMS; i++)
        end_range(&r->streams[i]);
    for (int i = 0; i < PIECES; i++)
        buffer_free(&r->pieces[i].bytes);
    pthread_cond_destroy(&r->idle);
    pthread_mutex_destroy(&r->lock);
    free(r->path);
    free(r);
}

static struct reader *new_reader(struct rclone *rclone, const char *path)
{
    static const struct input_ops ops = {reader_read_at, reader_close};
    struct reader *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->input.ops = &ops;
    r->input.piece = INPUT_FAR_PIECE;
    r->rclone = rclone;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->idle, NULL);
    r->path = strdup(path);
    if (r->path != NULL)
        return r;
    reader_close(&r->input);
    return NULL;
}

/* What is no archive is small, and read whole without asking for its size. */
static enum larder_status read_small(struct reader *r, bool *whole, struct larder_error *error)
{
    struct piece *first = &r->pieces[0];
    enum larder_status status = fetch(r->rclone, r->path, 0, WHOLE + 1, &first->bytes, error);

    *whole = status == LARDER_OK && first->bytes.length <= WHOLE;
    if (*whole)
        r->input.size = first->bytes.length;
    else
        first->bytes.length = 0;
    return status;
}

static enum larder_status find_size(struct reader *r, struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct rclone_entry *entries = NULL;
    size_t count = 0;
    bool exists = false;
    enum larder_status status =
        arena == NULL ? larder_fail_memory(error)
                      : rclone_entries(r->rclone, r->path, (const char *[]){"--no-modtime", NULL},
                                       arena, &entries, &count, &exists, error);

    if (status == LARDER_OK && count != 1)
        status = larder_fail(error, LARDER_USAGE, "there is no such object");
    if (status == LARDER_OK)
        r->input.size = entries->bytes;
    arena_free(arena);
    return status;
}

enum larder_status rclone_read(struct rclone *rclone, const char *key, struct input **input,
                               struct larder_error *error)
{
    struct buffer path = {0};
    struct reader *r;
    bool whole = false;
    enum larder_status status = LARDER_OK;

    rclone_path(rclone, key, &path);
    r = new_reader(rclone, buffer_text(&path));
    buffer_free(&path);
    *input = NULL;
    if (r == NULL)
        return larder_fail_memory(error);
    if (key[names_stem(key)] == '\0')
        status = read_small(r, &whole, error);
    if (status == LARDER_OK && !whole)
        status = find_size(r, error);
    if (status != LARDER_OK) {
        rclone_context(rclone, "open", r->path, error);
        reader_close(&r->input);
        return status;
    }
    *input = &r->input;
    return LARDER_OK;
}
