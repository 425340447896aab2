#include "larder/export.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/export/lanes.h"
#include "engine/export/parts.h"
#include "engine/export/schema.h"
#include "engine/keys.h"
#include "engine/pg/session.h"
#include "engine/pg/snapshot.h"
#include "engine/record.h"
#include "engine/run/crew.h"
#include "engine/run/run.h"
#include "formats/archive_writer.h"
#include "formats/hash_stage.h"
#include "formats/names.h"
#include "formats/recovery.h"
#include "formats/sql_text.h"
#include "formats/stub_sql.h"

/*
 * The story, from top to bottom of larder_export():
 *
 *   prepare   (export/lead.c) connect twice: one looks at the server and takes the run's lock, and beside it the leader looks the tables up; report all obstacles
 *   lead      (export/lead.c) lock the tables, then take the snapshot, then look them up again in it unless nothing was committed meanwhile
 *   write     pg_dump, and beside it what the tables are made of and whatever else must be known, then the lanes; whole parts arrive in the archive under one lock
 *   publish   digest and summary beside the archive, and (export/result.c) the rows in the database
 */

enum { TID_RANGE_SCANS = 140000 };

/* A stand-in for a table whose rows are kept whole has room for these. */
static void define_stand_ins(struct manifest *m)
{
    for (size_t i = m->table_count; i < manifest_stored(m); i++)
        for (size_t j = 0; j < m->external_count; j++) {
            struct manifest_external *external = &m->externals[j];
            struct buffer definition = {0};

            if (strcmp(m->tables[i].only, "rows") != 0 || external->oid != m->tables[i].oid)
                continue;
            stub_sql_define(&definition, m, &m->tables[i]);
            external->definition = arena_take(m->arena, &definition);
        }
}

/* What the manifest says of the export itself. */
static void begin_manifest(struct export *e)
{
    struct manifest *m = e->manifest;

    m->format_version =
        m->referenced_count > 0 ? MANIFEST_FORMAT_REFERENCED : MANIFEST_FORMAT_VERSION;
    m->larder_version = LARDER_VERSION;
    m->preset = e->result->preset;
    m->source = e->result->source;
    m->database = e->server.database;
    m->system_identifier = e->server.system_identifier;
    m->server_version = e->server.version;
    m->server_encoding = e->server.encoding;
    m->pg_dump_version = e->pg_dump_version;
}

/* What else is known before the first row; looked up while pg_dump is busy with the schemas. */
static enum larder_status complete_manifest(struct export *e, const struct catalog_schemas *schemas,
                                            struct larder_error *error)
{
    struct manifest *m = e->manifest;
    size_t unread;
    enum larder_status status = catalog_read_sequences(e->leader, m, &unread, error);

    if (status == LARDER_OK && unread > 0)
        run_message(e->run, LARDER_WARNING,
                    "of the sequences that no table uses %zu could not be read at once: their "
                    "values are not in the archive",
                    unread);
    if (status == LARDER_OK)
        status = catalog_externals(e->leader, schemas, m, error);
    if (status == LARDER_OK)
        status = catalog_additions(e->leader, m, error);
    define_stand_ins(m);
    m->backup_name = e->result->backup_name;
    m->started_at = e->started_at;
    m->schemas = schemas->names;
    m->schema_count = schemas->count;
    return status;
}

/* `record` may be NULL. Where it is not the source, that it cannot be asked is told once it cannot record. */
static enum larder_status look_for_name(struct export *e, struct pg *record, const char *name,
                                        bool *taken, struct larder_error *error)
{
    *taken = false;
    if (record == e->leader)
        return record_has_name(record, name, taken, error);
    if (record != NULL)
        record_has_name(record, name, taken, NULL);
    return run_check(e->run, error);
}

/* The name is the time; a second export within one second waits for the next. */
static enum larder_status choose_name(struct export *e, struct pg *record, struct stage **stage,
                                      struct larder_error *error)
{
    enum larder_status status;
    bool taken = true;

    for (size_t i = 0; e->to.store != NULL && i < manifest_stored(e->manifest); i++)
        e->to.store->expected_bytes += e->extra[i].bytes;
    while (taken) {
        char name[NAMES_BACKUP];

        status = run_check(e->run, error);
        if (status != LARDER_OK)
            return status;
        e->started_at = time(NULL);
        names_backup(e->result->preset, e->started_at, name);
        e->result->backup_name = arena_strdup(e->arena, name);
        if (e->options->lock && e->preset.keep_seconds > 0)
            destination_retain(&e->to, e->started_at + e->preset.keep_seconds, NULL);
        status = look_for_name(e, record, name, &taken, error);
        if (status == LARDER_OK && !taken)
            status = destination_begin(&e->to, e->result->source, e->result->preset, name, e->arena,
                                       &taken, stage, error);
        if (status != LARDER_OK)
            return status;
        if (taken)
            usleep(100000);
    }
    return LARDER_OK;
}

static enum larder_status begin_archive(struct export *e, struct stage **stage,
                                        struct larder_error *error)
{
    struct pg *record = export_open_record(e, e->leader);
    enum larder_status status = choose_name(e, record, stage, error);

    if (record != e->leader)
        pg_close(record);
    return status;
}

/* The schema's part of the work, in a thread of its own beside the lanes. */
struct schema_work {
    struct export_schema_call call;
    struct export_schema schema;
    struct export_lanes *lanes;
    struct archive_writer *writer;
    const struct manifest *manifest;
    char *pg_dump_version; /* which the manifest points to */
    sem_t complete;        /* posted once the manifest is complete, or never will be */
    bool failed_first;     /* before any lane */
};

static enum larder_status write_members(struct archive_writer *writer,
                                        const struct manifest *manifest,
                                        const struct export_schema *schema,
                                        struct larder_error *error)
{
    struct buffer recovery = {0}, header = {0};
    enum larder_status status = recovery_write(manifest, &recovery, error);

    if (status == LARDER_OK)
        status = manifest_write(manifest, true, &header, error);
    if (status == LARDER_OK)
        status =
            archive_writer_member(writer, ARCHIVE_RECOVERY, recovery.bytes, recovery.length, error);
    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_HEADER, header.bytes, header.length, error);
    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_SCHEMA_DUMP, schema->dump.bytes,
                                       schema->dump.length, error);
    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_PRE_DATA, schema->pre_data.bytes,
                                       schema->pre_data.length, error);
    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_POST_DATA, schema->post_data.bytes,
                                       schema->post_data.length, error);
    buffer_free(&recovery);
    buffer_free(&header);
    return status;
}

static void *work_on_schema(void *arg)
{
    struct schema_work *work = arg;
    struct larder_error error = {0};
    enum larder_status status = export_schema_dump(&work->call, &work->schema, &error);

    while (status == LARDER_OK && sem_wait(&work->complete) != 0)
        ; /* a signal came in between */
    if (status == LARDER_OK)
        status = export_schema_write(&work->call, &work->schema, work->pg_dump_version, &error);
    if (status == LARDER_OK)
        status = write_members(work->writer, work->manifest, &work->schema, &error);
    if (status == LARDER_OK)
        status = export_lanes_open(work->lanes, work->writer, &error);
    if (status != LARDER_OK)
        work->failed_first = export_lanes_stop(work->lanes, status, &error);
    return NULL;
}

/* As many lanes as were asked for, where the server has connections for them beside pg_dump, which may have connected or not. */
static enum larder_status count_lanes(const struct export *e, const char *pg_dump, int *lanes,
                                      struct larder_error *error)
{
    int free_connections;
    enum larder_status status =
        catalog_free_connections(e->leader, pg_dump, &free_connections, error);

    *lanes = crew_lanes(e->options->lanes);
    if (status == LARDER_OK && *lanes > free_connections)
        *lanes = free_connections > 1 ? free_connections : 1;
    return status;
}

/* Puts what lies between the lanes and the destination in front of `stage`, which goes with it. */
static enum larder_status begin_writer(struct export *e, struct stage *stage,
                                       struct archive_writer **writer, struct larder_error *error)
{
    struct stage *path = hash_stage_new(stage, &e->hash);
    struct sha256 *whole;
    enum larder_status status = LARDER_OK;

    if (path == NULL) {
        stage_free(stage);
        return larder_fail_memory(error);
    }
    whole = hash_stage_sha256(path);
    if (e->recipients != NULL)
        status = age_encrypt_new(&path, e->recipients, path, error);
    /* A passphrase is wiped as soon as the header is made. */
    age_recipients_free(e->recipients);
    e->recipients = NULL;
    if (status != LARDER_OK) {
        stage_free(path);
        return status;
    }
    *writer = archive_writer_new(path, e->manifest, whole);
    return *writer == NULL ? larder_fail_memory(error) : LARDER_OK;
}

/* Whatever has to be done before the first row, while pg_dump is busy with the schemas. */
static enum larder_status prepare_lanes(struct export *e, struct schema_work *work,
                                        const struct catalog_schemas *schemas, int *lanes,
                                        struct larder_error *error)
{
    struct stage *stage;
    enum larder_status status = export_describe_tables(e, error);

    if (status == LARDER_OK)
        status = catalog_sizes(e->leader, e->manifest, e->extra, error);
    if (status == LARDER_OK)
        status = begin_archive(e, &stage, error);
    if (status == LARDER_OK)
        status = begin_writer(e, stage, &work->writer, error);
    if (status == LARDER_OK)
        status = complete_manifest(e, schemas, error);
    if (status == LARDER_OK)
        status = count_lanes(e, work->call.watch.application, lanes, error);
    return status == LARDER_OK ? export_lanes_plan(work->lanes, e->extra, error) : status;
}

/* pg_dump fails for want of the snapshot where the leader's connection is lost: then that is the cause. */
static void name_lost_connection(struct export *e, struct larder_error *error)
{
    struct larder_error why = {0};

    if (pg_exec(e->leader, "SELECT", &why) != LARDER_OK && pg_is_broken(e->leader)) {
        *error = why;
        larder_context(error, "could not keep the snapshot");
    }
}

/* Schema and rows, side by side; `*writer` is what they are written with, and where this fails it may be there or not. */
static enum larder_status run_lanes(struct export *e, struct archive_writer **writer,
                                    struct larder_error *error)
{
    struct export_lanes_options options = {
        .source = &e->options->source,
        .lock_timeout = export_lock_timeout(e),
        .level = e->options->level != 0 ? e->options->level : 1,
        .whole_tables = e->options->whole_tables || pg_server_version(e->leader) < TID_RANGE_SCANS,
        .run = e->run,
    };
    struct schema_work work = {.manifest = e->manifest, .pg_dump_version = e->pg_dump_version};
    struct catalog_schemas schemas = {0};
    enum larder_status status;
    int lanes = 1;
    pthread_t thread;

    begin_manifest(e);
    status = catalog_schemas(e->leader, e->manifest, e->manifest->arena, &schemas, error);
    if (status == LARDER_OK)
        status = export_lanes_new(&options, e->manifest, &work.lanes, error);
    if (status != LARDER_OK)
        return status;
    status = export_schema_prepare(
        &e->pg_dump, &e->pg_restore, e->schema != NULL ? e->schema : e->leader, e->control,
        &e->snapshot, e->manifest, &schemas, export_lock_timeout(e), e->run,
        export_lanes_stop_fd(work.lanes), e->arena, &work.call, &work.schema, error);
    sem_init(&work.complete, 0, 0);
    if (status == LARDER_OK && pthread_create(&thread, NULL, work_on_schema, &work) != 0)
        status = larder_fail(error, LARDER_FAILED, "could not start a thread");
    if (status == LARDER_OK) {
        pg_set_stop_fd(e->leader, export_lanes_stop_fd(work.lanes));
        status = prepare_lanes(e, &work, &schemas, &lanes, error);
        if (status != LARDER_OK)
            export_lanes_stop(work.lanes, status, error);
        export_schema_expect(&work.schema);
        sem_post(&work.complete);
        status = export_lanes_run(work.lanes, lanes, e->leader, error);
        pthread_join(thread, NULL);
        pg_set_stop_fd(e->leader, -1);
        if (status == LARDER_FAILED && work.failed_first)
            name_lost_connection(e, error);
        /* Which pg_dump may have met first, in other words. */
        if (status == LARDER_FAILED && e->result->findings.count > 0)
            status = export_report_obstacles(e, error);
        if (export_lanes_timed_out(work.lanes) || strstr(error->message, "lock timeout") != NULL)
            snapshot_name_table_blocker(e->control, e->manifest, export_lock_timeout(e), error);
    }
    sem_destroy(&work.complete);
    export_schema_free(&work.schema);
    export_lanes_free(work.lanes);
    *writer = work.writer;
    return status;
}

/* One row for each table that was named: a parent's count is the sum over its descendants. */
static enum larder_status count_metadata(struct export *e, struct larder_error *error)
{
    struct manifest *m = e->manifest;
    const uint64_t *rows = manifest_rows_below(m, m->arena);
    char date[16] = "";
    struct tm tm = {0};

    gmtime_r(&m->started_at, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    m->metadata = arena_alloc(m->arena, m->table_count, sizeof(*m->metadata));
    if (m->metadata == NULL || rows == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->table_count; i++) {
        struct manifest_metadata *row;

        if (e->extra[i].named != m->tables[i].oid)
            continue;
        row = &m->metadata[m->metadata_count++];
        *row = (struct manifest_metadata){.backup_date = arena_strdup(m->arena, date),
                                          .backup_name = m->backup_name,
                                          .table_name = e->extra[i].label,
                                          .row_count = (int64_t)rows[i],
                                          .kind = "archive",
                                          .schema = m->tables[i].schema,
                                          .name = m->tables[i].name};
    }
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

static enum larder_status finish_archive(struct export *e, struct archive_writer *writer,
                                         struct larder_error *error)
{
    struct buffer load = {0};
    enum larder_status status = sql_load_script(e->manifest, &load, error);

    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_LOAD, load.bytes, load.length, error);
    buffer_free(&load);
    if (status == LARDER_OK)
        status = count_metadata(e, error);
    e->manifest->finished_at = time(NULL);
    /* The clock may have been set back meanwhile, and nothing ends before it begins. */
    if (e->manifest->finished_at < e->started_at)
        e->manifest->finished_at = e->started_at;
    return status == LARDER_OK ? archive_writer_finish(writer, error) : status;
}

/* Everything between the first and the last byte of the archive. */
static enum larder_status write_archive(struct export *e, struct larder_error *error)
{
    struct archive_writer *writer = NULL;
    enum larder_status status = run_lanes(e, &writer, error);

    /* Nobody needs the snapshot and the locks any more, however long the rest takes to be stored. */
    pg_close(e->leader);
    e->leader = NULL;
    if (status == LARDER_OK)
        status = finish_archive(e, writer, error);
    archive_writer_free(writer);
    return status;
}

static enum larder_status fail_where_shrunk(const struct larder_export_result *result,
                                            struct larder_error *error)
{
    if (result->shrunk_since == NULL)
        return LARDER_OK;
    larder_fail(error, LARDER_DIFFERENCE,
                "the archive is complete, but many rows are gone that %s had",
                result->shrunk_since);
    larder_hint(error, "If they are not missed, say so by an export with --accept-shrink.");
    return LARDER_DIFFERENCE;
}

enum larder_status larder_export(const struct larder_export_options *options,
                                 const struct larder_run *run, struct larder_export_result *result,
                                 struct larder_error *error)
{
    struct export e = {.options = options, .run = run, .result = result, .arena = arena_new()};
    struct larder_error unwanted = {0};
    double begin = run_clock();
    struct summary summary;
    enum larder_status status;

    error = error == NULL ? &unwanted : error;
    *result = (struct larder_export_result){.memory = e.arena};
    if (e.arena == NULL)
        return larder_fail_memory(error);
    status = export_check_options(options, error);
    if (status == LARDER_OK)
        status = keys_recipients(&options->encryption, run, &e.recipients, error);
    if (status == LARDER_OK)
        status = destination_open(&e.to, options->store, options->output, run, error);
    e.to.encrypted = e.recipients != NULL;
    if (status == LARDER_OK && options->lock)
        status = destination_retain(&e.to, 0, error);
    if (status == LARDER_OK)
        status = export_prepare(&e, error);
    if (status == LARDER_OK) {
        export_warn_of_omissions(&e);
        status = destination_check_system(&e.to, result->source, e.server.system_identifier,
                                          e.arena, error);
    }
    if (status == LARDER_OK)
        status = export_warn_of_clear_text(&e, error);
    if (status == LARDER_OK)
        status = destination_lock(&e.to, result->source, result->preset, true, e.arena, error);
    if (status == LARDER_OK)
        status = export_find_baseline(&e, error);
    if (status == LARDER_OK)
        status = export_lead(&e, error);
    if (status == LARDER_OK)
        status = write_archive(&e, error);
    if (status == LARDER_OK) {
        export_summarize(&e, &summary);
        status = export_compare(&e, &summary, error);
    }
    if (status == LARDER_OK)
        status = destination_publish(&e.to, &summary, e.arena, error);
    if (status == LARDER_OK) {
        export_record(&e, &summary);
        status = export_describe(&e, error);
    }
    result->seconds = run_clock() - begin;
    destination_close(&e.to);
    age_recipients_free(e.recipients);
    manifest_free(e.manifest);
    pg_close(e.schema);
    pg_close(e.leader);
    pg_close(e.control);
    return status == LARDER_OK && options->fail_on_shrink ? fail_where_shrunk(result, error)
                                                          : status;
}

void larder_export_result_free(struct larder_export_result *result)
{
    arena_free(result->memory);
    *result = (struct larder_export_result){0};
}
