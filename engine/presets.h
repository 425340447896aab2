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

/* The preset of archives of tables that were named one by one. */
#define PRESETS_ADHOC "adhoc"

struct presets {
    struct catalog_preset *items; /* by name where they are the database's, else as given */
    size_t count;
    bool in_database;
};

/* In the transaction that is open on `pg`, which may be NULL. LARDER_USAGE where both define presets. */
enum larder_status presets_read(struct pg *pg, const struct larder_presets *given,
                                struct arena *arena, struct presets *presets,
                                struct larder_error *error);

/* LARDER_USAGE where it cannot be a preset's name. */
enum larder_status presets_check_form(const char *name, struct larder_error *error);

/* The one of that name. LARDER_USAGE where there is none; the hint says which may be meant, and lists those there are. */
enum larder_status presets_find(const struct presets *presets, const char *name,
                                struct arena *arena, struct catalog_preset *preset,
                                struct larder_error *error);

/*
 * LARDER_USAGE, with such a hint, where the name is mistyped: neither one of the presets nor that of an archive, of one source as keys have it
 * or of all (NULL). Where there are neither presets nor archives nobody can tell: that is LARDER_OK.
 */
enum larder_status presets_check_known(const char *name, const struct presets *presets,
                                       const struct inventory *inventory, const char *source,
                                       struct arena *arena, struct larder_error *error);

#endif
