/*
 * Whom archives are encrypted to, and what opens them. Secrets come from files alone, of which a
 * path such as /dev/fd/3 is one too, or from a caller that asks a person.
 *
 * No message holds a key or a passphrase. While keys are held, a program should leave no core
 * dumps; `larder` does so.
 */
#ifndef LARDER_KEYS_H
#define LARDER_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/run.h"

enum {
    LARDER_PASSPHRASE_LIMIT = 4096, /* bytes */
    LARDER_RECIPIENT_SIZE = 63,     /* "age1..." and its NUL */
};

/* Any number of recipients, or one passphrase; all zero: no encryption. Strings stay the caller's.
 */
struct larder_encryption {
    const char *const *recipients; /* "age1..." */
    size_t recipient_count;
    const char *const *recipient_files; /* paths: one recipient a line */
    size_t recipient_file_count;
    const char *passphrase_file; /* path of a file of one line */
};

/* What opens archives: identities in age-keygen's format, and passphrases. */
struct larder_keys;

struct larder_keys_options {
    const char *const *identity_files; /* paths */
    size_t identity_file_count;
    const char *passphrase_file;

    /*
     * Called, at most once a file, where an archive, or an identity file that is encrypted itself,
     * needs a passphrase, and none that is known opens it. `identity_file` is the identity file's
     * path, NULL for an archive. Fills `passphrase`, which is locked memory, with at most
     * LARDER_PASSPHRASE_LIMIT bytes; a length of 0 means that there is none. May be NULL.
     */
    enum larder_status (*ask)(void *arg, const char *identity_file, char *passphrase,
                              size_t *length, struct larder_error *error);
    void *ask_arg;
};

/*
 * Reads the files, each once, and warns of those that others can read. LARDER_USAGE where one is
 * missing or is no such file. An identity file that is encrypted itself, as `age -p` makes it, is
 * only opened once an archive is met that nothing else opens. The caller frees `*keys`; freeing
 * NULL is fine. Not to be used by two threads at once.
 */
enum larder_status larder_keys_load(const struct larder_keys_options *options,
                                    const struct larder_run *run, struct larder_keys **keys,
                                    struct larder_error *error);
void larder_keys_free(struct larder_keys *keys);

/*
 * Makes an identity, writes its key file, mode 0600, and sets its recipient. The file must not
 * exist; NULL: the key file goes to standard output.
 */
enum larder_status larder_keygen(const char *file, const struct larder_run *run,
                                 char recipient[LARDER_RECIPIENT_SIZE], struct larder_error *error);

/*
 * The plain filter: encrypts or decrypts what the descriptor `in` gives, into `out`, with constant
 * memory. Decryption takes armor where there is some. What was authentic before a payload failure
 * has been written; the message begins with the failure's class in the age format's words.
 */
enum larder_status larder_age_encrypt(const struct larder_encryption *to, bool armor, int in,
                                      int out, const struct larder_run *run,
                                      struct larder_error *error);
enum larder_status larder_age_decrypt(struct larder_keys *keys, int in, int out,
                                      const struct larder_run *run, struct larder_error *error);

#endif
