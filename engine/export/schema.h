/* The schema of an export: what pg_dump gives, and the SQL for recovery without larder, made beside
 * the lanes. */
#ifndef ENGINE_EXPORT_SCHEMA_H
#define ENGINE_EXPORT_SCHEMA_H

#include <pthread.h>
#include <stdbool.h>

#include "engine/pg/catalog.h"
#include "engine/pg/lock_watch.h"
#include "engine/pg/schema.h"
#include "engine/pg/snapshot.h"
#include "engine/pg/tools.h"
#include "formats/buffer.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

struct export_schema_call;

/* A run of pg_restore in a thread of its own. Internal. */
struct export_schema_restore {
    const char *arguments[4];
    struct process process;
    const struct export_schema_call *call;
    struct buffer output;
    struct larder_error error;
    enum larder_status status;
    pthread_t thread;
    bool began;
};

/* It stays where it is. */
struct export_schema {
    struct buffer dump, pre_data, post_data;
    struct export_schema_restore list, sql; /* what there is, and all of its SQL */
    int ready; /* an eventfd, which each of these reads once the dump is there */
};

/* What to do, prepared while the connection is not in use otherwise. The arena must live as long, and the call stay where it is.
 */
struct export_schema_call {
    struct process pg_dump;
    struct lock_watch watch; /* over pg_dump */
    struct tool pg_restore;
    struct manifest *manifest;
    const struct larder_run *run;
    int stop_fd;
};

/*
 * pg_dump goes where `pg` is connected to. `watcher`, a connection of a role that need have no rights, belongs to the run until
 * it ends; it looks to it that pg_dump waits for no lock longer than `lock_timeout` seconds.
 */
enum larder_status export_schema_prepare(const struct tool *pg_dump, const struct tool *pg_restore,
                                         struct pg *pg, struct pg *watcher,
                                         const struct snapshot *snapshot, struct manifest *manifest,
                                         const struct catalog_schemas *schemas, int lock_timeout,
                                         const struct larder_run *run, int stop_fd,
                                         struct arena *arena, struct export_schema_call *call,
                                         struct export_schema *schema, struct larder_error *error);

/* Runs pg_dump; uses no connection of ours but the watcher, and of the manifest nothing. */
enum larder_status export_schema_dump(const struct export_schema_call *call,
                                      struct export_schema *schema, struct larder_error *error);

/*
 * Starts pg_restore, which waits for what pg_dump writes: until then it loads its libraries, which takes as long as all that it does then.
 * Meanwhile, from any thread, once there is nothing more urgent to do; or not at all.
 */
void export_schema_expect(struct export_schema *schema);

/*
 * Then writes the SQL, and says which pg_dump it was. The manifest must be complete but for that, parts, rows and fingerprints. Of its sequences
 * that no table uses, those that the SQL makes are counted with the others.
 */
enum larder_status export_schema_write(const struct export_schema_call *call,
                                       struct export_schema *out,
                                       char pg_dump_version[SCHEMA_VERSION],
                                       struct larder_error *error);
void export_schema_free(struct export_schema *schema);

#endif
