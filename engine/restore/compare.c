#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore/existing.h"
#include "engine/run/run.h"

static enum larder_status check_one_type(struct merging *m, struct merged *item,
                                         struct larder_error *error)
{
    struct restore *r = m->restore;
    struct larder_error why = {0};
    bool done;
    enum larder_status status =
        session_try(m->pg, arena_printf(r->arena, "SELECT FROM %s b LIMIT 0", item->shape.source),
                    &done, &why, error);

    if (status == LARDER_OK && !done)
        findings_add(&r->proof->findings, r->arena, "column", item->target,
                     "the archive's values do not go into the columns that %s has now: %s",
                     item->target, why.message);
    return status;
}

enum larder_status merging_check_types(struct merging *m, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < m->count; i++)
        if (manifest_has_rows(m->items[i].table) && m->items[i].shape.retyped_count > 0 &&
            m->items[i].shape.source != NULL)
            status = check_one_type(m, &m->items[i], error);
    return status;
}

/* A cast rounds and cuts in silence. */
static enum larder_status check_loss(struct merging *m, const struct merged *item,
                                     struct larder_error *error)
{
    char *rows = NULL;
    enum larder_status status;

    if (item->shape.lossy == NULL)
        return LARDER_OK;
    status = pg_query_value(m->pg,
                            arena_printf(m->restore->arena,
                                         "SELECT pg_catalog.count(*) FROM %s x WHERE %s",
                                         item->stage, item->shape.lossy),
                            0, NULL, &rows, error);
    if (status == LARDER_OK && strcmp(rows, "0") != 0) {
        status = larder_fail(error, LARDER_FAILED,
                             "%s rows of the archive do not fit the types that the columns of %s "
                             "have now",
                             rows, item->target);
        larder_hint(error, "Nothing was changed. --into-schema loads them beside.");
    }
    free(rows);
    return status;
}

enum larder_status merged_count(const struct merging *merging, const struct merged *merged,
                                struct larder_change *change, int64_t *archived,
                                struct larder_error *error)
{
    const struct merge_shape *s = &merged->shape;
    int64_t *const counts[] = {&change->rows_before, &change->added, &change->changed,
                               &change->removed, archived};
    PGresult *result = NULL;
    /* MERGE_IS_THERE is true in every row of the archive's. */
    const char *sql = arena_printf(
        merging->restore->arena,
        "SELECT (SELECT pg_catalog.count(*) FROM ONLY %s), "
        "pg_catalog.count(*) FILTER (WHERE t.ctid IS NULL), "
        "pg_catalog.count(*) FILTER (WHERE t.ctid IS NOT NULL AND b." MERGE_IS_THERE " AND %s), "
        "pg_catalog.count(*) FILTER (WHERE b." MERGE_IS_THERE " IS NULL), "
        "pg_catalog.count(*) FILTER (WHERE b." MERGE_IS_THERE ") "
        "FROM ONLY %s t FULL JOIN %s b ON %s",
        merged->target, s->differs, merged->target, s->source, s->on_key);
    enum larder_status status = pg_query(merging->pg, sql, 0, NULL, &result, error);

    for (int i = 0; status == LARDER_OK && i < (int)(sizeof(counts) / sizeof(counts[0])); i++)
        *counts[i] = (int64_t)strtoll(pg_value(result, 0, i), NULL, 10);
    PQclear(result);
    return status;
}

static enum larder_status compare_one(struct merging *m, struct merged *item,
                                      struct larder_error *error)
{
    struct larder_change *c = item->change;
    int64_t archived = 0;
    enum larder_status status = merged_count(m, item, c, &archived, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not compare %s with the archive", item->target);
    /* The table's key need not be one in the archive. */
    if (archived != (int64_t)item->table->rows ||
        c->rows_before - c->removed + c->added != (int64_t)item->table->rows)
        return larder_fail(error, LARDER_FAILED,
                           "the archive holds several rows with one primary key of %s",
                           item->target);
    return LARDER_OK;
}

/* The first keys of the rows that a condition is true for; either side may lack the row. */
static enum larder_status read_keys(struct merging *m, const struct merged *item,
                                    const char *condition, const char ***keys, size_t *count,
                                    struct larder_error *error)
{
    struct arena *arena = m->restore->arena;
    const struct merge_shape *s = &item->shape;
    PGresult *result = NULL;
    enum larder_status status = pg_query(
        m->pg,
        arena_printf(arena, "SELECT %s FROM ONLY %s t FULL JOIN %s b ON %s WHERE %s LIMIT %d",
                     s->key, item->target, s->source, s->on_key, condition, LARDER_CHANGE_KEYS),
        0, NULL, &result, error);

    *count = status == LARDER_OK ? (size_t)PQntuples(result) : 0;
    *keys = arena_alloc(arena, *count, sizeof(**keys));
    for (size_t i = 0; *keys != NULL && i < *count; i++)
        (*keys)[i] = arena_strdup(arena, pg_value(result, (int)i, 0));
    PQclear(result);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

static enum larder_status read_all_keys(struct merging *m, const struct merged *item,
                                        struct larder_error *error)
{
    struct larder_change *c = item->change;
    enum larder_status status = LARDER_OK;

    if (c->added > 0)
        status = read_keys(m, item, "t.ctid IS NULL", &c->added_keys, &c->added_key_count, error);
    if (status == LARDER_OK && c->changed > 0)
        status = read_keys(m, item,
                           arena_printf(m->restore->arena,
                                        "t.ctid IS NOT NULL AND b." MERGE_IS_THERE " AND %s",
                                        item->shape.differs),
                           &c->changed_keys, &c->changed_key_count, error);
    if (status == LARDER_OK && c->removed > 0)
        status = read_keys(m, item, "b." MERGE_IS_THERE " IS NULL", &c->removed_keys,
                           &c->removed_key_count, error);
    return status;
}

static enum larder_status lock_referenced(struct merging *m, const struct merged *item,
                                          struct larder_error *error)
{
    enum larder_status status =
        merge_lock_referenced(m->pg, item->target, &item->shape, m->oids, m->count, error);

    return status == LARDER_OK
               ? status
               : larder_context(error, "could not lock the rows of %s that other tables refer to",
                                item->target);
}

/* An obstacle of a preview, which goes on, and the end of a restore. */
static enum larder_status refuse_consequences(struct restore *r, const struct merged *item,
                                              bool preview, struct larder_error *error)
{
    const struct larder_change *c = item->change;
    const char *what = arena_printf(r->arena,
                                    "%s has %" PRId64 " rows that the archive lacks and %" PRId64
                                    " that differ, and other tables refer to them: %s",
                                    item->target, c->removed, c->changed, c->effects);
    const char *way =
        c->forbidden ? "remove the rows that forbid it" : "accept it with --allow-cascade";

    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    if (preview) {
        findings_add(&r->proof->findings, r->arena, "foreign key", item->target,
                     "%s; restore those tables, too, %s, or use --existing missing", what, way);
        return LARDER_OK;
    }
    larder_fail(error, LARDER_FAILED, "%s", what);
    larder_hint(error,
                "Nothing was changed. Restore those tables, too, %s, or use --existing missing.",
                way);
    return LARDER_FAILED;
}

/* Rows of other tables that refer to what would be removed, or changed where they follow. */
static enum larder_status check_consequences(struct merging *m, struct merged *item, bool preview,
                                             struct larder_error *error)
{
    const struct larder_restore_options *o = m->restore->options;
    bool *forbidden = &item->change->forbidden;
    enum larder_status status = preview ? LARDER_OK : lock_referenced(m, item, error);

    if (status == LARDER_OK)
        status = merge_consequences(m->pg, item->target, &item->shape, m->oids, m->count,
                                    m->restore->arena, &item->change->effects, forbidden, error);

    if (status != LARDER_OK || item->change->effects == NULL || (o->allow_cascade && !*forbidden))
        return status;
    return refuse_consequences(m->restore, item, preview, error);
}

static enum larder_status check_required(const struct merged *item, struct larder_error *error)
{
    if (item->change->added == 0 || item->shape.required_count == 0)
        return LARDER_OK;
    larder_fail(error, LARDER_FAILED,
                "column \"%s\" of %s has been added since, is NOT NULL and has no default: %" PRId64
                " rows of the archive could not be added",
                item->shape.required[0], item->target, item->change->added);
    larder_hint(error, "Nothing was changed. Give the column a default meanwhile.");
    return LARDER_FAILED;
}

enum larder_status merging_compare(struct merging *m, bool keys, struct larder_error *error)
{
    bool rows = m->restore->options->existing == LARDER_EXISTING_ROWS;
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < m->count; i++) {
        struct merged *item = &m->items[i];

        if (!manifest_has_rows(item->table))
            continue;
        status = check_loss(m, item, error);
        if (status == LARDER_OK)
            status = compare_one(m, item, error);
        if (status == LARDER_OK && keys)
            status = read_all_keys(m, item, error);
        if (status == LARDER_OK && rows && (item->change->removed > 0 || item->change->changed > 0))
            status = check_consequences(m, item, keys, error);
        if (status == LARDER_OK)
            status = check_required(item, error);
    }
    m->restore->proof->compared = status == LARDER_OK;
    return status;
}
