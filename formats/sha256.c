/* The state that two digests side by side are taken into is seen only through OpenSSL's older interface, which it calls deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "formats/sha256.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "formats/sha256_pair.h"

struct sha256 {
    SHA256_CTX context;
    SHA256_CTX beside;
    const uint8_t *beside_bytes; /* not taken yet */
    size_t beside_left;
};

static enum larder_status fail(struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED, "could not compute a SHA-256 digest");
}

struct sha256 *sha256_new(void)
{
    struct sha256 *sha = calloc(1, sizeof(*sha));

    if (sha != NULL && SHA256_Init(&sha->context) != 1) {
        sha256_free(sha);
        return NULL;
    }
    return sha;
}

/* As SHA256_Update does: the length in bits, in two halves. */
static void count(SHA256_CTX *context, size_t bytes)
{
    uint64_t bits = ((uint64_t)context->Nh << 32 | context->Nl) + (uint64_t)bytes * 8;

    context->Nl = (uint32_t)bits;
    context->Nh = (uint32_t)(bits >> 32);
}

/* Takes whole blocks of these bytes and of those beside; says how many bytes of each. Both digests are at the start of a block. */
static size_t take_both(struct sha256 *sha, const uint8_t *bytes, size_t length)
{
    size_t blocks = (length < sha->beside_left ? length : sha->beside_left) / SHA256_BLOCK;
    size_t taken = blocks * SHA256_BLOCK;

    sha256_pair_blocks((uint32_t *[]){sha->context.h, sha->beside.h},
                       (const uint8_t *[]){bytes, sha->beside_bytes}, blocks);
    count(&sha->context, taken);
    count(&sha->beside, taken);
    sha->beside_bytes += taken;
    sha->beside_left -= taken;
    return taken;
}

static bool update(struct sha256 *sha, const uint8_t *bytes, size_t length)
{
    size_t first = (SHA256_BLOCK - sha->context.num) % SHA256_BLOCK, both;

    if (sha->beside_left < SHA256_BLOCK || length < first || !sha256_pair_can())
        return SHA256_Update(&sha->context, bytes, length) == 1;
    if (SHA256_Update(&sha->context, bytes, first) != 1)
        return false;
    both = first + take_both(sha, bytes + first, length - first);
    return SHA256_Update(&sha->context, bytes + both, length - both) == 1;
}

enum larder_status sha256_update(struct sha256 *sha, const void *bytes, size_t length,
                                 struct larder_error *error)
{
    return update(sha, bytes, length) ? LARDER_OK : fail(error);
}

enum larder_status sha256_update_both(struct sha256 *one, struct sha256 *other, const void *bytes,
                                      size_t length, struct larder_error *error)
{
    const uint8_t *at = bytes;
    size_t both = 0;

    if (one->context.num == 0 && other->context.num == 0 && sha256_pair_can()) {
        both = length / SHA256_BLOCK * SHA256_BLOCK;
        sha256_pair_blocks((uint32_t *[]){one->context.h, other->context.h},
                           (const uint8_t *[]){at, at}, both / SHA256_BLOCK);
        count(&one->context, both);
        count(&other->context, both);
    }
    return SHA256_Update(&one->context, at + both, length - both) == 1 &&
                   SHA256_Update(&other->context, at + both, length - both) == 1
               ? LARDER_OK
               : fail(error);
}

bool sha256_beside_is_faster(void)
{
    return sha256_pair_can();
}

enum larder_status sha256_begin_beside(struct sha256 *sha, const void *bytes, size_t length,
                                       struct larder_error *error)
{
    sha->beside_left = 0;
    if (SHA256_Init(&sha->beside) != 1)
        return fail(error);
    sha->beside_bytes = bytes;
    sha->beside_left = length;
    return LARDER_OK;
}

enum larder_status sha256_end_beside(struct sha256 *sha, uint8_t digest[SHA256_BYTES],
                                     struct larder_error *error)
{
    size_t left = sha->beside_left;

    sha->beside_left = 0;
    return SHA256_Update(&sha->beside, sha->beside_bytes, left) == 1 &&
                   SHA256_Final(digest, &sha->beside) == 1
               ? LARDER_OK
               : fail(error);
}

enum larder_status sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES],
                                struct larder_error *error)
{
    return SHA256_Final(digest, &sha->context) == 1 && SHA256_Init(&sha->context) == 1
               ? LARDER_OK
               : fail(error);
}

void sha256_free(struct sha256 *sha)
{
    free(sha);
}

enum larder_status sha256_of(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES],
                             struct larder_error *error)
{
    SHA256_CTX context;

    /* EVP_Digest() would first read OpenSSL's configuration, which takes longer than most of what is digested here. */
    return SHA256_Init(&context) == 1 && SHA256_Update(&context, bytes, length) == 1 &&
                   SHA256_Final(digest, &context) == 1
               ? LARDER_OK
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
