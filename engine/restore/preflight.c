#include <string.h>

#include "engine/pg/array.h"
#include "engine/restore/additions.h"
#include "engine/restore/existing.h"
#include "engine/restore/preflight.h"
#include "engine/restore/references.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

enum larder_status preflight_ask(struct pg *pg, const char *expression, const char *const *items,
                                 size_t count, bool *answers, struct larder_error *error)
{
    struct buffer sql = {0}, array = {0};
    const char *value;
    PGresult *result = NULL;
    enum larder_status status;

    for (size_t i = 0; i < count; i++)
        array_add(&array, items[i]);
    value = array_finish(&array);
    buffer_printf(
        &sql,
        "SELECT %s FROM unnest($1::text[]) WITH ORDINALITY AS u(item, place) ORDER BY u.place",
        expression);
    status = sql.failed || array.failed
                 ? larder_fail_memory(error)
                 : pg_query(pg, buffer_text(&sql), 1, &value, &result, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        answers[i] = pg_value(result, (int)i, 0)[0] == 't';
    PQclear(result);
    buffer_free(&sql);
    buffer_free(&array);
    return status;
}

const char *preflight_qualified(struct arena *arena, const char *schema, const char *name)
{
    struct buffer text = {0};

    sql_qualified(&text, schema, name);
    return arena_take(arena, &text);
}

const char *preflight_parent(const struct restore *r, size_t child)
{
    return preflight_qualified(r->arena, r->children[child]->parent_schema,
                               r->children[child]->parent_name);
}

bool preflight_is_selected(const struct restore *r, const char *schema, const char *name)
{
    for (size_t i = 0; i < r->table_count; i++)
        if (strcmp(r->tables[i]->schema, schema) == 0 && strcmp(r->tables[i]->name, name) == 0)
            return true;
    return false;
}

bool preflight_is_made(const struct restore *r, const char *schema, const char *name)
{
    for (size_t i = 0; i < r->to_make_count; i++)
        if (strcmp(r->to_make[i].kind, "table") == 0 && strcmp(r->to_make[i].schema, schema) == 0 &&
            strcmp(r->to_make[i].name, name) == 0)
            return true;
    return false;
}

/* Of a table that is neither in the archive nor in the target. */
static void report_lacking_parent(struct restore *r, const struct manifest_table *table,
                                  const char *parent)
{
    if (schema_is_partition(&r->schema, table->oid))
        findings_add(&r->proof->findings, r->arena, "left out", parent,
                     "%s is neither in the archive nor in the target: its partition comes back "
                     "as a table of its own",
                     parent);
    else
        findings_add(&r->proof->findings, r->arena, "table", parent,
                     "%s, which table \"%s.%s\" inherits from, is neither in the archive nor in "
                     "the target; the archive's rows can be had with --into-schema",
                     parent, table->schema, table->name);
}

static bool has_known_parent(const struct restore *r, const struct manifest_table *table)
{
    for (size_t i = 0; i < r->child_count; i++)
        if (strcmp(r->children[i]->parent_schema, table->parent_schema) == 0 &&
            strcmp(r->children[i]->parent_name, table->parent_name) == 0)
            return true;
    return false;
}

/* Of each table of the archive whether it is to be made; NULL where memory is short. */
static bool *mark_selected(const struct restore *r)
{
    bool *selected = arena_alloc(r->arena, r->manifest->table_count, sizeof(*selected));

    for (size_t i = 0; selected != NULL && i < r->table_count; i++)
        selected[r->tables[i] - r->manifest->tables] = true;
    return selected;
}

static enum larder_status find_children(struct restore *r, const bool *selected,
                                        struct larder_error *error)
{
    const size_t *parents = manifest_parents(r->manifest, r->arena);

    r->children = arena_alloc(r->arena, r->table_count, sizeof(struct manifest_table *));
    if (parents == NULL || r->children == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++) {
        const struct manifest_table *table = r->tables[i];
        size_t place = (size_t)(table - r->manifest->tables), parent = parents[place];

        if (table->parent_name != NULL && (parent == place || !selected[parent]) &&
            !has_known_parent(r, table))
            r->children[r->child_count++] = table;
    }
    return LARDER_OK;
}

/* A partition may be restored alone, to where its parent is, and a table to where those are that its keys and policies name. */
static enum larder_status find_present(struct restore *r, const bool *selected,
                                       struct larder_error *error)
{
    const size_t most = r->child_count + r->manifest->table_count;
    const char **names = arena_alloc(r->arena, most, sizeof(*names));
    uint32_t *oids = arena_alloc(r->arena, most, sizeof(*oids));
    bool *exists = arena_alloc(r->arena, most, sizeof(*exists));
    enum larder_status status;
    size_t count = 0;

    r->present = arena_alloc(r->arena, most, sizeof(*r->present));
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->child_count; i++) {
        names[count] = preflight_parent(r, i);
        oids[count++] = schema_parent_of(&r->schema, r->children[i]->oid);
    }
    for (size_t i = 0; i < r->manifest->table_count; i++) {
        const struct manifest_table *table = &r->manifest->tables[i];

        if (selected[i])
            continue;
        names[count] = preflight_qualified(r->arena, table->schema, table->name);
        oids[count++] = table->oid;
    }
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    status = preflight_ask(r->control, PREFLIGHT_TABLE, names, count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        if (exists[i] && oids[i] != 0)
            r->present[r->present_count++] = oids[i];
        else if (!exists[i] && oids[i] == 0 && i < r->child_count)
            report_lacking_parent(r, r->children[i], names[i]);
    return status;
}

/* What the tables need that are to be made. */
static enum larder_status check_makings(struct restore *r, struct larder_error *error)
{
    const bool *selected = mark_selected(r);
    enum larder_status status =
        selected == NULL ? larder_fail_memory(error) : find_children(r, selected, error);

    if (status == LARDER_OK)
        status = find_present(r, selected, error);
    if (status == LARDER_OK)
        status = preflight_needs(r, error);
    if (status == LARDER_OK)
        status = restore_choose(r, error);
    if (status == LARDER_OK)
        status = preflight_storage(r, error);
    if (status == LARDER_OK)
        status = preflight_maintain(r, error);
    if (status == LARDER_OK)
        status = preflight_roles(r, error);
    if (status == LARDER_OK)
        status = preflight_privileges(r, error);
    return status;
}

enum larder_status restore_preflight(struct restore *r, struct larder_error *error)
{
    bool beside = r->options->into_schema != NULL;
    enum larder_status status = preflight_servers(r, error);

    if (status == LARDER_OK)
        status = beside ? existing_check_beside(r, error) : existing_find(r, error);
    if (status == LARDER_OK && !beside && r->table_count > 0)
        status = check_makings(r, error);
    if (status == LARDER_OK)
        status = references_preflight(r, error);
    if (status == LARDER_OK)
        status = additions_preflight(r, error);
    if (status == LARDER_OK)
        status = preflight_space(r, error);
    return arena_failed(r->arena) ? larder_fail_memory(error) : status;
}
