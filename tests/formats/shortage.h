/*
 * Memory that is short, and libraries that fail, at the Nth call: the program is linked with --wrap for each of the functions below, which
 * formats/ calls. Only one call fails, so that what cleans up after it has what it needs.
 */
#ifndef TESTS_FORMATS_SHORTAGE_H
#define TESTS_FORMATS_SHORTAGE_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

static struct {
    bool on;
    size_t calls, at; /* the call that fails, from 1 */
} shortage;

/* From here on call number `at` fails. */
static inline void shortage_begin(void)
{
    shortage.calls = 0;
    shortage.on = true;
}

static inline void shortage_end(void)
{
    shortage.on = false;
}

static inline bool shortage_comes(void)
{
    return shortage.on && ++shortage.calls == shortage.at;
}

#define SHORTAGE(type, failure, name, parameters, arguments)                                       \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return shortage_comes() ? (failure) : __real_##name arguments;                             \
    }

/* clang-format off */
SHORTAGE(void *, NULL, malloc, (size_t size), (size))
SHORTAGE(void *, NULL, calloc, (size_t count, size_t size), (count, size))
SHORTAGE(void *, NULL, realloc, (void *old, size_t size), (old, size))
SHORTAGE(char *, NULL, strdup, (const char *text), (text))
SHORTAGE(void *, MAP_FAILED, mmap, (void *at, size_t length, int prot, int flags, int fd, off_t offset), (at, length, prot, flags, fd, offset))
SHORTAGE(int, 0, RAND_priv_bytes, (unsigned char *bytes, int count), (bytes, count))
SHORTAGE(int, 0, SHA256_Init, (SHA256_CTX *c), (c))
SHORTAGE(int, 0, SHA256_Update, (SHA256_CTX *c, const void *bytes, size_t length), (c, bytes, length))
SHORTAGE(int, 0, SHA256_Final, (unsigned char *md, SHA256_CTX *c), (md, c))
SHORTAGE(int, 0, EVP_Digest, (const void *bytes, size_t length, unsigned char *md, unsigned *size, const EVP_MD *type, ENGINE *e), (bytes, length, md, size, type, e))
SHORTAGE(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), ())
SHORTAGE(int, 0, EVP_CipherInit_ex, (EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, ENGINE *e, const unsigned char *key, const unsigned char *iv, int seal), (c, cipher, e, key, iv, seal))
SHORTAGE(int, 0, EVP_EncryptInit_ex, (EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, ENGINE *e, const unsigned char *key, const unsigned char *iv), (c, cipher, e, key, iv))
SHORTAGE(int, 0, EVP_KDF_derive, (EVP_KDF_CTX *c, unsigned char *key, size_t length, const OSSL_PARAM params[]), (c, key, length, params))
SHORTAGE(unsigned char *, NULL, HMAC, (const EVP_MD *md, const void *key, int key_length, const unsigned char *bytes, size_t length, unsigned char *out, unsigned *size), (md, key, key_length, bytes, length, out, size))
SHORTAGE(int, 0, EVP_PBE_scrypt, (const char *pass, size_t passlen, const unsigned char *salt, size_t saltlen, uint64_t n, uint64_t r, uint64_t p, uint64_t most, unsigned char *key, size_t length), (pass, passlen, salt, saltlen, n, r, p, most, key, length))
SHORTAGE(ZSTD_CCtx *, NULL, ZSTD_createCCtx, (void), ())
SHORTAGE(ZSTD_DCtx *, NULL, ZSTD_createDCtx, (void), ())
/* clang-format on */

#endif
