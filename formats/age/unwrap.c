#include <string.h>

#include <openssl/crypto.h>

#include "formats/age/base64.h"
#include "formats/age/header.h"
#include "formats/age/keys.h"
#include "formats/age/labels.h"
#include "formats/age/wrap.h"

enum { ARGUMENTS = 3 }; /* the most that a stanza known here has */

/* Secret memory while a header is opened. */
struct scratch {
    uint8_t shared[AGE_KEY_SIZE];
    uint8_t key[AGE_KEY_SIZE];
    uint8_t file_key[AGE_FILE_KEY_SIZE];
};

struct argument {
    const char *text;
    size_t length;
};

/* What the stanzas of a header are for, once each has been looked at. */
struct contents {
    const struct age_stanza *scrypt; /* the only stanza, or NULL */
    uint8_t salt[AGE_SCRYPT_SALT_SIZE];
    int work_factor;
};

static enum larder_status fail(struct larder_error *error, const char *what)
{
    return larder_fail(error, LARDER_DAMAGED, "header failure: %s", what);
}

/* Fills at most ARGUMENTS; returns how many there are. */
static size_t split(const struct age_stanza *stanza, struct argument arguments[static ARGUMENTS])
{
    const char *text = stanza->arguments;
    size_t count = 0;

    for (;;) {
        size_t length = strcspn(text, " ");

        if (count < ARGUMENTS)
            arguments[count] = (struct argument){text, length};
        count++;
        if (text[length] == '\0')
            return count;
        text += length + 1;
    }
}

static bool is_of_type(const struct age_stanza *stanza, const char *type)
{
    struct argument arguments[ARGUMENTS];

    split(stanza, arguments);
    return arguments[0].length == strlen(type) &&
           memcmp(arguments[0].text, type, arguments[0].length) == 0;
}

/* False unless the argument is the encoding of exactly `size` bytes, which are at most a key's. */
static bool decode(uint8_t *bytes, size_t size, const struct argument *argument)
{
    uint8_t decoded[AGE_KEY_SIZE + 2];
    size_t length;

    if (argument->length != (4 * size + 2) / 3 ||
        !age_base64_decode(decoded, &length, argument->text, argument->length, false))
        return false;
    memcpy(bytes, decoded, size);
    return length == size;
}

static enum larder_status read_x25519(const struct age_stanza *stanza,
                                      uint8_t share[static AGE_KEY_SIZE],
                                      struct larder_error *error)
{
    struct argument arguments[ARGUMENTS];

    if (split(stanza, arguments) != 2)
        return fail(error, "an X25519 stanza has not two arguments");
    if (!decode(share, AGE_KEY_SIZE, &arguments[1]))
        return fail(error, "the share of an X25519 stanza is malformed");
    if (stanza->body_length != AGE_WRAPPED_SIZE)
        return fail(error, "the body of an X25519 stanza has not 32 bytes");
    return LARDER_OK;
}

static enum larder_status read_work_factor(const struct argument *argument, int limit,
                                           int *work_factor, struct larder_error *error)
{
    int value = 0;

    if (argument->text[0] == '0')
        return fail(error, "the work factor of the scrypt stanza is malformed");
    for (size_t i = 0; i < argument->length; i++) {
        char c = argument->text[i];

        if (c < '0' || c > '9')
            return fail(error, "the work factor of the scrypt stanza is malformed");
        if (value <= limit)
            value = 10 * value + (c - '0');
    }
    if (value > limit)
        return larder_fail(error, LARDER_DAMAGED,
                           "header failure: the work factor of the scrypt stanza is above %d",
                           limit);
    *work_factor = value;
    return LARDER_OK;
}

static enum larder_status read_scrypt(const struct age_stanza *stanza, int limit,
                                      struct contents *contents, struct larder_error *error)
{
    struct argument arguments[ARGUMENTS];
    size_t label = strlen(AGE_SCRYPT_LABEL);

    if (split(stanza, arguments) != 3)
        return fail(error, "the scrypt stanza has not three arguments");
    memcpy(contents->salt, AGE_SCRYPT_LABEL, label);
    if (!decode(contents->salt + label, AGE_SALT_SIZE, &arguments[1]))
        return fail(error, "the salt of the scrypt stanza is malformed");
    if (stanza->body_length != AGE_WRAPPED_SIZE)
        return fail(error, "the body of the scrypt stanza has not 32 bytes");
    contents->scrypt = stanza;
    return read_work_factor(&arguments[2], limit, &contents->work_factor, error);
}

/* Whether a header is well formed does not depend on who looks at it: every stanza of a known type
 * is checked before any key is tried. */
static enum larder_status look_at_stanzas(const struct age_header *header, int work_limit,
                                          struct contents *contents, struct larder_error *error)
{
    uint8_t share[AGE_KEY_SIZE];

    for (size_t i = 0; i < header->count; i++) {
        const struct age_stanza *stanza = &header->stanzas[i];
        enum larder_status status = LARDER_OK;

        if (is_of_type(stanza, AGE_X25519_TYPE))
            status = read_x25519(stanza, share, error);
        if (is_of_type(stanza, AGE_SCRYPT_TYPE)) {
            if (header->count > 1)
                return fail(error, "an scrypt stanza is not the only stanza");
            status = read_scrypt(stanza, work_limit, contents, error);
        }
        if (status != LARDER_OK)
            return status;
    }
    return LARDER_OK;
}

/* Opens a stanza's body into scratch->file_key with scratch->key. */
static enum larder_status open_body(struct scratch *scratch, const struct age_stanza *stanza,
                                    bool *opened, struct larder_error *error)
{
    static const uint8_t nonce[AGE_AEAD_NONCE_SIZE];
    EVP_CIPHER_CTX *context = age_aead_new(scratch->key, false);

    if (context == NULL)
        return larder_fail_memory(error);
    *opened = age_aead_open(context, nonce, stanza->body, stanza->body_length, scratch->file_key);
    EVP_CIPHER_CTX_free(context);
    return LARDER_OK;
}

static enum larder_status try_identity(struct scratch *scratch, const struct age_stanza *stanza,
                                       const struct age_identity *identity, bool *opened,
                                       struct larder_error *error)
{
    uint8_t salt[2 * AGE_KEY_SIZE];
    enum larder_status status = read_x25519(stanza, salt, error);

    if (status != LARDER_OK)
        return status;
    memcpy(salt + AGE_KEY_SIZE, identity->point, AGE_KEY_SIZE);
    if (!age_x25519(scratch->shared, identity->scalar, salt))
        return fail(error, "the share of an X25519 stanza is a point of low order");
    status = age_hkdf(scratch->key, scratch->shared, AGE_KEY_SIZE, salt, sizeof(salt),
                      AGE_X25519_LABEL, error);
    if (status != LARDER_OK)
        return status;
    return open_body(scratch, stanza, opened, error);
}

static enum larder_status try_identities(struct scratch *scratch, const struct age_header *header,
                                         const struct age_identities *identities, bool *opened,
                                         struct larder_error *error)
{
    for (size_t i = 0; i < header->count; i++) {
        if (!is_of_type(&header->stanzas[i], AGE_X25519_TYPE))
            continue;
        for (const struct age_identity *identity = identities->first; identity != NULL;
             identity = identity->next) {
            enum larder_status status =
                try_identity(scratch, &header->stanzas[i], identity, opened, error);

            if (status != LARDER_OK || *opened)
                return status;
        }
    }
    return LARDER_OK;
}

static enum larder_status try_passphrase(struct scratch *scratch, const struct contents *contents,
                                         const char *passphrase, size_t length, bool *opened,
                                         struct larder_error *error)
{
    enum larder_status status = age_scrypt(scratch->key, passphrase, length, contents->salt,
                                           sizeof(contents->salt), contents->work_factor, error);

    if (status != LARDER_OK)
        return status;
    return open_body(scratch, contents->scrypt, opened, error);
}

/* Asks for a passphrase, and keeps it if it opens the file. `*asked` tells whether there is one. */
static enum larder_status try_asking(struct scratch *scratch, const struct contents *contents,
                                     struct age_identities *identities, bool *asked, bool *opened,
                                     struct larder_error *error)
{
    char *passphrase = age_secret_new(AGE_PASSPHRASE_LIMIT);
    enum larder_status status;
    size_t length = 0;

    if (passphrase == NULL)
        return larder_fail_memory(error);
    status = identities->ask(identities->ask_context, passphrase, &length, error);
    *asked = status == LARDER_OK && length > 0;
    if (*asked)
        status = try_passphrase(scratch, contents, passphrase, length, opened, error);
    if (status == LARDER_OK && *opened)
        status = age_identities_add_passphrase(identities, passphrase, length, error);
    age_secret_free(passphrase);
    return status;
}

static enum larder_status try_passphrases(struct scratch *scratch, const struct contents *contents,
                                          struct age_identities *identities, bool *opened,
                                          struct larder_error *error)
{
    bool tried = identities->passphrases != NULL;
    enum larder_status status = LARDER_OK;

    for (const struct age_passphrase *passphrase = identities->passphrases;
         passphrase != NULL && status == LARDER_OK && !*opened; passphrase = passphrase->next)
        status =
            try_passphrase(scratch, contents, passphrase->text, passphrase->length, opened, error);
    if (status == LARDER_OK && !*opened && identities->ask != NULL) {
        bool asked = false;

        status = try_asking(scratch, contents, identities, &asked, opened, error);
        tried = tried || asked;
    }
    if (status != LARDER_OK || *opened)
        return status;
    return larder_fail(error, LARDER_NO_KEY, "no match: %s",
                       tried ? "the passphrase does not open it"
                             : "it is encrypted with a passphrase, and none was given");
}

static enum larder_status fail_no_match(const struct age_identities *identities,
                                        struct larder_error *error)
{
    if (identities->count == 0)
        return larder_fail(error, LARDER_NO_KEY,
                           "no match: it is encrypted to recipients, and no identity was given");
    if (identities->count == 1)
        return larder_fail(error, LARDER_NO_KEY, "no match: the identity does not open it");
    return larder_fail(error, LARDER_NO_KEY, "no match: none of the %zu identities opens it",
                       identities->count);
}

static enum larder_status find_file_key(struct scratch *scratch, const struct age_header *header,
                                        struct age_identities *identities,
                                        struct larder_error *error)
{
    struct contents contents = {0};
    enum larder_status status;
    bool opened = false;

    status = look_at_stanzas(header, identities->work_limit, &contents, error);
    if (status != LARDER_OK)
        return status;
    if (contents.scrypt != NULL)
        return try_passphrases(scratch, &contents, identities, &opened, error);
    status = try_identities(scratch, header, identities, &opened, error);
    if (status != LARDER_OK || opened)
        return status;
    return fail_no_match(identities, error);
}

/* The MAC is over the header's own bytes, up to the last line's "---". */
static enum larder_status check_mac(struct scratch *scratch, const struct age_header *header,
                                    const uint8_t *bytes, size_t length, struct larder_error *error)
{
    size_t covered = length - (sizeof(" \n") - 1 + (4 * AGE_KEY_SIZE + 2) / 3);
    uint8_t mac[AGE_KEY_SIZE];
    enum larder_status status;

    status = age_hkdf(scratch->key, scratch->file_key, AGE_FILE_KEY_SIZE, NULL, 0, AGE_HEADER_LABEL,
                      error);
    if (status == LARDER_OK)
        status = age_hmac(mac, scratch->key, bytes, covered, error);
    if (status != LARDER_OK)
        return status;
    if (CRYPTO_memcmp(mac, header->mac, AGE_KEY_SIZE) != 0)
        return larder_fail(error, LARDER_DAMAGED, "HMAC failure: the header was changed");
    return LARDER_OK;
}

enum larder_status age_unwrap(uint8_t file_key[static AGE_FILE_KEY_SIZE], const uint8_t *header,
                              size_t length, struct age_identities *identities,
                              struct larder_error *error)
{
    struct scratch *scratch = age_secret_new(sizeof(*scratch));
    struct age_header parsed = {0};
    enum larder_status status;

    if (scratch == NULL)
        return larder_fail_memory(error);
    status = age_header_parse(&parsed, header, length, error);
    if (status == LARDER_OK)
        status = find_file_key(scratch, &parsed, identities, error);
    if (status == LARDER_OK)
        status = check_mac(scratch, &parsed, header, length, error);
    if (status == LARDER_OK)
        memcpy(file_key, scratch->file_key, AGE_FILE_KEY_SIZE);
    age_header_free(&parsed);
    age_secret_free(scratch);
    return status;
}
