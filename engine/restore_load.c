#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/pg/copy.h"
#include "engine/pg/session.h"
#include "engine/proof.h"
#include "engine/restore_parts.h"
#include "engine/run/run.h"
#include "formats/part.h"
#include "formats/sql_text.h"
#include "formats/stub_sql.h"

/*
 * Jobs, and what each waits for:
 *
 *   load      some parts of a table; nothing
 *   index     one key or index of a table: until the table is loaded. A key takes the table for itself
 *   last      foreign keys, triggers and the rest, sequences, and the mark: until all of these are done
 *   prove     the table read back: until its indexes are built. Its one weak lock may wait beside "last"
 *   analyze   statistics: until "last" is done, since its locks on a table and its partitions could wait in a circle with it
 *
 * A free lane takes the largest job that waits for nothing.
 */

enum { SPLIT_BYTES = 64 * 1024 * 1024 };

enum job_kind { JOB_LOAD, JOB_INDEX, JOB_LAST, JOB_PROVE, JOB_ANALYZE };

struct job {
    enum job_kind kind;
    size_t table; /* its place among those restored; of JOB_LAST none */
    uint64_t weight;
    bool taken;

    size_t first_part, part_count; /* JOB_LOAD */
    bool freeze;
    const struct schema_block *block; /* JOB_INDEX */
    bool exclusive;
};

/* How many jobs of a table are still to end, and how many run. */
struct table_state {
    size_t loads, indexes;
    int running;
    bool exclusive; /* one that runs has the table for itself */
    uint64_t loaded_rows;
};

struct load {
    struct restore *restore;
    struct schema_block *index_blocks;
    size_t index_block_count;
    struct buffer last; /* SQL */
    int stop_fd;

    pthread_mutex_t lock; /* of what follows, and of the proof */
    pthread_cond_t changed;
    struct job *jobs;
    size_t job_count, before_last; /* before_last: loads and indexes that are still to end */
    bool last_done;
    struct table_state *tables;
    struct larder_progress progress;
    enum larder_status status;
    struct larder_error error;
};

struct lane {
    struct load *load;
    struct pg *pg;
    struct part_reader *reader;
    struct buffer buffer;
    pthread_t thread;
};

static const struct manifest_table *table_of(const struct load *load, const struct job *job)
{
    return load->restore->tables[job->table];
}

static void add_job(struct load *load, struct job job)
{
    load->jobs[load->job_count++] = job;
    if (job.kind == JOB_LOAD)
        load->tables[job.table].loads++;
    if (job.kind == JOB_INDEX)
        load->tables[job.table].indexes++;
    if (job.kind == JOB_LOAD || job.kind == JOB_INDEX)
        load->before_last++;
}

/* A table that is more than one lane's share is loaded by several; then its rows cannot be frozen.
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

        add_job(load, (struct job){.kind = JOB_LOAD,
                                   .table = place,
                                   .weight = table->raw_bytes,
                                   .first_part = i,
                                   .part_count = count,
                                   .freeze = count == table->part_count});
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
        add_job(load, (struct job){.kind = JOB_INDEX,
                                   .table = place,
                                   .weight = r->tables[place]->raw_bytes,
                                   .block = block,
                                   .exclusive = strcmp(block->entry->what, "INDEX") != 0});
    }
}

static enum larder_status plan(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    uint64_t raw_bytes = 0, share;
    size_t most = r->table_count * 3 + 1;

    for (size_t i = 0; i < r->table_count; i++) {
        raw_bytes += r->tables[i]->raw_bytes;
        most += r->tables[i]->part_count;
    }
    load->tables = arena_alloc(r->arena, r->table_count, sizeof(*load->tables));
    load->jobs = arena_alloc(r->arena, most + load->index_block_count, sizeof(*load->jobs));
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    share = raw_bytes / (uint64_t)r->lanes;
    share += share / 5;
    for (size_t i = 0; i < r->table_count; i++)
        add_loads(load, i, share);
    add_indexes(load);
    add_job(load, (struct job){.kind = JOB_LAST, .weight = UINT64_MAX});
    for (size_t i = 0; !r->options->no_verify && i < r->table_count; i++) {
        uint64_t weight = r->tables[i]->raw_bytes;

        if (strcmp(r->tables[i]->kind, "table") == 0)
            add_job(load, (struct job){.kind = JOB_PROVE, .table = i, .weight = weight});
        add_job(load, (struct job){.kind = JOB_ANALYZE, .table = i, .weight = weight});
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
    case JOB_LAST:
        return load->before_last == 0;
    case JOB_ANALYZE:
        return load->last_done;
    default:
        return table->loads == 0 && table->indexes == 0 && !table->exclusive;
    }
}

/* Keys before indexes, since an index can be built beside others; and loads before both, so that no
 * lane waits for rows. */
static bool is_better(const struct job *a, const struct job *b)
{
    if (b == NULL)
        return true;
    if (a->weight != b->weight)
        return a->weight > b->weight;
    return a->exclusive && !b->exclusive;
}

static struct job *next_job(struct load *load)
{
    struct job *best = NULL;

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
        best->taken = true;
        if (best->kind != JOB_LAST) {
            load->tables[best->table].running++;
            load->tables[best->table].exclusive = best->exclusive;
        }
    }
    pthread_mutex_unlock(&load->lock);
    return best;
}

static void end_job(struct load *load, const struct job *job)
{
    struct table_state *table = &load->tables[job->table];

    pthread_mutex_lock(&load->lock);
    if (job->kind != JOB_LAST) {
        table->running--;
        table->exclusive = table->exclusive && !job->exclusive;
    }
    if (job->kind == JOB_LOAD)
        table->loads--;
    if (job->kind == JOB_INDEX)
        table->indexes--;
    if (job->kind == JOB_LOAD || job->kind == JOB_INDEX)
        load->before_last--;
    load->last_done = load->last_done || job->kind == JOB_LAST;
    pthread_cond_broadcast(&load->changed);
    pthread_mutex_unlock(&load->lock);
}

static void stop(struct load *load, enum larder_status status, const struct larder_error *error)
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

static void tell(struct load *load, uint64_t rows, uint64_t bytes)
{
    pthread_mutex_lock(&load->lock);
    load->progress.rows += rows;
    load->progress.bytes += bytes;
    run_progress(load->restore->run, &load->progress);
    pthread_mutex_unlock(&load->lock);
}

static enum larder_status copy_part(struct lane *lane, const struct manifest_table *table,
                                    size_t number, bool freeze, struct larder_error *error)
{
    struct restore *r = lane->load->restore;
    struct part part;
    const uint8_t *bytes;
    size_t length = 1;
    uint64_t rows = 0;
    enum larder_status status =
        archive_reader_part(r->opened.reader, table, number, &lane->buffer, &part, error);

    if (status == LARDER_OK)
        status = part_reader_begin(lane->reader, &part, error);
    if (status == LARDER_OK)
        status = copy_in_begin(lane->pg, table, r->manifest->server_encoding, freeze, error);
    if (status != LARDER_OK)
        return status;
    while (status == LARDER_OK && length > 0) {
        status = part_reader_next(lane->reader, &bytes, &length, error);
        if (status == LARDER_OK && length > 0)
            status = copy_in_push(lane->pg, bytes, length, error);
        if (status == LARDER_OK)
            tell(lane->load, 0, length);
    }
    if (status != LARDER_OK) {
        pg_cancel(lane->pg);
        return status;
    }
    status = copy_in_end(lane->pg, &rows, error);
    if (status == LARDER_OK && rows != part.rows)
        status = larder_fail(error, LARDER_DIFFERENCE,
                             "the server took %llu rows of a part that holds %llu",
                             (unsigned long long)rows, (unsigned long long)part.rows);
    if (status == LARDER_OK)
        tell(lane->load, rows, 0);
    return status;
}

static enum larder_status run_on_table(struct lane *lane, const char *command,
                                       const struct manifest_table *table,
                                       struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    buffer_puts(&sql, command);
    sql_qualified(&sql, table->schema, table->name);
    status = sql.failed ? larder_fail_memory(error) : pg_exec(lane->pg, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

static enum larder_status load_rows(struct lane *lane, const struct job *job,
                                    struct larder_error *error)
{
    const struct manifest_table *table = table_of(lane->load, job);
    /* TRUNCATE, of a table that is empty, is what lets COPY freeze the rows. */
    enum larder_status status =
        job->freeze ? run_on_table(lane, "TRUNCATE TABLE ONLY ", table, error) : LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < job->part_count; i++)
        status = copy_part(lane, table, job->first_part + i, job->freeze, error);
    if (status != LARDER_OK)
        larder_context(error, "could not load table \"%s.%s\"", table->schema, table->name);
    return status;
}

static enum larder_status build_index(struct lane *lane, const struct job *job,
                                      struct larder_error *error)
{
    enum larder_status status = pg_exec(lane->pg, job->block->sql, error);

    return status == LARDER_OK
               ? status
               : larder_context(error, "could not create %s", job->block->entry->text);
}

/* Sequences go on where they were; when this is committed, the restore is complete. */
static enum larder_status do_last(struct lane *lane, struct larder_error *error)
{
    enum larder_status status = pg_exec(lane->pg, buffer_text(&lane->load->last), error);

    return status == LARDER_OK
               ? status
               : larder_context(error, "could not add keys, triggers and what else comes last");
}

static enum larder_status prove(struct lane *lane, const struct job *job,
                                struct larder_error *error)
{
    struct restore *r = lane->load->restore;
    struct fingerprint fingerprint;
    uint64_t rows;
    enum larder_status status = proof_read_table(lane->pg, r->manifest, table_of(lane->load, job),
                                                 &rows, &fingerprint, error);

    if (status != LARDER_OK)
        return status;
    pthread_mutex_lock(&lane->load->lock);
    proof_set_target(&r->proof->tables[job->table], rows, fingerprint);
    pthread_mutex_unlock(&lane->load->lock);
    return LARDER_OK;
}

static enum larder_status analyze(struct lane *lane, const struct job *job,
                                  struct larder_error *error)
{
    return run_on_table(lane, "ANALYZE ", table_of(lane->load, job), error);
}

/* While a lane waits for work its session is idle, and the server may end it (idle_session_timeout). */
static enum larder_status begin(struct lane *lane, struct larder_error *error)
{
    struct load *load = lane->load;
    enum larder_status status = session_begin_write(lane->pg, error);

    if (status != LARDER_FAILED || !pg_is_broken(lane->pg))
        return status;
    pg_close(lane->pg);
    status = pg_connect(&load->restore->options->target, load->restore->run, load->stop_fd,
                        PG_CONNECT_SECONDS, &lane->pg, error);
    return status == LARDER_OK ? session_begin_write(lane->pg, error) : status;
}

static enum larder_status do_job(struct lane *lane, const struct job *job,
                                 struct larder_error *error)
{
    enum larder_status status = begin(lane, error);

    if (status != LARDER_OK)
        return status;
    switch (job->kind) {
    case JOB_LOAD:
        status = load_rows(lane, job, error);
        break;
    case JOB_INDEX:
        status = build_index(lane, job, error);
        break;
    case JOB_LAST:
        status = do_last(lane, error);
        break;
    case JOB_PROVE:
        status = prove(lane, job, error);
        break;
    default:
        status = analyze(lane, job, error);
    }
    if (status == LARDER_OK)
        status = session_commit(lane->pg, error);
    if (status == LARDER_OK && job->kind == JOB_LAST)
        lane->load->restore->complete = true;
    return status;
}

static void *work(void *arg)
{
    struct lane *lane = arg;
    struct load *load = lane->load;
    struct restore *r = load->restore;
    struct larder_error error = {0};
    const struct job *job;
    enum larder_status status;

    lane->reader = part_reader_new();
    status = lane->reader == NULL ? larder_fail_memory(&error)
                                  : pg_connect(&r->options->target, r->run, load->stop_fd,
                                               PG_CONNECT_SECONDS, &lane->pg, &error);
    while (status == LARDER_OK && (job = next_job(load)) != NULL) {
        status = do_job(lane, job, &error);
        if (status == LARDER_OK)
            end_job(load, job);
    }
    if (status != LARDER_OK)
        stop(load, status, &error);
    pg_close(lane->pg);
    part_reader_free(lane->reader);
    buffer_free(&lane->buffer);
    return NULL;
}

static void put_sequence(struct buffer *sql, const struct manifest_sequence *sequence)
{
    struct buffer name = {0};

    sql_qualified(&name, sequence->schema, sequence->name);
    buffer_puts(sql, "SELECT pg_catalog.setval(");
    sql_literal(sql, buffer_text(&name));
    buffer_printf(sql, ", %lld, %s);\n", (long long)sequence->last_value,
                  sequence->is_called ? "true" : "false");
    sql->failed = sql->failed || name.failed;
    buffer_free(&name);
}

static enum larder_status write_last(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    enum larder_status status;

    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++)
            for (size_t k = 0; k < r->to_make_count; k++)
                if (strcmp(r->to_make[k].kind, "table") == 0 &&
                    strcmp(r->to_make[k].schema, r->tables[i]->references[j].schema) == 0 &&
                    strcmp(r->to_make[k].name, r->tables[i]->references[j].name) == 0)
                    stub_sql_fill(&load->last, r->tables[i], &r->tables[i]->references[j]);
    status = schema_sql(&r->schema, SCHEMA_LAST, r->run, -1, &load->last, error);
    for (size_t i = 0; i < r->manifest->sequence_count; i++)
        if (schema_has(&r->schema, r->manifest->sequences[i].oid))
            put_sequence(&load->last, &r->manifest->sequences[i]);
    buffer_puts(&load->last, "DROP SCHEMA " RESTORE_MARK " CASCADE;\n");
    if (status == LARDER_OK && load->last.failed)
        status = larder_fail_memory(error);
    return status;
}

static enum larder_status run_lanes(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    int started = 1;
    struct lane *lanes = calloc((size_t)r->lanes + 1, sizeof(*lanes));

    if (lanes == NULL)
        return larder_fail_memory(error);
    lanes[0].load = load;
    for (int i = 1; i < r->lanes; i++)
        lanes[i].load = load;
    while (started < r->lanes &&
           pthread_create(&lanes[started].thread, NULL, work, &lanes[started]) == 0)
        started++;
    work(&lanes[0]);
    for (int i = 1; i < started; i++)
        pthread_join(lanes[i].thread, NULL);
    free(lanes);
    if (load->status != LARDER_OK)
        *error = load->error;
    return load->status;
}

enum larder_status restore_load(struct restore *r, struct larder_error *error)
{
    struct load load = {.restore = r, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    enum larder_status status;

    pthread_mutex_init(&load.lock, NULL);
    pthread_cond_init(&load.changed, NULL);
    status = schema_blocks(&r->schema, SCHEMA_INDEX, r->run, -1, r->arena, &load.index_blocks,
                           &load.index_block_count, error);
    if (status == LARDER_OK)
        status = write_last(&load, error);
    if (status == LARDER_OK)
        status = plan(&load, error);
    if (status == LARDER_OK)
        status = run_lanes(&load, error);
    pthread_mutex_destroy(&load.lock);
    pthread_cond_destroy(&load.changed);
    close(load.stop_fd);
    buffer_free(&load.last);
    return status;
}
