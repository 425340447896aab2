#include <string.h>

#include "engine/export/lanes_parts.h"
#include "engine/pg/copy_ahead.h"
#include "engine/pg/snapshot.h"
#include "engine/run/run.h"

enum {
    TELL_BYTES = 1024 * 1024, /* progress is told in steps of this size */
};

struct lane {
    struct export_lanes *all;
    struct pg *pg;
    bool is_leader;
    struct part_writer *writer;
    struct copy_ahead *ahead;         /* NULL until a table is large, and a processor idle */
    struct shared_table *table;       /* whose part is begun; NULL at first */
    uint64_t told_rows, untold_bytes; /* what the progress has, and has not */
    struct larder_lane *shown;        /* in the progress; NULL: there is no room for it */
};

/* Under the lock. */
static void tell(struct lane *lane)
{
    struct export_lanes *all = lane->all;
    uint64_t rows = part_writer_rows(lane->writer);

    all->progress.rows += rows - lane->told_rows;
    all->progress.bytes += lane->untold_bytes;
    if (lane->shown != NULL) {
        lane->shown->rows = rows;
        lane->shown->bytes += lane->untold_bytes;
    }
    lane->told_rows = rows;
    lane->untold_bytes = 0;
    run_progress(all->options.run, &all->progress);
}

/* Says what the lane works on; NULL: nothing. */
static void show_table(struct lane *lane, const struct manifest_table *table)
{
    struct export_lanes *all = lane->all;

    pthread_mutex_lock(&all->lock);
    if (lane->shown == NULL && all->progress.lane_count < LARDER_LANES_MAX) {
        all->progress.lanes = all->lanes;
        lane->shown = &all->lanes[all->progress.lane_count++];
    }
    if (lane->shown != NULL)
        *lane->shown = (struct larder_lane){.schema = table != NULL ? table->schema : NULL,
                                            .table = table != NULL ? table->name : NULL};
    pthread_mutex_unlock(&all->lock);
}

static enum larder_status give_part(struct lane *lane, const struct part *part,
                                    struct larder_error *error)
{
    return part->bytes == NULL ? LARDER_OK : export_lanes_give(lane->all, lane->table, part, error);
}

/* Closes the part of the table that the lane has worked on, and adds what it has counted. */
static enum larder_status leave_table(struct lane *lane, struct larder_error *error)
{
    struct export_lanes *all = lane->all;
    struct part part;
    enum larder_status status;

    if (lane->table == NULL)
        return LARDER_OK;
    status = part_writer_end(lane->writer, &part, error);
    if (status == LARDER_OK)
        status = give_part(lane, &part, error);
    pthread_mutex_lock(&all->lock);
    lane->table->scanned_rows += part_writer_rows(lane->writer);
    fingerprint_add(&export_lanes_table(all, lane->table)->fingerprint,
                    part_writer_fingerprint(lane->writer));
    pthread_mutex_unlock(&all->lock);
    lane->table = NULL;
    return status;
}

static bool is_at(const struct lane *lane, const struct shared_table *table)
{
    return lane->table != NULL && lane->table == table;
}

/* The leader has all locks. `*refused` where this lane may not have one of them. */
static enum larder_status lock_tables(struct lane *lane, const struct share *share, bool *refused,
                                      struct larder_error *error)
{
    const struct manifest_table *tables[SHARE_TABLES];
    enum larder_status status;

    *refused = false;
    if (lane->is_leader || is_at(lane, share->tables[0]))
        return LARDER_OK;
    for (size_t i = 0; i < share->count; i++)
        tables[i] = share->rows[i].table;
    status = snapshot_lock_tables(lane->pg, tables, share->count, refused, error);
    export_lanes_end_locking(lane->all, share, *refused);
    return status;
}

/* Readies the lane for a table, which may be the one that it has worked on. */
static enum larder_status enter_table(struct lane *lane, struct shared_table *table,
                                      struct larder_error *error)
{
    const struct manifest_table *manifest_table = export_lanes_table(lane->all, table);
    enum larder_status status;

    if (is_at(lane, table))
        return LARDER_OK;
    status = leave_table(lane, error);
    if (status != LARDER_OK)
        return status;
    lane->table = table;
    lane->told_rows = 0;
    show_table(lane, manifest_table);
    return part_writer_begin(lane->writer, manifest_table->copy_format,
                             manifest_copied_columns(manifest_table), error);
}

static enum larder_status take_bytes(struct lane *lane, const uint8_t *bytes, size_t length,
                                     struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    struct part part;
    size_t taken;

    lane->untold_bytes += length;
    while (status == LARDER_OK && length > 0) {
        status = part_writer_push(lane->writer, bytes, length, &taken, &part, error);
        if (status == LARDER_OK)
            status = give_part(lane, &part, error);
        bytes += taken;
        length -= taken;
    }
    return status;
}

/*
 * What is large is read by a thread beside this one, where one can be had. Not while as many lanes are at work as there are processors: then
 * one lane's server is busy while another lane compresses, and another thread only costs.
 */
static bool begin_ahead(struct lane *lane, struct copy_out *copy)
{
    if (lane->all->working >= lane->all->processors)
        return false;
    if (lane->ahead == NULL)
        lane->ahead = copy_ahead_new();
    return lane->ahead != NULL && copy_ahead_begin(lane->ahead, copy);
}

static enum larder_status read_rows(struct lane *lane, struct copy_out *copy,
                                    struct larder_error *error)
{
    struct export_lanes *all = lane->all;
    uint64_t rows = 0;
    bool is_ahead = false;
    const uint8_t *bytes;
    size_t length;
    enum larder_status status;

    for (;;) {
        status = is_ahead ? copy_ahead_next(lane->ahead, &bytes, &length, &rows, error)
                          : copy_out_next(copy, &bytes, &length, &rows, error);
        if (status != LARDER_OK)
            return status;
        if (length == 0)
            break;
        status = take_bytes(lane, bytes, length, error);
        if (status != LARDER_OK)
            return status;
        if (lane->untold_bytes >= TELL_BYTES) {
            pthread_mutex_lock(&all->lock);
            tell(lane);
            pthread_mutex_unlock(&all->lock);
            is_ahead = is_ahead || begin_ahead(lane, copy);
        }
    }
    status = part_writer_end_stream(lane->writer, error);
    pthread_mutex_lock(&all->lock);
    lane->table->server_rows += rows;
    tell(lane);
    pthread_mutex_unlock(&all->lock);
    return status;
}

/* The tables of a share are read in their order. */
static enum larder_status read_table(struct lane *lane, struct copy_out *copy,
                                     const struct share *share, size_t i,
                                     struct larder_error *error)
{
    struct export_lanes *all = lane->all;
    const struct manifest_table *table = share->rows[i].table;
    enum larder_status status = i > 0 ? copy_out_follow(copy, error)
                                      : copy_out_begin(copy, lane->pg, share->rows, share->count,
                                                       all->manifest->server_encoding, error);

    if (status == LARDER_OK)
        status = read_rows(lane, copy, error);
    if (status != LARDER_OK) {
        larder_context(error, "could not export table \"%s.%s\"", table->schema, table->name);
        export_lanes_stop(all, status, error); /* which ends the thread beside this one, too */
    }
    copy_ahead_end(lane->ahead);
    return status;
}

static enum larder_status read_share(struct lane *lane, const struct share *share,
                                     struct larder_error *error)
{
    struct copy_out copy = {0};
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < share->count; i++) {
        status = enter_table(lane, share->tables[i], error);
        if (status == LARDER_OK)
            status = read_table(lane, &copy, share, i, error);
    }
    if (status == LARDER_FAILED && strcmp(pg_sqlstate(lane->pg), PG_LOCK_NOT_AVAILABLE) == 0)
        lane->all->lock_timed_out = true;
    copy_out_end(&copy);
    return status;
}

static enum larder_status work(struct lane *lane, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    struct share share;

    while (status == LARDER_OK &&
           export_lanes_next(lane->all, lane->table, lane->is_leader, &share)) {
        bool refused;

        status = lock_tables(lane, &share, &refused, error);
        if (status == LARDER_OK && !refused &&
            (share.taken || export_lanes_take(lane->all, &share)))
            status = read_share(lane, &share, error);
    }
    show_table(lane, NULL);
    return status == LARDER_OK ? leave_table(lane, error) : status;
}

void export_lane_run(struct export_lanes *all, struct pg *pg, bool is_leader)
{
    struct lane lane = {.all = all, .pg = pg, .is_leader = is_leader};
    struct larder_error error = {0};
    enum larder_status status = LARDER_OK;

    lane.writer = part_writer_new(all->options.level, part_raw_bytes(all->progress.bytes_total),
                                  all->lanes_take_digests);
    if (lane.writer == NULL)
        status = larder_fail_memory(&error);
    if (status == LARDER_OK)
        status = work(&lane, &error);
    if (status != LARDER_OK)
        export_lanes_stop(all, status, &error);
    copy_ahead_free(lane.ahead);
    part_writer_free(lane.writer);
}
