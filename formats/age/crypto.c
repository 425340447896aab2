#include "formats/age/crypto.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

enum { SCRYPT_R = 8, SCRYPT_P = 1 };

/* Whoever else uses libcrypto in this thread must not find our errors in its queue. */
static enum larder_status fail(struct larder_error *error, const char *what)
{
    ERR_clear_error();
    return larder_fail(error, LARDER_FAILED, "libcrypto could not %s", what);
}

enum larder_status age_random(void *bytes, size_t length, struct larder_error *error)
{
    if (RAND_priv_bytes(bytes, (int)length) != 1)
        return fail(error, "give random bytes");
    return LARDER_OK;
}

enum larder_status age_hkdf(uint8_t out[static AGE_KEY_SIZE], const uint8_t *key, size_t key_length,
                            const uint8_t *salt, size_t salt_length, const char *info,
                            struct larder_error *error)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
        /* The end, if there is no salt: libcrypto then uses the empty one, as the format does. */
        OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    int derived = 0;

    if (salt_length > 0)
        params[3] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_length);
    if (context != NULL)
        derived = EVP_KDF_derive(context, out, AGE_KEY_SIZE, params);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return derived == 1 ? LARDER_OK : fail(error, "derive a key with HKDF");
}

enum larder_status age_hmac(uint8_t out[static AGE_KEY_SIZE],
                            const uint8_t key[static AGE_KEY_SIZE], const void *bytes,
                            size_t length, struct larder_error *error)
{
    if (HMAC(EVP_sha256(), key, AGE_KEY_SIZE, bytes, length, out, NULL) == NULL)
        return fail(error, "compute an HMAC");
    return LARDER_OK;
}

enum larder_status age_scrypt(uint8_t out[static AGE_KEY_SIZE], const char *passphrase,
                              size_t length, const uint8_t *salt, size_t salt_length,
                              int work_factor, struct larder_error *error)
{
    uint64_t n = UINT64_C(1) << work_factor;
    /* What libcrypto counts against the limit, which is too small by default. */
    uint64_t memory = UINT64_C(128) * SCRYPT_R * (n + 2 + SCRYPT_P);

    if (EVP_PBE_scrypt(passphrase, length, salt, salt_length, n, SCRYPT_R, SCRYPT_P, memory, out,
                       AGE_KEY_SIZE) == 1)
        return LARDER_OK;
    ERR_clear_error();
    return larder_fail(error, LARDER_FAILED,
                       "could not derive a key from the passphrase: this needs %llu MiB of memory",
                       (unsigned long long)(memory >> 20));
}

enum larder_status age_x25519_point(uint8_t point[static AGE_KEY_SIZE],
                                    const uint8_t scalar[static AGE_KEY_SIZE],
                                    struct larder_error *error)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, AGE_KEY_SIZE);
    size_t length = AGE_KEY_SIZE;
    int got = key == NULL ? 0 : EVP_PKEY_get_raw_public_key(key, point, &length);

    EVP_PKEY_free(key);
    return got == 1 ? LARDER_OK : fail(error, "compute an X25519 public key");
}

bool age_x25519(uint8_t shared[static AGE_KEY_SIZE], const uint8_t scalar[static AGE_KEY_SIZE],
                const uint8_t point[static AGE_KEY_SIZE])
{
    static const uint8_t zero[AGE_KEY_SIZE];
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, AGE_KEY_SIZE);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, AGE_KEY_SIZE);
    EVP_PKEY_CTX *context = ours == NULL ? NULL : EVP_PKEY_CTX_new(ours, NULL);
    size_t length = AGE_KEY_SIZE;
    bool derived = context != NULL && theirs != NULL && EVP_PKEY_derive_init(context) == 1 &&
                   EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
                   EVP_PKEY_derive(context, shared, &length) == 1;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    if (!derived)
        ERR_clear_error();
    /* libcrypto refuses the zero secret itself today, but does not promise to. */
    return derived && CRYPTO_memcmp(shared, zero, AGE_KEY_SIZE) != 0;
}

EVP_CIPHER_CTX *age_aead_new(const uint8_t key[static AGE_KEY_SIZE], bool seal)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (context == NULL)
        return NULL;
    if (EVP_CipherInit_ex(context, EVP_chacha20_poly1305(), NULL, key, NULL, seal) == 1)
        return context;
    ERR_clear_error();
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

enum larder_status age_aead_seal(EVP_CIPHER_CTX *context,
                                 const uint8_t nonce[static AGE_AEAD_NONCE_SIZE],
                                 const uint8_t *plain, size_t length, uint8_t *sealed,
                                 struct larder_error *error)
{
    int written = 0;
    int rest = 0;

    if (EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(context, sealed, &written, plain, (int)length) != 1 ||
        EVP_EncryptFinal_ex(context, sealed + length, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AGE_TAG_SIZE, sealed + length) != 1)
        return fail(error, "encrypt");
    return LARDER_OK;
}

bool age_aead_open(EVP_CIPHER_CTX *context, const uint8_t nonce[static AGE_AEAD_NONCE_SIZE],
                   const uint8_t *sealed, size_t length, uint8_t *plain)
{
    uint8_t tag[AGE_TAG_SIZE];
    uint8_t none[1];
    int written = 0;
    int rest = 0;

    if (length < AGE_TAG_SIZE)
        return false;
    length -= AGE_TAG_SIZE;
    memcpy(tag, sealed + length, AGE_TAG_SIZE);
    if (EVP_DecryptInit_ex(context, NULL, NULL, NULL, nonce) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AGE_TAG_SIZE, tag) == 1 &&
        EVP_DecryptUpdate(context, plain, &written, sealed, (int)length) == 1 &&
        EVP_DecryptFinal_ex(context, none, &rest) == 1)
        return true;
    ERR_clear_error();
    OPENSSL_cleanse(plain, length);
    return false;
}
