/* The schema of an export: what pg_dump gives, and the SQL for recovery without larder, made beside
 * the lanes. */
#ifndef ENGINE_EXPORT_SCHEMA_H
#define ENGINE_EXPORT_SCHEMA_H

#include "engine/pg/catalog.h"
#include "engine/pg/lock_watch.h"
#include "engine/pg/tools.h"
#include "formats/buffer.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

struct export_schema {
    struct buffer dump, pre_data, post_data;
};

/* What to do, prepared while the connection is not in use otherwise. The arena must live as long, and the call stay where it is.
 */
struct export_schema_call {
    struct process pg_dump;
    struct lock_watch watch; /* over pg_dump */
    struct tool pg_restore;
    const struct manifest *manifest;
    const struct larder_run *run;
    int stop_fd;
};

/*
 * pg_dump goes where `pg` is connected to. `watcher`, a connection of a role that need have no rights, belongs to the run until
 * it ends; it looks to it that pg_dump waits for no lock longer than `lock_timeout` seconds.
 */
enum larder_status export_schema_prepare(const struct tool *pg_dump, const struct tool *pg_restore,
                                         struct pg *pg, struct pg *watcher,
                                         const struct manifest *manifest,
                                         const struct catalog_schemas *schemas, int lock_timeout,
                                         const struct larder_run *run, int stop_fd,
                                         struct arena *arena, struct export_schema_call *call,
                                         struct larder_error *error);

/* Runs the programs; uses no connection of ours but the watcher. */
enum larder_status export_schema_run(const struct export_schema_call *call,
                                     struct export_schema *schema, struct larder_error *error);
void export_schema_free(struct export_schema *schema);

#endif
