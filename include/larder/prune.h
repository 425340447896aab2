/* Retention: removing archives whose time is over, and holding those that must stay. */
#ifndef LARDER_PRUNE_H
#define LARDER_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "larder/error.h"
#include "larder/preset.h"
#include "larder/run.h"

struct larder_prune_options {
    const char *store;
    const char *preset; /* NULL: every preset of the source */

    /* NULL: as the database's export would name it; without a database the store's only source. */
    const char *source_name;

    /*
     * Where the presets are read, and where the run's lock is taken; NULL: nowhere. Then archives
     * are kept as long as their summaries say, and the store must have locks of its own.
     */
    const struct larder_connect *database;
    struct larder_presets presets; /* in place of the database's */
    int keep_min; /* good archives of a preset that always stay; 0: as many as the preset in the database says, else 3 */
    bool dry_run;
};

struct larder_prune_item {
    const char *archive, *backup_name, *preset;
    uint64_t bytes;
    bool remove;        /* what was decided; in one line: */
    const char *reason; /* why */
    bool removed;
    const char *failure; /* why it could not be removed; NULL where nothing failed */
};

struct larder_prune {
    const char *source;
    struct larder_prune_item *items; /* by preset and name */
    size_t count, removed;
    uint64_t bytes_removed;
    void *memory;
};

/*
 * Decides by the rules in engine/retention.h and removes, each preset under its run's lock. That one
 * archive cannot be removed does not keep it from the others; the status is LARDER_FAILED in the
 * end. Where something of a preset cannot be read, nothing of it is removed, and that is LARDER_FAILED, too. LARDER_LOCKED where another run of a preset holds the lock: its archives are left alone. The
 * caller frees the result, on failure too.
 */
enum larder_status larder_prune(const struct larder_prune_options *options,
                                const struct larder_run *run, struct larder_prune *result,
                                struct larder_error *error);
void larder_prune_free(struct larder_prune *result);

/*
 * A held backup is never removed, until it is released. Holding what is held is fine, as is
 * releasing what is not; `*was_held` says which it was. LARDER_USAGE where the store has no such
 * backup; LARDER_FAILED where its removal had begun already.
 */
enum larder_status larder_hold(const char *url, const char *name, const struct larder_run *run,
                               bool *was_held, struct larder_error *error);
enum larder_status larder_release(const char *url, const char *name, const struct larder_run *run,
                                  bool *was_held, struct larder_error *error);

#endif
