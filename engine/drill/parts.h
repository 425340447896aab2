/* The parts of a drill. Internal to engine/drill.c and engine/drill/. */
#ifndef ENGINE_DRILL_PARTS_H
#define ENGINE_DRILL_PARTS_H

#include <stdbool.h>

#include "engine/pg/connection.h"
#include "engine/scratch.h"
#include "formats/arena.h"
#include "larder/drill.h"

struct drill {
    const struct larder_drill_options *options;
    const struct larder_run *run;
    struct larder_drill *result;
    struct arena *arena;

    const char *archive;  /* as opened_find takes it */
    bool by_name;         /* it is a name in the store, and no path */
    const char *location; /* as a person names it */
    const char *backup_name, *preset, *source, *encoding;
    int major; /* of the source's server */
    int64_t rows;
    const struct larder_connect *known; /* the database that knows the backup; NULL: none does */
    struct scratch *scratch;
};

/* The archive that is meant: of a preset the newest that is complete; with warnings of the others. */
enum larder_status drill_find(struct drill *drill, struct larder_error *error);

/* Reads what must be known of the archive before it is restored. */
enum larder_status drill_look(struct drill *drill, struct larder_error *error);

/* Which database is asked for backup_metadata, and where the drill is recorded. */
void drill_find_known(struct drill *drill);

/* Runs the checks in the scratch database: LARDER_DIFFERENCE where one returned a row,
 * LARDER_UNVERIFIED where one could not be run. */
enum larder_status drill_check(struct drill *drill, struct larder_error *error);

/* Writes down, in the database and beside the archive, what a drill that ended with `status` has
 * found. That it cannot be recorded is a warning. */
void drill_record(struct drill *drill, enum larder_status status, bool archive_is_good);

#endif
