#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/restore_load.h"
#include "engine/restore_preflight.h"
#include "formats/sql_text.h"
#include "formats/stub_sql.h"

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

static bool is_made(const struct restore *r, const struct manifest_reference *reference)
{
    for (size_t k = 0; k < r->to_make_count; k++)
        if (strcmp(r->to_make[k].kind, "table") == 0 &&
            strcmp(r->to_make[k].schema, reference->schema) == 0 &&
            strcmp(r->to_make[k].name, reference->name) == 0)
            return true;
    return false;
}

/* Keys that the rows refer to: into stand-ins, and, as asked, into tables that were there before. */
static void put_keys(struct buffer *sql, const struct restore *r,
                     const struct manifest_table *table)
{
    for (size_t j = 0; j < table->reference_count; j++) {
        const struct manifest_reference *reference = &table->references[j];

        if (is_made(r, reference))
            stub_sql_fill(sql, table, reference);
        else if (r->options->externals == LARDER_EXTERNALS_STUB &&
                 !preflight_is_selected(r, reference->schema, reference->name))
            stub_sql_add(sql, table, reference);
    }
}

static enum larder_status write_last(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    enum larder_status status;

    for (size_t i = 0; i < r->table_count; i++)
        put_keys(&load->last, r, r->tables[i]);
    status = schema_sql(&r->schema, SCHEMA_LAST, r->run, -1, &load->last, error);
    for (size_t i = 0; i < r->manifest->sequence_count; i++)
        if (schema_has(&r->schema, r->manifest->sequences[i].oid))
            put_sequence(&load->last, &r->manifest->sequences[i]);
    if (status == LARDER_OK && load->last.failed)
        status = larder_fail_memory(error);
    return status;
}

static enum larder_status run_lanes(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    int started = 1;
    pthread_t *lanes = calloc((size_t)r->lanes, sizeof(*lanes));

    if (lanes == NULL)
        return larder_fail_memory(error);
    while (started < r->lanes && pthread_create(&lanes[started], NULL, load_lane, load) == 0)
        started++;
    load_lane(load);
    for (int i = 1; i < started; i++)
        pthread_join(lanes[i], NULL);
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
        status = schema_blocks(&r->schema, SCHEMA_REST, r->run, -1, r->arena, &r->rest,
                               &r->rest_count, error);
    if (status == LARDER_OK)
        status = write_last(&load, error);
    if (status == LARDER_OK)
        status = load_plan(&load, error);
    if (status == LARDER_OK)
        status = run_lanes(&load, error);
    pthread_mutex_destroy(&load.lock);
    pthread_cond_destroy(&load.changed);
    close(load.stop_fd);
    buffer_free(&load.last);
    return status;
}
