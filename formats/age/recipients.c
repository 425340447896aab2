#include <stdlib.h>
#include <string.h>

#include "formats/age/bech32.h"
#include "formats/age/keys.h"

struct age_recipients *age_recipients_new(void)
{
    return calloc(1, sizeof(struct age_recipients));
}

void age_recipients_free(struct age_recipients *recipients)
{
    if (recipients == NULL)
        return;
    age_secret_free(recipients->passphrase);
    free(recipients->points);
    free(recipients);
}

static enum larder_status fail_mixed(struct larder_error *error)
{
    return larder_fail(error, LARDER_USAGE,
                       "a passphrase must be the only recipient: the format allows no other");
}

static bool starts_with(const char *text, size_t length, const char *start)
{
    return length >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

/* The keys of SSH, and the names of plugins and of other kinds between "age1" and another "1". */
static bool is_of_another_kind(const char *text, size_t length)
{
    const char *own = AGE_RECIPIENT_PREFIX "1";

    return starts_with(text, length, "ssh-") || starts_with(text, length, "ecdsa-sha2-") ||
           (starts_with(text, length, own) &&
            memchr(text + strlen(own), '1', length - strlen(own)) != NULL);
}

/* The message does not repeat the text: it may be a secret, given by mistake. */
static enum larder_status fail_malformed(const char *text, size_t length,
                                         struct larder_error *error)
{
    if (starts_with(text, length, AGE_IDENTITY_PREFIX))
        return larder_fail(error, LARDER_USAGE,
                           "this is an identity, which is secret, and not a recipient");
    if (is_of_another_kind(text, length)) {
        larder_fail(error, LARDER_USAGE,
                    "this is no X25519 recipient of age, but one of another kind");
        larder_hint(error, "larder knows no SSH keys, plugins, or post-quantum keys; larder keygen "
                           "makes a key that it knows");
        return LARDER_USAGE;
    }
    larder_fail(error, LARDER_USAGE, "this is no X25519 recipient of age");
    larder_hint(error, "such a recipient is \"age1\" and 58 more characters, as age-keygen and "
                       "larder keygen print it");
    return LARDER_USAGE;
}

static enum larder_status add_point(struct age_recipients *recipients,
                                    const uint8_t point[static AGE_KEY_SIZE],
                                    struct larder_error *error)
{
    for (size_t i = 0; i < recipients->count; i++)
        if (memcmp(recipients->points[i], point, AGE_KEY_SIZE) == 0)
            return LARDER_OK;
    if (recipients->count == recipients->capacity) {
        size_t capacity = recipients->capacity == 0 ? 4 : 2 * recipients->capacity;
        void *points = reallocarray(recipients->points, capacity, AGE_KEY_SIZE);

        if (points == NULL)
            return larder_fail_memory(error);
        recipients->points = points;
        recipients->capacity = capacity;
    }
    memcpy(recipients->points[recipients->count++], point, AGE_KEY_SIZE);
    return LARDER_OK;
}

enum larder_status age_recipients_add(struct age_recipients *recipients, const char *text,
                                      size_t length, struct larder_error *error)
{
    uint8_t point[AGE_KEY_SIZE];

    if (recipients->passphrase != NULL)
        return fail_mixed(error);
    if (!age_bech32_decode(point, sizeof(point), AGE_RECIPIENT_PREFIX, text, length))
        return fail_malformed(text, length, error);
    return add_point(recipients, point, error);
}

static enum larder_status add_line(void *to, const char *line, size_t length,
                                   struct larder_error *error)
{
    return age_recipients_add(to, line, length, error);
}

enum larder_status age_recipients_add_file(struct age_recipients *recipients, const char *text,
                                           size_t length, struct larder_error *error)
{
    return age_each_key(text, length, "recipient", add_line, recipients, error);
}

enum larder_status age_recipients_add_passphrase(struct age_recipients *recipients,
                                                 const char *passphrase, size_t length,
                                                 int work_factor, struct larder_error *error)
{
    if (work_factor < 0 || work_factor > AGE_WORK_FACTOR_LIMIT)
        return larder_fail(error, LARDER_USAGE, "scrypt's work factor must be from 1 to %d",
                           AGE_WORK_FACTOR_LIMIT);
    if (recipients->count > 0 || recipients->passphrase != NULL)
        return fail_mixed(error);
    recipients->work_factor = work_factor == 0 ? AGE_WORK_FACTOR : work_factor;
    return age_passphrase_new(&recipients->passphrase, passphrase, length, error);
}

size_t age_recipients_count(const struct age_recipients *recipients)
{
    return recipients->count;
}
