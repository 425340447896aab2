#include "engine/export/lanes_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/pg/snapshot.h"
#include "engine/run/crew.h"
#include "engine/run/run.h"
#include "formats/sha256.h"

enum {
    RANGE_BYTES = 32 * 1024 * 1024, /* of heap and TOAST that are read at a time, at most */
    SMALLEST_RANGES = 16,           /* in a range of RANGE_BYTES */
    SMALL_BYTES = 1024 * 1024,      /* of a table that may be read along with others */
    LEAST_BYTES = 256 * 1024,       /* of such tables that are not worth being shared out */
    LANE_CONNECT_SECONDS = 10,
    HEAD_START_MS = 20,
    /* With fewer, what two digests side by side save is more than the wait at the archive, by estimate. */
    DIGESTING_LANES = 4,
    /* With fewer, one that reads all of a table is not slower: a range costs the server twice as much. */
    SPLITTING_LANES = 4,
};

struct manifest_table *export_lanes_table(const struct export_lanes *all,
                                          const struct shared_table *table)
{
    return &all->manifest->tables[table - all->tables];
}

bool export_lanes_stop(struct export_lanes *all, enum larder_status status,
                       const struct larder_error *error)
{
    bool first;

    pthread_mutex_lock(&all->lock);
    first = all->status == LARDER_OK;
    if (first) {
        all->status = status;
        all->error = *error;
    }
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    eventfd_write(all->stop_fd, 1); /* where that fails, it is readable already */
    return first;
}

/* Under the lock. A lane goes on while the schema is on its way, as far as memory allows. */
static enum larder_status keep_part(struct export_lanes *all, struct shared_table *table,
                                    const struct part *part, struct larder_error *error)
{
    struct waiting_part *kept = malloc(sizeof(*kept) + part->length);

    if (kept == NULL)
        return larder_fail_memory(error);
    *kept = (struct waiting_part){.table = table, .part = *part};
    memcpy(kept->bytes, part->bytes, part->length);
    kept->part.bytes = kept->bytes;
    *all->last_waiting = kept;
    all->last_waiting = &kept->next;
    all->waiting_bytes += part->length;
    return LARDER_OK;
}

static bool may_keep(const struct export_lanes *all, const struct part *part)
{
    return all->waiting_bytes + part->length <= WAITING_BYTES;
}

static void drop_waiting(struct export_lanes *all)
{
    struct waiting_part *kept = all->waiting;

    all->waiting = kept->next;
    if (all->waiting == NULL)
        all->last_waiting = &all->waiting;
    free(kept);
}

enum larder_status export_lanes_open(struct export_lanes *all, struct archive_writer *writer,
                                     struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    pthread_mutex_lock(&all->lock);
    for (; status == LARDER_OK && all->waiting != NULL; drop_waiting(all))
        status = archive_writer_part(writer, export_lanes_table(all, all->waiting->table),
                                     &all->waiting->part, error);
    all->writer = status == LARDER_OK ? writer : NULL;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    return status;
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

/* Of a table that has pages. */
static uint64_t bytes_left(const struct export_lanes *all, const struct shared_table *table)
{
    return all->extra[table - all->tables].bytes / table->pages * (table->pages - table->taken);
}

/*
 * A table that is no more than a lane's share of what is left is read whole: then the server goes through it with a small ring of
 * buffers, where a range of it would push the application's pages out of its cache.
 */
static bool is_one_share(const struct export_lanes *all, const struct shared_table *table)
{
    uint64_t bytes = all->extra[table - all->tables].bytes;

    return table->whole || (table->taken == 0 && (all->lane_count < SPLITTING_LANES ||
                                                  bytes <= all->bytes / (uint64_t)all->lane_count));
}

/*
 * The next range of a table, of about RANGE_BYTES; towards the table's end smaller ones, so that the lanes end together.
 */
static struct copy_rows next_range(const struct export_lanes *all, const struct shared_table *table)
{
    const struct catalog_table *extra = &all->extra[table - all->tables];
    struct copy_rows range = {.table = export_lanes_table(all, table), .begin = table->taken};
    uint64_t left = table->pages - table->taken;
    uint64_t most = RANGE_BYTES / (extra->bytes / table->pages + 1) + 1;
    uint64_t least = most / SMALLEST_RANGES + 1;
    uint64_t step = left / (2 * (uint64_t)all->lane_count);

    if (is_one_share(all, table))
        return (struct copy_rows){.table = range.table, .query = extra->query};
    step = step > most ? most : step < least ? least : step;
    /* The last has no end: the table may have grown since, though not for our snapshot. */
    if (step < left)
        range.end = range.begin + (uint32_t)step;
    return range;
}

enum larder_status export_lanes_new(const struct export_lanes_options *options,
                                    struct manifest *manifest, struct export_lanes **lanes,
                                    struct larder_error *error)
{
    struct export_lanes *all = calloc(1, sizeof(*all));

    *lanes = NULL;
    if (all == NULL)
        return larder_fail_memory(error);
    all->options = *options;
    all->manifest = manifest;
    all->processors = crew_processors();
    all->progress.phase = "export";
    all->last_waiting = &all->waiting;
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->changed, NULL);
    all->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (all->stop_fd < 0) {
        export_lanes_free(all);
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not prepare the lanes");
    }
    *lanes = all;
    return LARDER_OK;
}

enum larder_status export_lanes_plan(struct export_lanes *all, const struct catalog_table *extra,
                                     struct larder_error *error)
{
    const struct manifest *manifest = all->manifest;
    size_t count = manifest_stored(manifest);

    all->extra = extra;
    all->tables = calloc(count + 1, sizeof(*all->tables));
    all->order = calloc(count + 1, sizeof(*all->order));
    if (all->tables == NULL || all->order == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        all->order[i] = i;
        all->tables[i].pages = !extra[i].has_rows   ? 0
                               : extra[i].pages > 0 ? (uint32_t)extra[i].pages
                                                    : 1;
        all->tables[i].whole = all->options.whole_tables || extra[i].pages < 2;
        /* The others lock no more than the one table that they read. */
        all->tables[i].leader_only = i >= manifest->table_count;
        if (extra[i].estimated_rows > 0)
            all->progress.rows_total += (uint64_t)extra[i].estimated_rows;
        all->progress.bytes_total += extra[i].bytes;
        if (all->tables[i].pages > 0)
            all->bytes += bytes_left(all, &all->tables[i]);
    }
    qsort_r(all->order, count, sizeof(*all->order), by_size, (void *)(uintptr_t)extra);
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
    while (all->waiting != NULL)
        drop_waiting(all);
    free(all->tables);
    free(all->order);
    free(all);
}

static enum larder_status stopped(struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED, "stopped");
}

enum larder_status export_lanes_give(struct export_lanes *all, struct shared_table *table,
                                     const struct part *part, struct larder_error *error)
{
    enum larder_status status;

    pthread_mutex_lock(&all->lock);
    while (all->writer == NULL && all->status == LARDER_OK && !may_keep(all, part))
        pthread_cond_wait(&all->changed, &all->lock);
    if (all->status != LARDER_OK)
        status = stopped(error);
    else if (all->writer == NULL)
        status = keep_part(all, table, part, error);
    else
        status = archive_writer_part(all->writer, export_lanes_table(all, table), part, error);
    if (status != LARDER_OK)
        all->writer = NULL; /* nothing follows, until the others know */
    pthread_mutex_unlock(&all->lock);
    return status;
}

static bool may_read(const struct shared_table *table, bool is_leader)
{
    return table->taken < table->pages && (is_leader || !table->leader_only);
}

/* The next table that the lane may work on: its present one first, so that parts fill, then the
 * largest. */
static struct shared_table *choose(const struct export_lanes *all, struct shared_table *present,
                                   bool is_leader)
{
    if (present != NULL && may_read(present, is_leader))
        return present;
    for (size_t i = 0; i < manifest_stored(all->manifest); i++)
        if (may_read(&all->tables[all->order[i]], is_leader))
            return &all->tables[all->order[i]];
    return NULL;
}

static void set_taken(struct export_lanes *all, struct shared_table *table, uint32_t pages)
{
    all->bytes -= bytes_left(all, table);
    table->taken = pages;
    all->bytes += bytes_left(all, table);
}

static void add(const struct export_lanes *all, struct shared_table *table, struct share *share)
{
    share->tables[share->count] = table;
    share->rows[share->count++] = (struct copy_rows){
        .table = export_lanes_table(all, table), .query = all->extra[table - all->tables].query};
}

/*
 * Under the lock. As many small tables as are worth a turn to the server, which may be far away: half of a lane's part of what is left, so that the
 * lanes end together.
 */
static void take_small(struct export_lanes *all, bool is_leader, struct share *share)
{
    uint64_t bytes = 0, most = all->bytes / (2 * (uint64_t)all->lane_count);

    share->taken = true;
    for (size_t i = 0; i < manifest_stored(all->manifest) && share->count < SHARE_TABLES; i++) {
        struct shared_table *table = &all->tables[all->order[i]];

        if (!may_read(table, is_leader))
            continue;
        bytes += all->extra[table - all->tables].bytes;
        if (share->count > 0 && bytes > most && bytes > LEAST_BYTES)
            break;
        add(all, table, share);
        set_taken(all, table, table->pages);
    }
}

bool export_lanes_next(struct export_lanes *all, struct shared_table *present, bool is_leader,
                       struct share *share)
{
    struct shared_table *table = NULL;

    share->count = 0;
    share->taken = false;
    pthread_mutex_lock(&all->lock);
    while (all->status == LARDER_OK) {
        table = choose(all, present, is_leader);
        /* What another lane is refused is left to the leader, who therefore waits. */
        if (table != NULL || !is_leader || all->locking == 0)
            break;
        pthread_cond_wait(&all->changed, &all->lock);
    }
    if (table != NULL && !is_leader && table != present)
        all->locking++;
    if (table != NULL && table->taken == 0 && all->extra[table - all->tables].bytes <= SMALL_BYTES)
        take_small(all, is_leader, share);
    else if (table != NULL)
        add(all, table, share);
    pthread_mutex_unlock(&all->lock);
    return table != NULL;
}

bool export_lanes_take(struct export_lanes *all, struct share *share)
{
    struct shared_table *table = share->tables[0];
    bool left;

    pthread_mutex_lock(&all->lock);
    left = table->taken < table->pages;
    if (left) {
        share->rows[0] = next_range(all, table);
        set_taken(all, table, share->rows[0].end != 0 ? share->rows[0].end : table->pages);
    }
    pthread_mutex_unlock(&all->lock);
    return left;
}

void export_lanes_end_locking(struct export_lanes *all, const struct share *share, bool refused)
{
    pthread_mutex_lock(&all->lock);
    all->locking--;
    for (size_t i = 0; refused && i < share->count; i++) {
        share->tables[i]->leader_only = true;
        if (share->taken)
            set_taken(all, share->tables[i], 0);
    }
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

/* Whether there is anything left to read once the leader has had the time that it takes to connect. */
static bool is_needed(struct export_lanes *all)
{
    struct pollfd stop = {.fd = all->stop_fd, .events = POLLIN};
    bool left = false;

    if (poll(&stop, 1, HEAD_START_MS) == 0) {
        pthread_mutex_lock(&all->lock);
        left = choose(all, NULL, false) != NULL;
        pthread_mutex_unlock(&all->lock);
    }
    return left;
}

/* A lane beside the leader. Without a connection, or the snapshot, the others do its work. */
static void connect_and_run(struct export_lanes *all)
{
    struct pg *pg = NULL;
    struct larder_error error = {0};
    enum larder_status status = pg_connect(all->options.source, all->options.run, all->stop_fd,
                                           LANE_CONNECT_SECONDS, &pg, &error);

    /* A range of a table is read by a planned query, which locks the indexes, too, and would wait behind a REINDEX. */
    if (status == LARDER_OK) {
        pg_limit_waits(pg, all->options.lock_timeout);
        status = snapshot_follow(pg, all->manifest->snapshot, &error);
    }
    if (status == LARDER_OK) {
        export_lane_run(all, pg, false);
    } else {
        pthread_mutex_lock(&all->lock);
        if (all->status == LARDER_OK && run_check(all->options.run, NULL) == LARDER_OK)
            run_message(all->options.run, LARDER_WARNING, "going on with one lane fewer: %s",
                        error.message);
        pthread_mutex_unlock(&all->lock);
    }
    pg_close(pg);
}

static void *follow(void *arg)
{
    struct export_lanes *all = arg;

    if (is_needed(all))
        connect_and_run(all);
    all->working--;
    return NULL;
}

/* The scanners' counts must be the server's. */
static enum larder_status check_counts(const struct export_lanes *all, struct larder_error *error)
{
    for (size_t i = 0; i < manifest_stored(all->manifest); i++) {
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

/*
 * Once the leader has nothing left to read, no lane waits for a lock any more, and with the schema written pg_dump needs none. Its locks have kept all
 * tables as they are until the others had their own where it is still there: of one that is emptied in between the snapshot sees no row.
 */
static void prove_leader(struct export_lanes *all, struct pg *leader)
{
    struct larder_error error = {0};
    enum larder_status status;

    /* Tables without rows have no part to wait with, either. */
    pthread_mutex_lock(&all->lock);
    while (all->writer == NULL && all->status == LARDER_OK)
        pthread_cond_wait(&all->changed, &all->lock);
    status = all->status;
    pthread_mutex_unlock(&all->lock);
    if (status != LARDER_OK)
        return;
    status = pg_exec(leader, "SELECT", &error);
    if (status != LARDER_OK) {
        larder_context(&error, "could not keep the snapshot");
        export_lanes_stop(all, status, &error);
    }
}

enum larder_status export_lanes_run(struct export_lanes *all, int lanes, struct pg *leader,
                                    struct larder_error *error)
{
    int started = 1;
    pthread_t *threads = calloc((size_t)lanes, sizeof(*threads));

    if (threads == NULL)
        return larder_fail_memory(error);
    all->lane_count = lanes;
    all->lanes_take_digests = lanes >= DIGESTING_LANES || !sha256_beside_is_faster();
    all->working = lanes;
    while (started < lanes && pthread_create(&threads[started], NULL, follow, all) == 0)
        started++;
    all->working -= lanes - started;
    export_lane_run(all, leader, true);
    all->working--;
    prove_leader(all, leader);
    for (int i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    if (all->status != LARDER_OK) {
        *error = all->error;
        return all->status;
    }
    return check_counts(all, error);
}
