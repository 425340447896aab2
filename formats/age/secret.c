#include "formats/age/secret.h"

#include <stdint.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

/* Stands before what the caller gets, and keeps it aligned. */
union prefix {
    size_t size;
    max_align_t align;
};

void *age_secret_new(size_t size)
{
    union prefix *prefix;
    size_t total;

    if (size > SIZE_MAX / 2)
        return NULL;
    total = sizeof(*prefix) + size;
    prefix = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (prefix == MAP_FAILED)
        return NULL;
    /* All are precautions: where they are not allowed, the memory still serves. */
    (void)mlock(prefix, total);
    (void)madvise(prefix, total, MADV_DONTDUMP);
    (void)madvise(prefix, total, MADV_WIPEONFORK);
    prefix->size = total;
    return prefix + 1;
}

void age_secret_free(void *secret)
{
    union prefix *prefix;
    size_t total;

    if (secret == NULL)
        return;
    prefix = (union prefix *)secret - 1;
    total = prefix->size;
    OPENSSL_cleanse(prefix, total);
    munmap(prefix, total);
}
