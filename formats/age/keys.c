#include "formats/age/keys.h"

#include <stdbool.h>
#include <string.h>

enum larder_status age_passphrase_new(struct age_passphrase **passphrase, const char *text,
                                      size_t length, struct larder_error *error)
{
    if (length == 0)
        return larder_fail(error, LARDER_USAGE, "the passphrase is empty");
    if (length > AGE_PASSPHRASE_LIMIT)
        return larder_fail(error, LARDER_USAGE, "the passphrase is longer than %d bytes",
                           AGE_PASSPHRASE_LIMIT);
    *passphrase = age_secret_new(sizeof(**passphrase) + length);
    if (*passphrase == NULL)
        return larder_fail_memory(error);
    (*passphrase)->length = length;
    memcpy((*passphrase)->text, text, length);
    return LARDER_OK;
}

enum larder_status age_passphrase_length(const char *text, size_t size, size_t *length,
                                         struct larder_error *error)
{
    const char *feed = size == 0 ? NULL : memchr(text, '\n', size);

    *length = feed == NULL ? size : (size_t)(feed - text);
    if (feed != NULL && *length + 1 < size)
        return larder_fail(error, LARDER_USAGE, "the passphrase file has more than one line");
    if (*length > 0 && text[*length - 1] == '\r')
        --*length;
    if (*length == 0)
        return larder_fail(error, LARDER_USAGE, "the passphrase is empty");
    return LARDER_OK;
}

enum larder_status age_each_key(const char *text, size_t length, const char *what,
                                enum larder_status (*add)(void *to, const char *line, size_t length,
                                                          struct larder_error *error),
                                void *to, struct larder_error *error)
{
    const char *end = length == 0 ? text : text + length;
    unsigned long number = 0;
    bool found = false;

    if (age_is_protected(text, length))
        return larder_fail(error, LARDER_USAGE, "it is encrypted itself: decrypt it first");
    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        const char *next = feed == NULL ? end : feed + 1;
        size_t size = (size_t)((feed == NULL ? end : feed) - text);
        enum larder_status status;

        number++;
        if (size > 0 && text[size - 1] == '\r')
            size--;
        if (size > 0 && text[0] != '#') {
            status = add(to, text, size, error);
            if (status == LARDER_USAGE)
                larder_context(error, "line %lu", number);
            if (status != LARDER_OK)
                return status;
            found = true;
        }
        text = next;
    }
    if (!found)
        return larder_fail(error, LARDER_USAGE, "there is no %s in it", what);
    return LARDER_OK;
}
