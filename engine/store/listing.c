#include "engine/store/listing.h"

#include <stdlib.h>
#include <string.h>

void listing_add(struct listing *listing, const char *key, uint64_t bytes)
{
    struct store_object *objects = arena_grow(listing->arena, listing->objects, listing->count,
                                              &listing->capacity, sizeof(*objects));

    if (objects == NULL)
        return;
    listing->objects = objects;
    listing->objects[listing->count++] = (struct store_object){key, bytes};
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct store_object *)a)->key, ((const struct store_object *)b)->key);
}

enum larder_status listing_end(struct listing *listing, struct store_object **objects,
                               size_t *count, struct larder_error *error)
{
    if (arena_failed(listing->arena))
        return larder_fail_memory(error);
    if (listing->count > 0)
        qsort(listing->objects, listing->count, sizeof(*listing->objects), by_key);
    *objects = listing->objects;
    *count = listing->count;
    return LARDER_OK;
}
