/* Removing a backup from a store, so that whoever is killed while doing it leaves nothing that looks
 * good: FORMAT.md section 8, "Removing". */
#ifndef ENGINE_REMOVAL_H
#define ENGINE_REMOVAL_H

#include <stdbool.h>

#include "engine/inventory.h"
#include "engine/store/store.h"
#include "formats/arena.h"
#include "larder/error.h"

/* Whether this is what an interrupted removal has left. */
bool removal_is_unfinished(const struct inventory_backup *backup);

/* Takes away the mark of a removal that was killed before it removed anything, from a backup that stays; only under the lock
 * of its preset. Where there is none, nothing. */
enum larder_status removal_forget(struct store *store, const struct inventory_backup *backup,
                                  struct larder_error *error);

/*
 * Removes the backup's objects, or what is left of them; only under the lock of its preset. `*held`
 * where somebody has held it in the meantime: then it is left alone.
 */
enum larder_status removal_run(struct store *store, const struct inventory_backup *backup,
                               struct arena *arena, bool *held, struct larder_error *error);

#endif
