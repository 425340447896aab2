#include "engine/restore/load.h"
#include "engine/run/run.h"

/* Where the time of a load went, for who wants to know (-v): each table's, each lane's, and what nothing could have been faster than. */

enum { STEPS = 40 };
static const double shown_seconds = 0.05;

static const char *const words[] = {
    [JOB_LOAD] = "load",         [JOB_INDEX] = "index", [JOB_KEYS] = "foreign keys",
    [JOB_VALIDATE] = "validate", [JOB_LAST] = "last",   [JOB_PROVE] = "prove",
    [JOB_ANALYZE] = "analyze",
};
enum { KINDS = sizeof(words) / sizeof(words[0]) };

static bool is_of(const struct job *job, size_t table)
{
    return job->table == table && load_is_of_table(job);
}

/* For how long anything was done about the table. */
static double busy_seconds(const struct load *load, size_t table)
{
    double busy = 0, until = 0;

    for (;;) {
        const struct job *next = NULL; /* the earliest that goes on beyond what is counted */

        for (size_t i = 0; i < load->job_count; i++) {
            const struct job *job = &load->jobs[i];

            if (is_of(job, table) && job->ended > until &&
                (next == NULL || job->began < next->began))
                next = job;
        }
        if (next == NULL)
            return busy;
        busy += next->ended - (next->began > until ? next->began : until);
        until = next->ended;
    }
}

static void tell_table(const struct load *load, size_t table)
{
    const struct manifest_table *t = load->restore->tables[table];
    double seconds[KINDS] = {0}, end = 0, all = 0;
    struct buffer text = {0};

    /* Small ones share their transactions, and their times say nothing of each. */
    if (load->tables[table].small)
        return;
    for (size_t i = 0; i < load->job_count; i++) {
        const struct job *job = &load->jobs[i];

        if (!is_of(job, table))
            continue;
        seconds[job->kind] += job->ended - job->began;
        all += job->ended - job->began;
        end = job->ended > end ? job->ended : end;
    }
    if (all < shown_seconds)
        return;
    buffer_printf(&text, "%s.%s:", t->schema, t->name);
    for (int kind = 0; kind < KINDS; kind++)
        if (seconds[kind] > 0)
            buffer_printf(&text, " %s %.2f s,", words[kind], seconds[kind]);
    buffer_printf(&text, " wait %.2f s, done at %.2f s", end - busy_seconds(load, table), end);
    run_message(load->restore->run, LARDER_DETAIL, "%s", buffer_text(&text));
    buffer_free(&text);
}

/* What ended last before the job began; NULL at the beginning. */
static const struct job *before(const struct load *load, const struct job *job)
{
    const struct job *last = NULL;

    for (size_t i = 0; i < load->job_count; i++) {
        const struct job *other = &load->jobs[i];

        if (other->ended <= job->began && other->began < other->ended &&
            (last == NULL || other->ended > last->ended ||
             (other->ended >= last->ended && other->lane == job->lane)))
            last = other;
    }
    return last;
}

static void tell_step(const struct load *load, const struct job *job)
{
    const struct larder_run *run = load->restore->run;
    const struct manifest_table *table = load_table(load, job);

    if (job->ended - job->began < shown_seconds)
        return;
    if (job->kind == JOB_INDEX)
        run_message(run, LARDER_DETAIL, "critical: %.2f to %.2f s, %s", job->began, job->ended,
                    job->block->entry->text);
    else if (!load_is_of_table(job))
        run_message(run, LARDER_DETAIL, "critical: %.2f to %.2f s, %s", job->began, job->ended,
                    words[job->kind]);
    else
        run_message(run, LARDER_DETAIL, "critical: %.2f to %.2f s, %s %s.%s%s", job->began,
                    job->ended, words[job->kind], table->schema, table->name,
                    job->small ? " and other small ones" : "");
}

void load_tell_times(const struct load *load)
{
    const struct job *steps[STEPS], *last = NULL;
    size_t count = 0;

    for (size_t i = 0; i < load->job_count; i++)
        if (last == NULL || load->jobs[i].ended > last->ended)
            last = &load->jobs[i];
    if (last == NULL || last->ended < shown_seconds || load->restore->run->message == NULL)
        return;
    for (size_t i = 0; i < load->restore->table_count; i++)
        tell_table(load, i);
    for (size_t lane = 0; lane < load->progress.lane_count; lane++)
        run_message(load->restore->run, LARDER_DETAIL, "lane %zu: busy %.2f s, wait %.2f s",
                    lane + 1, load->busy[lane], last->ended - load->busy[lane]);
    for (const struct job *job = last; job != NULL && count < STEPS; job = before(load, job))
        steps[count++] = job;
    while (count > 0)
        tell_step(load, steps[--count]);
}
