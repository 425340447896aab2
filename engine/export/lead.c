#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/export/parts.h"
#include "engine/pg/session.h"
#include "engine/pg/snapshot.h"
#include "engine/presets.h"
#include "engine/run/run.h"
#include "engine/source_name.h"

enum { LOCK_TIMEOUT = 10, TRIES = 3, DAY = 86400 };

int export_lock_timeout(const struct export *e)
{
    return e->options->lock_timeout > 0 ? e->options->lock_timeout : LOCK_TIMEOUT;
}

/*
 * Tables that nobody backs up are worth a warning, and never keep others from being backed up: what goes wrong here and
 * matters goes wrong again where the preset is read.
 */
static void find_uncovered(struct export *e)
{
    struct larder_error why = {0};
    struct presets presets = {0};
    enum larder_status status;

    if (e->options->preset == NULL ||
        presets_read(e->control, &e->options->presets, e->arena, &presets, &why) != LARDER_OK)
        return;
    status = catalog_uncovered(e->control, presets.items, presets.count, e->arena, &e->uncovered,
                               &e->uncovered_count, &why);
    if (status == LARDER_USAGE)
        run_message(e->run, LARDER_WARNING, "%s", why.message);
}

/* A role that may not ask hears nothing of them. */
static enum larder_status find_large_objects(struct export *e, struct larder_error *error)
{
    struct larder_error why = {0};

    if (catalog_has_large_objects(e->control, &e->has_large_objects, &why) == LARDER_OK)
        return LARDER_OK;
    return session_begin_plain(e->control, error);
}

static enum larder_status find_preset(struct export *e, struct larder_error *error)
{
    const char *name = e->options->preset;
    struct presets presets;
    enum larder_status status;

    if (e->options->presets.count == 0)
        return catalog_preset(e->leader, name, e->look_arena, &e->preset, error);
    status = presets_read(e->leader, &e->options->presets, e->look_arena, &presets, error);
    return status == LARDER_OK ? presets_find(&presets, name, e->look_arena, &e->preset, error)
                               : status;
}

/* Tables of presets that an older larder installed take any number. */
static enum larder_status check_keep_days(const struct catalog_preset *preset,
                                          struct larder_error *error)
{
    int64_t days = preset->keep_seconds / DAY;

    if (days <= LARDER_KEEP_DAYS_MOST)
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE,
                "the preset \"%s\" keeps archives for %" PRId64 " days, and the most is %d",
                preset->name, days, LARDER_KEEP_DAYS_MOST);
    larder_hint(error, "Set its keep_days to null to keep them until they are removed by hand.");
    return LARDER_USAGE;
}

static enum larder_status find_tables(struct export *e, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (e->options->preset != NULL) {
        status = find_preset(e, error);
        if (status == LARDER_OK)
            status = check_keep_days(&e->preset, error);
        e->names = e->preset.tables;
        e->name_count = e->preset.table_count;
    } else {
        e->preset = (struct catalog_preset){.name = PRESETS_ADHOC, .copy_format = "auto"};
        e->names = e->options->tables;
        e->name_count = e->options->table_count;
    }
    return status;
}

/* A standby has an unlogged table's definition alone. */
static void refuse_unlogged(const struct export *e, const struct manifest *manifest,
                            struct larder_findings *findings)
{
    for (size_t i = 0; i < manifest_stored(manifest); i++)
        if (e->extra[i].has_rows_elsewhere)
            findings_add(
                findings, manifest->arena, "table", manifest->tables[i].name,
                "table \"%s.%s\" is unlogged, and this server, a standby, does not have its "
                "rows: export it from the primary",
                manifest->tables[i].schema, manifest->tables[i].name);
}

/* What the tables are made of, and how they are to be copied. `*again` where one has gone meanwhile. */
static enum larder_status describe(struct export *e, struct manifest *manifest, bool *again,
                                   struct larder_error *error)
{
    bool rows = e->options->references == LARDER_REFERENCES_ROWS;
    enum larder_status status =
        catalog_describe(e->leader, manifest, e->extra, &e->result->findings, error);

    if (status == LARDER_OK && manifest->referenced_count > 0)
        status = catalog_follow_rows(e->leader, rows, manifest, e->extra, error);
    return status == LARDER_OK ? export_choose_formats(e, manifest, again, error) : status;
}

/*
 * Looks the tables up, and with `whole` also what they are made of; into a manifest that takes the place of an
 * earlier one. `*again` where a table went between two queries.
 */
static enum larder_status look_up_once(struct export *e, bool whole, bool *again,
                                       struct larder_error *error)
{
    struct larder_findings *findings = &e->result->findings;
    struct manifest *manifest = manifest_new();
    bool rows = e->options->references == LARDER_REFERENCES_ROWS;
    struct catalog_tables tables;
    enum larder_status status;

    *again = false;
    if (manifest == NULL)
        return larder_fail_memory(error);
    *findings = (struct larder_findings){0};
    status = catalog_resolve(e->leader, e->names, e->name_count, e->look_arena, &tables, findings,
                             error);
    e->skipped = tables.skipped;
    e->skipped_count = tables.skipped_count;
    if (status == LARDER_OK && e->options->references != LARDER_REFERENCES_NOT)
        status = catalog_follow(e->leader, rows, e->look_arena, &tables, error);
    if (status == LARDER_OK)
        status = catalog_name_tables(e->leader, &tables, manifest, &e->extra, findings, error);
    if (status == LARDER_OK) {
        *again = tables.changed || manifest_stored(manifest) != tables.count;
        refuse_unlogged(e, manifest, findings);
    }
    if (status == LARDER_OK && whole && !*again)
        status = describe(e, manifest, again, error);
    findings_keep(findings, e->look_arena);
    manifest_free(e->manifest);
    e->manifest = manifest;
    return arena_failed(e->look_arena) ? larder_fail_memory(error) : status;
}

static enum larder_status look_up(struct export *e, bool whole, struct larder_error *error)
{
    bool again = true;
    enum larder_status status = LARDER_OK;

    for (int i = 0; status == LARDER_OK && again && i < TRIES; i++)
        status = look_up_once(e, whole, &again, error);
    if (status == LARDER_OK && again)
        status = larder_fail(error, LARDER_FAILED,
                             "the tables change faster than they can be looked up");
    return status;
}

static bool chooses_formats(const struct export *e)
{
    return e->options->copy_choice_count > 0 || e->options->copy_format == LARDER_COPY_BINARY ||
           strcmp(e->preset.copy_format, "binary") == 0;
}

/*
 * Gives the locks of a look back, by another transaction: while others are waited for the leader is in one, since outside of it the server may end
 * the session (idle_session_timeout), and holds no locks in it.
 */
static enum larder_status renew(struct export *e, struct larder_error *error)
{
    return session_begin_plain(e->leader, error);
}

static enum larder_status look_by_name(struct export *e, struct larder_error *error)
{
    enum larder_status status = find_tables(e, error);

    if (status == LARDER_OK)
        status = snapshot_moment(e->leader, e->look_arena, &e->looked_at, error);
    if (status == LARDER_OK)
        status = look_up(e, false, error);
    return status == LARDER_OK ? renew(e, error) : status;
}

/*
 * What they are made of is asked for later, beside pg_dump; but here where it may not suit what was asked for, or where something stands in
 * the way already: then all that does is reported.
 */
static enum larder_status look_for_obstacles(struct export *e, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (e->result->findings.count > 0 || chooses_formats(e)) {
        e->looked_at = NULL;
        status = look_up(e, true, error);
        if (status == LARDER_OK)
            status = renew(e, error);
    }
    return status == LARDER_OK ? export_report_obstacles(e, error) : status;
}

/* All obstacles at once, or LARDER_OK where there are none. */
enum larder_status export_report_obstacles(const struct export *e, struct larder_error *error)
{
    const struct larder_findings *findings = &e->result->findings;

    if (findings->count == 0 && e->manifest->table_count == 0)
        return larder_fail(error, LARDER_USAGE, "there is no table to export");
    if (findings->count == 0)
        return LARDER_OK;
    if (findings->count == 1)
        return larder_fail(error, LARDER_FAILED, "%s", findings->items[0].message);
    return larder_fail(error, LARDER_FAILED, "%zu things stand in the way of this export",
                       findings->count);
}

/*
 * The connection that pg_dump goes by. Never through a pooler in transaction mode: pg_dump's session settings would stay on a
 * connection that the pooler gives to others next.
 */
static enum larder_status find_schema_connection(struct export *e, struct larder_error *error)
{
    bool pooled;
    enum larder_status status;

    if (e->options->schema_from != NULL) {
        status =
            pg_connect(e->options->schema_from, e->run, -1, PG_CONNECT_SECONDS, &e->schema, error);
        if (status != LARDER_OK)
            return larder_context(error, "could not use --schema-from");
    }
    status = pg_is_shared(e->schema != NULL ? e->schema : e->control,
                          e->schema != NULL ? e->options->schema_from : &e->options->source,
                          &pooled, error);
    if (status != LARDER_OK || !pooled)
        return status;
    larder_fail(
        error, LARDER_USAGE,
        "this connection goes through a pooler in transaction mode, which pg_dump would disturb");
    larder_hint(error, "Name a direct connection, or the pooler's session port (5432 at Supabase), "
                       "with --schema-from CONNINFO; "
                       "the rows may still come through the pooler.");
    return LARDER_USAGE;
}

/* Within a transaction, since programs may be started: outside of one the server may end the session meanwhile (idle_session_timeout). */
static enum larder_status find_tools(struct export *e, struct larder_error *error)
{
    int major = pg_server_version(e->control) / 10000;
    enum larder_status status = tools_find("pg_dump", major, e->run, e->arena, &e->pg_dump, error);

    return status == LARDER_OK
               ? tools_find("pg_restore", e->pg_dump.major, e->run, e->arena, &e->pg_restore, error)
               : status;
}

/* Leaves a transaction open. What the control connection tells before the run has its lock. */
static enum larder_status look_at_server(struct export *e, struct larder_error *error)
{
    enum larder_status status =
        pg_connect(&e->options->source, e->run, -1, PG_CONNECT_SECONDS, &e->control, error);

    if (status == LARDER_OK) {
        pg_limit_waits(e->control, export_lock_timeout(e));
        status = find_schema_connection(e, error);
    }
    if (status == LARDER_OK)
        status = session_begin_plain(e->control, error);
    if (status == LARDER_OK)
        status = catalog_server(e->control, e->arena, &e->server, error);
    if (status == LARDER_OK)
        status = find_large_objects(e, error);
    if (status == LARDER_OK)
        find_uncovered(e);
    if (status == LARDER_OK)
        status = find_tools(e, error);
    return status;
}

static enum larder_status lock_run(struct export *e, struct larder_error *error)
{
    const struct larder_export_options *o = e->options;

    e->result->database = e->server.database;
    e->result->source = source_name(o->source_name, e->control, e->server.database, e->arena);
    e->result->preset = o->preset != NULL ? o->preset : PRESETS_ADHOC;
    return snapshot_lock_run(e->control, e->server.is_standby, e->result->source, e->result->preset,
                             error);
}

/* What the leader does by itself at first, beside the control connection. */
struct leading {
    struct export *e;
    int stop_fd; /* readable once nobody wants it any more; or -1 */
    struct larder_error error;
    enum larder_status status;
    pthread_t thread;
    bool beside;
};

/*
 * Connects, and looks the tables up by name: what a session has once read of the catalogs it has at hand where it looks again.
 *
 * Beside this the control connection finds out `server`, `uncovered`, the tools, and in the result whose run it is; here nothing of that is read.
 * Memory comes from `look_arena`, there from `arena`.
 */
static void *look_first(void *arg)
{
    struct leading *leading = arg;
    struct export *e = leading->e;
    struct larder_error *error = &leading->error;
    enum larder_status status = pg_connect(&e->options->source, e->run, leading->stop_fd,
                                           PG_CONNECT_SECONDS, &e->leader, error);

    if (status == LARDER_OK) {
        pg_limit_waits(e->leader, export_lock_timeout(e));
        status = session_begin_plain(e->leader, error);
    }
    if (status == LARDER_OK)
        status = look_by_name(e, error);
    leading->status = status;
    return NULL;
}

static void begin_leading(struct leading *leading, struct export *e)
{
    *leading = (struct leading){.e = e, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    leading->beside = pthread_create(&leading->thread, NULL, look_first, leading) == 0;
}

/* `status` is what came of the control connection meanwhile, and `error` its own: without that one there is no use for this one. */
static enum larder_status end_leading(struct leading *leading, enum larder_status status,
                                      struct larder_error *error)
{
    struct export *e = leading->e;

    if (status != LARDER_OK)
        eventfd_write(leading->stop_fd, 1);
    if (leading->beside)
        pthread_join(leading->thread, NULL);
    else if (status == LARDER_OK)
        look_first(leading);
    if (leading->stop_fd >= 0)
        close(leading->stop_fd);
    if (e->leader != NULL)
        pg_set_stop_fd(e->leader, -1);
    arena_join(e->arena, e->look_arena);
    e->look_arena = e->arena;
    if (status != LARDER_OK) {
        e->result->findings = (struct larder_findings){0};
        return status;
    }
    if (leading->status != LARDER_OK)
        *error = leading->error;
    return leading->status;
}

enum larder_status export_prepare(struct export *e, struct larder_error *error)
{
    struct leading leading;
    enum larder_status status;

    e->look_arena = arena_new();
    if (e->look_arena == NULL)
        return larder_fail_memory(error);
    begin_leading(&leading, e);
    status = look_at_server(e, error);
    if (status == LARDER_OK)
        status = lock_run(e, error);
    status = end_leading(&leading, status, error);
    return status == LARDER_OK ? look_for_obstacles(e, error) : status;
}

static bool same_tables(const struct manifest *a, const struct manifest *b)
{
    if (a->table_count != b->table_count || a->referenced_count != b->referenced_count)
        return false;
    for (size_t i = 0; i < manifest_stored(a); i++)
        if (a->tables[i].oid != b->tables[i].oid)
            return false;
    return true;
}

/*
 * Locks what was looked up, takes the snapshot, and looks it up again in it, unless nothing was committed meanwhile. `*again` where that is not the
 * same any more.
 */
static enum larder_status lock_and_look(struct export *e, bool *again, struct larder_error *error)
{
    struct manifest *before;
    enum larder_status status = snapshot_lead(e->leader, e->control, e->manifest, again, error);

    if (status != LARDER_OK || *again)
        return status;
    status = snapshot_export(e->leader, e->arena, &e->snapshot, error);
    if (status != LARDER_OK || snapshot_is_of(&e->snapshot, e->looked_at))
        return status;
    before = e->manifest;
    e->manifest = NULL;
    status = look_up(e, false, error);
    if (status == LARDER_OK)
        *again = !same_tables(before, e->manifest);
    manifest_free(before);
    return status;
}

static enum larder_status look_again(struct export *e, struct larder_error *error)
{
    enum larder_status status = renew(e, error);

    if (status == LARDER_OK)
        status = look_by_name(e, error);
    return status == LARDER_OK ? look_for_obstacles(e, error) : status;
}

enum larder_status export_lead(struct export *e, struct larder_error *error)
{
    bool again = true;
    enum larder_status status = LARDER_OK;

    for (int i = 0; status == LARDER_OK && again && i < TRIES; i++) {
        if (i > 0)
            status = look_again(e, error);
        if (status == LARDER_OK)
            status = lock_and_look(e, &again, error);
    }
    if (status == LARDER_OK && again)
        return larder_fail(error, LARDER_FAILED,
                           "the tables change faster than they can be locked");
    if (status != LARDER_OK)
        return status;
    e->manifest->snapshot = e->snapshot.name;
    return export_report_obstacles(e, error);
}

enum larder_status export_describe_tables(struct export *e, struct larder_error *error)
{
    bool again = false;
    enum larder_status status = describe(e, e->manifest, &again, error);

    findings_keep(&e->result->findings, e->arena);
    if (status == LARDER_OK && arena_failed(e->arena))
        return larder_fail_memory(error);
    if (status == LARDER_OK && again)
        return larder_fail(error, LARDER_FAILED,
                           "a table that is locked has changed while it was looked at");
    return status == LARDER_OK ? export_report_obstacles(e, error) : status;
}
