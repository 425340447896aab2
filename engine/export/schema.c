#include "engine/export/schema.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/pg/schema.h"
#include "formats/sql_text.h"
#include "formats/stub_sql.h"

/* By which pg_dump gives up by itself, where nobody can watch it. */
enum { GRACE_SECONDS = 10 };

static const char settings[] = "SET statement_timeout = 0;\n"
                               "SET lock_timeout = 0;\n"
                               "SET standard_conforming_strings = on;\n"
                               "SET check_function_bodies = false;\n"
                               "SET client_min_messages = warning;\n"
                               "SET row_security = off;\n"
                               "SET default_transaction_read_only = off;\n"
                               "SELECT pg_catalog.set_config('search_path', '', false);\n\n";

static void put_settings(struct buffer *out, const struct manifest *manifest)
{
    buffer_printf(out, "SET client_encoding = '%s';\n", manifest_text_encoding(manifest));
    buffer_puts(out, settings);
}

/* A name as pg_dump's patterns take it: quoted, it means itself. */
static const char *as_pattern(struct arena *arena, const char *name)
{
    struct buffer quoted = {0};

    sql_identifier(&quoted, name);
    return arena_take(arena, &quoted);
}

static void prepare_restore(struct export_schema_restore *restore, struct export_schema *schema,
                            const struct export_schema_call *call, const char *what)
{
    restore->arguments[0] = call->pg_restore.path;
    restore->arguments[1] = "--verbose";
    restore->arguments[2] = what;
    restore->call = call;
    restore->process = (struct process){
        .arguments = restore->arguments, .later = &schema->dump, .ready_fd = schema->ready};
}

enum larder_status export_schema_prepare(const struct tool *pg_dump, const struct tool *pg_restore,
                                         struct pg *pg, struct pg *watcher,
                                         const struct snapshot *snapshot, struct manifest *manifest,
                                         const struct catalog_schemas *schemas, int lock_timeout,
                                         const struct larder_run *run, int stop_fd,
                                         struct arena *arena, struct export_schema_call *call,
                                         struct export_schema *schema, struct larder_error *error)
{
    const char **arguments = arena_alloc(
        arena, 9 + 2 * (schemas->count + schemas->unreadable_count), sizeof(*arguments));
    const char *application = arena_printf(arena, "larder pg_dump %s", snapshot->name);
    enum larder_status status;
    size_t n = 0;

    *call = (struct export_schema_call){
        .watch = {.pg = watcher, .application = application, .timeout = lock_timeout},
        .pg_restore = *pg_restore,
        .manifest = manifest,
        .run = run,
        .stop_fd = stop_fd};
    *schema = (struct export_schema){.ready = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)};
    prepare_restore(&schema->list, schema, call, "--list");
    prepare_restore(&schema->sql, schema, call, "--file=-");
    if (schema->ready < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not prepare for pg_restore");
    if (arguments == NULL)
        return larder_fail_memory(error);
    arguments[n++] = "--format=custom";
    arguments[n++] = "--schema-only";
    arguments[n++] = "--no-password";
    arguments[n++] = arena_printf(arena, "--encoding=%s", manifest_text_encoding(manifest));
    arguments[n++] = arena_printf(arena, "--snapshot=%s", snapshot->name);
    arguments[n++] = arena_printf(arena, "--lock-wait-timeout=%ds", lock_timeout + GRACE_SECONDS);
    if (!snapshot->may_have_labels)
        arguments[n++] = "--no-security-labels"; /* looking for them takes long */
    for (size_t i = 0; i < schemas->count; i++) {
        arguments[n++] = "-n";
        arguments[n++] = as_pattern(arena, schemas->names[i]);
    }
    for (size_t i = 0; i < schemas->unreadable_count; i++) {
        arguments[n++] = "-T";
        arguments[n++] = schemas->unreadable[i];
    }
    status = tools_pg_dump(pg_dump, pg, application, arguments, arena, &call->pg_dump, error);
    call->pg_dump.watch = lock_watch_look;
    call->pg_dump.watched = &call->watch;
    return status;
}

/* pre-data.sql: whatever is missing, then what the tables need, the tables, and who may do what
 * with them. */
static enum larder_status write_pre_data(const struct export_schema_call *call,
                                         struct schema *schema, struct buffer *out,
                                         struct larder_error *error)
{
    const struct manifest *manifest = call->manifest;
    enum larder_status status;

    put_settings(out, manifest);
    for (size_t i = 0; i < manifest->external_count; i++)
        stub_sql_create(out, &manifest->externals[i]);
    for (size_t i = 0; i < manifest->schema_count; i++)
        if (strcmp(manifest->schemas[i], "public") == 0)
            stub_sql_public(out); /* which a dump never makes */
    buffer_puts(out, "\n");
    status = schema_sql(schema, SCHEMA_CREATE, out, error);
    if (status == LARDER_OK)
        status = schema_sql(schema, SCHEMA_GRANT, out, error);
    return status;
}

static enum larder_status write_post_data(const struct export_schema_call *call,
                                          struct schema *schema, struct buffer *out,
                                          struct larder_error *error)
{
    const struct manifest *manifest = call->manifest;
    enum larder_status status;

    put_settings(out, manifest);
    status = schema_sql(schema, SCHEMA_INDEX, out, error);
    buffer_puts(out, "\n");
    for (size_t i = 0; i < manifest->table_count; i++)
        for (size_t j = 0; j < manifest->tables[i].reference_count; j++) {
            const struct manifest_reference *r = &manifest->tables[i].references[j];

            if (manifest_find(manifest, r->schema, r->name) == NULL)
                stub_sql_fill(out, &manifest->tables[i], r);
        }
    buffer_puts(out, "\n");
    if (status == LARDER_OK)
        status = schema_sql(schema, SCHEMA_LAST, out, error);
    return status;
}

static void *run_restore(void *arg)
{
    struct export_schema_restore *restore = arg;
    const struct export_schema_call *call = restore->call;

    restore->status =
        process_run(&restore->process, call->run, call->stop_fd, &restore->output, &restore->error);
    return NULL;
}

static void begin_restore(struct export_schema_restore *restore)
{
    restore->began = pthread_create(&restore->thread, NULL, run_restore, restore) == 0;
}

void export_schema_expect(struct export_schema *schema)
{
    begin_restore(&schema->list);
    begin_restore(&schema->sql);
}

/* Its result; where it was not begun, it is run here. */
static enum larder_status end_restore(struct export_schema_restore *restore,
                                      struct larder_error *error)
{
    if (restore->began)
        pthread_join(restore->thread, NULL);
    else
        run_restore(restore);
    restore->began = false;
    if (restore->status == LARDER_OK)
        return LARDER_OK;
    *error = restore->error;
    return restore->status;
}

enum larder_status export_schema_dump(const struct export_schema_call *call,
                                      struct export_schema *schema, struct larder_error *error)
{
    enum larder_status status =
        process_run(&call->pg_dump, call->run, call->stop_fd, &schema->dump, error);

    eventfd_write(schema->ready, 2); /* the list and the SQL */
    return status == LARDER_OK ? LARDER_OK : larder_context(error, "could not export the schema");
}

/* A sequence that a function, a rule or a policy names is made along with it, and has to go on where it was. */
static void take_made_sequences(struct manifest *m, const struct schema *schema)
{
    for (size_t i = m->sequence_count; i < manifest_sequences(m); i++) {
        const struct manifest_sequence made = m->sequences[i];

        if (!schema_has(schema, made.oid))
            continue;
        memmove(&m->sequences[m->sequence_count + 1], &m->sequences[m->sequence_count],
                (i - m->sequence_count) * sizeof(made));
        m->sequences[m->sequence_count++] = made;
        m->unused_sequence_count--;
    }
}

enum larder_status export_schema_write(const struct export_schema_call *call,
                                       struct export_schema *out,
                                       char pg_dump_version[SCHEMA_VERSION],
                                       struct larder_error *error)
{
    const struct manifest *manifest = call->manifest;
    struct arena *arena = arena_new();
    struct larder_findings left_out = {0};
    const struct manifest_table **tables;
    uint32_t *stand_ins;
    size_t stand_in_count = 0;
    struct schema schema;
    enum larder_status status;

    if (arena == NULL)
        return larder_fail_memory(error);
    tables = arena_alloc(arena, manifest->table_count, sizeof(struct manifest_table *));
    for (size_t i = 0; tables != NULL && i < manifest->table_count; i++)
        tables[i] = &manifest->tables[i];
    stand_ins = arena_alloc(arena, manifest->external_count, sizeof(*stand_ins));
    for (size_t i = 0; stand_ins != NULL && i < manifest->external_count; i++)
        if (manifest->externals[i].oid != 0)
            stand_ins[stand_in_count++] = manifest->externals[i].oid;
    status = arena_failed(arena) ? larder_fail_memory(error) : end_restore(&out->list, error);
    if (status == LARDER_OK)
        status = schema_open_listed(&schema, &call->pg_restore, out->dump.bytes, out->dump.length,
                                    call->run, call->stop_fd, &out->list.output, arena, error);
    if (status == LARDER_OK)
        memcpy(pg_dump_version, schema.pg_dump_version, SCHEMA_VERSION);
    if (status == LARDER_OK)
        status = end_restore(&out->sql, error);
    if (status != LARDER_OK)
        larder_context(error, "could not read the archived schema");
    if (status == LARDER_OK)
        schema_take_sql(&schema, buffer_text(&out->sql.output));
    if (status == LARDER_OK)
        status = schema_select(&schema, tables, manifest->table_count, NULL, 0, stand_ins,
                               stand_in_count, arena, &left_out, error);
    if (status == LARDER_OK)
        take_made_sequences(call->manifest, &schema);
    if (status == LARDER_OK)
        status = write_pre_data(call, &schema, &out->pre_data, error);
    if (status == LARDER_OK)
        status = write_post_data(call, &schema, &out->post_data, error);
    if (status == LARDER_OK && (out->pre_data.failed || out->post_data.failed))
        status = larder_fail_memory(error);
    arena_free(arena);
    return status;
}

void export_schema_free(struct export_schema *schema)
{
    if (schema->list.began)
        pthread_join(schema->list.thread, NULL);
    if (schema->sql.began)
        pthread_join(schema->sql.thread, NULL);
    if (schema->ready >= 0)
        close(schema->ready);
    buffer_free(&schema->list.output);
    buffer_free(&schema->sql.output);
    buffer_free(&schema->dump);
    buffer_free(&schema->pre_data);
    buffer_free(&schema->post_data);
}
