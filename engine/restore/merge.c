#include <string.h>

#include "engine/pg/array.h"
#include "engine/proof.h"
#include "engine/restore/existing.h"

static bool is_conflict(const struct pg *pg)
{
    return strcmp(pg_sqlstate(pg), "23505") == 0 || strcmp(pg_sqlstate(pg), "23P01") == 0;
}

static bool makes_rows(const struct merging *m)
{
    return m->restore->options->existing == LARDER_EXISTING_ROWS;
}

/* Of one table; deletions come first, since they free the values of unique constraints. */
static void put_merge(const struct merging *m, size_t number, struct buffer *sql)
{
    const struct merged *item = &m->items[number];
    const struct merge_shape *s = &item->shape;

    if (makes_rows(m))
        buffer_printf(sql,
                      "del_%zu AS (DELETE FROM ONLY %s t WHERE NOT EXISTS (SELECT FROM %s b WHERE "
                      "%s) RETURNING 1), ",
                      number, item->target, s->source, s->on_key);
    else
        buffer_printf(sql, "del_%zu AS (SELECT 1 WHERE false), ", number);
    if (makes_rows(m) && s->assignments != NULL)
        buffer_printf(sql,
                      "upd_%zu AS (UPDATE ONLY %s t SET %s FROM %s b WHERE %s AND %s AND "
                      "(SELECT pg_catalog.count(*) FROM del_%zu) IS NOT NULL RETURNING 1), ",
                      number, item->target, s->assignments, s->source, s->on_key, s->differs,
                      number);
    else
        buffer_printf(sql, "upd_%zu AS (SELECT 1 FROM del_%zu), ", number, number);
    buffer_printf(sql,
                  "ins_%zu AS (INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s b "
                  "WHERE NOT EXISTS (SELECT FROM ONLY %s t WHERE %s) AND "
                  "(SELECT pg_catalog.count(*) FROM upd_%zu) IS NOT NULL)",
                  number, item->target, s->columns, s->columns, s->source, item->target, s->on_key,
                  number);
}

/* One statement for all tables, so that foreign keys are checked when all of it is done. */
static enum larder_status run_merge(struct merging *m, struct larder_error *error)
{
    struct buffer sql = {0};
    size_t changed = 0;
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; i < m->count; i++) {
        if (!merging_touches(m, &m->items[i]))
            continue;
        buffer_puts(&sql, changed++ == 0 ? "WITH " : ", ");
        put_merge(m, i, &sql);
    }
    buffer_puts(&sql, " SELECT 1");
    if (changed > 0)
        status = sql.failed ? larder_fail_memory(error) : pg_exec(m->pg, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

/*
 * What foreign keys do comes at the statement's end, and may undo some of it: a row that went, and one that came with its unique value, have the
 * same rows refer to them. A second time there is only that to be done.
 */
static enum larder_status run_merges(struct merging *m, struct larder_error *error)
{
    enum larder_status status = run_merge(m, error);

    return status == LARDER_OK && m->passes_on ? run_merge(m, error) : status;
}

/* Rows that exchanged values of a unique constraint, or passed them on, cannot be updated one after the other. */
static enum larder_status free_values(struct merging *m, struct buffer *afterwards, bool *freed,
                                      struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *freed = false;
    for (size_t i = 0; status == LARDER_OK && i < m->count; i++) {
        struct merged *item = &m->items[i];
        const char *before, *after;

        if (!manifest_has_rows(item->table) || item->change->changed == 0)
            continue;
        status = merge_free_unique(m->pg, item->target, &item->shape, item->stage,
                                   m->restore->arena, &before, &after, error);
        if (status == LARDER_OK && before[0] != '\0') {
            *freed = true;
            status = pg_exec(m->pg, before, error);
        }
        buffer_puts(afterwards, status == LARDER_OK ? after : "");
    }
    return status;
}

/* Functions of the tables (of defaults, checks, triggers of other tables) may need the path that the database sets. */
static enum larder_status with_usual_path(struct merging *m,
                                          enum larder_status (*run)(struct merging *,
                                                                    struct larder_error *),
                                          struct larder_error *error)
{
    enum larder_status status = pg_exec(m->pg, "SET LOCAL search_path TO DEFAULT", error);

    if (status == LARDER_OK)
        status = run(m, error);
    return status == LARDER_OK ? pg_exec(m->pg, "SET LOCAL search_path = ''", error) : status;
}

static enum larder_status merge_freely(struct merging *m, struct buffer *afterwards,
                                       struct larder_error *error)
{
    struct larder_error first = {0};
    bool freed = false;
    enum larder_status status = pg_exec(m->pg, "SAVEPOINT larder_merge", error);

    if (status != LARDER_OK)
        return status;
    status = with_usual_path(m, run_merges, &first);
    if (status != LARDER_FAILED || !makes_rows(m) || !is_conflict(m->pg)) {
        if (status != LARDER_OK)
            *error = first;
        return status;
    }
    status = pg_exec(m->pg, "ROLLBACK TO SAVEPOINT larder_merge", error);
    if (status == LARDER_OK)
        status = free_values(m, afterwards, &freed, error);
    if (status == LARDER_OK && !freed) {
        *error = first;
        return first.status;
    }
    return status == LARDER_OK ? with_usual_path(m, run_merges, error) : status;
}

static enum larder_status check_deferred(struct merging *m, struct larder_error *error)
{
    return pg_exec(m->pg, "SET CONSTRAINTS ALL IMMEDIATE", error);
}

/* The merge with what has to be done before and after it; deferred constraints are checked here, before the proof. */
static enum larder_status merge_all(struct merging *m, struct larder_error *error)
{
    struct restore *r = m->restore;
    uint32_t *oids = arena_alloc(r->arena, m->count, sizeof(*oids));
    struct buffer afterwards = {0};
    const char *before, *after;
    size_t changed = 0;
    enum larder_status status;

    if (oids == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->count; i++)
        if (merging_touches(m, &m->items[i]))
            oids[changed++] = m->oids[i];
    if (changed == 0)
        return LARDER_OK;
    status = merge_around(m->pg, oids, changed, makes_rows(m), r->arena, &before, &after, error);
    if (status == LARDER_OK)
        status = pg_exec(m->pg, before, error);
    if (status == LARDER_OK)
        status = merge_freely(m, &afterwards, error);
    if (status == LARDER_OK)
        status = with_usual_path(m, check_deferred, error);
    buffer_puts(&afterwards, status == LARDER_OK ? after : "");
    if (status == LARDER_OK)
        status = afterwards.failed ? larder_fail_memory(error)
                                   : pg_exec(m->pg, buffer_text(&afterwards), error);
    buffer_free(&afterwards);
    return status;
}

static enum larder_status fail_proof(const struct merged *item, struct larder_error *error)
{
    larder_fail(error, LARDER_FAILED,
                "the rows of %s would not have become what they should; nothing was changed",
                item->target);
    larder_hint(error, "A column's type may hold less than it did, or a trigger of another table "
                       "wrote here.");
    return LARDER_FAILED;
}

static enum larder_status read_back(struct merging *m, const struct manifest_table *table,
                                    uint64_t *rows, struct fingerprint *fingerprint,
                                    struct larder_error *error)
{
    return proof_read_table(m->pg, m->restore->manifest, table, rows, fingerprint, error);
}

/* Where columns are not those of the archive the server compares, value by value. */
static enum larder_status prove_by_comparing(struct merging *m, struct merged *item,
                                             struct larder_error *error)
{
    const struct larder_change *before = item->change;
    int64_t left = makes_rows(m) ? 0 : before->changed;
    int64_t extra = makes_rows(m) ? 0 : before->removed, archived;
    struct larder_change after = {0};
    enum larder_status status = merged_count(m, item, &after, &archived, error);

    if (status == LARDER_OK &&
        (after.added != 0 || after.changed != left || after.removed != extra))
        status = fail_proof(item, error);
    item->proof->rows_target = after.rows_before;
    item->proof->proven = makes_rows(m) ? "equal in its columns" : "all there";
    return status;
}

static enum larder_status prove_rows(struct merging *m, struct merged *item,
                                     struct larder_error *error)
{
    struct fingerprint fingerprint = {0};
    uint64_t rows = 0;
    enum larder_status status = read_back(m, item->table, &rows, &fingerprint, error);

    if (status == LARDER_OK &&
        (rows != item->table->rows || !fingerprint_equal(fingerprint, item->table->fingerprint)))
        status = fail_proof(item, error);
    proof_set_target(item->proof, rows, fingerprint);
    return status;
}

/* What was there and what was missing, together: nothing else may have been touched. */
static enum larder_status expect_sum(struct merging *m, struct merged *item,
                                     struct larder_error *error)
{
    struct fingerprint fingerprint = {0};
    uint64_t rows = 0;
    enum larder_status status = read_back(m, item->table, &rows, &fingerprint, error);

    if (status == LARDER_OK &&
        (rows != item->expected_rows || !fingerprint_equal(fingerprint, item->expected)))
        status = fail_proof(item, error);
    proof_set_target(item->proof, rows, fingerprint);
    item->proof->proven = "all there";
    return status;
}

/* Before the merge: leaves in the staged table what is missing, and adds up what must come of it. */
static enum larder_status expect_missing(struct merging *m, struct merged *item,
                                         struct larder_error *error)
{
    struct fingerprint missing = {0};
    uint64_t rows = 0;
    enum larder_status status =
        pg_exec(m->pg,
                arena_printf(m->restore->arena,
                             "DELETE FROM %s b WHERE EXISTS (SELECT FROM ONLY %s t WHERE %s)",
                             item->stage, item->target, item->shape.on_key),
                error);

    if (status == LARDER_OK)
        status = read_back(m, &item->staged, &rows, &missing, error);
    if (status == LARDER_OK)
        status = read_back(m, item->table, &item->expected_rows, &item->expected, error);
    item->expected_rows += status == LARDER_OK ? rows : 0;
    if (status == LARDER_OK)
        fingerprint_add(&item->expected, missing);
    return status;
}

static enum larder_status expect_all(struct merging *m, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && !makes_rows(m) && i < m->count; i++)
        if (manifest_has_rows(m->items[i].table) && m->items[i].alike)
            status = expect_missing(m, &m->items[i], error);
    return status;
}

static enum larder_status prove_all(struct merging *m, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < m->count; i++) {
        struct merged *item = &m->items[i];

        if (!manifest_has_rows(item->table))
            continue;
        if (!item->alike)
            status = prove_by_comparing(m, item, error);
        else
            status = makes_rows(m) ? prove_rows(m, item, error) : expect_sum(m, item, error);
    }
    return status;
}

/* Those of partitioned tables, too, which their partitions' rows come from. */
static enum larder_status advance_sequences(struct merging *m, struct larder_error *error)
{
    uint32_t *oids = arena_alloc(m->restore->arena, m->count, sizeof(*oids));
    struct buffer array = {0};
    const char *tables;
    enum larder_status status;

    if (oids == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->count; i++)
        oids[i] = m->items[i].shape.oid;
    tables = array_of_oids(&array, oids, m->count);
    status = array.failed ? larder_fail_memory(error)
                          : merge_advance_sequences(m->pg, tables, "{}", error);
    buffer_free(&array);
    return status;
}

enum larder_status merging_apply(struct merging *m, struct larder_error *error)
{
    bool proves = !m->restore->options->no_verify;
    enum larder_status status = proves ? expect_all(m, error) : LARDER_OK;

    if (status == LARDER_OK) {
        status = merge_all(m, error);
        if (status != LARDER_OK)
            larder_context(error, "could not merge; nothing was changed");
    }
    if (status == LARDER_OK && proves)
        status = prove_all(m, error);
    /* Last, since sequences do not come back with the transaction. */
    return status == LARDER_OK ? advance_sequences(m, error) : status;
}
