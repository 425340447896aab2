#include "larder/restore.h"

#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/origin.h"
#include "engine/pg/session.h"
#include "engine/pg/tools.h"
#include "engine/proof.h"
#include "engine/restore/existing.h"
#include "engine/restore/parts.h"
#include "engine/run/crew.h"
#include "engine/run/run.h"

/*
 * The story, from top to bottom of larder_restore(); of tables that exist, restore/existing.h tells it:
 *
 *   open        find the archive, and check every byte of it that will be used, before anything else
 *   clear       connect, remove what an unfinished restore has left, and list all that stands in the way
 *   create      what the tables need, and the tables, closed to others, in one transaction; with a mark
 *   load        rows, indexes, keys; at the end of which the mark is gone
 *   prove       counts and fingerprints of the target beside those of archive and metadata
 */

static enum larder_status check_options(const struct larder_restore_options *o,
                                        struct larder_error *error)
{
    if (!pg_names_database(&o->target)) {
        larder_fail(error, LARDER_USAGE, "the target of a restore must be named");
        larder_hint(error, "Give -d TARGET; PGDATABASE is not taken for it.");
        return LARDER_USAGE;
    }
    return existing_check_options(o, error);
}

/* Notes how long it took since the last one ended. */
static void end_phase(struct restore *r, const char *name)
{
    struct larder_proof *proof = r->proof;
    double now = run_clock();

    if (proof->phase_count < sizeof(proof->phases) / sizeof(proof->phases[0]))
        proof->phases[proof->phase_count++] =
            (struct larder_phase){.name = name, .seconds = now - r->phase_begun};
    r->phase_begun = now;
}

/* Everything but the parts of tables that are not wanted. */
static bool *wanted_entries(struct restore *r)
{
    struct archive_reader *reader = r->opened.reader;
    size_t count = archive_reader_entries(reader);
    bool *wanted = arena_alloc(r->arena, count, sizeof(*wanted));

    for (size_t i = 0; wanted != NULL && i < count; i++) {
        const struct manifest_table *table = archive_reader_entry_table(reader, i);

        wanted[i] = table == NULL || table->only != NULL;
        for (size_t j = 0; j < r->table_count && !wanted[i]; j++)
            wanted[i] = r->tables[j] == table;
    }
    return wanted;
}

/* A digest that was given comes before what the source has recorded. */
static enum larder_status check_origin(struct restore *r, struct larder_error *error)
{
    enum larder_status status;

    if (r->options->sha256 != NULL)
        return LARDER_OK;
    status = origin_ask_source(&r->opened, r->manifest, r->options->metadata, r->run, r->arena,
                               &r->doubt, error);
    if (status == LARDER_OK && r->doubt == NULL)
        r->proof->origin = "source";
    if (status == LARDER_DIFFERENCE) {
        r->proof->agree = LARDER_AGREE_NO;
        findings_add(&r->proof->findings, r->arena, "origin", r->opened.location, "%s",
                     error->message);
    }
    return status;
}

static enum larder_status open_archive(struct restore *r, struct larder_error *error)
{
    enum larder_status status =
        opened_find(&r->opened, r->options->archive, r->options->store, r->run, r->arena, error);
    const bool *wanted;

    if (status == LARDER_OK && r->options->sha256 != NULL) {
        status = origin_check_digest(&r->opened, r->options->sha256, r->run, error);
        r->proof->origin = "sha256";
    }
    if (status == LARDER_OK)
        status = opened_read(&r->opened, r->options->keys, error);
    if (status != LARDER_OK)
        return status;
    r->manifest = archive_reader_manifest(r->opened.reader);
    r->proof->bytes = archive_reader_bytes(r->opened.reader);
    r->proof->rows = manifest_rows(r->manifest);
    status = check_origin(r, error);
    if (status == LARDER_OK)
        status = restore_select(r, error);
    if (status != LARDER_OK)
        return status;
    wanted = wanted_entries(r);
    if (wanted == NULL)
        return larder_fail_memory(error);
    status = check_archive(&r->opened, wanted, false, r->lanes, r->run, r->arena,
                           &r->proof->findings, error);
    if (status == LARDER_OK)
        status = proof_begin(r->proof, r->manifest, r->tables, r->table_count, error);
    return status;
}

static enum larder_status open_schema(struct restore *r, struct larder_error *error)
{
    struct tool pg_restore;
    enum larder_status status =
        tools_find("pg_restore", (int)strtol(r->manifest->pg_dump_version, NULL, 10), r->run,
                   r->arena, &pg_restore, error);

    if (status == LARDER_OK)
        status = archive_reader_member(r->opened.reader, ARCHIVE_SCHEMA_DUMP, &r->dump, error);
    if (status == LARDER_OK)
        status = schema_open(&r->schema, &pg_restore, r->dump.bytes, r->dump.length, r->run,
                             r->arena, error);
    r->schema.no_owner = r->options->no_owner;
    return status;
}

/* The restore's own lock: two at once into one database would take each other's mark for an
 * unfinished one. */
static enum larder_status lock_target(struct restore *r, struct larder_error *error)
{
    char *locked = NULL;
    enum larder_status status =
        pg_connect(&r->options->target, r->run, -1, PG_CONNECT_SECONDS, &r->lock, error);

    if (status == LARDER_OK)
        status = session_begin_plain(r->lock, error);
    if (status == LARDER_OK)
        status = pg_query_one(
            r->lock,
            "SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('larder "
            "restore', 0))",
            0, NULL, &locked, error);
    if (status == LARDER_OK && (locked == NULL || locked[0] != 't')) {
        status = larder_fail(error, LARDER_LOCKED, "another restore into this database is running");
        larder_hint(error,
                    "It ends by itself, or when its connection does; pg_stat_activity shows it as "
                    "\"larder\".");
    }
    free(locked);
    return status;
}

/* What was left out as asked is no obstacle, nor is what the restore removes by itself. */
static bool is_obstacle(const struct larder_finding *finding)
{
    return strcmp(finding->kind, "left out") != 0 &&
           strcmp(finding->kind, "unfinished restore") != 0;
}

static size_t count_obstacles(const struct larder_findings *findings)
{
    size_t count = 0;

    for (size_t i = 0; i < findings->count; i++)
        count += is_obstacle(&findings->items[i]) ? 1 : 0;
    return count;
}

static enum larder_status report_obstacles(const struct restore *r, struct larder_error *error)
{
    size_t obstacles = count_obstacles(&r->proof->findings);

    if (obstacles == 0)
        return LARDER_OK;
    return larder_fail(error, LARDER_FAILED,
                       obstacles == 1
                           ? "%zu thing stands in the way of this restore; nothing was touched"
                           : "%zu things stand in the way of this restore; nothing was touched",
                       obstacles);
}

static enum larder_status clear_the_way(struct restore *r, struct larder_error *error)
{
    enum larder_status status = lock_target(r, error);

    if (status == LARDER_OK)
        status =
            pg_connect(&r->options->target, r->run, -1, PG_CONNECT_SECONDS, &r->control, error);
    if (status == LARDER_OK)
        status = session_untimed(r->control, error);
    if (status == LARDER_OK)
        status = restore_clear(r, error);
    if (status == LARDER_OK)
        status = session_begin_plain(r->control, error);
    if (status == LARDER_OK)
        status = restore_preflight(r, error);
    session_rollback(r->control);
    if (status == LARDER_OK && r->merge_count > 0 && count_obstacles(&r->proof->findings) == 0)
        status = existing_check_columns(r, error);
    return status == LARDER_OK ? report_obstacles(r, error) : status;
}

static enum larder_status prove(struct restore *r, struct larder_error *error)
{
    struct pg *pg = NULL;
    enum larder_status status;

    if (r->options->no_verify)
        return LARDER_OK;
    for (size_t i = 0; i < r->table_count + r->merge_count; i++)
        if (!manifest_has_rows(r->tables[i]))
            proof_set_target(&r->proof->tables[i], 0, (struct fingerprint){0});
    /* Anew: the control connection has been idle, which a server may end. */
    status = pg_connect(&r->options->target, r->run, -1, PG_CONNECT_SECONDS, &pg, error);
    if (status == LARDER_OK)
        status = session_begin_read(pg, error);
    if (status == LARDER_OK)
        status = proof_add_metadata(r->proof, r->manifest, r->options->metadata, pg, r->run, error);
    pg_close(pg);
    return status == LARDER_OK ? proof_judge(r->proof, r->manifest, true, error) : status;
}

/* A restore that has failed leaves nothing; where that cannot be done, the mark makes the next one
 * do it. */
static void take_back(struct restore *r, struct larder_error *error)
{
    struct larder_error why = {0};
    const char *own = error->hint[0] == '\0' ? "" : arena_printf(r->arena, "%.500s ", error->hint);
    enum larder_status status;
    bool found;

    pg_close(r->control);
    r->control = NULL;
    status = restore_undo(r, &found, &why);
    if (status != LARDER_OK)
        larder_hint(error,
                    "%sThe target holds an unfinished restore, which the next one removes: "
                    "%.300s. %.150s",
                    own, why.message, why.hint);
    else if (found)
        larder_hint(error, "%sWhat had been created in the target has been removed again.", own);
    else
        larder_hint(
            error,
            "%sThe target has no mark of this restore: either nothing of it or all of it was "
            "committed, or another one has removed it. `larder verify --against` tells.",
            own);
}

static enum larder_status change_target(struct restore *r, struct larder_error *error)
{
    enum larder_status status;

    if (r->options->into_schema != NULL)
        return existing_load_beside(r, error);
    if (r->table_count == 0 && r->merge_count > 0)
        return existing_merge_alone(r, error);
    status = restore_create(r, error);
    end_phase(r, "create");
    if (status == LARDER_OK)
        status = restore_load(r, error);
    end_phase(r, "load");
    if (status != LARDER_OK && r->complete)
        larder_hint(error, "The restore itself is complete; `larder verify --against` proves it.");
    else if (status != LARDER_OK && r->created)
        take_back(r, error);
    return status;
}

/* A stand-in is less than what it stands for, and the proof says nothing of it. */
static void tell_stand_ins(const struct restore *r)
{
    struct buffer list = {0};

    for (size_t i = 0; i < r->to_make_count; i++) {
        const struct manifest_external *e = &r->to_make[i];
        bool is_table = strcmp(e->kind, "table") == 0;

        buffer_printf(&list, "%s%s %s%s%s%s", i == 0 ? "" : ", ", e->kind,
                      is_table ? e->schema : "", is_table ? "." : "", e->name,
                      is_table ? " (its keys alone)" : "");
    }
    if (list.length > 0 && !list.failed)
        run_message(r->run, LARDER_NOTE, "%s for want of them in the target: %s",
                    r->options->preview ? "would be made" : "made", buffer_text(&list));
    buffer_free(&list);
}

/* What rows of other tables stand in the way shows only when all are compared. */
static enum larder_status preview(struct restore *r, struct larder_error *error)
{
    enum larder_status status = r->merge_count > 0 ? existing_preview(r, error) : LARDER_OK;

    return status == LARDER_OK ? report_obstacles(r, error) : status;
}

static enum larder_status run_restore(struct restore *r, struct larder_error *error)
{
    enum larder_status status = check_options(r->options, error);

    if (status == LARDER_OK)
        status = open_archive(r, error);
    if (status == LARDER_OK)
        status = open_schema(r, error);
    end_phase(r, "check");
    if (status == LARDER_OK)
        status = clear_the_way(r, error);
    end_phase(r, "preflight");
    if (status == LARDER_OK && r->doubt != NULL)
        run_message(r->run, LARDER_NOTE, "the origin of \"%s\" is not proven: %s",
                    r->opened.location, r->doubt);
    if (status == LARDER_OK)
        tell_stand_ins(r);
    if (status == LARDER_OK && r->options->preview)
        return preview(r, error);
    if (status == LARDER_OK)
        status = change_target(r, error);
    if (status == LARDER_OK)
        status = prove(r, error);
    if (status == LARDER_OK && r->proof->findings.count > 0)
        status = larder_fail(error, LARDER_LEFT_OUT, "restored, but %zu %s left out",
                             r->proof->findings.count,
                             r->proof->findings.count == 1 ? "thing was" : "things were");
    return status;
}

enum larder_status larder_restore(const struct larder_restore_options *options,
                                  const struct larder_run *run, struct larder_proof *proof,
                                  struct larder_error *error)
{
    struct restore r = {.options = options,
                        .run = run,
                        .proof = proof,
                        .arena = arena_new(),
                        .lanes = crew_lanes(options->lanes),
                        .phase_begun = run_clock()};
    struct larder_error unwanted = {0};
    double begun = run_clock();
    enum larder_status status;

    error = error == NULL ? &unwanted : error;
    *proof = (struct larder_proof){.archive = options->archive,
                                   .agree = LARDER_AGREE_UNKNOWN,
                                   .existing = options->existing,
                                   .memory = r.arena};
    if (r.arena == NULL)
        return larder_fail_memory(error);
    status = run_restore(&r, error);
    pg_close(r.lock);
    proof->archive =
        arena_strdup(r.arena, r.opened.location == NULL ? options->archive : r.opened.location);
    proof->seconds = run_clock() - begun;
    pg_close(r.control);
    free(r.mark);
    opened_close(&r.opened);
    buffer_free(&r.dump);
    return status;
}
