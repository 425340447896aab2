#include "engine/pg/copy_ahead.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * As much as a server sends while a lane compresses two frames and hands a part over, so that it never stands still for those. Who waits goes on when
 * there are some blocks for it, and not at the first one: each time that a thread is woken costs.
 */
enum { BLOCKS = 32, SOME = BLOCKS / 4 };

struct block {
    char *bytes; /* COPY_BLOCK_BYTES, from when it is first needed */
    size_t length;
};

struct copy_ahead {
    struct copy_out *copy; /* NULL: none is begun */
    char *own_block;       /* the COPY's, until it gets it back */
    pthread_t thread;

    pthread_mutex_t lock; /* of everything below; a block belongs to the one whose turn it is */
    pthread_cond_t changed;
    struct block blocks[BLOCKS];
    size_t read, taken; /* blocks, since the beginning */
    bool reading_waits, taking_waits;
    bool has_given; /* the last one that was taken is in use */
    bool over;      /* nobody takes any more */
    bool ended;     /* nothing comes any more: with this result */
    enum larder_status status;
    uint64_t rows;
    struct larder_error error;
};

/* Under the lock. The next block to fill; NULL where nobody wants it. */
static struct block *free_block(struct copy_ahead *ahead)
{
    struct block *block = &ahead->blocks[ahead->read % BLOCKS];

    if (ahead->read - ahead->taken == BLOCKS)
        while (ahead->read - ahead->taken > SOME && !ahead->over) {
            ahead->reading_waits = true;
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        }
    ahead->reading_waits = false;
    if (ahead->over)
        return NULL;
    if (block->bytes == NULL)
        block->bytes = malloc(COPY_BLOCK_BYTES);
    if (block->bytes == NULL)
        ahead->status = larder_fail_memory(&ahead->error);
    return block->bytes == NULL ? NULL : block;
}

static void *read_ahead(void *arg)
{
    struct copy_ahead *ahead = arg;
    struct block *block;
    const uint8_t *bytes;

    pthread_mutex_lock(&ahead->lock);
    while (ahead->status == LARDER_OK && (block = free_block(ahead)) != NULL) {
        pthread_mutex_unlock(&ahead->lock);
        ahead->copy->block = block->bytes;
        ahead->status =
            copy_out_next(ahead->copy, &bytes, &block->length, &ahead->rows, &ahead->error);
        pthread_mutex_lock(&ahead->lock);
        if (ahead->status == LARDER_OK && block->length == 0)
            break;
        if (ahead->status == LARDER_OK)
            ahead->read++;
        if (ahead->taking_waits && ahead->read - ahead->taken >= SOME)
            pthread_cond_signal(&ahead->changed);
    }
    ahead->ended = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

struct copy_ahead *copy_ahead_new(void)
{
    struct copy_ahead *ahead = calloc(1, sizeof(*ahead));

    if (ahead == NULL)
        return NULL;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    return ahead;
}

void copy_ahead_free(struct copy_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_destroy(&ahead->lock);
    pthread_cond_destroy(&ahead->changed);
    for (int i = 0; i < BLOCKS; i++)
        free(ahead->blocks[i].bytes);
    free(ahead);
}

bool copy_ahead_begin(struct copy_ahead *ahead, struct copy_out *copy)
{
    ahead->read = ahead->taken = 0;
    ahead->has_given = ahead->over = ahead->ended = false;
    ahead->status = LARDER_OK;
    ahead->copy = copy;
    ahead->own_block = copy->block;
    copy->pace.adapts = true;
    if (pthread_create(&ahead->thread, NULL, read_ahead, ahead) != 0) {
        copy->pace.adapts = false;
        ahead->copy = NULL;
    }
    return ahead->copy != NULL;
}

enum larder_status copy_ahead_next(struct copy_ahead *ahead, const uint8_t **bytes, size_t *length,
                                   uint64_t *rows, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *length = 0;
    pthread_mutex_lock(&ahead->lock);
    if (ahead->has_given) {
        ahead->taken++;
        ahead->has_given = false;
        if (ahead->reading_waits && ahead->read - ahead->taken <= SOME)
            pthread_cond_signal(&ahead->changed);
    }
    if (ahead->read == ahead->taken)
        while (ahead->read - ahead->taken < SOME && !ahead->ended) {
            ahead->taking_waits = true;
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        }
    ahead->taking_waits = false;
    if (ahead->read > ahead->taken) {
        const struct block *block = &ahead->blocks[ahead->taken % BLOCKS];

        *bytes = (const uint8_t *)block->bytes;
        *length = block->length;
        ahead->has_given = true;
    } else {
        status = ahead->status;
        *rows = ahead->rows;
        if (status != LARDER_OK)
            *error = ahead->error;
    }
    pthread_mutex_unlock(&ahead->lock);
    return status;
}

void copy_ahead_end(struct copy_ahead *ahead)
{
    if (ahead == NULL || ahead->copy == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->over = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    ahead->copy->block = ahead->own_block;
    ahead->copy = NULL;
}
