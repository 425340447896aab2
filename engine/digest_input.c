#include "engine/digest_input.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "engine/run/run.h"

enum {
    BLOCK = 1024 * 1024,    /* of something that may be far away */
    NEAR_BLOCK = 64 * 1024, /* in the processor's cache, and in malloc's heap */
    LOOK_NS = 100 * 1000 * 1000,
};

struct digest_input {
    struct input input;
    struct input *whole;
    bool is_near;
    const struct larder_run *run;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool in_order;
    uint64_t taken;            /* bytes, from the beginning on */
    enum larder_status status; /* of the digest */
    bool busy;                 /* somebody adds to the digest, and alone uses what follows */
    struct sha256 *sha;
    struct larder_error error;
};

/* Under the lock. Looks now and then whether the run is to end, since then nobody may come. */
static void wait_for_turn(struct digest_input *digest, uint64_t offset)
{
    while (digest->status == LARDER_OK && digest->in_order &&
           (digest->busy || offset > digest->taken)) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&digest->changed, &digest->lock, &until);
        if (run_check(digest->run, NULL) != LARDER_OK)
            digest->in_order = false;
    }
}

/* Adds to a digest, and to another one where there is one, what an input holds between two offsets. */
static enum larder_status add_range(struct input *input, uint64_t from, uint64_t to, size_t at_once,
                                    struct sha256 *sha, struct sha256 *other,
                                    const struct larder_run *run, struct larder_error *error)
{
    uint8_t *block = malloc(at_once);
    enum larder_status status = block == NULL ? larder_fail_memory(error) : LARDER_OK;

    for (uint64_t at = from; status == LARDER_OK && at < to; at += at_once) {
        size_t length = to - at < at_once ? (size_t)(to - at) : at_once;

        status = run_check(run, error);
        if (status == LARDER_OK)
            status = input_read_at(input, at, block, length, error);
        if (status == LARDER_OK)
            status = other != NULL ? sha256_update_both(sha, other, block, length, error)
                                   : sha256_update(sha, block, length, error);
    }
    free(block);
    return status;
}

/* Adds what is new of these bytes, where nothing is missing before them. */
static void take(struct digest_input *digest, uint64_t offset, const uint8_t *bytes, size_t length)
{
    uint64_t end = offset + length;

    pthread_mutex_lock(&digest->lock);
    wait_for_turn(digest, offset);
    if (digest->status == LARDER_OK && !digest->busy && offset <= digest->taken &&
        end > digest->taken) {
        size_t known = (size_t)(digest->taken - offset);
        enum larder_status status;

        digest->busy = true;
        pthread_mutex_unlock(&digest->lock);
        status = sha256_update(digest->sha, bytes + known, length - known, &digest->error);
        pthread_mutex_lock(&digest->lock);
        digest->status = status;
        digest->taken = end;
        digest->busy = false;
        pthread_cond_broadcast(&digest->changed);
    }
    pthread_mutex_unlock(&digest->lock);
}

static enum larder_status read_at(struct input *input, uint64_t offset, void *buffer, size_t length,
                                  struct larder_error *error)
{
    struct digest_input *digest = (struct digest_input *)input;
    enum larder_status status = input_read_at(digest->whole, offset, buffer, length, error);

    if (status == LARDER_OK && !digest->is_near)
        take(digest, offset, buffer, length);
    return status;
}

static void close_input(struct input *input)
{
    struct digest_input *digest = (struct digest_input *)input;

    input_close(digest->whole);
    sha256_free(digest->sha);
    pthread_cond_destroy(&digest->changed);
    pthread_mutex_destroy(&digest->lock);
    free(digest);
}

enum larder_status digest_input_open(struct digest_input **digest, struct input **input,
                                     bool is_near, const struct larder_run *run,
                                     struct larder_error *error)
{
    static const struct input_ops ops = {read_at, close_input};
    struct digest_input *d = calloc(1, sizeof(*d));
    pthread_condattr_t monotonic;

    *digest = NULL;
    if (d == NULL)
        return larder_fail_memory(error);
    d->sha = sha256_new();
    if (d->sha == NULL) {
        free(d);
        return larder_fail_memory(error);
    }
    d->input = (struct input){.ops = &ops, .size = (*input)->size, .piece = (*input)->piece};
    d->whole = *input;
    d->is_near = is_near;
    d->run = run;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *digest = d;
    *input = &d->input;
    return LARDER_OK;
}

bool digest_input_is_near(const struct digest_input *digest)
{
    return digest->is_near;
}

bool digest_input_advance(struct digest_input *digest, uint64_t from, uint64_t to,
                          struct sha256 *part)
{
    if (digest->status == LARDER_OK)
        digest->status = add_range(digest->whole, digest->taken, from, NEAR_BLOCK, digest->sha,
                                   NULL, digest->run, &digest->error);
    if (digest->status == LARDER_OK)
        digest->status = add_range(digest->whole, from, to, NEAR_BLOCK, digest->sha, part,
                                   digest->run, &digest->error);
    if (digest->status == LARDER_OK)
        digest->taken = to;
    return digest->status == LARDER_OK;
}

void digest_input_in_order(struct digest_input *digest, bool in_order)
{
    if (digest == NULL)
        return;
    pthread_mutex_lock(&digest->lock);
    digest->in_order = in_order;
    pthread_cond_broadcast(&digest->changed);
    pthread_mutex_unlock(&digest->lock);
}

enum larder_status digest_input_add(struct input *input, struct sha256 *sha,
                                    const struct larder_run *run, struct larder_error *error)
{
    return add_range(input, 0, input->size, BLOCK, sha, NULL, run, error);
}

enum larder_status digest_input_end(struct digest_input *digest, char sha256[SHA256_HEX],
                                    struct larder_error *error)
{
    uint8_t bytes[SHA256_BYTES];
    enum larder_status status = digest->status;

    if (status != LARDER_OK && error != NULL)
        *error = digest->error;
    if (status == LARDER_OK)
        status = add_range(digest->whole, digest->taken, digest->input.size, BLOCK, digest->sha,
                           NULL, digest->run, error);
    if (status == LARDER_OK)
        status = sha256_final(digest->sha, bytes, error);
    if (status == LARDER_OK)
        sha256_to_hex(bytes, sha256);
    return status;
}
