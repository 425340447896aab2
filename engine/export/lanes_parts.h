/*
 * What the lanes of an export share. Internal to engine/export/lanes.c, which shares out the tables and puts the parts into the archive,
 * and engine/export/lane.c, which is one lane.
 */
#ifndef ENGINE_EXPORT_LANES_PARTS_H
#define ENGINE_EXPORT_LANES_PARTS_H

#include <pthread.h>

#include "engine/export/lanes.h"
#include "engine/pg/copy.h"
#include "formats/part.h"

enum {
    /* Of parts that were complete before the members that stand in front of them, at most. */
    WAITING_BYTES = 2 * 1024 * 1024,
    SHARE_TABLES = 64,
};

/* What the lanes know of a table together. It is read range by range, in the order of its
 * pages. */
struct shared_table {
    uint32_t pages, taken; /* to be read, and given to lanes */
    bool whole;            /* in one range */
    bool leader_only;      /* another lane was refused the lock */
    uint64_t server_rows;  /* from the command tags */
    uint64_t scanned_rows; /* from the row scanners */
};

/* What a lane works on next: small tables, one after another, or one of which it takes ranges. */
struct share {
    struct shared_table *tables[SHARE_TABLES];
    struct copy_rows rows[SHARE_TABLES]; /* of these tables */
    size_t count;                        /* at least 1 */
    bool taken;                          /* no other lane has them */
};

/* A part that was complete before the members that stand in front of it. */
struct waiting_part {
    struct waiting_part *next;
    struct shared_table *table;
    struct part part;
    uint8_t bytes[];
};

struct export_lanes {
    struct export_lanes_options options;
    struct manifest *manifest;
    const struct catalog_table *extra;
    int stop_fd;
    int lane_count;          /* known once they run */
    bool lanes_take_digests; /* of their parts, and do not leave them to who writes the archive */
    int processors;

    pthread_mutex_t lock; /* of everything below, of the writer, and of the manifest's parts */
    pthread_cond_t changed;
    struct shared_table *tables;
    size_t *order;  /* the tables' numbers, largest first */
    uint64_t bytes; /* of heap and TOAST that no lane has taken yet */
    _Atomic bool lock_timed_out;
    _Atomic int working; /* lanes that have tables, or may still get some */
    int locking;         /* lanes that are about to lock a table, and may be refused */
    /* NULL until the members before the data are written, and when writing failed. */
    struct archive_writer *writer;
    struct waiting_part *waiting, **last_waiting;
    uint64_t waiting_bytes;
    struct larder_progress progress;
    struct larder_lane lanes[LARDER_LANES_MAX]; /* what the progress points to */
    enum larder_status status;                  /* the first cause */
    struct larder_error error;
};

struct manifest_table *export_lanes_table(const struct export_lanes *all,
                                          const struct shared_table *table);

/*
 * What a lane works on next, which may be `present`; false when nothing is left. Other tables must be locked before they can be
 * read: a lane that is not the leader does so, and then says with export_lanes_end_locking whether it was refused.
 */
bool export_lanes_next(struct export_lanes *all, struct shared_table *present, bool is_leader,
                       struct share *share);
void export_lanes_end_locking(struct export_lanes *all, const struct share *share, bool refused);

/* Takes the next range of a table that is not taken yet, once the lane may read it: false where none is left. */
bool export_lanes_take(struct export_lanes *all, struct share *share);

/* Puts a part into the archive, or keeps a copy until it may go there; waits where neither can be. */
enum larder_status export_lanes_give(struct export_lanes *all, struct shared_table *table,
                                     const struct part *part, struct larder_error *error);

/* One lane's work, on a connection that has the snapshot, until no table is left. */
void export_lane_run(struct export_lanes *all, struct pg *pg, bool is_leader);

#endif
