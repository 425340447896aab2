/* Reads objects by ranges, ahead where somebody reads one range after the other. */
#include <stdlib.h>
#include <string.h>

#include "engine/store/s3_parts.h"

enum {
    WINDOWS = 8,
    WINDOW_MIN = 64 * 1024,
    WINDOW_MAX = 2 * 1024 * 1024,
};

/* Bytes of the object that are kept. */
struct window {
    uint64_t offset;
    size_t length;
    uint8_t *bytes;
    uint64_t used; /* on the clock of uses */
};

struct reading {
    struct input input;
    struct s3 *s3;
    struct arena *arena;
    const char *key;
    bool begun; /* how large it is is known, and its ETag: "" where it has none */
    const char *etag;
    const char *condition; /* that it is still the same object; NULL where it has no ETag */

    pthread_mutex_t lock; /* of what follows */
    struct window windows[WINDOWS];
    uint64_t clock;
};

/* Not every store heeds the condition, and an object that has changed may be shorter. */
static bool has_changed(const struct reading *r, const struct s3_answer *answer)
{
    return answer->status != 206 || answer->size != r->input.size ||
           (answer->etag[0] != '\0' && r->etag[0] != '\0' && strcmp(answer->etag, r->etag) != 0);
}

static enum larder_status check_range(const struct reading *r, const struct s3_answer *answer,
                                      enum larder_status status, struct larder_error *error)
{
    if (status == LARDER_OK && answer->status == 404)
        return larder_fail(error, LARDER_FAILED, "\"%s\" was removed while it was read", r->key);
    if (status == LARDER_OK && has_changed(r, answer))
        return larder_fail(error, LARDER_DAMAGED, "\"%s\" has changed while it was read", r->key);
    return status;
}

/* Reads a range; the object's size and ETag are in the answer. */
static enum larder_status ask_range(struct reading *r, uint64_t offset, void *into, size_t most,
                                    struct s3_answer *answer, struct larder_error *error)
{
    const char *const headers[] = {r->condition, NULL};
    struct s3_request request = {.method = "GET",
                                 .key = r->key,
                                 .headers = headers,
                                 .into = into,
                                 .offset = offset,
                                 .most = most,
                                 .accept = {416, r->begun ? 412 : 0, r->begun ? 404 : 0}};
    enum larder_status status = s3_ask(r->s3, &request, answer, error);

    return r->begun ? check_range(r, answer, status, error) : status;
}

static bool holds(const struct window *window, uint64_t offset)
{
    return window->bytes != NULL && offset >= window->offset &&
           offset - window->offset < window->length;
}

/* Copies what is kept from the offset on; the bytes copied. */
static size_t copy_kept(struct reading *r, uint64_t offset, uint8_t *to, size_t length)
{
    size_t copied = 0;

    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < WINDOWS && copied == 0; i++) {
        struct window *window = &r->windows[i];
        size_t from = (size_t)(offset - window->offset);

        if (!holds(window, offset))
            continue;
        copied = window->length - from < length ? window->length - from : length;
        memcpy(to, window->bytes + from, copied);
        window->used = ++r->clock;
    }
    pthread_mutex_unlock(&r->lock);
    return copied;
}

/* How much is worth reading at this offset: twice as much as last time where it goes on there. */
static size_t read_ahead(struct reading *r, uint64_t offset)
{
    size_t length = WINDOW_MIN;

    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < WINDOWS; i++)
        if (r->windows[i].bytes != NULL && r->windows[i].offset + r->windows[i].length == offset)
            length = r->windows[i].length < WINDOW_MAX / 2 ? 2 * r->windows[i].length : WINDOW_MAX;
    pthread_mutex_unlock(&r->lock);
    if (length < WINDOW_MIN)
        length = WINDOW_MIN;
    return length < r->input.size - offset ? length : (size_t)(r->input.size - offset);
}

/* Keeps bytes in place of those that were read last, or that went before them; they belong to the window then. */
static void keep(struct reading *r, uint64_t offset, uint8_t *bytes, size_t length)
{
    struct window *oldest = &r->windows[0];

    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < WINDOWS; i++) {
        struct window *window = &r->windows[i];

        if (window->bytes != NULL && window->offset + window->length == offset) {
            oldest = window;
            break;
        }
        if (window->used < oldest->used)
            oldest = window;
    }
    free(oldest->bytes);
    *oldest = (struct window){offset, length, bytes, ++r->clock};
    pthread_mutex_unlock(&r->lock);
}

static enum larder_status fetch(struct reading *r, uint64_t offset, uint8_t *to, size_t length,
                                size_t *done, struct larder_error *error)
{
    const size_t ahead = read_ahead(r, offset);
    struct s3_answer answer;
    enum larder_status status;
    uint8_t *bytes;

    *done = length;
    if (length >= ahead)
        return ask_range(r, offset, to, length, &answer, error);
    bytes = malloc(ahead);
    if (bytes == NULL)
        return larder_fail_memory(error);
    status = ask_range(r, offset, bytes, ahead, &answer, error);
    if (status != LARDER_OK) {
        free(bytes);
        return status;
    }
    memcpy(to, bytes, length);
    keep(r, offset, bytes, ahead);
    return LARDER_OK;
}

static enum larder_status reading_read_at(struct input *input, uint64_t offset, void *buffer,
                                          size_t length, struct larder_error *error)
{
    struct reading *r = (struct reading *)input;
    uint8_t *to = buffer;
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && length > 0) {
        size_t done = copy_kept(r, offset, to, length);

        if (done == 0)
            status = fetch(r, offset, to, length, &done, error);
        to += done;
        offset += done;
        length -= done;
    }
    return status;
}

static void reading_close(struct input *input)
{
    struct reading *r = (struct reading *)input;

    for (size_t i = 0; i < WINDOWS; i++)
        free(r->windows[i].bytes);
    pthread_mutex_destroy(&r->lock);
    arena_free(r->arena);
    free(r);
}

/* The first bytes come with the size: small objects need no second request. */
static enum larder_status begin(struct reading *r, struct larder_error *error)
{
    uint8_t *bytes = malloc(WINDOW_MIN);
    struct s3_answer answer;
    bool found;
    enum larder_status status = bytes == NULL ? larder_fail_memory(error)
                                              : ask_range(r, 0, bytes, WINDOW_MIN, &answer, error);

    /* There is no first byte of nothing. */
    if (status == LARDER_OK && answer.status == 416) {
        free(bytes);
        return s3_look(r->s3, r->key, false, &found, &answer, error);
    }
    if (status != LARDER_OK) {
        free(bytes);
        return status;
    }
    r->input.size = answer.size;
    keep(r, 0, bytes, answer.got);
    r->etag = arena_strdup(r->arena, answer.etag);
    if (answer.etag[0] != '\0')
        r->condition = arena_printf(r->arena, "If-Match: \"%s\"", answer.etag);
    r->begun = true;
    return arena_failed(r->arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status s3_read(struct store *store, const char *key, struct input **input,
                           struct larder_error *error)
{
    static const struct input_ops ops = {reading_read_at, reading_close};
    struct reading *r = calloc(1, sizeof(*r));
    enum larder_status status;

    *input = NULL;
    if (r == NULL)
        return larder_fail_memory(error);
    r->input.ops = &ops;
    r->input.piece = INPUT_FAR_PIECE;
    r->s3 = (struct s3 *)store;
    pthread_mutex_init(&r->lock, NULL);
    r->arena = arena_new();
    r->key = r->arena == NULL ? NULL : arena_strdup(r->arena, key);
    status =
        r->arena == NULL || arena_failed(r->arena) ? larder_fail_memory(error) : begin(r, error);
    if (status != LARDER_OK) {
        reading_close(&r->input);
        return status;
    }
    *input = &r->input;
    return LARDER_OK;
}
