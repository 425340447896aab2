/*
 * The primitives of the age format, from OpenSSL's libcrypto. A failure of libcrypto itself is
 * LARDER_FAILED; what an attacker can bring about is a plain false.
 */
#ifndef FORMATS_AGE_CRYPTO_H
#define FORMATS_AGE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "larder/error.h"

enum {
    AGE_FILE_KEY_SIZE = 16,
    AGE_KEY_SIZE = 32, /* of every other key, of X25519's scalars and points, and of the MAC */
    AGE_TAG_SIZE = 16,
    AGE_AEAD_NONCE_SIZE = 12,
    AGE_WRAPPED_SIZE = AGE_FILE_KEY_SIZE + AGE_TAG_SIZE,
};

enum larder_status age_random(void *bytes, size_t length, struct larder_error *error);

enum larder_status age_hkdf(uint8_t out[static AGE_KEY_SIZE], const uint8_t *key, size_t key_length,
                            const uint8_t *salt, size_t salt_length, const char *info,
                            struct larder_error *error);

enum larder_status age_hmac(uint8_t out[static AGE_KEY_SIZE],
                            const uint8_t key[static AGE_KEY_SIZE], const void *bytes,
                            size_t length, struct larder_error *error);

/* N is 2 to the power of `work_factor`, r is 8, p is 1. */
enum larder_status age_scrypt(uint8_t out[static AGE_KEY_SIZE], const char *passphrase,
                              size_t length, const uint8_t *salt, size_t salt_length,
                              int work_factor, struct larder_error *error);

/* The point that belongs to a scalar. */
enum larder_status age_x25519_point(uint8_t point[static AGE_KEY_SIZE],
                                    const uint8_t scalar[static AGE_KEY_SIZE],
                                    struct larder_error *error);

/* False if the shared secret is all zero: the point is of low order. */
bool age_x25519(uint8_t shared[static AGE_KEY_SIZE], const uint8_t scalar[static AGE_KEY_SIZE],
                const uint8_t point[static AGE_KEY_SIZE]);

/*
 * ChaCha20-Poly1305. A context is for either sealing or opening, and for one thread at a time. NULL
 * if there is no memory; EVP_CIPHER_CTX_free() wipes it.
 */
EVP_CIPHER_CTX *age_aead_new(const uint8_t key[static AGE_KEY_SIZE], bool seal);

/* Writes length + AGE_TAG_SIZE bytes to `sealed`. */
enum larder_status age_aead_seal(EVP_CIPHER_CTX *context,
                                 const uint8_t nonce[static AGE_AEAD_NONCE_SIZE],
                                 const uint8_t *plain, size_t length, uint8_t *sealed,
                                 struct larder_error *error);

/* Writes length - AGE_TAG_SIZE bytes to `plain`; wipes them and is false where `sealed` is not
 * authentic or too short. */
bool age_aead_open(EVP_CIPHER_CTX *context, const uint8_t nonce[static AGE_AEAD_NONCE_SIZE],
                   const uint8_t *sealed, size_t length, uint8_t *plain);

#endif
