/*
 * What struct age_recipients and struct age_identities hold, for the files of this folder.
 */
#ifndef FORMATS_AGE_KEYS_H
#define FORMATS_AGE_KEYS_H

#include "formats/age/age.h"
#include "formats/age/crypto.h"

#define AGE_RECIPIENT_PREFIX "age"
#define AGE_IDENTITY_PREFIX "AGE-SECRET-KEY-"

/* Secret memory, as a whole. */
struct age_passphrase {
    struct age_passphrase *next;
    size_t length;
    char text[];
};

/* Secret memory too. */
struct age_identity {
    struct age_identity *next;
    uint8_t scalar[AGE_KEY_SIZE];
    uint8_t point[AGE_KEY_SIZE];
};

struct age_recipients {
    uint8_t (*points)[AGE_KEY_SIZE];
    size_t count;
    size_t capacity;
    struct age_passphrase *passphrase; /* only where `count` is 0 */
    int work_factor;
};

struct age_identities {
    struct age_identity *first;
    struct age_identity **end;
    size_t count;
    struct age_passphrase *passphrases;
    int work_limit;
    age_ask_passphrase *ask; /* may be NULL */
    void *ask_context;
};

/* Copies a passphrase into secret memory. */
enum larder_status age_passphrase_new(struct age_passphrase **passphrase, const char *text,
                                      size_t length, struct larder_error *error);

/* Calls `add` for each line of a key file that is neither empty nor a comment, and puts the line's
 * number before its error. No such line at all: LARDER_USAGE, "there is no WHAT in it". */
enum larder_status age_each_key(const char *text, size_t length, const char *what,
                                enum larder_status (*add)(void *to, const char *line, size_t length,
                                                          struct larder_error *error),
                                void *to, struct larder_error *error);

#endif
