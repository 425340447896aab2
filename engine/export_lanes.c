#include "engine/export_lanes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/pg/copy.h"
#include "engine/pg/snapshot.h"
#include "engine/run/run.h"
#include "formats/part.h"

enum {
    RANGE_BYTES = 32 * 1024 * 1024, /* of heap and TOAST that are read at a time, at most */
    SMALLEST_RANGES = 16,           /* in a range of RANGE_BYTES */
    TELL_BYTES = 1024 * 1024,       /* progress is told in steps of this size */
    LANE_CONNECT_SECONDS = 10,
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

struct export_lanes {
    struct export_lanes_options options;
    struct manifest *manifest;
    const struct catalog_table *extra;
    int stop_fd;

    pthread_mutex_t lock; /* of everything below, of the writer, and of the manifest's parts */
    pthread_cond_t changed;
    struct shared_table *tables;
    size_t *order; /* the tables' numbers, largest first */
    _Atomic bool lock_timed_out;
    int locking;                   /* lanes that are about to lock a table, and may be refused */
    struct archive_writer *writer; /* NULL until the members before the data are written */
    struct larder_progress progress;
    enum larder_status status; /* the first cause */
    struct larder_error error;
};

struct lane {
    struct export_lanes *all;
    struct pg *pg;
    bool is_leader;
    struct part_writer *writer;
    struct shared_table *table;       /* whose part is begun; NULL at first */
    uint64_t told_rows, untold_bytes; /* what the progress has, and has not */
    pthread_t thread;
};

static struct manifest_table *manifest_table_of(const struct export_lanes *all,
                                                const struct shared_table *table)
{
    return &all->manifest->tables[table - all->tables];
}

void export_lanes_stop(struct export_lanes *all, enum larder_status status,
                       const struct larder_error *error)
{
    uint64_t one = 1;

    pthread_mutex_lock(&all->lock);
    if (all->status == LARDER_OK) {
        all->status = status;
        all->error = *error;
    }
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    if (write(all->stop_fd, &one, sizeof(one)) < 0)
        return; /* it was readable before */
}

void export_lanes_open(struct export_lanes *all, struct archive_writer *writer)
{
    pthread_mutex_lock(&all->lock);
    all->writer = writer;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

bool export_lanes_timed_out(const struct export_lanes *all)
{
    return all->lock_timed_out;
}

int export_lanes_stop_fd(const struct export_lanes *all)
{
    return all->stop_fd;
}

static int by_size(const void *a, const void *b, void *arg)
{
    const struct catalog_table *extra = arg;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    if (extra[x].bytes != extra[y].bytes)
        return extra[x].bytes > extra[y].bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

/*
 * The next range of a table, of about RANGE_BYTES; towards the table's end smaller ones, so that the lanes end together.
 */
static struct copy_range next_range(const struct export_lanes *all,
                                    const struct shared_table *table)
{
    const struct catalog_table *extra = &all->extra[table - all->tables];
    struct copy_range range = {.begin = table->taken};
    uint64_t left = table->pages - table->taken;
    uint64_t most = RANGE_BYTES / (extra->bytes / table->pages + 1) + 1;
    uint64_t least = most / SMALLEST_RANGES + 1;
    uint64_t step = left / (2 * (uint64_t)all->options.lanes);

    if (table->whole)
        return (struct copy_range){0};
    step = step > most ? most : step < least ? least : step;
    /* The last has no end: the table may have grown since, though not for our snapshot. */
    if (step < left)
        range.end = range.begin + (uint32_t)step;
    return range;
}

enum larder_status export_lanes_new(const struct export_lanes_options *options,
                                    struct manifest *manifest, const struct catalog_table *extra,
                                    struct export_lanes **lanes, struct larder_error *error)
{
    struct export_lanes *all = calloc(1, sizeof(*all));
    size_t count = manifest->table_count;

    *lanes = NULL;
    if (all == NULL)
        return larder_fail_memory(error);
    all->options = *options;
    all->manifest = manifest;
    all->extra = extra;
    all->progress.phase = "export";
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->changed, NULL);
    all->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    all->tables = calloc(count + 1, sizeof(*all->tables));
    all->order = calloc(count + 1, sizeof(*all->order));
    if (all->stop_fd < 0 || all->tables == NULL || all->order == NULL) {
        export_lanes_free(all);
        return larder_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        all->order[i] = i;
        all->tables[i].pages = !extra[i].has_rows   ? 0
                               : extra[i].pages > 0 ? (uint32_t)extra[i].pages
                                                    : 1;
        all->tables[i].whole = options->whole_tables || extra[i].pages < 2;
        if (extra[i].estimated_rows > 0)
            all->progress.rows_total += (uint64_t)extra[i].estimated_rows;
        all->progress.bytes_total += extra[i].bytes;
    }
    qsort_r(all->order, count, sizeof(*all->order), by_size, (void *)(uintptr_t)extra);
    *lanes = all;
    return LARDER_OK;
}

void export_lanes_free(struct export_lanes *all)
{
    if (all == NULL)
        return;
    if (all->stop_fd >= 0)
        close(all->stop_fd);
    pthread_mutex_destroy(&all->lock);
    pthread_cond_destroy(&all->changed);
    free(all->tables);
    free(all->order);
    free(all);
}

static enum larder_status stopped(struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED, "stopped");
}

/* The next table that the lane may work on: its present one first, so that parts fill, then the
 * largest. */
static struct shared_table *choose(const struct export_lanes *all, const struct lane *lane)
{
    if (lane->table != NULL && lane->table->taken < lane->table->pages &&
        (lane->is_leader || !lane->table->leader_only))
        return lane->table;
    for (size_t i = 0; i < all->manifest->table_count; i++) {
        struct shared_table *table = &all->tables[all->order[i]];

        if (table->taken < table->pages && (lane->is_leader || !table->leader_only))
            return table;
    }
    return NULL;
}

/* The table that the lane works on next; NULL when none is left. Before another table can be read
 * it must be locked. */
static struct shared_table *next_table(struct lane *lane)
{
    struct export_lanes *all = lane->all;
    struct shared_table *table = NULL;

    pthread_mutex_lock(&all->lock);
    while (all->status == LARDER_OK) {
        table = choose(all, lane);
        /* What another lane is refused is left to the leader, who therefore waits. */
        if (table != NULL || !lane->is_leader || all->locking == 0)
            break;
        pthread_cond_wait(&all->changed, &all->lock);
    }
    if (table != NULL && !lane->is_leader && table != lane->table)
        all->locking++;
    pthread_mutex_unlock(&all->lock);
    return table;
}

/* A range is taken only by who may read it, so that none ever has to be given back. False where
 * none is left. */
static bool take_range(struct lane *lane, struct copy_range *range)
{
    struct shared_table *table = lane->table;
    bool left;

    pthread_mutex_lock(&lane->all->lock);
    left = table->taken < table->pages;
    if (left) {
        *range = next_range(lane->all, table);
        table->taken = range->end != 0 ? range->end : table->pages;
    }
    pthread_mutex_unlock(&lane->all->lock);
    return left;
}

static void end_locking(struct lane *lane, struct shared_table *table, bool refused)
{
    struct export_lanes *all = lane->all;

    pthread_mutex_lock(&all->lock);
    all->locking--;
    table->leader_only = table->leader_only || refused;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

/* Under the lock. */
static void tell(struct lane *lane)
{
    struct export_lanes *all = lane->all;
    uint64_t rows = part_writer_rows(lane->writer);

    all->progress.rows += rows - lane->told_rows;
    all->progress.bytes += lane->untold_bytes;
    lane->told_rows = rows;
    lane->untold_bytes = 0;
    run_progress(all->options.run, &all->progress);
}

static enum larder_status give_part(struct lane *lane, const struct part *part,
                                    struct larder_error *error)
{
    struct export_lanes *all = lane->all;
    enum larder_status status;

    if (part->bytes == NULL)
        return LARDER_OK;
    pthread_mutex_lock(&all->lock);
    while (all->writer == NULL && all->status == LARDER_OK)
        pthread_cond_wait(&all->changed, &all->lock);
    status =
        all->status != LARDER_OK
            ? stopped(error)
            : archive_writer_part(all->writer, manifest_table_of(all, lane->table), part, error);
    pthread_mutex_unlock(&all->lock);
    return status;
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
    fingerprint_add(&manifest_table_of(all, lane->table)->fingerprint,
                    part_writer_fingerprint(lane->writer));
    pthread_mutex_unlock(&all->lock);
    lane->table = NULL;
    return status;
}

/* Readies the lane for a table; `*refused` where it may not have the lock. */
static enum larder_status enter_table(struct lane *lane, struct shared_table *table, bool *refused,
                                      struct larder_error *error)
{
    const struct manifest_table *manifest_table = manifest_table_of(lane->all, table);
    enum larder_status status = leave_table(lane, error);

    *refused = false;
    if (!lane->is_leader) {
        if (status == LARDER_OK)
            status = snapshot_lock_table(lane->pg, manifest_table, refused, error);
        end_locking(lane, table, *refused);
    }
    if (status != LARDER_OK || *refused)
        return status;
    lane->table = table;
    lane->told_rows = 0;
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

static enum larder_status read_rows(struct lane *lane, struct copy_out *copy,
                                    struct larder_error *error)
{
    struct export_lanes *all = lane->all;
    uint64_t rows = 0;
    const uint8_t *bytes;
    size_t length;
    enum larder_status status;

    for (;;) {
        status = copy_out_next(copy, &bytes, &length, &rows, error);
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
        }
    }
    status = part_writer_end_stream(lane->writer, error);
    pthread_mutex_lock(&all->lock);
    lane->table->server_rows += rows;
    tell(lane);
    pthread_mutex_unlock(&all->lock);
    return status;
}

static enum larder_status read_range(struct lane *lane, struct copy_range range,
                                     struct larder_error *error)
{
    const struct manifest_table *table = manifest_table_of(lane->all, lane->table);
    struct copy_out copy = {0};
    enum larder_status status =
        copy_out_begin(&copy, lane->pg, table, lane->all->manifest->server_encoding, range, error);

    if (status == LARDER_OK)
        status = read_rows(lane, &copy, error);
    copy_out_end(&copy);
    if (status == LARDER_FAILED && strcmp(pg_sqlstate(lane->pg), PG_LOCK_NOT_AVAILABLE) == 0)
        lane->all->lock_timed_out = true;
    if (status != LARDER_OK)
        larder_context(error, "could not export table \"%s.%s\"", table->schema, table->name);
    return status;
}

static enum larder_status work(struct lane *lane, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    struct shared_table *table;
    struct copy_range range;

    while (status == LARDER_OK && (table = next_table(lane)) != NULL) {
        bool refused = false;

        if (table != lane->table)
            status = enter_table(lane, table, &refused, error);
        if (status == LARDER_OK && !refused && take_range(lane, &range))
            status = read_range(lane, range, error);
    }
    return status == LARDER_OK ? leave_table(lane, error) : status;
}

static void run_lane(struct lane *lane)
{
    struct larder_error error = {0};
    enum larder_status status = LARDER_OK;

    lane->writer = part_writer_new(lane->all->options.level, 0);
    if (lane->writer == NULL)
        status = larder_fail_memory(&error);
    if (status == LARDER_OK)
        status = work(lane, &error);
    if (status != LARDER_OK)
        export_lanes_stop(lane->all, status, &error);
    part_writer_free(lane->writer);
}

/* A lane beside the leader. Without a connection, or the snapshot, the others do its work. */
static void *follow(void *arg)
{
    struct lane *lane = arg;
    struct export_lanes *all = lane->all;
    struct larder_error error = {0};
    enum larder_status status = pg_connect(all->options.source, all->options.run, all->stop_fd,
                                           LANE_CONNECT_SECONDS, &lane->pg, &error);

    if (status == LARDER_OK)
        status = snapshot_follow(lane->pg, all->manifest->snapshot, &error);
    if (status == LARDER_OK)
        status = snapshot_limit_waits(lane->pg, all->options.lock_timeout, &error);
    if (status == LARDER_OK) {
        run_lane(lane);
    } else {
        pthread_mutex_lock(&all->lock);
        if (all->status == LARDER_OK && run_check(all->options.run, NULL) == LARDER_OK)
            run_message(all->options.run, LARDER_WARNING, "going on with one lane fewer: %s",
                        error.message);
        pthread_mutex_unlock(&all->lock);
    }
    pg_close(lane->pg);
    return NULL;
}

/* The scanners' counts must be the server's. */
static enum larder_status check_counts(const struct export_lanes *all, struct larder_error *error)
{
    for (size_t i = 0; i < all->manifest->table_count; i++) {
        const struct manifest_table *table = &all->manifest->tables[i];
        const struct shared_table *shared = &all->tables[i];

        if (table->rows != shared->server_rows || table->rows != shared->scanned_rows)
            return larder_fail(
                error, LARDER_FAILED,
                "the server says that it copied %llu rows of table \"%s.%s\", but %llu arrived",
                (unsigned long long)shared->server_rows, table->schema, table->name,
                (unsigned long long)table->rows);
    }
    return LARDER_OK;
}

enum larder_status export_lanes_run(struct export_lanes *all, struct pg *leader,
                                    struct larder_error *error)
{
    size_t count = (size_t)all->options.lanes, started = 1;
    struct lane *lanes = calloc(count, sizeof(*lanes));

    if (lanes == NULL)
        return larder_fail_memory(error);
    lanes[0] = (struct lane){.all = all, .pg = leader, .is_leader = true};
    for (; started < count; started++) {
        lanes[started].all = all;
        if (pthread_create(&lanes[started].thread, NULL, follow, &lanes[started]) != 0)
            break;
    }
    run_lane(&lanes[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(lanes[i].thread, NULL);
    free(lanes);
    /* Tables without rows have no part to wait with. */
    pthread_mutex_lock(&all->lock);
    while (all->writer == NULL && all->status == LARDER_OK)
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
    if (all->status != LARDER_OK) {
        *error = all->error;
        return all->status;
    }
    return check_counts(all, error);
}
