#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/store/s3_parts.h"
#include "formats/uri.h"

enum {
    PART_MIN = 8 * 1024 * 1024,
    PARTS_MAX = 10000,       /* of an upload, as S3 has it */
    PART_STEP = 1024 * 1024, /* sizes are multiples of this */
    PARTS_EXPECTED = 8000, /* all of one size, which R2 asks for, where the size was known about */
    PARTS_UNKNOWN = 750,   /* the same where it was not */
    PARTS_STEP_EXPECTED = 200,       /* and then double so often */
    PART_GROWN = 1024 * 1024 * 1024, /* parts do not double beyond this */
};

static const uint64_t object_max = 5ULL << 40;

size_t s3_part_bytes(uint64_t expected, size_t number)
{
    uint64_t bytes = PART_MIN;
    size_t same = expected > 0 ? PARTS_EXPECTED : PARTS_UNKNOWN;
    size_t step = expected > 0 ? PARTS_STEP_EXPECTED : PARTS_UNKNOWN;

    if (number >= PARTS_MAX)
        return 0;
    if (expected > object_max)
        expected = object_max;
    if (expected / PARTS_EXPECTED >= PART_MIN)
        bytes = (expected / PARTS_EXPECTED / PART_STEP + 1) * PART_STEP;
    if (number >= same)
        for (size_t doublings = 1 + (number - same) / step; doublings > 0 && bytes < PART_GROWN;
             doublings--)
            bytes *= 2;
    return (size_t)bytes;
}

struct slot {
    enum { FREE, GIVEN, SENDING } state;
    size_t number;
    uint8_t *bytes;
    size_t length, capacity;
};

struct s3_sender {
    struct s3 *s3;
    const char *key, *upload_id;
    uint64_t expected;
    int stop_fd; /* readable once everything is to end */
    pthread_t threads[S3_SLOTS];
    size_t thread_count;
    struct slot *current; /* is being filled by the caller */
    size_t count;         /* parts that were given, and the number of the current one */

    pthread_mutex_t lock; /* of what follows, but for the bytes of slots that are not FREE */
    pthread_cond_t changed;
    struct slot slots[S3_SLOTS];
    struct s3_part *parts; /* by number; room for `capacity` */
    size_t capacity;
    bool ended;
    enum larder_status status;
    struct larder_error error;
};

struct s3_sender *s3_sender_new(struct s3 *s3, const char *key, uint64_t expected)
{
    struct s3_sender *sender = calloc(1, sizeof(*sender));

    if (sender == NULL)
        return NULL;
    sender->s3 = s3;
    sender->key = key;
    sender->expected = expected;
    sender->current = &sender->slots[0];
    sender->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (sender->stop_fd < 0) {
        free(sender);
        return NULL;
    }
    pthread_mutex_init(&sender->lock, NULL);
    pthread_cond_init(&sender->changed, NULL);
    return sender;
}

static void stop(struct s3_sender *sender)
{
    eventfd_write(sender->stop_fd, 1); /* where that fails, it is readable already */
}

/* Makes room for the current part's bytes, and for what becomes of it. */
static enum larder_status begin_part(struct s3_sender *sender, struct larder_error *error)
{
    struct slot *slot = sender->current;
    size_t bytes = s3_part_bytes(sender->expected, sender->count);

    if (bytes == 0)
        return larder_fail(error, LARDER_FAILED,
                           "the archive is larger than an upload of %d parts can be", PARTS_MAX);
    if (slot->capacity == bytes)
        return LARDER_OK;
    free(slot->bytes);
    slot->bytes = malloc(bytes);
    slot->capacity = slot->bytes == NULL ? 0 : bytes;
    return slot->bytes == NULL ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status s3_sender_fill(struct s3_sender *sender, const void *bytes, size_t length,
                                  size_t *taken, struct larder_error *error)
{
    struct slot *slot = sender->current;
    enum larder_status status = slot->length == 0 ? begin_part(sender, error) : LARDER_OK;

    if (status != LARDER_OK)
        return status;
    *taken = length < slot->capacity - slot->length ? length : slot->capacity - slot->length;
    memcpy(slot->bytes + slot->length, bytes, *taken);
    slot->length += *taken;
    return LARDER_OK;
}

const uint8_t *s3_sender_current(const struct s3_sender *sender, size_t *length)
{
    *length = sender->current->length;
    return sender->current->bytes;
}

static enum larder_status send_part(struct s3_sender *sender, const struct slot *slot,
                                    struct s3_part *part, struct larder_error *error)
{
    struct s3_request request = {.method = "PUT",
                                 .key = sender->key,
                                 .body = slot->bytes,
                                 .length = slot->length,
                                 .is_object = true,
                                 .stop_fd = sender->stop_fd};
    struct s3_answer answer;
    struct buffer query = {0};
    enum larder_status status;

    buffer_printf(&query, "partNumber=%zu&uploadId=", slot->number + 1);
    uri_encode(&query, sender->upload_id, false);
    request.query = buffer_text(&query);
    status =
        query.failed ? larder_fail_memory(error) : s3_ask(sender->s3, &request, &answer, error);
    buffer_free(&query);
    if (status != LARDER_OK)
        return status;
    memcpy(part->etag, answer.etag, sizeof(part->etag));
    memcpy(part->md5, answer.md5, sizeof(part->md5));
    part->has_md5 = answer.has_md5;
    return LARDER_OK;
}

/* The part that was given first; NULL where there is none. Under the lock. */
static struct slot *next_slot(struct s3_sender *sender)
{
    struct slot *next = NULL;

    for (size_t i = 0; i < S3_SLOTS; i++)
        if (sender->slots[i].state == GIVEN &&
            (next == NULL || sender->slots[i].number < next->number))
            next = &sender->slots[i];
    return next;
}

static void *run(void *arg)
{
    struct s3_sender *sender = arg;

    pthread_mutex_lock(&sender->lock);
    while (sender->status == LARDER_OK) {
        struct slot *slot = next_slot(sender);
        struct larder_error error = {0};
        struct s3_part part = {0};
        enum larder_status status;

        if (slot == NULL && sender->ended)
            break;
        if (slot == NULL) {
            pthread_cond_wait(&sender->changed, &sender->lock);
            continue;
        }
        slot->state = SENDING;
        pthread_mutex_unlock(&sender->lock);
        status = send_part(sender, slot, &part, &error);
        pthread_mutex_lock(&sender->lock);
        sender->parts[slot->number] = part;
        slot->state = FREE;
        if (status != LARDER_OK && sender->status == LARDER_OK) {
            sender->status = status;
            sender->error = error;
            stop(sender);
        }
        pthread_cond_broadcast(&sender->changed);
    }
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

/* Under the lock. */
static enum larder_status result(const struct s3_sender *sender, struct larder_error *error)
{
    if (sender->status != LARDER_OK && error != NULL)
        *error = sender->error;
    return sender->status;
}

static bool grow_parts(struct s3_sender *sender)
{
    size_t capacity = sender->capacity == 0 ? 64 : sender->capacity * 2;
    struct s3_part *parts;

    if (sender->count < sender->capacity)
        return true;
    parts = realloc(sender->parts, capacity * sizeof(*parts));
    if (parts == NULL)
        return false;
    sender->parts = parts;
    sender->capacity = capacity;
    return true;
}

static struct slot *free_slot(struct s3_sender *sender)
{
    for (size_t i = 0; i < S3_SLOTS; i++)
        if (sender->slots[i].state == FREE)
            return &sender->slots[i];
    return NULL;
}

enum larder_status s3_sender_send(struct s3_sender *sender, const char *upload_id,
                                  struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    pthread_mutex_lock(&sender->lock);
    if (sender->upload_id == NULL)
        sender->upload_id = upload_id; /* the threads read it without the lock */
    if (!grow_parts(sender)) {
        pthread_mutex_unlock(&sender->lock);
        return larder_fail_memory(error);
    }
    sender->current->number = sender->count++;
    sender->current->state = GIVEN;
    if (sender->thread_count < S3_SLOTS) {
        if (pthread_create(&sender->threads[sender->thread_count], NULL, run, sender) == 0)
            sender->thread_count++;
        else if (sender->thread_count == 0)
            status = larder_fail(error, LARDER_FAILED, "could not start a thread");
    }
    pthread_cond_broadcast(&sender->changed);
    while (status == LARDER_OK && sender->status == LARDER_OK && free_slot(sender) == NULL)
        pthread_cond_wait(&sender->changed, &sender->lock);
    if (status == LARDER_OK)
        status = result(sender, error);
    if (status == LARDER_OK) {
        sender->current = free_slot(sender);
        sender->current->length = 0;
    }
    pthread_mutex_unlock(&sender->lock);
    return status;
}

static void end(struct s3_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    sender->ended = true;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    for (; sender->thread_count > 0; sender->thread_count--)
        pthread_join(sender->threads[sender->thread_count - 1], NULL);
}

enum larder_status s3_sender_finish(struct s3_sender *sender, struct larder_error *error)
{
    end(sender);
    return result(sender, error);
}

const struct s3_part *s3_sender_parts(const struct s3_sender *sender, size_t *count)
{
    *count = sender->count;
    return sender->parts;
}

void s3_sender_free(struct s3_sender *sender)
{
    if (sender == NULL)
        return;
    stop(sender);
    end(sender);
    for (size_t i = 0; i < S3_SLOTS; i++)
        free(sender->slots[i].bytes);
    free(sender->parts);
    close(sender->stop_fd);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->lock);
    free(sender);
}
