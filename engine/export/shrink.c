#include <inttypes.h>

#include "engine/export/parts.h"
#include "engine/pg/session.h"
#include "engine/run/run.h"

enum { TOLD = 20 /* tables; the others are in the result */ };

/* Only presets export the same tables again and again, and only a store keeps what was exported. */
static bool is_compared(const struct export *e)
{
    return e->options->preset != NULL && e->to.store != NULL && !e->options->accept_shrink &&
           e->preset.shrink_alarm != LARDER_SHRINK_NEVER;
}

struct pg *export_open_record(struct export *e, struct pg *source)
{
    struct pg *pg = NULL;

    if (e->options->no_record)
        return NULL;
    if (e->options->record_to == NULL)
        return source;
    if (pg_connect(e->options->record_to, e->run, -1, PG_CONNECT_SECONDS, &pg, NULL) == LARDER_OK &&
        session_begin_plain(pg, NULL) == LARDER_OK)
        return pg;
    pg_close(pg);
    return NULL;
}

enum larder_status export_find_baseline(struct export *e, struct larder_error *error)
{
    struct larder_error why = {0};
    struct pg *pg;
    enum larder_status status;

    if (!is_compared(e))
        return LARDER_OK;
    pg = export_open_record(e, e->control);
    status = shrink_find(e->to.store, e->result->source, e->result->preset, pg, e->arena,
                         &e->baseline, &why);
    if (pg != e->control)
        pg_close(pg);
    if (run_is_stopped(status))
        return larder_fail(error, status, "%s", why.message);
    if (status != LARDER_OK) {
        e->baseline.backup_name = NULL;
        e->baseline.count = 0;
        export_warn(e, arena_printf(e->arena,
                                    "the rows are not compared with those of the last archive: %s",
                                    why.message));
    }
    return arena_failed(e->arena) ? larder_fail_memory(error) : LARDER_OK;
}

static const char *describe(const struct export *e, const struct larder_export_shrunk *shrunk)
{
    const char *since = e->baseline.backup_name;

    if (shrunk->table == NULL)
        return arena_printf(e->arena,
                            "this archive has %" PRId64 " rows, and %s had %" PRId64
                            "; of which tables is not known",
                            shrunk->rows, since, shrunk->rows_before);
    if (shrunk->rows < 0)
        return arena_printf(e->arena,
                            "table %s is not in this archive, and %s had %" PRId64 " rows of it",
                            shrunk->table, since, shrunk->rows_before);
    return arena_printf(e->arena, "table %s has %" PRId64 " rows, and in %s it had %" PRId64,
                        shrunk->table, shrunk->rows, since, shrunk->rows_before);
}

/* An alarm that nobody has accepted goes on while there is nothing to see by whether the rows are back. */
static void carry_over(struct export *e, struct summary *summary)
{
    const struct shrink_baseline *b = &e->baseline;

    e->result->shrunk_since = summary->shrunk_since = b->shrunk_since;
    summary->shrunk_tables = b->shrunk_tables;
    export_warn(e, arena_printf(e->arena,
                                "many of the rows that %s had were gone before, and there is no "
                                "good archive to see by whether they are back",
                                b->shrunk_since));
}

static void tell_what_follows(const struct export *e)
{
    run_message(
        e->run, LARDER_NOTE,
        "nothing is pruned after this; if the rows are not missed, say so by an export with "
        "--accept-shrink");
}

enum larder_status export_compare(struct export *e, struct summary *summary,
                                  struct larder_error *error)
{
    struct larder_export_result *r = e->result;
    enum larder_status status = shrink_compare(&e->baseline, e->manifest, e->preset.shrink_alarm,
                                               e->arena, &r->shrunk, &r->shrunk_count, error);

    if (status == LARDER_OK && e->baseline.backup_name == NULL &&
        e->baseline.shrunk_since != NULL) {
        carry_over(e, summary);
        tell_what_follows(e);
    }
    if (status != LARDER_OK || r->shrunk_count == 0)
        return status;
    r->shrunk_since = e->baseline.backup_name;
    summary->shrunk_since = r->shrunk_since;
    summary->shrunk_tables = r->shrunk[0].table == NULL ? 0 : r->shrunk_count;
    for (size_t i = 0; i < r->shrunk_count && i < TOLD; i++)
        export_warn(e, describe(e, &r->shrunk[i]));
    if (r->shrunk_count > TOLD)
        export_warn(e, arena_printf(e->arena, "and %zu more tables have lost many of their rows",
                                    r->shrunk_count - TOLD));
    tell_what_follows(e);
    return arena_failed(e->arena) ? larder_fail_memory(error) : LARDER_OK;
}
