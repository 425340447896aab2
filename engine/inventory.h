/*
 * What a store holds: its objects, put together to backups, with what their summaries say. No
 * database and no key are needed.
 */
#ifndef ENGINE_INVENTORY_H
#define ENGINE_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "engine/retention.h"
#include "engine/store/store.h"
#include "formats/arena.h"
#include "formats/summary.h"
#include "larder/error.h"

/* Endings of the objects of a backup: FORMAT.md section 8. */
#define INVENTORY_DIGEST ".sha256"
#define INVENTORY_SUMMARY ".json"
#define INVENTORY_CHECKED ".checked.json"
#define INVENTORY_HOLD ".hold"
#define INVENTORY_REMOVING ".removing"

/* The problems that a check which finds nothing takes away; behind the second one stands why. */
#define INVENTORY_FOUND_DAMAGED "its last check found it damaged"
#define INVENTORY_CHECK_UNREAD "what its last check found cannot be read"

/* Objects whose keys are the same up to their endings; NULL for those that are not there. */
struct inventory_backup {
    const char *stem;                          /* of the keys: "SOURCE/PRESET/BACKUP_NAME" */
    const char *source, *preset, *backup_name; /* as the keys have them */
    const struct store_object *archive, *digest, *summary, *checked, *hold, *removing;

    bool known;           /* the summary is readable, and this backup's */
    struct summary facts; /* what it says; zero where it is not known */
    time_t verified_at, drilled_at, drill_failed_at; /* as formats/checked.h has them */
    const char *drill_failure;
    const char **problems; /* why it is not good; none: it is */
    size_t problem_count;
    const char
        *unread; /* why something of it that is there could not be fetched; NULL: all could */
};

struct inventory {
    struct inventory_backup *backups; /* sorted by stem */
    size_t count;
};

/* The backups whose keys begin with the prefix, with nothing of them read but which objects there
 * are. */
enum larder_status inventory_list(struct store *store, const char *prefix, struct arena *arena,
                                  struct inventory *inventory, struct larder_error *error);

/*
 * Reads the backups whose keys begin with the prefix; everything lies in the arena. What is there and cannot
 * be read is the backup's problem, and no failure. Where that has taken long, the store is not asked for the others any more.
 */
enum larder_status inventory_read(struct store *store, const char *prefix, struct arena *arena,
                                  struct inventory *inventory, struct larder_error *error);

/* Reads one of those that inventory_list gives, as inventory_read reads all. */
enum larder_status inventory_complete(struct store *store, struct arena *arena,
                                      struct inventory_backup *backup, struct larder_error *error);

/* The backup of that name, or that stem, as inventory_list gives it. LARDER_USAGE where it is not in the store, or
 * more than once. */
enum larder_status inventory_find(struct store *store, const char *backup_name, struct arena *arena,
                                  struct inventory_backup *backup, struct larder_error *error);

/* The first `unread` of these, so that nobody takes what they come to for the whole; NULL where there is none. */
const char *inventory_unread(const struct inventory_backup *backups, size_t count);

/* As a person names the backup: where its archive lies, or would. */
const char *inventory_location(struct store *store, const struct inventory_backup *backup,
                               struct arena *arena);

/* That tables had lost many of their rows; NULL: they had not, or it is not known. */
const char *inventory_shrunk(const struct inventory_backup *backup, struct arena *arena);

/* What is to be said of a drill that has failed, and why. */
const char *inventory_drill_failure(const struct inventory_backup *backup);

/* The backup as retention looks at it. */
struct retention_archive inventory_as_kept(const struct inventory_backup *backup);

#endif
