/*
 * Encryption in the age v1 format (age-encryption.org/v1): X25519 recipients or one passphrase,
 * ASCII armor, streaming both ways and random access.
 *
 * Answers: LARDER_NO_KEY where nothing given opens the file, LARDER_DAMAGED where the file is
 * malformed or was tampered with, LARDER_USAGE where a recipient, an identity or a passphrase is
 * no such thing. What is wrong with a file is named in the words of the format's test vectors:
 * "header failure", "HMAC failure", "payload failure", "armor failure", "no match".
 *
 * No message holds a key or a passphrase. Both are kept in memory from age_secret_new(); the caller
 * should hold what it passes there too, and frees it.
 */
#ifndef FORMATS_AGE_AGE_H
#define FORMATS_AGE_AGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/age/secret.h"
#include "formats/input.h"
#include "formats/stage.h"
#include "larder/error.h"

enum {
    AGE_RECIPIENT_SIZE = 63, /* "age1…" and its NUL */
    AGE_IDENTITY_SIZE = 75,  /* "AGE-SECRET-KEY-1…" and its NUL */
    AGE_KEY_FILE_SIZE = 256, /* a key file as age_keygen() writes it, and its NUL */
    AGE_PASSPHRASE_LIMIT = 4096,
    AGE_WORK_FACTOR = 18,       /* scrypt's, as a logarithm: what is written */
    AGE_WORK_FACTOR_LIMIT = 22, /* and the most that is accepted: 4 GiB of memory */
    AGE_HEADER_LIMIT = 1 << 20, /* bytes of a header, about 10,000 recipients */
};

/*
 * Whom a file is encrypted to: any number of X25519 recipients, or one passphrase. A recipient that
 * is already there is not added again. After a failed add, what was there before is still there,
 * and of a file the recipients before the bad line.
 */
struct age_recipients;

/* NULL if there is no memory. */
struct age_recipients *age_recipients_new(void);
void age_recipients_free(struct age_recipients *recipients);

/* One recipient, "age1…". */
enum larder_status age_recipients_add(struct age_recipients *recipients, const char *text,
                                      size_t length, struct larder_error *error);

/* The contents of a recipients file: one a line; empty lines and lines that start with # are
 * nothing. A file without any is refused. */
enum larder_status age_recipients_add_file(struct age_recipients *recipients, const char *text,
                                           size_t length, struct larder_error *error);

/* `work_factor` is the logarithm of scrypt's N, 1 to AGE_WORK_FACTOR_LIMIT; 0 means
 * AGE_WORK_FACTOR. */
enum larder_status age_recipients_add_passphrase(struct age_recipients *recipients,
                                                 const char *passphrase, size_t length,
                                                 int work_factor, struct larder_error *error);

/* X25519 recipients; 0 for a passphrase. */
size_t age_recipients_count(const struct age_recipients *recipients);

/* What opens a file: any number of identities and passphrases. Not to be used by two threads at
 * once. */
struct age_identities;

struct age_identities *age_identities_new(void);
void age_identities_free(struct age_identities *identities);

/* One identity, "AGE-SECRET-KEY-1…". */
enum larder_status age_identities_add(struct age_identities *identities, const char *text,
                                      size_t length, struct larder_error *error);

/* The contents of an identity file, as age-keygen writes it. */
enum larder_status age_identities_add_file(struct age_identities *identities, const char *text,
                                           size_t length, struct larder_error *error);

/* Whether the contents of a key file are a file of the age format themselves, armored or not. */
bool age_is_protected(const char *text, size_t length);

/*
 * Opens such contents with what `passphrases` hold or ask for, into `plain`, which should be secret
 * memory of `most` bytes. Identities that are held open it, too.
 */
enum larder_status age_open_protected(struct age_identities *passphrases, const char *text,
                                      size_t length, char *plain, size_t most, size_t *size,
                                      struct larder_error *error);

enum larder_status age_identities_add_passphrase(struct age_identities *identities,
                                                 const char *passphrase, size_t length,
                                                 struct larder_error *error);

/*
 * Asks for a passphrase: fills `passphrase`, which is secret memory, with at most
 * AGE_PASSPHRASE_LIMIT bytes, and sets `*length`; a length of 0 means that there is none.
 */
typedef enum larder_status age_ask_passphrase(void *context, char *passphrase, size_t *length,
                                              struct larder_error *error);

/* Has `ask` called, at most once a file, where a file needs a passphrase and none held opens it.
 * What opens it is kept. */
void age_identities_ask(struct age_identities *identities, age_ask_passphrase *ask, void *context);

/* Lowers the work factor that is accepted. */
void age_identities_limit_work(struct age_identities *identities, int work_factor);

/* Identities, without passphrases, and the recipient that belongs to number `index`. */
size_t age_identities_count(const struct age_identities *identities);
void age_identities_recipient(const struct age_identities *identities, size_t index,
                              char recipient[static AGE_RECIPIENT_SIZE]);

/*
 * Makes an identity and writes its key file as age-keygen does: when it was made (`created`, as the
 * caller wants it to read), its recipient and itself, a line each. `file` should be secret memory.
 */
enum larder_status age_keygen(const char *created, char file[static AGE_KEY_FILE_SIZE],
                              char recipient[static AGE_RECIPIENT_SIZE],
                              struct larder_error *error);

/* The length of the passphrase that a file with a single line holds: without the line's end. */
enum larder_status age_passphrase_length(const char *text, size_t size, size_t *length,
                                         struct larder_error *error);

/* Encrypts what is pushed, into `next`. Its memory is constant, about two chunks of 64 KiB. */
enum larder_status age_encrypt_new(struct stage **stage, const struct age_recipients *recipients,
                                   struct stage *next, struct larder_error *error);

/*
 * Decrypts what is pushed. Only authenticated plaintext goes into `next`, and what went there
 * before a failure stays. `identities` must outlive the header. Its memory is constant, about two
 * chunks beside the header.
 */
enum larder_status age_decrypt_new(struct stage **stage, struct age_identities *identities,
                                   struct stage *next, struct larder_error *error);

/* Puts what is pushed into ASCII armor. */
enum larder_status age_armor_new(struct stage **stage, struct stage *next,
                                 struct larder_error *error);

enum age_armor {
    AGE_ARMOR_REQUIRED, /* anything without armor is an armor failure */
    AGE_ARMOR_DETECTED, /* a file without armor goes through as it is */
};

/*
 * Takes ASCII armor off what is pushed. Lines end in LF or CRLF, white space may stand before and
 * after the armor, and nothing else may differ from what age_armor_new() writes.
 */
enum larder_status age_dearmor_new(struct stage **stage, enum age_armor armor, struct stage *next,
                                   struct larder_error *error);

/*
 * Random access to the plaintext of a file without armor. The header and the last chunk are
 * authenticated here, so the size is right; other chunks when they are read. Takes `ciphertext`
 * over on success only. `identities` are not needed afterwards.
 */
enum larder_status age_input_open(struct input **input, struct age_identities *identities,
                                  struct input *ciphertext, struct larder_error *error);

/* Whether a file begins as one without armor does; a file that is shorter, and begins so as far as
 * it goes, counts as one that was cut. */
enum larder_status age_detect(struct input *file, bool *encrypted, struct larder_error *error);

/* Whether identities open a file, by its header alone: nothing of the payload is read. */
enum larder_status age_fits(struct input *ciphertext, struct age_identities *identities,
                            struct larder_error *error);

/*
 * Gives a file other recipients: `*input` reads as the new file, which is a new header and then the
 * payload, unchanged. The file key stays, so whoever had it can still read the payload. Takes
 * `ciphertext` over on success only.
 */
enum larder_status age_rewrap(struct input **input, struct age_identities *identities,
                              const struct age_recipients *recipients, struct input *ciphertext,
                              struct larder_error *error);

#endif
