/*
 * What the parts of an export share. Internal to engine/export.c, which writes and publishes the archive, engine/export/lead.c,
 * which finds, locks and looks up what goes into it, engine/export/formats.c, which says how each table is copied,
 * engine/export/checks.c, which says what was asked for wrongly or is unlike before, and engine/export/result.c, which tells and records what was done.
 */
#ifndef ENGINE_EXPORT_PARTS_H
#define ENGINE_EXPORT_PARTS_H

#include "engine/destination.h"
#include "engine/pg/catalog.h"
#include "engine/pg/connection.h"
#include "engine/pg/schema.h"
#include "engine/pg/snapshot.h"
#include "engine/pg/tools.h"
#include "engine/shrink.h"
#include "formats/age/age.h"
#include "formats/arena.h"
#include "formats/hash_stage.h"
#include "formats/manifest.h"
#include "formats/summary.h"
#include "larder/export.h"

struct export
{
    const struct larder_export_options *options;
    const struct larder_run *run;
    struct larder_export_result *result;
    struct arena *arena; /* the result's */
    struct arena *
        look_arena; /* where names are looked up into: the same, but while the leader looks beside the control connection */

    struct pg
        *control; /* holds the run's lock in a transaction of its own, and records at the end */
    struct pg *leader; /* looks the tables up, and holds the snapshot */
    struct pg *schema; /* where pg_dump is to go instead; NULL: where the leader is */
    struct catalog_server server;
    struct catalog_preset preset;
    const char *const *names; /* of the tables, as they were asked for */
    size_t name_count;
    bool has_large_objects; /* as far as the role may know */
    const char **uncovered; /* tables that no scheduled preset backs up */
    size_t uncovered_count;
    const char *
        *skipped; /* names of the preset that were not taken, since the role may not read them */
    size_t skipped_count;

    const char *looked_at; /* the moment before the tables were looked up by name alone; or NULL */
    struct snapshot snapshot;
    struct manifest *manifest; /* of the last lookup */
    struct catalog_table *extra;
    struct tool pg_dump, pg_restore;
    char pg_dump_version[SCHEMA_VERSION]; /* once it has run */
    struct age_recipients *recipients;    /* until the header is made; or NULL */
    struct destination to;
    struct hash_result hash;
    struct shrink_baseline baseline;
    time_t started_at;
};

/* Where exports are recorded, in a transaction: `source`, or a connection of the caller's; NULL where nowhere, or it cannot be reached. */
struct pg *export_open_record(struct export *e, struct pg *source);

/* Finds what the rows are to be compared with. That it cannot be found keeps nothing from being exported, and is a warning. */
enum larder_status export_find_baseline(struct export *e, struct larder_error *error);

/* Compares the finished manifest with it; warns, and says so in result and summary. */
enum larder_status export_compare(struct export *e, struct summary *summary,
                                  struct larder_error *error);

/* Connects, takes the run's lock, and beside that finds the preset and looks the tables up; then reports all obstacles that there are at once. */
enum larder_status export_prepare(struct export *e, struct larder_error *error);

/* Locks the tables, then takes the snapshot, then, unless nothing was committed meanwhile, looks them up again in it: by name, with what is in the way of reading them. */
enum larder_status export_lead(struct export *e, struct larder_error *error);

/* After that: looks up what they are made of, and reports what stands in the way of copying that, such as a sequence that may not be read. */
enum larder_status export_describe_tables(struct export *e, struct larder_error *error);

/*
 * Sets the copy format of every table of a manifest that was just looked up, as `e->extra` was. Adds a finding for each that cannot be
 * copied as was asked; LARDER_USAGE where a format is asked for a table that is not there. `*again` is set where tables change meanwhile.
 */
enum larder_status export_choose_formats(struct export *e, struct manifest *manifest, bool *again,
                                         struct larder_error *error);

/* Fails where the result has findings: with the one there is, or with their number. */
enum larder_status export_report_obstacles(const struct export *e, struct larder_error *error);

/* LARDER_USAGE where the options do not say what to export and where to, or contradict each other. */
enum larder_status export_check_options(const struct larder_export_options *options,
                                        struct larder_error *error);

/* Warns where the archive is not encrypted, and the newest one of its preset in the store is: nothing else tells that recipients were lost. */
enum larder_status export_warn_of_clear_text(struct export *e, struct larder_error *error);

/* Says something to the user at once, and in the result. */
void export_warn(struct export *e, const char *text);

/* Says what was found not to be exported. */
void export_warn_of_omissions(struct export *e);

/* What stands beside the archive; it points into the export. */
void export_summarize(struct export *e, struct summary *summary);

/* Records the archive in the database. One that is published counts, also where it could not be recorded: then that is said. */
void export_record(struct export *e, const struct summary *summary);

/* Fills the result in, once all else is done. */
enum larder_status export_describe(struct export *e, struct larder_error *error);

/* Seconds. */
int export_lock_timeout(const struct export *e);

#endif
