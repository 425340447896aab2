#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "formats/age/bech32.h"
#include "formats/age/keys.h"

struct age_identities *age_identities_new(void)
{
    struct age_identities *identities = calloc(1, sizeof(*identities));

    if (identities == NULL)
        return NULL;
    identities->end = &identities->first;
    identities->work_limit = AGE_WORK_FACTOR_LIMIT;
    return identities;
}

void age_identities_free(struct age_identities *identities)
{
    if (identities == NULL)
        return;
    while (identities->first != NULL) {
        struct age_identity *identity = identities->first;

        identities->first = identity->next;
        age_secret_free(identity);
    }
    while (identities->passphrases != NULL) {
        struct age_passphrase *passphrase = identities->passphrases;

        identities->passphrases = passphrase->next;
        age_secret_free(passphrase);
    }
    free(identities);
}

static bool starts_with(const char *text, size_t length, const char *start)
{
    return length >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

static bool is_of_another_kind(const char *text, size_t length)
{
    return starts_with(text, length, "AGE-PLUGIN-") ||
           starts_with(text, length, AGE_IDENTITY_PREFIX "PQ-") ||
           starts_with(text, length, "-----BEGIN ");
}

/* The message does not repeat the text, which is a secret. */
static enum larder_status fail_malformed(const char *text, size_t length,
                                         struct larder_error *error)
{
    if (starts_with(text, length, AGE_RECIPIENT_PREFIX "1")) {
        larder_fail(error, LARDER_USAGE, "this is a recipient, and not an identity");
        larder_hint(error, "a recipient encrypts; what opens is the identity that belongs to it");
    } else if (is_of_another_kind(text, length)) {
        larder_fail(error, LARDER_USAGE,
                    "this is no X25519 identity of age, but one of another kind");
        larder_hint(error,
                    "larder knows no SSH keys, plugins, or post-quantum keys; an age program "
                    "that does opens the file: age -d -i IDENTITY_FILE FILE");
    } else {
        larder_fail(error, LARDER_USAGE, "this is no X25519 identity of age");
        larder_hint(error, "such an identity is \"AGE-SECRET-KEY-1\" and 58 more characters, as "
                           "age-keygen and larder keygen write it");
    }
    return LARDER_USAGE;
}

enum larder_status age_identities_add(struct age_identities *identities, const char *text,
                                      size_t length, struct larder_error *error)
{
    struct age_identity *identity = age_secret_new(sizeof(*identity));
    enum larder_status status;

    if (identity == NULL)
        return larder_fail_memory(error);
    if (!age_bech32_decode(identity->scalar, AGE_KEY_SIZE, AGE_IDENTITY_PREFIX, text, length)) {
        status = fail_malformed(text, length, error);
        goto fail;
    }
    status = age_x25519_point(identity->point, identity->scalar, error);
    if (status != LARDER_OK)
        goto fail;
    *identities->end = identity;
    identities->end = &identity->next;
    identities->count++;
    return LARDER_OK;
fail:
    age_secret_free(identity);
    return status;
}

static enum larder_status add_line(void *to, const char *line, size_t length,
                                   struct larder_error *error)
{
    return age_identities_add(to, line, length, error);
}

enum larder_status age_identities_add_file(struct age_identities *identities, const char *text,
                                           size_t length, struct larder_error *error)
{
    return age_each_key(text, length, "identity", add_line, identities, error);
}

enum larder_status age_identities_add_passphrase(struct age_identities *identities,
                                                 const char *passphrase, size_t length,
                                                 struct larder_error *error)
{
    struct age_passphrase *added;
    enum larder_status status = age_passphrase_new(&added, passphrase, length, error);

    if (status != LARDER_OK)
        return status;
    added->next = identities->passphrases;
    identities->passphrases = added;
    return LARDER_OK;
}

void age_identities_ask(struct age_identities *identities, age_ask_passphrase *ask, void *context)
{
    identities->ask = ask;
    identities->ask_context = context;
}

void age_identities_limit_work(struct age_identities *identities, int work_factor)
{
    if (work_factor < identities->work_limit)
        identities->work_limit = work_factor;
}

size_t age_identities_count(const struct age_identities *identities)
{
    return identities->count;
}

void age_identities_recipient(const struct age_identities *identities, size_t index,
                              char recipient[static AGE_RECIPIENT_SIZE])
{
    const struct age_identity *identity = identities->first;

    while (index-- > 0)
        identity = identity->next;
    age_bech32_encode(recipient, AGE_RECIPIENT_PREFIX, identity->point, AGE_KEY_SIZE);
}

enum larder_status age_keygen(const char *created, char file[static AGE_KEY_FILE_SIZE],
                              char recipient[static AGE_RECIPIENT_SIZE], struct larder_error *error)
{
    struct {
        uint8_t scalar[AGE_KEY_SIZE];
        char text[AGE_IDENTITY_SIZE];
    } *secret = age_secret_new(sizeof(*secret));
    uint8_t point[AGE_KEY_SIZE];
    enum larder_status status;
    int length;

    if (secret == NULL)
        return larder_fail_memory(error);
    status = age_random(secret->scalar, AGE_KEY_SIZE, error);
    if (status == LARDER_OK)
        status = age_x25519_point(point, secret->scalar, error);
    if (status != LARDER_OK)
        goto out;
    age_bech32_encode(secret->text, AGE_IDENTITY_PREFIX, secret->scalar, AGE_KEY_SIZE);
    age_bech32_encode(recipient, AGE_RECIPIENT_PREFIX, point, AGE_KEY_SIZE);
    length = snprintf(file, AGE_KEY_FILE_SIZE, "# created: %s\n# public key: %s\n%s\n", created,
                      recipient, secret->text);
    if (length >= AGE_KEY_FILE_SIZE) {
        OPENSSL_cleanse(file, AGE_KEY_FILE_SIZE);
        status = larder_fail(error, LARDER_USAGE, "the key's date is too long");
    }
out:
    age_secret_free(secret);
    return status;
}
