#include "larder/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/utf8.h"

/* Here they are defined, behind the macros that repeat the status. */
#undef larder_fail
#undef larder_fail_errno
#undef larder_fail_memory

static void set_message(struct larder_error *error, enum larder_status status, const char *format,
                        va_list args) __attribute__((format(printf, 3, 0)));

static void set_message(struct larder_error *error, enum larder_status status, const char *format,
                        va_list args)
{
    char text[sizeof(error->message)];

    /* Formatted aside first: an argument may be the old message. */
    utf8_vprintf(text, sizeof(text), format, args);
    error->status = status;
    memcpy(error->message, text, sizeof(text));
    error->hint[0] = '\0';
}

enum larder_status larder_fail(struct larder_error *error, enum larder_status status,
                               const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return status;
    va_start(args, format);
    set_message(error, status, format, args);
    va_end(args);
    return status;
}

enum larder_status larder_fail_errno(struct larder_error *error, enum larder_status status,
                                     int number, const char *format, ...)
{
    char reason[256];
    va_list args;
    size_t length;

    if (error == NULL)
        return status;
    va_start(args, format);
    set_message(error, status, format, args);
    va_end(args);
    length = strlen(error->message);
    utf8_printf(error->message + length, sizeof(error->message) - length, ": %s",
                strerror_r(number, reason, sizeof(reason)));
    return status;
}

enum larder_status larder_fail_memory(struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED, "out of memory");
}

enum larder_status larder_context(struct larder_error *error, const char *format, ...)
{
    char text[sizeof(error->message)];
    size_t length;
    va_list args;

    if (error == NULL)
        return LARDER_FAILED;
    va_start(args, format);
    utf8_vprintf(text, sizeof(text), format, args);
    va_end(args);
    length = strlen(text);
    utf8_printf(text + length, sizeof(text) - length, ": %s", error->message);
    memcpy(error->message, text, sizeof(text));
    return error->status;
}

void larder_hint(struct larder_error *error, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return;
    va_start(args, format);
    utf8_vprintf(error->hint, sizeof(error->hint), format, args);
    va_end(args);
}
