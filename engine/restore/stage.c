#include <stdlib.h>
#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore/copy.h"
#include "engine/restore/existing.h"
#include "engine/restore/preflight.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

struct staging {
    struct restore *restore;
    struct larder_progress progress;
};

static void tell(void *of, uint64_t rows, uint64_t bytes)
{
    struct staging *s = of;

    s->progress.rows += rows;
    s->progress.bytes += bytes;
    run_progress(s->restore->run, &s->progress);
}

/* Which of the columns' types the target has; in the arena. */
static enum larder_status find_types(struct restore *r, struct pg *pg,
                                     const struct manifest_table *table, bool **known,
                                     struct larder_error *error)
{
    const char **types = arena_alloc(r->arena, table->column_count, sizeof(*types));

    *known = arena_alloc(r->arena, table->column_count, sizeof(**known));
    if (types == NULL || *known == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < table->column_count; i++)
        types[i] = table->columns[i].type;
    return preflight_ask(pg, "pg_catalog.to_regtype(u.item) IS NOT NULL", types,
                         table->column_count, *known, error);
}

/* A type that has gone: its values, as text, may still be what a column takes now. */
static enum larder_status put_columns(struct buffer *sql, const struct manifest_table *table,
                                      const bool *known, struct larder_error *error)
{
    const char *before = "";

    for (size_t i = 0; i < table->column_count; i++) {
        const struct manifest_column *column = &table->columns[i];

        if (column->generated)
            continue;
        if (!known[i] && table->copy_format != COPY_TEXT)
            return larder_fail(error, LARDER_FAILED,
                               "column \"%s\" was of type %s, which the target lacks, and is "
                               "archived in binary format",
                               column->name, column->type);
        buffer_puts(sql, before);
        sql_identifier(sql, column->name);
        buffer_printf(sql, " %s", known[i] ? column->type : "text");
        before = ", ";
    }
    return LARDER_OK;
}

enum larder_status stage_create(struct restore *r, struct pg *pg, const char *create,
                                const struct manifest_table *table, const char *end,
                                struct larder_error *error)
{
    struct buffer sql = {0};
    bool *known;
    enum larder_status status = find_types(r, pg, table, &known, error);

    buffer_printf(&sql, "%s ", create);
    sql_qualified(&sql, table->schema, table->name);
    buffer_puts(&sql, " (");
    if (status == LARDER_OK)
        status = put_columns(&sql, table, known, error);
    buffer_printf(&sql, ")%s", end);
    if (status == LARDER_OK)
        status = sql.failed ? larder_fail_memory(error) : pg_exec(pg, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

enum larder_status stage_load(struct restore *r, struct pg *pg, const struct manifest_table *table,
                              const struct manifest_table *into, struct larder_error *error)
{
    struct staging staging = {
        .restore = r,
        .progress = {.phase = "load", .rows_total = table->rows, .bytes_total = table->raw_bytes}};
    struct part_copy copy = {.restore = r, .tell = tell, .arg = &staging};
    enum larder_status status = part_copy_begin(&copy, error);

    for (size_t i = 0; status == LARDER_OK && i < table->part_count; i++)
        status = part_copy_run(&copy, pg, table, into, i, false, error);
    part_copy_end(&copy);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not load the rows of \"%s.%s\"",
                                                table->schema, table->name);
}

static enum larder_status find_oid(struct merging *m, struct merged *item,
                                   struct larder_error *error)
{
    char *oid = NULL;
    enum larder_status status =
        pg_query_value(m->pg, "SELECT $1::pg_catalog.regclass::oid", 1, &item->target, &oid, error);

    item->shape.oid = oid == NULL ? 0 : (uint32_t)strtoul(oid, NULL, 10);
    free(oid);
    return status;
}

static enum larder_status begin_one(struct merging *m, size_t number, struct larder_error *error)
{
    struct restore *r = m->restore;
    struct merged *item = &m->items[number];
    const struct manifest_table *table = r->merge_tables[number];
    enum larder_status status;

    *item = (struct merged){.table = table,
                            .staged = *table,
                            .target = preflight_qualified(r->arena, table->schema, table->name),
                            .change = &r->proof->changes[number],
                            .proof = &r->proof->tables[r->table_count + number]};
    item->staged.schema = "pg_temp";
    item->staged.name = arena_printf(r->arena, "larder_staged_%zu", number + 1);
    item->stage = preflight_qualified(r->arena, item->staged.schema, item->staged.name);
    *item->change =
        (struct larder_change){.schema = item->proof->schema, .name = item->proof->name};
    if (!manifest_has_rows(table))
        return find_oid(m, item, error);
    status =
        stage_create(r, m->pg, "CREATE TEMPORARY TABLE", &item->staged, " ON COMMIT DROP", error);
    if (status == LARDER_OK)
        status = merge_shape(m->pg, item->target, item->stage, r->arena, &item->shape, error);
    item->alike = item->shape.dropped_count == 0 && item->shape.retyped_count == 0;
    m->oids[number] = item->shape.oid;
    return status == LARDER_OK
               ? status
               : larder_context(error, "could not make room for the rows of %s", item->target);
}

enum larder_status merging_begin(struct merging *m, struct restore *r, struct pg *pg,
                                 struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *m = (struct merging){.restore = r, .pg = pg, .count = r->merge_count};
    m->items = arena_alloc(r->arena, m->count, sizeof(*m->items));
    m->oids = arena_alloc(r->arena, m->count, sizeof(*m->oids));
    r->proof->changes = arena_alloc(r->arena, m->count, sizeof(*r->proof->changes));
    r->proof->change_count = r->proof->changes == NULL ? 0 : m->count;
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < m->count; i++)
        status = begin_one(m, i, error);
    return status == LARDER_OK && arena_failed(r->arena) ? larder_fail_memory(error) : status;
}

/* The planner looks at the staged rows once they are there. */
enum larder_status merging_load(struct merging *m, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < m->count; i++) {
        struct merged *item = &m->items[i];

        struct larder_error why = {0};
        bool analyzed;

        if (!manifest_has_rows(item->table))
            continue;
        status = stage_load(m->restore, m->pg, item->table, &item->staged, error);
        if (status == LARDER_OK)
            status = session_try(m->pg, arena_printf(m->restore->arena, "ANALYZE %s", item->stage),
                                 &analyzed, &why, error);
    }
    return status;
}
