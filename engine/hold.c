#include "engine/inventory.h"
#include "formats/times.h"
#include "larder/prune.h"

static enum larder_status open_backup(const char *url, const char *name,
                                      const struct larder_run *run, struct arena *arena,
                                      struct store **store, struct inventory_backup *backup,
                                      struct larder_error *error)
{
    enum larder_status status =
        arena == NULL ? larder_fail_memory(error) : store_open_existing(url, run, store, error);

    return status == LARDER_OK ? inventory_find(*store, name, arena, backup, error) : status;
}

static enum larder_status put_hold(struct store *store, const struct inventory_backup *backup,
                                   struct arena *arena, struct larder_error *error)
{
    const char *key = arena_printf(arena, "%s" INVENTORY_HOLD, backup->stem);
    char when[TIMES_TEXT];
    struct buffer line = {0};
    enum larder_status status;

    times_to_text(time(NULL), when);
    buffer_printf(&line, "held since %s\n", when);
    status = line.failed || arena_failed(arena)
                 ? larder_fail_memory(error)
                 : store_put(store, key, line.bytes, line.length, error);
    buffer_free(&line);
    return status;
}

enum larder_status larder_hold(const char *url, const char *name, const struct larder_run *run,
                               bool *was_held, struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct inventory_backup backup;
    struct store *store = NULL;
    enum larder_status status = open_backup(url, name, run, arena, &store, &backup, error);

    *was_held = status == LARDER_OK && backup.hold != NULL;
    if (status == LARDER_OK && backup.archive == NULL)
        status = larder_fail(error, LARDER_USAGE, "\"%s\" has no archive that could be held", name);
    if (status == LARDER_OK && backup.hold == NULL)
        status = put_hold(store, &backup, arena, error);
    /* A prune that did not see the hold has left its mark before. */
    if (status == LARDER_OK)
        status = inventory_find(store, name, arena, &backup, error);
    if (status == LARDER_OK && backup.removing != NULL) {
        status =
            larder_fail(error, LARDER_FAILED, "\"%s\" is held, but its removal had begun", name);
        larder_hint(error, "`larder list` shows whether it is still there; the next prune leaves "
                           "alone what is, and takes away the mark of the removal.");
    }
    store_close(store);
    arena_free(arena);
    return status;
}

enum larder_status larder_release(const char *url, const char *name, const struct larder_run *run,
                                  bool *was_held, struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct inventory_backup backup;
    struct store *store = NULL;
    enum larder_status status = open_backup(url, name, run, arena, &store, &backup, error);

    *was_held = status == LARDER_OK && backup.hold != NULL;
    if (*was_held)
        status = store->kind->remove(store, backup.hold->key, error);
    store_close(store);
    arena_free(arena);
    return status;
}
