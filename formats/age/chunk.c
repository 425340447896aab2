#include "formats/age/chunk.h"

#include "formats/age/labels.h"
#include "formats/age/secret.h"

enum larder_status age_payload_key(uint8_t key[static AGE_KEY_SIZE],
                                   const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                   const uint8_t nonce[static AGE_NONCE_SIZE],
                                   struct larder_error *error)
{
    return age_hkdf(key, file_key, AGE_FILE_KEY_SIZE, nonce, AGE_NONCE_SIZE, AGE_PAYLOAD_LABEL,
                    error);
}

enum larder_status age_payload_new(EVP_CIPHER_CTX **context,
                                   const uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                   const uint8_t nonce[static AGE_NONCE_SIZE], bool seal,
                                   struct larder_error *error)
{
    uint8_t *key = age_secret_new(AGE_KEY_SIZE);
    enum larder_status status;

    if (key == NULL)
        return larder_fail_memory(error);
    status = age_payload_key(key, file_key, nonce, error);
    if (status == LARDER_OK) {
        *context = age_aead_new(key, seal);
        if (*context == NULL)
            status = larder_fail_memory(error);
    }
    age_secret_free(key);
    return status;
}

/* Eleven bytes of number, big endian, and one that tells the last chunk. */
static void set_nonce(uint8_t nonce[static AGE_AEAD_NONCE_SIZE], uint64_t number, bool last)
{
    for (int i = AGE_AEAD_NONCE_SIZE - 2; i >= 0; i--) {
        nonce[i] = (uint8_t)number;
        number >>= 8;
    }
    nonce[AGE_AEAD_NONCE_SIZE - 1] = last;
}

enum larder_status age_chunk_seal(EVP_CIPHER_CTX *context, uint64_t number, bool last,
                                  const uint8_t *plain, size_t length, uint8_t *sealed,
                                  struct larder_error *error)
{
    uint8_t nonce[AGE_AEAD_NONCE_SIZE];

    set_nonce(nonce, number, last);
    return age_aead_seal(context, nonce, plain, length, sealed, error);
}

bool age_chunk_open(EVP_CIPHER_CTX *context, uint64_t number, bool last, const uint8_t *sealed,
                    size_t length, uint8_t *plain)
{
    uint8_t nonce[AGE_AEAD_NONCE_SIZE];

    set_nonce(nonce, number, last);
    return age_aead_open(context, nonce, sealed, length, plain);
}
