/*
 * The payload of an age file: a nonce, and chunks of 64 KiB, each sealed under its number and
 * whether it is the last (the STREAM construction).
 */
#ifndef FORMATS_AGE_CHUNK_H
#define FORMATS_AGE_CHUNK_H

#include "formats/age/crypto.h"

enum {
    AGE_NONCE_SIZE = 16, /* before the first chunk */
    AGE_CHUNK_SIZE = 1 << 16,
    AGE_SEALED_SIZE = AGE_CHUNK_SIZE + AGE_TAG_SIZE,
};

/* Sets the key of a payload, which should be secret memory. */
enum larder_status age_payload_key(uint8_t key[static AGE_KEY_SIZE],
                                   const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                   const uint8_t nonce[static AGE_NONCE_SIZE],
                                   struct larder_error *error);

/* A context to seal or open the chunks of a payload; for one thread at a time. */
enum larder_status age_payload_new(EVP_CIPHER_CTX **context,
                                   const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                   const uint8_t nonce[static AGE_NONCE_SIZE], bool seal,
                                   struct larder_error *error);

/* `length` bytes of plaintext become length + AGE_TAG_SIZE. */
enum larder_status age_chunk_seal(EVP_CIPHER_CTX *context, uint64_t number, bool last,
                                  const uint8_t *plain, size_t length, uint8_t *sealed,
                                  struct larder_error *error);

/* `length` bytes become length - AGE_TAG_SIZE of plaintext. False if they are not authentic; then
 * `plain` is wiped. */
bool age_chunk_open(EVP_CIPHER_CTX *context, uint64_t number, bool last, const uint8_t *sealed,
                    size_t length, uint8_t *plain);

#endif
