#include "formats/json_memory.h"

#include <jansson.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * jansson's allocator has no argument by which these could be passed. The reserve is for jansson to end in order: where it lacks
 * memory for a string, jansson 2.14 frees another one twice.
 */
static _Thread_local bool lacked;
static alignas(max_align_t) unsigned char reserve[16384];
static atomic_size_t reserved;

static void *take_reserve(size_t size)
{
    size_t pieces = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t), at;

    if (size > sizeof(reserve))
        return NULL;
    at = atomic_fetch_add(&reserved, pieces * sizeof(max_align_t));
    return at + size <= sizeof(reserve) ? reserve + at : NULL;
}

static void *take(size_t size)
{
    void *bytes = malloc(size);

    if (bytes != NULL)
        return bytes;
    lacked = true;
    return take_reserve(size);
}

void json_memory_free(void *bytes)
{
    unsigned char *at = bytes;

    if (at < reserve || at >= reserve + sizeof(reserve))
        free(bytes);
}

void json_memory_watch(void)
{
    json_set_alloc_funcs(take, json_memory_free);
}

bool json_memory_lacked(void)
{
    return lacked;
}
