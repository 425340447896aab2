/*
 * The lanes of an export: connections on one snapshot, each reading ranges of tables, compressing
 * them into parts of its own, and handing whole parts to the archive under one lock.
 */
#ifndef ENGINE_EXPORT_LANES_H
#define ENGINE_EXPORT_LANES_H

#include <stdbool.h>

#include "engine/pg/catalog.h"
#include "engine/pg/connection.h"
#include "formats/archive_writer.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

struct export_lanes;

struct export_lanes_options {
    const struct larder_connect *source;
    int level;
    int lock_timeout; /* seconds */
    bool whole_tables;
    const struct larder_run *run;
};

/* The manifest and what the options point to must live as long. */
enum larder_status export_lanes_new(const struct export_lanes_options *options,
                                    struct manifest *manifest, struct export_lanes **lanes,
                                    struct larder_error *error);

/*
 * To be called before the lanes run: `extra` has the tables' sizes, and must live as long. The manifest must be complete but for parts,
 * rows and fingerprints, which the lanes fill, and for what pg_dump tells.
 */
enum larder_status export_lanes_plan(struct export_lanes *all, const struct catalog_table *extra,
                                     struct larder_error *error);
void export_lanes_free(struct export_lanes *all);

/* Becomes readable when the export has failed anywhere: for the other waits of the run. */
int export_lanes_stop_fd(const struct export_lanes *all);

/*
 * Parts wait until the members that stand before them are written; then this writes them. To be
 * called once, from any thread: the writer is the lanes' until export_lanes_run returns.
 */
enum larder_status export_lanes_open(struct export_lanes *all, struct archive_writer *writer,
                                     struct larder_error *error);

/* The same, where those members could not be had: the lanes stop, and this is the cause, unless they had failed before: then false. */
bool export_lanes_stop(struct export_lanes *all, enum larder_status status,
                       const struct larder_error *error);

/*
 * Reads all tables; `leader` is the first of so many lanes, the others connect by themselves. Returns when all have ended: with the
 * first cause, where one has failed.
 */
enum larder_status export_lanes_run(struct export_lanes *all, int lanes, struct pg *leader,
                                    struct larder_error *error);

/* Whether a lane failed because it waited too long for a lock: for who wants to name the blocker.
 */
bool export_lanes_timed_out(const struct export_lanes *all);

#endif
