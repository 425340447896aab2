#include "formats/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct sha256 {
    EVP_MD_CTX *context;
};

static enum larder_status fail(struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED, "could not compute a SHA-256 digest");
}

struct sha256 *sha256_new(void)
{
    struct sha256 *sha = calloc(1, sizeof(*sha));

    if (sha == NULL)
        return NULL;
    sha->context = EVP_MD_CTX_new();
    if (sha->context == NULL || EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) != 1) {
        sha256_free(sha);
        return NULL;
    }
    return sha;
}

enum larder_status sha256_update(struct sha256 *sha, const void *bytes, size_t length,
                                 struct larder_error *error)
{
    return EVP_DigestUpdate(sha->context, bytes, length) == 1 ? LARDER_OK : fail(error);
}

enum larder_status sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES],
                                struct larder_error *error)
{
    if (EVP_DigestFinal_ex(sha->context, digest, NULL) != 1 ||
        EVP_DigestInit_ex(sha->context, NULL, NULL) != 1)
        return fail(error);
    return LARDER_OK;
}

void sha256_free(struct sha256 *sha)
{
    if (sha == NULL)
        return;
    EVP_MD_CTX_free(sha->context);
    free(sha);
}

enum larder_status sha256_of(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES],
                             struct larder_error *error)
{
    return EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) == 1 ? LARDER_OK
                                                                            : fail(error);
}

void sha256_to_hex(const uint8_t digest[SHA256_BYTES], char hex[SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_BYTES; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[SHA256_HEX - 1] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool sha256_from_hex(const char *hex, uint8_t digest[SHA256_BYTES])
{
    if (strlen(hex) != SHA256_HEX - 1)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
