/*
 * What every call of larder answers with: a status, and on failure one message.
 *
 * A status means the same on every surface, and is the program's exit code.
 */
#ifndef LARDER_ERROR_H
#define LARDER_ERROR_H

enum larder_status {
    LARDER_OK = 0,            /* done, and everything that was checked agrees */
    LARDER_FAILED = 1,        /* failed; nothing was published, or what was changed is named */
    LARDER_USAGE = 2,         /* wrong usage or configuration; nothing was touched */
    LARDER_DIFFERENCE = 3,    /* the archive disagrees with a database or with its metadata */
    LARDER_DAMAGED = 4,       /* the archive disagrees with itself, is incomplete, or is none */
    LARDER_NO_KEY = 5,        /* no key or passphrase given fits */
    LARDER_LOCKED = 6,        /* another run holds the lock */
    LARDER_OVERDUE = 7,       /* a preset's newest good archive is too old, or missing */
    LARDER_UNVERIFIED = 8,    /* could not be verified; never reported as agreement */
    LARDER_LEFT_OUT = 9,      /* restored and equal, but something was left out as asked */
    LARDER_INTERRUPTED = 130, /* SIGINT, after cleaning up */
    LARDER_TERMINATED = 143,  /* SIGTERM, after cleaning up */
};

/*
 * The first cause of a failure. The caller owns it and sets it to {0}; every function that takes
 * one accepts NULL. `message` names what was being done, to what, and why it failed, without a full
 * stop and without a function's name; `hint` says what would help, or is empty.
 */
struct larder_error {
    enum larder_status status;
    char message[2048];
    char hint[1024];
};

/* Sets status and message, drops an older hint, and returns `status`, so that it can be returned at
 * once. */
enum larder_status larder_fail(struct larder_error *error, enum larder_status status,
                               const char *format, ...) __attribute__((format(printf, 3, 4)));

/* larder_fail() with ": " and the text of `number`, an errno, behind the message. */
enum larder_status larder_fail_errno(struct larder_error *error, enum larder_status status,
                                     int number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* LARDER_FAILED with "out of memory". */
enum larder_status larder_fail_memory(struct larder_error *error);

/*
 * Compilers and analysers look at one file at a time, and must see that a failure is no success: so
 * the status is repeated where they look. It is evaluated twice.
 */
static inline enum larder_status larder_repeat(enum larder_status status)
{
    return status;
}

#define larder_fail(error, status, ...)                                                            \
    (larder_fail(error, status, __VA_ARGS__), larder_repeat(status))
#define larder_fail_errno(error, status, number, ...)                                              \
    (larder_fail_errno(error, status, number, __VA_ARGS__), larder_repeat(status))
#define larder_fail_memory(error) (larder_fail_memory(error), larder_repeat(LARDER_FAILED))

/* Puts "CONTEXT: " before the message; returns the status that the error already has. */
enum larder_status larder_context(struct larder_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the hint. */
void larder_hint(struct larder_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
