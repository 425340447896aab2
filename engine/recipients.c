#include <string.h>

#include "engine/key_file.h"
#include "engine/keys.h"

static enum larder_status add_file(struct age_recipients *recipients, const char *file,
                                   const struct larder_run *run, struct larder_error *error)
{
    size_t length;
    char *text;
    enum larder_status status =
        key_file_read(file, "recipients file", false, run, &text, &length, error);

    if (status != LARDER_OK)
        return status;
    status = age_recipients_add_file(recipients, text, length, error);
    age_secret_free(text);
    if (status != LARDER_OK)
        larder_context(error, "could not use the recipients file \"%s\"", file);
    return status;
}

static enum larder_status add_passphrase(struct age_recipients *recipients, const char *file,
                                         const struct larder_run *run, struct larder_error *error)
{
    size_t size, length;
    char *text;
    enum larder_status status =
        key_file_read(file, "passphrase file", true, run, &text, &size, error);

    if (status != LARDER_OK)
        return status;
    status = age_passphrase_length(text, size, &length, error);
    if (status == LARDER_OK)
        status = age_recipients_add_passphrase(recipients, text, length, 0, error);
    age_secret_free(text);
    if (status != LARDER_OK)
        larder_context(error, "could not use the passphrase file \"%s\"", file);
    return status;
}

static enum larder_status add_all(struct age_recipients *recipients,
                                  const struct larder_encryption *to, const struct larder_run *run,
                                  struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < to->recipient_count; i++) {
        status =
            age_recipients_add(recipients, to->recipients[i], strlen(to->recipients[i]), error);
        if (status != LARDER_OK)
            larder_context(error, "could not use recipient %zu", i + 1);
    }
    for (size_t i = 0; status == LARDER_OK && i < to->recipient_file_count; i++)
        status = add_file(recipients, to->recipient_files[i], run, error);
    if (status == LARDER_OK && to->passphrase_file != NULL)
        status = add_passphrase(recipients, to->passphrase_file, run, error);
    return status;
}

bool keys_name_recipients(const struct larder_encryption *to)
{
    return to->recipient_count + to->recipient_file_count > 0 || to->passphrase_file != NULL;
}

enum larder_status keys_recipients(const struct larder_encryption *to, const struct larder_run *run,
                                   struct age_recipients **recipients, struct larder_error *error)
{
    enum larder_status status;

    *recipients = NULL;
    if (!keys_name_recipients(to))
        return LARDER_OK;
    *recipients = age_recipients_new();
    if (*recipients == NULL)
        return larder_fail_memory(error);
    status = add_all(*recipients, to, run, error);
    if (status != LARDER_OK) {
        age_recipients_free(*recipients);
        *recipients = NULL;
    }
    return status;
}
