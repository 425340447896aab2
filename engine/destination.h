/* Where an export goes: an object in a store, a file, or standard output, and what lies beside it.
 */
#ifndef ENGINE_DESTINATION_H
#define ENGINE_DESTINATION_H

#include <stdbool.h>

#include "engine/store/store.h"
#include "formats/arena.h"
#include "formats/hash_stage.h"
#include "formats/stage.h"
#include "formats/summary.h"
#include "larder/error.h"

struct destination {
    struct store *store;  /* NULL for a file */
    const char *archive;  /* the key, or the path; "-" */
    const char *location; /* as a person names it */
    bool is_stream;
    bool encrypted; /* the archive is named so; set by the caller once it is known */
    const struct larder_run *run;
    struct store_object *objects; /* what the store holds of the source, once it is listed */
    size_t object_count;
    bool listed;
};

/* Opens the store, or takes the file; exactly one of the two is given. LARDER_USAGE where the file, or one beside it, exists already, or its folder does not. */
enum larder_status destination_open(struct destination *to, const char *store, const char *file,
                                    const struct larder_run *run, struct larder_error *error);

/*
 * What is created from here on stays locked in the store until then. LARDER_USAGE where it is a store
 * that cannot lock; nothing where it is a file. To be asked with 0 first, while nothing is begun.
 */
enum larder_status destination_retain(struct destination *to, time_t until,
                                      struct larder_error *error);

/* LARDER_USAGE where the store holds another system's archives under this source's name. `system_identifier` may be NULL. */
enum larder_status destination_check_system(struct destination *to, const char *source,
                                            const char *system_identifier, struct arena *arena,
                                            struct larder_error *error);

/* The preset's newest complete archive in the store, by its name without folders; NULL: none, or it is a file that is written. */
enum larder_status destination_newest(struct destination *to, const char *source,
                                      const char *preset, struct arena *arena, const char **newest,
                                      struct larder_error *error);

/*
 * Takes the lock of the preset's folder in the store, where the store has locks, and removes what killed runs have left
 * there. `alone`: the caller has the run's lock in the database; without any lock, what is younger than two days is left.
 */
enum larder_status destination_lock(struct destination *to, const char *source, const char *preset,
                                    bool alone, struct arena *arena, struct larder_error *error);

/*
 * Names the archive, and begins it. Where an archive of that name is in the store already, `*taken`
 * is set, and nothing begun.
 */
enum larder_status destination_begin(struct destination *to, const char *source, const char *preset,
                                     const char *backup_name, struct arena *arena, bool *taken,
                                     struct stage **stage, struct larder_error *error);

/*
 * Puts digest and summary beside the archive, which is complete. Where that fails, all three are
 * removed. Sets the summary's `archive`.
 */
enum larder_status destination_publish(struct destination *to, struct summary *summary,
                                       struct arena *arena, struct larder_error *error);

void destination_close(struct destination *to);

#endif
