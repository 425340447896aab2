/* The presets of a source: its table's, or where it has none those that the caller gives. */
#ifndef ENGINE_PRESETS_H
#define ENGINE_PRESETS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/inventory.h"
#include "engine/pg/catalog.h"
#include "formats/arena.h"
#include "larder/error.h"
#include "larder/preset.h"

struct presets {
    struct catalog_preset *items; /* by name where they are the database's, else as given */
    size_t count;
    bool in_database;
};

/* In the transaction that is open on `pg`, which may be NULL. LARDER_USAGE where both define presets. */
enum larder_status presets_read(struct pg *pg, const struct larder_presets *given,
                                struct arena *arena, struct presets *presets,
                                struct larder_error *error);

/* The one of that name. LARDER_USAGE where there is none; the hint lists those there are. */
enum larder_status presets_find(const struct presets *presets, const char *name,
                                struct catalog_preset *preset, struct larder_error *error);

/*
 * The presets that the inventory has archives of, each once, with commas between them; those of one source, as keys have it, or of all (NULL).
 * Empty where there is none, NULL where there is no memory.
 */
const char *presets_of_archives(const struct inventory *inventory, const char *source,
                                struct arena *arena);

#endif
