#include <string.h>
#include <unistd.h>

#include "engine/restore/load.h"
#include "engine/run/run.h"

enum { SPLIT_BYTES = 64 * 1024 * 1024, SMALL_BYTES = 64 * 1024 };

const struct manifest_table *load_table(const struct load *load, const struct job *job)
{
    return load->restore->tables[job->table];
}

bool load_is_of_table(const struct job *job)
{
    return job->kind != JOB_KEYS && job->kind != JOB_LAST;
}

static void add_job(struct load *load, struct job job)
{
    job.small = load_is_of_table(&job) && load->tables[job.table].small;
    load->jobs[load->job_count++] = job;
    if (job.kind == JOB_LOAD)
        load->tables[job.table].loads++;
    if (job.kind == JOB_INDEX)
        load->tables[job.table].indexes++;
    if (job.kind == JOB_INDEX && job.exclusive)
        load->tables[job.table].keys++;
    load->before_keys += job.kind == JOB_LOAD || job.kind == JOB_INDEX ? 1 : 0;
    load->before_last += job.kind < JOB_LAST ? 1 : 0;
}

/*
 * A table that is more than one lane's share is loaded by several; then its rows cannot be frozen. Those of a small one are not: the
 * TRUNCATE for it makes the server write an empty TOAST index anew, and wait for the disk.
 */
static void add_loads(struct load *load, size_t place, uint64_t share)
{
    const struct manifest_table *table = load->restore->tables[place];
    size_t step = table->part_count;

    if (load->restore->lanes > 1 && table->raw_bytes > share && table->raw_bytes > SPLIT_BYTES) {
        step = (size_t)(SPLIT_BYTES * (uint64_t)table->part_count / table->raw_bytes);
        step = step == 0 ? 1 : step;
    }
    for (size_t i = 0; i < table->part_count; i += step) {
        size_t count = table->part_count - i < step ? table->part_count - i : step;

        add_job(load,
                (struct job){.kind = JOB_LOAD,
                             .table = place,
                             .weight = table->raw_bytes,
                             .first_part = i,
                             .part_count = count,
                             .freeze = count == table->part_count && !load->tables[place].small});
    }
}

static void add_indexes(struct load *load)
{
    struct restore *r = load->restore;

    for (size_t i = 0; i < load->index_block_count; i++) {
        struct schema_block *block = &load->index_blocks[i];
        uint32_t oid = schema_table_of(&r->schema, block->entry);
        size_t place = 0;

        while (place < r->table_count && r->tables[place]->oid != oid)
            place++;
        /* One that is of no table that is loaded (it stands on a stand-in, say) may be built at
         * once. */
        if (place == r->table_count)
            place = 0;
        /* To name a replica identity takes the table for itself, too. */
        add_job(load, (struct job){.kind = JOB_INDEX,
                                   .table = place,
                                   .weight = r->tables[place]->raw_bytes,
                                   .block = block,
                                   .exclusive = strcmp(block->entry->what, "INDEX") != 0 ||
                                                strstr(block->sql, "REPLICA IDENTITY") != NULL});
    }
}

/* Those of a table whose rows and keys, which come one after the other, are no more than a lane's share of all there is to do. */
static void find_alone(struct load *load)
{
    struct restore *r = load->restore;
    uint64_t work = 0;

    for (size_t i = 0; i < r->table_count; i++)
        work += r->tables[i]->raw_bytes * (1 + load->tables[i].indexes);
    for (size_t i = 0; r->lanes > 1 && i < load->job_count; i++) {
        struct job *job = &load->jobs[i];

        job->alone = job->kind == JOB_INDEX && !job->small &&
                     job->weight * (1 + load->tables[job->table].keys) <= work / (uint64_t)r->lanes;
    }
}

static void add_end(struct load *load)
{
    struct restore *r = load->restore;

    if (load->keys.length > 0)
        add_job(load, (struct job){.kind = JOB_KEYS, .weight = UINT64_MAX});
    for (size_t i = 0; i < r->table_count; i++)
        if (load->tables[i].validate.length > 0)
            add_job(load, (struct job){
                              .kind = JOB_VALIDATE, .table = i, .weight = r->tables[i]->raw_bytes});
    add_job(load, (struct job){.kind = JOB_LAST, .weight = UINT64_MAX});
}

/* What is in no tree may be small; and with whose statistics those of a partition are taken: the root's, which takes them of all. */
static enum larder_status find_trees(struct load *load, struct larder_error *error)
{
    enum { DEEP = 1000 }; /* parents of a manifest may run in a circle */
    struct restore *r = load->restore;
    const struct manifest_table *all = r->manifest->tables;
    const size_t *parents = manifest_parents(r->manifest, r->arena);
    size_t *places = arena_alloc(r->arena, r->manifest->table_count, sizeof(*places)); /* from 1 */

    if (parents == NULL || places == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++) {
        places[r->tables[i] - all] = i + 1;
        load->tables[i].small = r->tables[i]->raw_bytes <= SMALL_BYTES &&
                                r->tables[i]->parent_name == NULL &&
                                manifest_has_rows(r->tables[i]);
    }
    for (size_t i = 0; i < r->table_count; i++) {
        size_t at = (size_t)(r->tables[i] - all), root = i;

        if (parents[at] != at && places[parents[at]] != 0)
            load->tables[places[parents[at]] - 1].small = false;
        for (int steps = 0; steps < DEEP && parents[at] != at; steps++) {
            at = parents[at];
            if (places[at] == 0 || manifest_has_rows(&all[at]))
                break;
            root = places[at] - 1;
        }
        load->tables[root].tree_bytes += r->tables[i]->raw_bytes;
        load->tables[i].root = root;
    }
    return LARDER_OK;
}

enum larder_status load_plan(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    uint64_t raw_bytes = 0, share;
    size_t most = r->table_count * 4 + 2;

    for (size_t i = 0; i < r->table_count; i++) {
        raw_bytes += r->tables[i]->raw_bytes;
        most += r->tables[i]->part_count;
    }
    load->jobs = arena_alloc(r->arena, most + load->index_block_count, sizeof(*load->jobs));
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    share = raw_bytes / (uint64_t)r->lanes;
    share += share / 5;
    if (find_trees(load, error) != LARDER_OK)
        return LARDER_FAILED;
    for (size_t i = 0; i < r->table_count; i++)
        add_loads(load, i, share);
    add_indexes(load);
    find_alone(load);
    add_end(load);
    for (size_t i = 0; !r->options->no_verify && i < r->table_count; i++) {
        uint64_t weight = r->tables[i]->raw_bytes;

        if (manifest_has_rows(r->tables[i]))
            add_job(load, (struct job){.kind = JOB_PROVE,
                                       .table = i,
                                       .weight = weight,
                                       .late = weight <= raw_bytes / (uint64_t)r->lanes});
        if (load->tables[i].root == i)
            add_job(load, (struct job){.kind = JOB_ANALYZE,
                                       .table = i,
                                       .weight = load->tables[i].tree_bytes});
    }
    load->progress = (struct larder_progress){.phase = "load", .bytes_total = raw_bytes};
    return LARDER_OK;
}

static bool is_ready(const struct load *load, const struct job *job)
{
    const struct table_state *table = &load->tables[job->table];

    switch (job->kind) {
    case JOB_LOAD:
        return true;
    case JOB_INDEX:
        return table->loads == 0 && !table->exclusive && (!job->exclusive || table->running == 0);
    case JOB_KEYS:
        return load->before_keys == 0;
    case JOB_VALIDATE:
        return load->keys_done;
    case JOB_LAST:
        return load->before_last == 0;
    case JOB_ANALYZE:
        return load->last_done;
    default:
        if (job->small || load->changes_others)
            return load->last_done;
        return table->loads == 0 && table->keys == 0;
    }
}

/* Keys before indexes, since an index can be built beside others; and loads before both, so that no lane waits for rows. */
static bool is_better(const struct job *a, const struct job *b)
{
    if (b == NULL)
        return true;
    if (a->late != b->late)
        return b->late;
    if (a->weight != b->weight)
        return a->weight > b->weight;
    return a->exclusive && !b->exclusive;
}

static void take(struct load *load, struct job *job)
{
    job->taken = true;
    if (!load_is_of_table(job))
        return;
    load->tables[job->table].running++;
    load->tables[job->table].exclusive = job->exclusive;
}

/* Adds small jobs of the first one's kind. */
static size_t take_more(struct load *load, struct job *jobs[LOAD_AT_ONCE])
{
    size_t count = 1;

    for (size_t i = 0; jobs[0]->small && i < load->job_count && count < LOAD_AT_ONCE; i++) {
        struct job *job = &load->jobs[i];

        if (job->taken || !job->small || job->kind != jobs[0]->kind || !is_ready(load, job))
            continue;
        take(load, job);
        jobs[count++] = job;
    }
    return count;
}

size_t load_next(struct load *load, size_t lane, struct job *jobs[LOAD_AT_ONCE])
{
    struct job *best = NULL;
    size_t count = 0;
    double now;

    pthread_mutex_lock(&load->lock);
    for (;;) {
        bool any = false;

        best = NULL;
        for (size_t i = 0; load->status == LARDER_OK && i < load->job_count; i++) {
            struct job *job = &load->jobs[i];

            any = any || !job->taken;
            if (!job->taken && is_ready(load, job) && is_better(job, best))
                best = job;
        }
        if (best != NULL || !any)
            break;
        pthread_cond_wait(&load->changed, &load->lock);
    }
    if (best != NULL) {
        take(load, best);
        jobs[0] = best;
        count = take_more(load, jobs);
    }
    now = run_clock() - load->begin;
    for (size_t i = 0; i < count; i++) {
        jobs[i]->lane = lane;
        jobs[i]->began = now;
    }
    pthread_mutex_unlock(&load->lock);
    return count;
}

void load_end(struct load *load, struct job *job)
{
    struct table_state *table = &load->tables[job->table];

    pthread_mutex_lock(&load->lock);
    job->ended = run_clock() - load->begin;
    if (load_is_of_table(job)) {
        table->running--;
        table->exclusive = table->exclusive && !job->exclusive;
    }
    if (job->kind == JOB_LOAD)
        table->loads--;
    if (job->kind == JOB_INDEX)
        table->indexes--;
    if (job->kind == JOB_INDEX && job->exclusive)
        table->keys--;
    load->before_keys -= job->kind == JOB_LOAD || job->kind == JOB_INDEX ? 1 : 0;
    load->before_last -= job->kind < JOB_LAST ? 1 : 0;
    load->keys_done = load->keys_done || job->kind == JOB_KEYS;
    load->last_done = load->last_done || job->kind == JOB_LAST;
    pthread_cond_broadcast(&load->changed);
    pthread_mutex_unlock(&load->lock);
}

void load_stop(struct load *load, enum larder_status status, const struct larder_error *error)
{
    uint64_t one = 1;

    pthread_mutex_lock(&load->lock);
    if (load->status == LARDER_OK) {
        load->status = status;
        load->error = *error;
    }
    pthread_cond_broadcast(&load->changed);
    pthread_mutex_unlock(&load->lock);
    if (write(load->stop_fd, &one, sizeof(one)) < 0)
        return; /* it was readable before */
}

struct larder_lane *load_show_lane(struct load *load)
{
    struct larder_lane *lane = NULL;

    pthread_mutex_lock(&load->lock);
    load->progress.lanes = load->lanes;
    if (load->progress.lane_count < LARDER_LANES_MAX)
        lane = &load->lanes[load->progress.lane_count++];
    pthread_mutex_unlock(&load->lock);
    return lane;
}

void load_show_table(struct load *load, struct larder_lane *lane,
                     const struct manifest_table *table)
{
    if (lane == NULL)
        return;
    pthread_mutex_lock(&load->lock);
    if (table == NULL)
        *lane = (struct larder_lane){0};
    else if (lane->table != table->name)
        *lane = (struct larder_lane){.schema = table->schema, .table = table->name};
    pthread_mutex_unlock(&load->lock);
}

void load_tell(struct load *load, struct larder_lane *lane, uint64_t rows, uint64_t bytes)
{
    pthread_mutex_lock(&load->lock);
    if (lane != NULL) {
        lane->rows += rows;
        lane->bytes += bytes;
    }
    load->progress.rows += rows;
    load->progress.bytes += bytes;
    run_progress(load->restore->run, &load->progress);
    pthread_mutex_unlock(&load->lock);
}
