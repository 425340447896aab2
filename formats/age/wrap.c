#include <stdio.h>
#include <string.h>

#include "formats/age/base64.h"
#include "formats/age/header.h"
#include "formats/age/keys.h"
#include "formats/age/labels.h"
#include "formats/age/wrap.h"

/* Secret memory while a key is wrapped. */
struct scratch {
    uint8_t scalar[AGE_KEY_SIZE];
    uint8_t shared[AGE_KEY_SIZE];
    uint8_t key[AGE_KEY_SIZE];
};

static enum larder_status add_stanza(struct age_header *header, const char *arguments,
                                     const uint8_t key[static AGE_KEY_SIZE],
                                     const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                     struct larder_error *error)
{
    static const uint8_t nonce[AGE_AEAD_NONCE_SIZE];
    uint8_t body[AGE_WRAPPED_SIZE];
    EVP_CIPHER_CTX *context = age_aead_new(key, true);
    enum larder_status status;

    if (context == NULL)
        return larder_fail_memory(error);
    status = age_aead_seal(context, nonce, file_key, AGE_FILE_KEY_SIZE, body, error);
    EVP_CIPHER_CTX_free(context);
    if (status != LARDER_OK)
        return status;
    return age_header_add(header, arguments, body, sizeof(body), error);
}

static enum larder_status wrap_for_point(struct age_header *header, struct scratch *scratch,
                                         const uint8_t point[static AGE_KEY_SIZE],
                                         const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                         struct larder_error *error)
{
    uint8_t salt[2 * AGE_KEY_SIZE]; /* the ephemeral share, and the recipient */
    char share[AGE_BASE64_SIZE(AGE_KEY_SIZE)];
    char arguments[sizeof(AGE_X25519_TYPE) + 1 + sizeof(share)];
    enum larder_status status;
    size_t length;

    memcpy(salt + AGE_KEY_SIZE, point, AGE_KEY_SIZE);
    status = age_random(scratch->scalar, AGE_KEY_SIZE, error);
    if (status == LARDER_OK)
        status = age_x25519_point(salt, scratch->scalar, error);
    if (status != LARDER_OK)
        return status;
    if (!age_x25519(scratch->shared, scratch->scalar, point))
        return larder_fail(error, LARDER_USAGE,
                           "a recipient is no key that one can encrypt to: a point of low order");
    status = age_hkdf(scratch->key, scratch->shared, AGE_KEY_SIZE, salt, sizeof(salt),
                      AGE_X25519_LABEL, error);
    if (status != LARDER_OK)
        return status;
    length = age_base64_encode(share, salt, AGE_KEY_SIZE, false);
    snprintf(arguments, sizeof(arguments), AGE_X25519_TYPE " %.*s", (int)length, share);
    return add_stanza(header, arguments, scratch->key, file_key, error);
}

static enum larder_status wrap_for_passphrase(struct age_header *header, struct scratch *scratch,
                                              const struct age_recipients *recipients,
                                              const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                              struct larder_error *error)
{
    uint8_t salt[AGE_SCRYPT_SALT_SIZE];
    uint8_t *random = salt + strlen(AGE_SCRYPT_LABEL);
    char text[AGE_BASE64_SIZE(AGE_SALT_SIZE)];
    char arguments[sizeof(AGE_SCRYPT_TYPE) + sizeof(text) + 16];
    enum larder_status status;
    size_t length;

    memcpy(salt, AGE_SCRYPT_LABEL, strlen(AGE_SCRYPT_LABEL));
    status = age_random(random, AGE_SALT_SIZE, error);
    if (status == LARDER_OK)
        status =
            age_scrypt(scratch->key, recipients->passphrase->text, recipients->passphrase->length,
                       salt, sizeof(salt), recipients->work_factor, error);
    if (status != LARDER_OK)
        return status;
    length = age_base64_encode(text, random, AGE_SALT_SIZE, false);
    snprintf(arguments, sizeof(arguments), AGE_SCRYPT_TYPE " %.*s %d", (int)length, text,
             recipients->work_factor);
    return add_stanza(header, arguments, scratch->key, file_key, error);
}

static enum larder_status add_stanzas(struct age_header *header, struct scratch *scratch,
                                      const struct age_recipients *recipients,
                                      const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                      struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (recipients->passphrase != NULL)
        return wrap_for_passphrase(header, scratch, recipients, file_key, error);
    if (recipients->count == 0)
        return larder_fail(error, LARDER_USAGE, "there is no recipient to encrypt to");
    for (size_t i = 0; i < recipients->count && status == LARDER_OK; i++)
        status = wrap_for_point(header, scratch, recipients->points[i], file_key, error);
    return status;
}

static enum larder_status write_header(struct age_header *header, struct scratch *scratch,
                                       const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                       struct age_bytes *out, struct larder_error *error)
{
    size_t start = out->length;
    enum larder_status status = age_header_write(header, out, error);

    if (status == LARDER_OK)
        status =
            age_hkdf(scratch->key, file_key, AGE_FILE_KEY_SIZE, NULL, 0, AGE_HEADER_LABEL, error);
    if (status == LARDER_OK)
        status = age_hmac(header->mac, scratch->key, out->data + start, out->length - start, error);
    if (status == LARDER_OK)
        status = age_header_write_mac(header, out, error);
    if (status == LARDER_OK && out->length - start > AGE_HEADER_LIMIT)
        status =
            larder_fail(error, LARDER_USAGE, "there are too many recipients: %zu", header->count);
    return status;
}

enum larder_status age_wrap(const struct age_recipients *recipients,
                            const uint8_t file_key[static AGE_FILE_KEY_SIZE], struct age_bytes *out,
                            struct larder_error *error)
{
    struct scratch *scratch = age_secret_new(sizeof(*scratch));
    struct age_header header = {0};
    enum larder_status status;

    if (scratch == NULL)
        return larder_fail_memory(error);
    status = add_stanzas(&header, scratch, recipients, file_key, error);
    if (status == LARDER_OK)
        status = write_header(&header, scratch, file_key, out, error);
    age_header_free(&header);
    age_secret_free(scratch);
    return status;
}
