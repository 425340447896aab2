#include "engine/keys.h"

#include <stdlib.h>
#include <string.h>

#include "engine/key_file.h"
#include "formats/buffer.h"

_Static_assert((int)LARDER_PASSPHRASE_LIMIT == (int)AGE_PASSPHRASE_LIMIT, "the format's limit");
_Static_assert((int)LARDER_RECIPIENT_SIZE == (int)AGE_RECIPIENT_SIZE, "the format's size");

/* The contents of an identity file that is encrypted itself, with room for what is in it. */
struct protected_file {
    struct protected_file *next;
    char *path;
    char *text; /* secret memory */
    size_t length;
};

struct larder_keys {
    struct age_identities *identities;
    struct age_identities *passphrases; /* for protected files */
    struct protected_file *protected_files;
    struct protected_file **end;
    struct larder_keys_options
        options;         /* for what asks; the paths are the caller's, and not used */
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

/* Keeps it for later, and takes the text over. */
static enum larder_status add_protected_file(struct larder_keys *keys, const char *path, char *text,
                                             size_t length, struct larder_error *error)
{
    struct protected_file *file = calloc(1, sizeof(*file));

    if (file != NULL)
        file->path = strdup(path);
    if (file == NULL || file->path == NULL) {
        free(file);
        age_secret_free(text);
        return larder_fail_memory(error);
    }
    file->text = text;
    file->length = length;
    *keys->end = file;
    keys->end = &file->next;
    return LARDER_OK;
}

static void free_protected_file(struct protected_file *file)
{
    age_secret_free(file->text);
    free(file->path);
    free(file);
}

static enum larder_status open_protected_file(struct larder_keys *keys,
                                              const struct protected_file *file,
                                              struct larder_error *error)
{
    size_t before = age_identities_count(keys->identities), length;
    char *plain = age_secret_new(KEY_FILE_LIMIT);
    enum larder_status status;

    if (plain == NULL)
        return larder_fail_memory(error);
    status = age_open_protected(keys->passphrases, file->text, file->length, plain, KEY_FILE_LIMIT,
                                &length, error);
    if (status == LARDER_OK)
        status = age_identities_add_file(keys->identities, plain, length, error);
    age_secret_free(plain);
    if (status == LARDER_OK) {
        remember(keys, file->path, before);
        return LARDER_OK;
    }
    /* What is damaged is no archive. */
    if (status == LARDER_DAMAGED && error != NULL)
        status = larder_fail(error, LARDER_USAGE, "%s", error->message);
    larder_context(error, "could not use the identity file \"%s\"", file->path);
    if (status == LARDER_NO_KEY)
        larder_hint(error,
                    "It is encrypted itself. Its passphrase is asked for on the terminal, or "
                    "taken from --passphrase-file; what else it is encrypted to, "
                    "`larder age decrypt` opens.");
    return status;
}

/* Each is opened once; after a failure the rest stays for the next time. */
static enum larder_status open_protected_files(struct larder_keys *keys, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    while (keys->protected_files != NULL && status == LARDER_OK) {
        struct protected_file *file = keys->protected_files;

        status = open_protected_file(keys, file, error);
        if (status != LARDER_OK)
            break;
        keys->protected_files = file->next;
        if (file->next == NULL)
            keys->end = &keys->protected_files;
        free_protected_file(file);
    }
    return status;
}

static enum larder_status ask_for_archive(void *context, char *passphrase, size_t *length,
                                          struct larder_error *error)
{
    const struct larder_keys *keys = context;

    return keys->options.ask(keys->options.ask_arg, NULL, passphrase, length, error);
}

static enum larder_status ask_for_file(void *context, char *passphrase, size_t *length,
                                       struct larder_error *error)
{
    const struct larder_keys *keys = context;

    return keys->options.ask(keys->options.ask_arg, keys->protected_files->path, passphrase, length,
                             error);
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
    if (age_is_protected(text, length))
        return add_protected_file(keys, file, text, length, error);
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
    if (status == LARDER_OK)
        status = age_identities_add_passphrase(keys->passphrases, text, length, error);
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
    k->options = *options;
    k->end = &k->protected_files;
    k->identities = age_identities_new();
    k->passphrases = age_identities_new();
    if (k->identities == NULL || k->passphrases == NULL)
        status = larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < options->identity_file_count; i++)
        status = add_identity_file(k, options->identity_files[i], run, error);
    if (status == LARDER_OK && options->passphrase_file != NULL)
        status = add_passphrase_file(k, options->passphrase_file, run, error);
    if (status != LARDER_OK) {
        larder_keys_free(k);
        return status;
    }
    if (options->ask != NULL) {
        age_identities_ask(k->identities, ask_for_archive, k);
        age_identities_ask(k->passphrases, ask_for_file, k);
    }
    *keys = k;
    return LARDER_OK;
}

void larder_keys_free(struct larder_keys *keys)
{
    if (keys == NULL)
        return;
    age_identities_free(keys->identities);
    age_identities_free(keys->passphrases);
    while (keys->protected_files != NULL) {
        struct protected_file *file = keys->protected_files;

        keys->protected_files = file->next;
        free_protected_file(file);
    }
    buffer_free(&keys->tried);
    free(keys);
}

enum larder_status keys_identities(struct larder_keys *keys, struct age_identities **identities,
                                   struct larder_error *error)
{
    *identities = keys->identities;
    return open_protected_files(keys, error);
}

enum larder_status keys_explain(struct larder_keys *keys, enum larder_status status,
                                struct larder_error *error)
{
    /* Who cannot open an identity file has been told more. */
    if (status != LARDER_NO_KEY || (error != NULL && error->hint[0] != '\0'))
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

/* After `status`: whether another try may succeed, since identities have come to light. */
static bool is_worth_another_try(struct larder_keys *keys, enum larder_status *status,
                                 struct larder_error *error)
{
    if (*status != LARDER_NO_KEY || keys == NULL || keys->protected_files == NULL)
        return false;
    *status = open_protected_files(keys, error);
    return *status == LARDER_OK;
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
    if (is_worth_another_try(keys, &status, error))
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
    if (is_worth_another_try(keys, &status, error))
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
    if (recipients != NULL && is_worth_another_try(keys, &status, error))
        status = age_rewrap(rewrapped, identities, recipients, archive, error);
    age_recipients_free(recipients);
    return end(keys, identities, status, error);
}
