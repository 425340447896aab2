#include "engine/removal.h"

#include <string.h>

/*
 * In the reverse order of publishing: what is listed as good has a summary, so the summary goes
 * first. A name of NULL stands for the archive, ".tar" or ".tar.age".
 */
static const char *const order[] = {INVENTORY_SUMMARY, INVENTORY_DIGEST, NULL, INVENTORY_CHECKED,
                                    INVENTORY_REMOVING};

bool removal_is_unfinished(const struct inventory_backup *backup)
{
    bool nothing_left = backup->archive == NULL && backup->digest == NULL && backup->hold == NULL;

    return backup->summary == NULL && (backup->removing != NULL || nothing_left);
}

static bool is_of_rank(const char *ending, size_t rank)
{
    if (order[rank] != NULL)
        return strcmp(ending, order[rank]) == 0;
    return strcmp(ending, ".tar") == 0 || strcmp(ending, ".tar.age") == 0;
}

static enum larder_status remove_in_order(struct store *store, const char *stem,
                                          const struct store_object *objects, size_t count,
                                          struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t rank = 0; rank < sizeof(order) / sizeof(order[0]); rank++)
        for (size_t i = 0; status == LARDER_OK && i < count; i++)
            if (is_of_rank(objects[i].key + strlen(stem), rank))
                status = store->kind->remove(store, objects[i].key, error);
    return status;
}

/* A disk that is full takes an empty file, and of the stores of others not each one does. */
static enum larder_status put_mark(struct store *store, const char *mark,
                                   struct larder_error *error)
{
    static const char text[] = "removing\n";

    return store_put(store, mark, text, store->kind == &store_folder ? 0 : strlen(text), error);
}

/* Where nothing was removed yet, the mark says something that is not so. */
static void take_back_mark(struct store *store, const char *stem, const char *mark,
                           struct arena *arena)
{
    struct store_object *objects;
    size_t count = 0;

    if (store->kind->list(store, arena_printf(arena, "%s" INVENTORY_SUMMARY, stem), arena, &objects,
                          &count, NULL) == LARDER_OK &&
        count == 1)
        store->kind->remove(store, mark, NULL);
}

enum larder_status removal_forget(struct store *store, const struct inventory_backup *backup,
                                  struct larder_error *error)
{
    if (backup->removing == NULL || backup->summary == NULL)
        return LARDER_OK;
    return store->kind->remove(store, backup->removing->key, error);
}

enum larder_status removal_run(struct store *store, const struct inventory_backup *backup,
                               struct arena *arena, bool *held, struct larder_error *error)
{
    const char *mark = arena_printf(arena, "%s" INVENTORY_REMOVING, backup->stem);
    const char *prefix = arena_printf(arena, "%s.", backup->stem);
    struct store_object *objects;
    size_t count = 0;
    enum larder_status status = LARDER_OK;

    *held = false;
    if (arena_failed(arena))
        return larder_fail_memory(error);
    if (backup->removing == NULL)
        status = put_mark(store, mark, error);
    /* Listed again, after the mark: a hold that is not there now sees the mark. */
    if (status == LARDER_OK)
        status = store->kind->list(store, prefix, arena, &objects, &count, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        *held |= strcmp(objects[i].key + strlen(backup->stem), INVENTORY_HOLD) == 0;
    if (status == LARDER_OK && !*held)
        status = remove_in_order(store, backup->stem, objects, count, error);
    if (status != LARDER_OK || *held)
        take_back_mark(store, backup->stem, mark, arena);
    return status;
}
