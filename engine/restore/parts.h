/*
 * The parts of a restore, in the order in which they come: selection and preflight, creation, load.
 * Internal to engine/restore.c and engine/restore/.
 */
#ifndef ENGINE_RESTORE_PARTS_H
#define ENGINE_RESTORE_PARTS_H

#include "engine/opened.h"
#include "engine/pg/catalog.h"
#include "engine/pg/connection.h"
#include "engine/pg/schema.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/restore.h"

struct restore {
    const struct larder_restore_options *options;
    const struct larder_run *run;
    struct larder_proof *proof;
    struct arena *arena;
    int lanes;
    double phase_begun; /* on run_clock() */

    struct opened opened;
    const char *doubt; /* why the archive's origin is not proven; NULL where it is */
    const struct manifest *manifest;
    const struct manifest_table **tables; /* those to be made */
    size_t table_count;
    const struct manifest_table *
        *merge_tables; /* those that exist; behind the others in the proof */
    size_t merge_count;

    struct pg *lock;    /* holds the restore's lock on the target, in a transaction of its own */
    struct pg *control; /* to the target */
    struct catalog_server target;

    struct buffer dump;
    struct schema schema;
    struct schema_block *rest; /* with --schema all: what no table needs and comes last */
    size_t rest_count;
    uint32_t *left_out; /* OIDs of constraints that cannot be had */
    size_t left_out_count;

    /* Of each table that is not restored, and that others are partitions of or inherit from, one of these. */
    const struct manifest_table **children;
    size_t child_count;

    /* OIDs, in the archive, of tables that are not restored, and that the target has. */
    uint32_t *present;
    size_t present_count;

    /* The same of tables that the archive does not hold, and whose definitions it may have. */
    uint32_t *outside;
    size_t outside_count;

    /* What the target lacks and the options say to make. */
    struct manifest_external *to_make;
    size_t to_make_count;

    bool unfinished; /* a preview: the target holds an unfinished restore */
    bool created;    /* the target has been changed, and is marked */
    char *mark;      /* the OID of its mark, by which it is told from another restore's */
    bool complete;   /* all is in place; the mark is gone */
};

/* The tables that the options name, with their descendants; all where they name none. */
enum larder_status restore_select(struct restore *restore, struct larder_error *error);

/* Removes what an unfinished restore has left in the target; with --preview only says so. */
enum larder_status restore_clear(struct restore *restore, struct larder_error *error);

/* With --preview: which tables, by their quoted names, are an unfinished restore's, and will not be there. */
enum larder_status restore_find_left(struct restore *restore, const char *const *names,
                                     size_t count, bool *left, struct larder_error *error);

/* Finds everything that stands in the way, as findings of the proof, and what has to be made. */
enum larder_status restore_preflight(struct restore *restore, struct larder_error *error);

/* Chooses what is created, once it is known what stands in for what is lacking. */
enum larder_status restore_choose(struct restore *restore, struct larder_error *error);

/*
 * Makes the tables and what they need, and closes them to everybody but those that the archive
 * names, in one transaction that also leaves a mark.
 */
enum larder_status restore_create(struct restore *restore, struct larder_error *error);

/* Takes away what default privileges have added to what the transaction on `pg` has made. */
enum larder_status restore_close_made(struct pg *pg, struct larder_error *error);

/* Leaves the mark in the transaction that creates, with a list of what it has created. */
enum larder_status restore_mark(struct restore *restore, struct larder_error *error);

/* Moves sequences on that were there before, and that what the mark lists takes its numbers from; in the last transaction. */
enum larder_status restore_move_on(struct restore *restore, struct pg *pg,
                                   struct larder_error *error);

/* Loads rows, builds indexes, adds what comes last, takes the mark away, and reads the proof, all
 * in lanes. */
enum larder_status restore_load(struct restore *restore, struct larder_error *error);

/*
 * With --schema all: what no table needs, as far as it can be had, and rows for the materialised views; in the transaction that is
 * open on `pg`. What cannot be had is listed.
 */
enum larder_status restore_rest(struct restore *restore, struct pg *pg, struct larder_error *error);

/*
 * Begins a transaction, READ COMMITTED, which until it ends keeps what this restore has made, and its mark, from being removed by another one;
 * fails where that has been done. It could be, if the connection is lost that holds the restore's lock.
 */
enum larder_status restore_begin(const struct restore *restore, struct pg *pg,
                                 struct larder_error *error);

/* Removes what a restore that has failed has made; on a connection of its own, and whatever stopped
 * the run. `*found` is false where the mark is gone: nothing is touched then. */
enum larder_status restore_undo(struct restore *restore, bool *found, struct larder_error *error);

/* The schema that the mark lies in; gone when a restore is complete. */
#define RESTORE_MARK "larder_unfinished_restore"

/*
 * The beginning of a query: `mine` is its transaction, and `new` what that has made in schemas. An object's own row may be written for
 * another one's sake, a table's for its first child, an operator's for its commutator; what it depends on is written once.
 */
#define RESTORE_NEW                                                                                 \
    "WITH mine AS (SELECT pg_catalog.pg_current_xact_id()::xid AS xid), new AS (SELECT d.classid, " \
    "d.objid FROM pg_catalog.pg_depend d WHERE d.refclassid = 2615 AND d.objsubid = 0 "             \
    "AND d.xmin = (SELECT xid FROM mine))"

#endif
