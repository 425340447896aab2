#include <string.h>

#include "engine/pg/session.h"
#include "engine/proof.h"
#include "engine/restore/additions.h"
#include "engine/restore/copy.h"
#include "engine/restore/existing.h"
#include "engine/restore/load.h"
#include "engine/restore/references.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

enum { DEADLOCKS = 10 };
#define FOREIGN_KEY_VIOLATION "23503"

static const char deadlock[] = "40P01";

struct lane {
    struct load *load;
    struct pg *pg;
    struct part_copy copy;
    struct larder_lane *shown; /* in the progress */
};

static void tell(void *of, uint64_t rows, uint64_t bytes)
{
    struct lane *lane = of;

    load_tell(lane->load, lane->shown, rows, bytes);
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

/* Partitions by hash of an enum, whose values hash as their OIDs, which are others in each database. */
static bool is_of_other_partition(const struct larder_error *error)
{
    return strstr(error->message, "violates partition constraint") != NULL;
}

/* Where the rows are what the server finds fault with, or a function that looks at them: classes of SQLSTATE. */
static void hint_at_the_rest(const struct lane *lane, const struct manifest_table *table,
                             struct larder_error *error)
{
    static const char classes[] = "22 23 42 P0";
    char class[3] = "";
    struct buffer name = {0};

    strncat(class, pg_sqlstate(lane->pg), 2);
    if (class[0] == '\0' || strstr(classes, class) == NULL || error->hint[0] != '\0' ||
        lane->load->restore->options->table_count > 0)
        return;
    sql_qualified(&name, table->schema, table->name);
    if (is_of_other_partition(error))
        larder_hint(error,
                    "Rows that are divided by the hash of an enum belong to other partitions "
                    "here. --into-schema loads them into plain tables, from where INSERT "
                    "INTO ... SELECT takes them to where they belong.");
    else
        larder_hint(error, "`larder restore` with -t '*.*' -t '!%s' leaves this table out.",
                    buffer_text(&name));
    buffer_free(&name);
}

/*
 * TRUNCATE is what lets COPY freeze the rows. A table that somebody has written into since it was made keeps what he wrote, which
 * the proof then finds.
 */
static enum larder_status empty_to_freeze(struct lane *lane, const struct manifest_table *table,
                                          bool *freeze, struct larder_error *error)
{
    struct buffer sql = {0};
    PGresult *rows = NULL;
    enum larder_status status;

    buffer_puts(&sql, "LOCK TABLE ONLY ");
    sql_qualified(&sql, table->schema, table->name);
    buffer_puts(&sql, "; SELECT FROM ONLY ");
    sql_qualified(&sql, table->schema, table->name);
    buffer_puts(&sql, " LIMIT 1");
    status = sql.failed ? larder_fail_memory(error)
                        : pg_script(lane->pg, buffer_text(&sql), &rows, error);
    *freeze = status == LARDER_OK && PQntuples(rows) == 0;
    if (*freeze)
        status = run_on_table(lane, "TRUNCATE TABLE ONLY ", table, error);
    PQclear(rows);
    buffer_free(&sql);
    return status;
}

static enum larder_status load_rows(struct lane *lane, const struct job *job,
                                    struct larder_error *error)
{
    const struct manifest_table *table = load_table(lane->load, job);
    bool freeze = false;
    enum larder_status status =
        job->freeze ? empty_to_freeze(lane, table, &freeze, error) : LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < job->part_count; i++)
        status =
            part_copy_run(&lane->copy, lane->pg, table, table, job->first_part + i, freeze, error);
    if (status == LARDER_OK)
        return status;
    hint_at_the_rest(lane, table, error);
    return larder_context(error, "could not load table \"%s.%s\"", table->schema, table->name);
}

static enum larder_status build_index(struct lane *lane, const struct job *job,
                                      struct larder_error *error)
{
    enum larder_status status =
        job->alone ? pg_exec(lane->pg, "SET LOCAL max_parallel_maintenance_workers = 0", error)
                   : LARDER_OK;

    if (status == LARDER_OK)
        status = pg_exec(lane->pg, job->block->sql, error);
    return status == LARDER_OK
               ? status
               : larder_context(error, "could not create %s", job->block->entry->text);
}

static enum larder_status fail_keys(const struct lane *lane, enum larder_status status,
                                    struct larder_error *error)
{
    const struct larder_restore_options *o = lane->load->restore->options;
    bool may_come_back =
        lane->load->restore->present_count > 0 && o->existing == LARDER_EXISTING_ERROR;

    if (strcmp(pg_sqlstate(lane->pg), FOREIGN_KEY_VIOLATION) == 0 &&
        o->externals != LARDER_EXTERNALS_STUB)
        larder_hint(
            error,
            "%s--externals stub adds the keys that are missing, as rows of nothing else, to "
            "the table that is referred to.",
            may_come_back ? "-t and --existing missing bring the rows back of a table that "
                            "the archive holds, too; "
                          : "");
    return status;
}

static enum larder_status add_keys(struct lane *lane, struct larder_error *error)
{
    enum larder_status status = pg_exec(lane->pg, buffer_text(&lane->load->keys), error);

    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not add foreign keys");
}

static enum larder_status validate_keys(struct lane *lane, const struct job *job,
                                        struct larder_error *error)
{
    const struct manifest_table *table = load_table(lane->load, job);
    struct buffer *sql = &lane->load->tables[job->table].validate;
    enum larder_status status = pg_exec(lane->pg, buffer_text(sql), error);

    if (status == LARDER_OK)
        return LARDER_OK;
    larder_context(error, "could not validate the foreign keys of table \"%s.%s\"", table->schema,
                   table->name);
    return fail_keys(lane, status, error);
}

/* Sequences go on where they were; when this is committed, the restore is complete. */
static enum larder_status do_last(struct lane *lane, struct larder_error *error)
{
    struct restore *r = lane->load->restore;
    /* Before keys are added that refer to the rows which this brings. */
    enum larder_status status = r->merge_count > 0 ? existing_merge(r, lane->pg, error)
                                                   : references_add(r, lane->pg, NULL, error);

    if (status != LARDER_OK)
        return status;
    pg_show_notices(lane->pg); /* which tell of rows that were added elsewhere */
    status = pg_exec(lane->pg, buffer_text(&lane->load->last), error);
    if (status != LARDER_OK) {
        larder_context(error, "could not add keys, triggers and what else comes last");
        return fail_keys(lane, status, error);
    }
    status = restore_move_on(r, lane->pg, error);
    if (status != LARDER_OK)
        return status;
    /* No other lane adds findings, or uses the arena. */
    if (r->options->whole_schema)
        status = restore_rest(r, lane->pg, error);
    if (status == LARDER_OK)
        status = additions_make(r, lane->pg, error);
    return status == LARDER_OK ? pg_exec(lane->pg, "DROP SCHEMA " RESTORE_MARK " CASCADE", error)
                               : status;
}

static enum larder_status prove(struct lane *lane, const struct job *job,
                                struct larder_error *error)
{
    struct restore *r = lane->load->restore;
    struct fingerprint fingerprint;
    uint64_t rows;
    enum larder_status status = proof_read_table(lane->pg, r->manifest, load_table(lane->load, job),
                                                 &rows, &fingerprint, error);

    if (status != LARDER_OK)
        return status;
    pthread_mutex_lock(&lane->load->lock);
    proof_set_target(&r->proof->tables[job->table], rows, fingerprint);
    pthread_mutex_unlock(&lane->load->lock);
    return LARDER_OK;
}

/* The server cannot take statistics of every value: a range of numerics that no double precision holds. The rows are there. */
static enum larder_status analyze_table(struct lane *lane, size_t place, bool *done,
                                        struct larder_error *error)
{
    const struct manifest_table *table = lane->load->restore->tables[place];
    struct larder_error why = {0};
    struct buffer sql = {0};
    enum larder_status status;

    buffer_puts(&sql, "ANALYZE ");
    sql_qualified(&sql, table->schema, table->name);
    status = sql.failed ? larder_fail_memory(error)
                        : session_try(lane->pg, buffer_text(&sql), done, &why, error);
    buffer_free(&sql);
    if (status == LARDER_OK && !*done) {
        pthread_mutex_lock(&lane->load->lock);
        run_message(lane->load->restore->run, LARDER_WARNING,
                    "table \"%s.%s\" has no statistics: %.200s", table->schema, table->name,
                    why.message);
        pthread_mutex_unlock(&lane->load->lock);
    }
    return status;
}

/* With its partitions, or, where it has some for which that fails, without those. */
static enum larder_status analyze(struct lane *lane, size_t place, struct larder_error *error)
{
    const struct load *load = lane->load;
    bool done = false, other_done;
    enum larder_status status = analyze_table(lane, place, &done, error);

    for (size_t i = 0; status == LARDER_OK && !done && i < load->restore->table_count; i++)
        if (i != place && load->tables[i].root == place)
            status = analyze_table(lane, i, &other_done, error);
    return status;
}

/* While a lane waits for work its session is idle, and the server may end it (idle_session_timeout). */
static enum larder_status begin_once(struct lane *lane, enum job_kind kind,
                                     struct larder_error *error)
{
    return kind <= JOB_LAST ? restore_begin(lane->load->restore, lane->pg, error)
                            : session_begin_write(lane->pg, error);
}

static enum larder_status begin(struct lane *lane, enum job_kind kind, struct larder_error *error)
{
    struct load *load = lane->load;
    enum larder_status status = begin_once(lane, kind, error);

    if (status != LARDER_FAILED || !pg_is_broken(lane->pg))
        return status;
    pg_close(lane->pg);
    status = pg_connect(&load->restore->options->target, load->restore->run, load->stop_fd,
                        PG_CONNECT_SECONDS, &lane->pg, error);
    return status == LARDER_OK ? begin_once(lane, kind, error) : status;
}

static enum larder_status do_job(struct lane *lane, const struct job *job,
                                 struct larder_error *error)
{
    load_show_table(lane->load, lane->shown,
                    load_is_of_table(job) ? load_table(lane->load, job) : NULL);
    switch (job->kind) {
    case JOB_LOAD:
        return load_rows(lane, job, error);
    case JOB_INDEX:
        return build_index(lane, job, error);
    case JOB_KEYS:
        return add_keys(lane, error);
    case JOB_VALIDATE:
        return validate_keys(lane, job, error);
    case JOB_LAST:
        return do_last(lane, error);
    case JOB_PROVE:
        return prove(lane, job, error);
    default:
        return analyze(lane, job->table, error);
    }
}

static enum larder_status do_together(struct lane *lane, struct job *const *jobs, size_t count,
                                      struct larder_error *error)
{
    enum larder_status status = begin(lane, jobs[0]->kind, error);

    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        status = do_job(lane, jobs[i], error);
    if (status == LARDER_OK)
        status = session_commit(lane->pg, error);
    if (status == LARDER_OK && jobs[0]->kind == JOB_LAST)
        lane->load->restore->complete = true;
    return status;
}

/*
 * A definition may call a function that reads another table, which another lane has locked: then two lanes with several tables each
 * can wait in a circle. One by one they cannot.
 */
static enum larder_status do_jobs(struct lane *lane, struct job *const *jobs, size_t count,
                                  struct larder_error *error)
{
    enum larder_status status = do_together(lane, jobs, count, error);
    size_t done = status == LARDER_OK ? count : 0;
    int deadlocks = 0;

    while (done < count) {
        if (status != LARDER_OK && (lane->pg == NULL || ++deadlocks > DEADLOCKS ||
                                    strcmp(pg_sqlstate(lane->pg), deadlock) != 0))
            return status;
        if (status != LARDER_OK)
            session_rollback(lane->pg);
        status = do_together(lane, &jobs[done], 1, error);
        done += status == LARDER_OK ? 1 : 0;
    }
    return LARDER_OK;
}

/* Without a connection the other lanes do its work, as far as one of them has any. */
static enum larder_status connect_lane(struct lane *lane, struct larder_error *error)
{
    struct load *load = lane->load;
    const struct larder_run *run = load->restore->run;
    enum larder_status status = pg_connect(&load->restore->options->target, run, load->stop_fd,
                                           PG_CONNECT_SECONDS, &lane->pg, error);

    pthread_mutex_lock(&load->lock);
    if (status == LARDER_OK)
        load->connected = true;
    else if (status == LARDER_FAILED && load->refused.status == LARDER_OK)
        load->refused = *error;
    pthread_mutex_unlock(&load->lock);
    return status;
}

void *load_lane(void *of)
{
    struct load *load = of;
    struct lane lane = {.load = load,
                        .copy = {.restore = load->restore, .tell = tell},
                        .shown = load_show_lane(load)};
    struct larder_error error = {0};
    struct job *jobs[LOAD_AT_ONCE];
    size_t number = lane.shown != NULL ? (size_t)(lane.shown - load->lanes) : LARDER_LANES_MAX - 1;
    size_t count;
    bool refused = false;
    enum larder_status status;

    lane.copy.arg = &lane;
    status = part_copy_begin(&lane.copy, &error);
    if (status == LARDER_OK) {
        status = connect_lane(&lane, &error);
        refused = status == LARDER_FAILED;
    }
    while (status == LARDER_OK && (count = load_next(load, number, jobs)) > 0) {
        double began = run_clock();

        status = do_jobs(&lane, jobs, count, &error);
        load->busy[number] += run_clock() - began;
        for (size_t i = 0; status == LARDER_OK && i < count; i++)
            load_end(load, jobs[i]);
    }
    if (status != LARDER_OK && !refused)
        load_stop(load, status, &error);
    pg_close(lane.pg);
    part_copy_end(&lane.copy);
    return NULL;
}
