/* What the parts of a status share. Internal to engine/status*.c. */
#ifndef ENGINE_STATUS_PARTS_H
#define ENGINE_STATUS_PARTS_H

#include "engine/inventory.h"
#include "engine/pg/catalog.h"
#include "engine/retention.h"
#include "formats/arena.h"
#include "larder/status.h"

/* What is known of a preset beside what its archives say. */
struct status_rules {
    struct retention_rules kept; /* source and preset are as keys have them */
    bool presets_known;          /* so that what is no preset of them is not scheduled */
    int64_t every;               /* where the preset exists */
};

/*
 * What the backups of one preset come to, in the order of their names; `count` may be 0. A store is
 * only asked for the location of the newest one.
 */
enum larder_status status_of_preset(const struct status_rules *rules, struct store *store,
                                    const struct inventory_backup *backups, size_t count,
                                    struct arena *arena, struct larder_status_preset *preset,
                                    struct larder_error *error);

#endif
