#include <string.h>

#include "engine/pg/session.h"
#include "engine/proof.h"
#include "engine/restore/existing.h"
#include "engine/restore/preflight.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

/* The same table in the schema that was named. */
static struct manifest_table beside(const struct restore *r, const struct manifest_table *table)
{
    struct manifest_table copy = *table;

    copy.schema = r->options->into_schema;
    return copy;
}

enum larder_status existing_check_beside(struct restore *r, struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->table_count, sizeof(*names));
    bool *exists = arena_alloc(r->arena, r->table_count, sizeof(*exists));
    enum larder_status status;

    if (names == NULL || exists == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++)
        names[i] = preflight_qualified(r->arena, r->options->into_schema, r->tables[i]->name);
    status = preflight_ask(r->control, PREFLIGHT_TABLE, names, r->table_count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < r->table_count; i++) {
        bool twice = false;

        for (size_t j = 0; j < i && !twice; j++)
            twice = strcmp(r->tables[i]->name, r->tables[j]->name) == 0;
        if (exists[i])
            findings_add(&r->proof->findings, r->arena, "existing table", names[i],
                         "%s exists in the target already; name another schema, or drop it",
                         names[i]);
        else if (twice)
            findings_add(&r->proof->findings, r->arena, "table", names[i],
                         "the archive has several tables that would be %s; choose with -t",
                         names[i]);
    }
    return status;
}

/* A schema of its own is closed; one that is there is left as it is. */
static enum larder_status make_schema(struct restore *r, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    buffer_puts(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    sql_identifier(&sql, r->options->into_schema);
    status = sql.failed ? larder_fail_memory(error) : pg_exec(r->control, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

static enum larder_status prove_one(struct restore *r, size_t number,
                                    const struct manifest_table *table, struct larder_error *error)
{
    struct fingerprint fingerprint = {0};
    uint64_t rows = 0;
    enum larder_status status =
        proof_read_table(r->control, r->manifest, table, &rows, &fingerprint, error);

    if (status == LARDER_OK)
        proof_set_target(&r->proof->tables[number], rows, fingerprint);
    return status;
}

static enum larder_status load(struct restore *r, struct larder_error *error)
{
    enum larder_status status = make_schema(r, error);

    for (size_t i = 0; status == LARDER_OK && i < r->table_count; i++) {
        struct manifest_table table = beside(r, r->tables[i]);

        if (manifest_has_rows(&table))
            status = stage_create(r, r->control, "CREATE TABLE", &table, "", error);
    }
    /* Default privileges may have opened them. */
    if (status == LARDER_OK)
        status = restore_close_made(r->control, error);
    for (size_t i = 0; status == LARDER_OK && i < r->table_count; i++) {
        struct manifest_table table = beside(r, r->tables[i]);

        if (!manifest_has_rows(&table))
            continue;
        status = stage_load(r, r->control, r->tables[i], &table, error);
        if (status == LARDER_OK && !r->options->no_verify)
            status = prove_one(r, i, &table, error);
    }
    return status;
}

enum larder_status existing_load_beside(struct restore *r, struct larder_error *error)
{
    enum larder_status status = session_begin_write(r->control, error);

    if (status == LARDER_OK)
        status = load(r, error);
    if (status == LARDER_OK)
        status = session_commit(r->control, error);
    else
        session_rollback(r->control);
    r->complete = status == LARDER_OK;
    return status == LARDER_OK ? status
                               : larder_context(error, "could not load into schema \"%s\"",
                                                r->options->into_schema);
}
