/* The objects of a store, as they are found. */
#ifndef ENGINE_STORE_LISTING_H
#define ENGINE_STORE_LISTING_H

#include "engine/store/store.h"

/* Begins as {.arena = ...}, which holds all of it. */
struct listing {
    struct arena *arena;
    struct store_object *objects;
    size_t count, capacity;
};

/* The key has to lie in the arena; a failed allocation is seen there. */
void listing_add(struct listing *listing, const char *key, uint64_t bytes);

/* Gives them as a store's `list` does, sorted by key; fails where the arena has failed. */
enum larder_status listing_end(struct listing *listing, struct store_object **objects,
                               size_t *count, struct larder_error *error);

#endif
