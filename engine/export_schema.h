/* The schema of an export: what pg_dump gives, and the SQL for recovery without larder, made beside
 * the lanes. */
#ifndef ENGINE_EXPORT_SCHEMA_H
#define ENGINE_EXPORT_SCHEMA_H

#include "engine/pg/catalog.h"
#include "engine/pg/tools.h"
#include "formats/buffer.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

struct export_schema {
    struct buffer dump, pre_data, post_data;
};

/* What to do, prepared while the connection is not in use otherwise. The arena must live as long.
 */
struct export_schema_call {
    struct process pg_dump;
    struct tool pg_restore;
    const struct manifest *manifest;
    const struct larder_run *run;
    int stop_fd;
};

enum larder_status export_schema_prepare(const struct tool *pg_dump, const struct tool *pg_restore,
                                         struct pg *pg, const struct manifest *manifest,
                                         const struct catalog_schemas *schemas, int lock_timeout,
                                         const struct larder_run *run, int stop_fd,
                                         struct arena *arena, struct export_schema_call *call,
                                         struct larder_error *error);

/* Runs the programs; uses no connection of ours. */
enum larder_status export_schema_run(const struct export_schema_call *call,
                                     struct export_schema *schema, struct larder_error *error);
void export_schema_free(struct export_schema *schema);

#endif
