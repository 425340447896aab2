#include "engine/restore/existing.h"

#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore/additions.h"
#include "engine/restore/preflight.h"
#include "engine/restore/references.h"
#include "engine/run/run.h"

enum larder_status existing_check_options(const struct larder_restore_options *o,
                                          struct larder_error *error)
{
    bool merges = o->existing != LARDER_EXISTING_ERROR;

    if (merges && o->into_schema != NULL)
        return larder_fail(error, LARDER_USAGE,
                           "--into-schema loads beside what exists, and --existing into it: only "
                           "one of them can be");
    if (o->whole_schema && (merges || o->into_schema != NULL))
        return larder_fail(error, LARDER_USAGE,
                           "--schema all is for a database that has nothing of the archive yet");
    if (!merges && (o->no_undo || o->undo_file != NULL || o->allow_cascade))
        return larder_fail(error, LARDER_USAGE,
                           "--undo, --no-undo and --allow-cascade belong to --existing");
    if (o->additions && o->into_schema != NULL)
        return larder_fail(error, LARDER_USAGE,
                           "--into-schema loads plain tables alone, and --additions makes more");
    if (o->no_undo && o->undo_file != NULL)
        return larder_fail(error, LARDER_USAGE, "--undo and --no-undo contradict each other");
    return LARDER_OK;
}

/* What a role must be allowed, where it is not the owner. */
static const char *find_closed(const struct restore *r, const struct merge_access *a)
{
    bool rows = r->options->existing == LARDER_EXISTING_ROWS;

    if (a->owns)
        return NULL;
    if (a->has_triggers)
        return "it has triggers, which only its owner may keep from firing";
    if (rows && a->has_identity)
        return "it has an identity column that is GENERATED ALWAYS, which only its owner may set";
    if (!a->may_select || !a->may_insert)
        return "it takes the privileges SELECT and INSERT";
    if (rows && !a->may_change)
        return "it takes the privileges UPDATE and DELETE";
    return a->may_lock ? NULL : "it takes the privilege UPDATE to lock it against writers";
}

static void check_access(struct restore *r, const struct manifest_table *table, const char *name,
                         const struct merge_access *a)
{
    bool partitioned = !manifest_has_rows(table);
    const char *closed = find_closed(r, a);

    if (a->kind != (partitioned ? 'p' : 'r'))
        findings_add(&r->proof->findings, r->arena, "existing table", name,
                     "%s is %s in the target, and %s in the archive; --into-schema "
                     "loads it beside",
                     name,
                     a->kind == 'p'   ? "a partitioned table"
                     : a->kind == 'r' ? "a table"
                                      : "no table",
                     partitioned ? "a partitioned table" : "a table");
    else if (a->is_limited)
        findings_add(&r->proof->findings, r->arena, "row level security", name,
                     "row level security would hide rows of %s from role \"%s\"; use "
                     "its owner, \"%s\", or a role with BYPASSRLS",
                     name, a->role, a->owner);
    else if (closed != NULL && !partitioned)
        findings_add(&r->proof->findings, r->arena, "privilege", name,
                     "role \"%s\" may not merge into %s of \"%s\": %s", a->role, name, a->owner,
                     closed);
    if (a->has_rules && !partitioned)
        findings_add(&r->proof->findings, r->arena, "rule", name,
                     "%s has rules, which would change what is written", name);
}

/* Those that exist go behind the others, here and in the proof. */
static enum larder_status part_tables(struct restore *r, const bool *exists, size_t existing,
                                      struct larder_error *error)
{
    const struct manifest_table **tables =
        arena_alloc(r->arena, r->table_count, sizeof(struct manifest_table *));
    struct larder_table_proof *proofs = arena_alloc(r->arena, r->table_count, sizeof(*proofs));
    size_t made = 0, merged = r->table_count - existing;

    if (tables == NULL || proofs == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++) {
        size_t place = exists[i] ? merged++ : made++;

        tables[place] = r->tables[i];
        proofs[place] = r->proof->tables[i];
    }
    r->tables = tables;
    r->proof->tables = proofs;
    r->table_count = made;
    r->merge_tables = tables + made;
    r->merge_count = existing;
    return LARDER_OK;
}

/* What stands in the way of a table that exists; `*exists` is false where it has gone meanwhile. */
static enum larder_status look_at(struct restore *r, const struct manifest_table *table,
                                  const char *name, bool *exists, struct larder_error *error)
{
    struct merge_access access;
    enum larder_status status;

    if (r->options->existing == LARDER_EXISTING_ERROR) {
        findings_add(&r->proof->findings, r->arena, "existing table", name,
                     "table %s exists in the target already; --existing rows makes "
                     "its rows those of the archive, --existing missing adds rows "
                     "that it lacks, --into-schema loads beside",
                     name);
        return LARDER_OK;
    }
    status = merge_access(r->control, name, r->arena, &access, exists, error);
    if (status == LARDER_OK && *exists)
        check_access(r, table, name, &access);
    return status;
}

enum larder_status existing_find(struct restore *r, struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->table_count, sizeof(*names));
    bool *exists = arena_alloc(r->arena, r->table_count, sizeof(*exists));
    bool *left = arena_alloc(r->arena, r->table_count, sizeof(*left));
    size_t existing = 0;
    enum larder_status status;

    if (names == NULL || exists == NULL || left == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++)
        names[i] = preflight_qualified(r->arena, r->tables[i]->schema, r->tables[i]->name);
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    status = restore_find_left(r, names, r->table_count, left, error);
    if (status == LARDER_OK)
        status = preflight_ask(r->control, PREFLIGHT_TABLE, names, r->table_count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < r->table_count; i++) {
        exists[i] = exists[i] && !left[i];
        if (exists[i])
            status = look_at(r, r->tables[i], names[i], &exists[i], error);
        existing += exists[i];
    }
    if (status != LARDER_OK || r->options->existing == LARDER_EXISTING_ERROR)
        return status;
    return part_tables(r, exists, existing, error);
}

/* Columns that have changed since the archive was written, and what that means for each. */
static void report_columns(struct restore *r, const struct merged *item)
{
    const struct merge_shape *s = &item->shape;

    if (s->on_key == NULL) {
        findings_add(&r->proof->findings, r->arena, "primary key", item->target,
                     "%s has no primary key by which its rows could be matched; leave "
                     "it out with -t '!%s', or load it beside with --into-schema",
                     item->target, item->target);
        return;
    }
    if (s->missing_keys != NULL)
        findings_add(&r->proof->findings, r->arena, "column", item->target,
                     "the archive lacks %s, which the primary key of %s needs", s->missing_keys,
                     item->target);
    for (size_t i = 0; i < s->dropped_count; i++)
        findings_add(&r->proof->findings, r->arena, "left out", item->target,
                     "column \"%s\" of the archive is left out: table %s has none of "
                     "that name that takes values",
                     s->dropped[i], item->target);
    for (size_t i = 0; i < s->added_count; i++)
        run_message(r->run, LARDER_NOTE,
                    "column \"%s\" of %s is not in the archive: it stays as it is, and rows that "
                    "are added get its default",
                    s->added[i], item->target);
    for (size_t i = 0; i < s->retyped_count; i++)
        run_message(r->run, LARDER_NOTE, "a column of %s has another type now: %s", item->target,
                    s->retyped[i]);
}

static enum larder_status check_columns(struct restore *r, struct larder_error *error)
{
    struct merging m;
    enum larder_status status = merging_begin(&m, r, r->control, error);

    for (size_t i = 0; status == LARDER_OK && i < m.count; i++)
        if (manifest_has_rows(m.items[i].table))
            report_columns(r, &m.items[i]);
    return status == LARDER_OK ? merging_check_types(&m, error) : status;
}

enum larder_status existing_check_columns(struct restore *r, struct larder_error *error)
{
    enum larder_status status = session_begin_write(r->control, error);

    if (status == LARDER_OK)
        status = check_columns(r, error);
    session_rollback(r->control);
    return status;
}

/* Everything up to the comparison. */
static enum larder_status compare(struct restore *r, struct merging *m, struct pg *pg, bool keys,
                                  struct larder_error *error)
{
    enum larder_status status = merging_begin(m, r, pg, error);

    if (status == LARDER_OK)
        status = merging_load(m, error);
    if (status == LARDER_OK && !keys)
        status = merge_lock(pg, r->lock, m->oids, m->count,
                            r->options->lock_timeout > 0 ? r->options->lock_timeout : 10, error);
    return status == LARDER_OK ? merging_compare(m, keys, error) : status;
}

enum larder_status existing_preview(struct restore *r, struct larder_error *error)
{
    struct merging m;
    enum larder_status status = session_begin_write(r->control, error);

    if (status == LARDER_OK)
        status = compare(r, &m, r->control, true, error);
    session_rollback(r->control);
    return status;
}

bool merged_is_changed(const struct restore *r, const struct merged *item)
{
    const struct larder_change *c = item->change;

    return c->added > 0 ||
           (r->options->existing == LARDER_EXISTING_ROWS && (c->changed > 0 || c->removed > 0));
}

/* Where keys pass on what is done, a table may have to be changed that is as it should be now. */
bool merging_touches(const struct merging *m, const struct merged *item)
{
    return merged_is_changed(m->restore, item) || (m->passes_on && manifest_has_rows(item->table));
}

static enum larder_status find_passing_on(struct merging *m, struct larder_error *error)
{
    uint32_t *oids = arena_alloc(m->restore->arena, m->count, sizeof(*oids));
    size_t count = 0;

    if (oids == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->count; i++)
        if (m->items[i].change->removed > 0 || m->items[i].change->changed > 0)
            oids[count++] = m->oids[i];
    if (count == 0 || m->restore->options->existing != LARDER_EXISTING_ROWS)
        return LARDER_OK;
    return merge_passes_on(m->pg, oids, count, m->oids, m->count, &m->passes_on, error);
}

enum larder_status existing_merge(struct restore *r, struct pg *pg, struct larder_error *error)
{
    struct merging m;
    bool changed = false;
    enum larder_status status = compare(r, &m, pg, false, error);

    for (size_t i = 0; status == LARDER_OK && i < m.count; i++)
        changed = changed || merged_is_changed(r, &m.items[i]);
    if (status == LARDER_OK)
        status = find_passing_on(&m, error);
    if (status == LARDER_OK && changed && !r->options->no_undo)
        status = merging_write_undo(&m, error);
    if (status == LARDER_OK)
        status = references_add(r, pg, &m, error);
    return status == LARDER_OK ? merging_apply(&m, error) : status;
}

enum larder_status existing_merge_alone(struct restore *r, struct larder_error *error)
{
    enum larder_status status = session_begin_write(r->control, error);

    if (status == LARDER_OK)
        status = existing_merge(r, r->control, error);
    if (status == LARDER_OK)
        status = additions_make(r, r->control, error);
    if (status == LARDER_OK)
        status = session_commit(r->control, error);
    else
        session_rollback(r->control);
    r->complete = status == LARDER_OK;
    return status;
}
