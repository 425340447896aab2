#include "engine/keys.h"

#include <stdlib.h>
#include <string.h>

#include "engine/key_file.h"
#include "formats/buffer.h"

_Static_assert((int)LARDER_PASSPHRASE_LIMIT == (int)AGE_PASSPHRASE_LIMIT, "the format's limit");
_Static_assert((int)LARDER_RECIPIENT_SIZE == (int)AGE_RECIPIENT_SIZE, "the format's size");

struct larder_keys {
    struct age_identities *identities;
    struct buffer tried; /* the files and their recipients, for whom none fits */
};

/* Says what was tried, with the recipients, which are public. */
static void remember(struct larder_keys *keys, const char *file, size_t from)
{
    buffer_printf(&keys->tried, "%s\"%s\"", keys->tried.length > 0 ? ", " : "", file);
    for (size_t i = from; i < age_identities_count(keys->identities); i++) {
        char recipient[AGE_RECIPIENT_SIZE];

        age_identities_recipient(keys->identities, i, recipient);
        buffer_printf(&keys->tried, "%s%s", i == from ? " (" : ", ", recipient);
    }
    if (from < age_identities_count(keys->identities))
        buffer_puts(&keys->tried, ")");
}

static enum larder_status add_identity_file(struct larder_keys *keys, const char *file,
                                            const struct larder_run *run,
                                            struct larder_error *error)
{
    size_t before = age_identities_count(keys->identities), length;
    char *text;
    enum larder_status status;

    /* What is no path must not get into a message. */
    if (strncmp(file, "AGE-SECRET-KEY-", strlen("AGE-SECRET-KEY-")) == 0)
        return larder_fail(
            error, LARDER_USAGE,
            "an identity is taken from a file, never from an argument or a variable");
    status = key_file_read(file, "identity file", true, run, &text, &length, error);
    if (status != LARDER_OK)
        return status;
    status = age_identities_add_file(keys->identities, text, length, error);
    age_secret_free(text);
    if (status != LARDER_OK) {
        larder_context(error, "could not use the identity file \"%s\"", file);
        return status;
    }
    remember(keys, file, before);
    return LARDER_OK;
}

static enum larder_status add_passphrase_file(struct larder_keys *keys, const char *file,
                                              const struct larder_run *run,
                                              struct larder_error *error)
{
    size_t size, length;
    char *text;
    enum larder_status status =
        key_file_read(file, "passphrase file", true, run, &text, &size, error);

    if (status != LARDER_OK)
        return status;
    status = age_passphrase_length(text, size, &length, error);
    if (status == LARDER_OK)
        status = age_identities_add_passphrase(keys->identities, text, length, error);
    age_secret_free(text);
    if (status != LARDER_OK) {
        larder_context(error, "could not use the passphrase file \"%s\"", file);
        return status;
    }
    remember(keys, file, age_identities_count(keys->identities));
    return LARDER_OK;
}

enum larder_status larder_keys_load(const struct larder_keys_options *options,
                                    const struct larder_run *run, struct larder_keys **keys,
                                    struct larder_error *error)
{
    struct larder_keys *k = calloc(1, sizeof(*k));
    enum larder_status status = LARDER_OK;

    *keys = NULL;
    if (k == NULL)
        return larder_fail_memory(error);
    k->identities = age_identities_new();
    if (k->identities == NULL)
        status = larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < options->identity_file_count; i++)
        status = add_identity_file(k, options->identity_files[i], run, error);
    if (status == LARDER_OK && options->passphrase_file != NULL)
        status = add_passphrase_file(k, options->passphrase_file, run, error);
    if (status != LARDER_OK) {
        larder_keys_free(k);
        return status;
    }
    if (options->ask != NULL)
        age_identities_ask(k->identities, options->ask, options->ask_arg);
    *keys = k;
    return LARDER_OK;
}

void larder_keys_free(struct larder_keys *keys)
{
    if (keys == NULL)
        return;
    age_identities_free(keys->identities);
    buffer_free(&keys->tried);
    free(keys);
}

struct age_identities *keys_identities(struct larder_keys *keys)
{
    return keys->identities;
}

enum larder_status keys_explain(struct larder_keys *keys, enum larder_status status,
                                struct larder_error *error)
{
    if (status != LARDER_NO_KEY)
        return status;
    if (keys != NULL && keys->tried.length > 0)
        larder_hint(error, "Tried: %s.", buffer_text(&keys->tried));
    else
        larder_hint(error, "Give -i IDENTITY_FILE (or set LARDER_IDENTITY), or --passphrase-file.");
    return status;
}

/* Without keys there are none that fit. */
static enum larder_status begin(struct larder_keys *keys, struct age_identities **identities,
                                struct larder_error *error)
{
    *identities = keys == NULL ? age_identities_new() : keys->identities;
    return *identities == NULL ? larder_fail_memory(error) : LARDER_OK;
}

static enum larder_status end(struct larder_keys *keys, struct age_identities *identities,
                              enum larder_status status, struct larder_error *error)
{
    if (keys == NULL)
        age_identities_free(identities);
    return keys_explain(keys, status, error);
}

enum larder_status keys_open(struct larder_keys *keys, struct input *archive, struct input **plain,
                             struct larder_error *error)
{
    struct age_identities *identities;
    enum larder_status status = begin(keys, &identities, error);

    *plain = NULL;
    if (status == LARDER_OK)
        status = age_input_open(plain, identities, archive, error);
    return end(keys, identities, status, error);
}

enum larder_status keys_fit(struct larder_keys *keys, struct input *archive,
                            struct larder_error *error)
{
    struct age_identities *identities;
    bool encrypted;
    enum larder_status status = age_detect(archive, &encrypted, error);

    if (status != LARDER_OK || !encrypted)
        return status;
    status = begin(keys, &identities, error);
    if (status == LARDER_OK)
        status = age_fits(archive, identities, error);
    return end(keys, identities, status, error);
}

enum larder_status keys_rewrap(struct larder_keys *keys, const struct larder_encryption *to,
                               const struct larder_run *run, struct input *archive,
                               struct input **rewrapped, struct larder_error *error)
{
    struct age_recipients *recipients = NULL;
    struct age_identities *identities = NULL;
    bool encrypted;
    enum larder_status status = age_detect(archive, &encrypted, error);

    *rewrapped = NULL;
    if (status == LARDER_OK && !encrypted)
        status = larder_fail(error, LARDER_USAGE,
                             "it is not encrypted, so it cannot be given other recipients");
    if (status == LARDER_OK)
        status = keys_recipients(to, run, &recipients, error);
    if (status == LARDER_OK && recipients == NULL)
        status = larder_fail(error, LARDER_USAGE, "no recipient was given");
    if (status == LARDER_OK)
        status = begin(keys, &identities, error);
    if (status == LARDER_OK)
        status = age_rewrap(rewrapped, identities, recipients, archive, error);
    age_recipients_free(recipients);
    return end(keys, identities, status, error);
}
