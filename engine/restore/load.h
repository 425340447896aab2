/*
 * The parts of a load: which jobs there are and when each may begin, and the lanes that do them. Internal to the files
 * engine/restore/load*.c.
 *
 * Jobs, and what each waits for:
 *
 *   load      some parts of a table; nothing
 *   index     one key or index of a table: until the table is loaded. A key takes the table for itself
 *   keys      foreign keys, not validated, and the rows of stand-ins: until all of these are done
 *   validate  the foreign keys of a table: until "keys" is done. Beside those of other tables
 *   last      triggers and the rest, sequences, and the mark: until all of these are done. Where rows of others' tables are changed, the
 *             foreign keys, too, so that they are changed by one transaction
 *   prove     the table read back: until it has its keys; other indexes are built beside it. Its one weak lock may wait beside "last". Where
 *             that changes rows of others' tables, until it is done, since triggers of these may write into the table
 *   analyze   statistics, of a table that is partitioned with all its partitions: until "last" is done, since its locks on them could
 *             wait in a circle with it
 *
 * A free lane takes the largest job that waits for nothing; but what proves no more than a lane's share of all rows is kept for when others
 * are at "last" and at statistics. An index is built by the lane's session alone: parallel workers, which sort
 * through files that they share, cost more than they bring while other lanes are busy. Only what would still be at work when all the rest
 * is done may have them. Small tables are many, and a transaction for each would cost more than
 * what is done in it: so a lane takes many of their jobs of one kind at once, into one transaction. Only tables that are in no tree
 * are small ones, since their jobs lock nothing but themselves; they are proved after "last", whose locks could wait in a circle
 * with those of many.
 */
#ifndef ENGINE_RESTORE_LOAD_H
#define ENGINE_RESTORE_LOAD_H

#include <pthread.h>

#include "engine/restore/parts.h"

enum job_kind { JOB_LOAD, JOB_INDEX, JOB_KEYS, JOB_VALIDATE, JOB_LAST, JOB_PROVE, JOB_ANALYZE };

struct job {
    enum job_kind kind;
    size_t table; /* its place among those restored; of JOB_KEYS and JOB_LAST none */
    uint64_t weight;
    bool taken;
    bool small;          /* done together with others of its kind */
    size_t lane;         /* that did it, from 0 */
    double began, ended; /* seconds since the load began */

    size_t first_part, part_count; /* JOB_LOAD */
    bool freeze;
    const struct schema_block *block; /* JOB_INDEX */
    bool exclusive;
    bool late;  /* JOB_PROVE: when there is nothing else to do */
    bool alone; /* JOB_INDEX: without parallel workers, since the other lanes are busy meanwhile */
};

/* How many jobs of a table are still to end, and how many run. */
struct table_state {
    size_t loads, indexes;
    size_t keys;         /* of the indexes, those that take the table for themselves */
    uint64_t tree_bytes; /* raw, with those of its partitions */
    size_t root;         /* the place of the table that it is a partition of, or its own */
    int running;
    bool exclusive;         /* one that runs has the table for itself */
    bool small;             /* few rows, no partition and no parent */
    struct buffer validate; /* SQL: its foreign keys that are validated apart */
};

struct load {
    struct restore *restore;
    struct schema_block *index_blocks;
    size_t index_block_count;
    struct buffer keys, last; /* SQL */
    bool changes_others;      /* "last" changes rows of tables that this restore has not made */
    int stop_fd;
    double begin;                  /* run_clock() */
    double busy[LARDER_LANES_MAX]; /* seconds of each lane, which alone writes its own */

    pthread_mutex_t lock; /* of what follows, and of the proof */
    pthread_cond_t changed;
    struct job *jobs;
    size_t job_count;
    size_t before_keys, before_last; /* those of the jobs above that are still to end */
    bool keys_done, last_done;
    struct table_state *tables;
    struct larder_progress progress;
    struct larder_lane lanes[LARDER_LANES_MAX]; /* what the progress points to */
    bool connected;              /* a lane has a connection, and does what the others cannot */
    struct larder_error refused; /* why the first that got none has none */
    enum larder_status status;
    struct larder_error error;
};

/* Writes what comes when all tables are loaded and have their indexes: the SQL of "keys" and "last". */
enum larder_status load_write_end(struct load *load, struct larder_error *error);

/* Finds the jobs, after that; the lanes come later. */
enum larder_status load_plan(struct load *load, struct larder_error *error);

/* Whether a job is about one table, and not about all. */
bool load_is_of_table(const struct job *job);

/* The table that a job is about. */
const struct manifest_table *load_table(const struct load *load, const struct job *job);

enum { LOAD_AT_ONCE = 64 };

/*
 * The next jobs for a free lane, to be done in one transaction, waiting for one that may begin; gives how many, 0 when there is none
 * left, or the load was stopped.
 */
size_t load_next(struct load *load, size_t lane, struct job *jobs[LOAD_AT_ONCE]);

/* What a job has done is committed. */
void load_end(struct load *load, struct job *job);

/* Says, as a detail, where the time went: of tables, of lanes, and along the chain of jobs of which each waited for the one before. */
void load_tell_times(const struct load *load);

/* Ends all lanes; the first error is kept. */
void load_stop(struct load *load, enum larder_status status, const struct larder_error *error);

/* The lane's place in the progress; NULL: there is no room for it. */
struct larder_lane *load_show_lane(struct load *load);
/* Says what the lane works on; NULL: nothing. */
void load_show_table(struct load *load, struct larder_lane *lane,
                     const struct manifest_table *table);
/* Reports progress. */
void load_tell(struct load *load, struct larder_lane *lane, uint64_t rows, uint64_t bytes);

/* A lane's thread, of a struct load: does jobs on a connection of its own until none is left. */
void *load_lane(void *of);

#endif
