#include <inttypes.h>
#include <string.h>

#include "engine/pg/supabase.h"
#include "engine/restore/preflight.h"
#include "engine/restore/references_parts.h"
#include "engine/run/run.h"

/* The platform's tables get rows only where stand-ins for what is not ours were asked for. */
static enum larder_status find_targets(struct restore *r, struct pg *pg, const char **names,
                                       size_t count, bool *exists, bool *managed,
                                       struct larder_error *error)
{
    enum larder_status status =
        preflight_ask(pg,
                      "EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = "
                      "pg_catalog.to_regclass(u.item) AND c.relkind IN ('r', 'p'))",
                      names, count, exists, error);

    if (status != LARDER_OK || r->options->externals == LARDER_EXTERNALS_STUB)
        return status;
    return preflight_ask(
        pg,
        SUPABASE_IS_HERE
        " AND EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(u.item) "
        "AND n.nspname IN (" SUPABASE_SCHEMAS "))",
        names, count, managed, error);
}

enum larder_status keeping_begin(struct keeping *k, struct larder_error *error)
{
    struct restore *r = k->restore;
    const struct manifest *m = r->manifest;
    size_t count = m->referenced_count;
    const char **names = arena_alloc(r->arena, count, sizeof(*names));
    bool *exists = arena_alloc(r->arena, count, sizeof(*exists));
    bool *managed = arena_alloc(r->arena, count, sizeof(*managed));
    enum larder_status status;

    k->items = arena_alloc(r->arena, count, sizeof(*k->items));
    k->names = arena_alloc(r->arena, r->table_count, sizeof(*k->names));
    k->parents = manifest_parents(m, r->arena);
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    k->count = count;
    for (size_t i = 0; i < r->table_count; i++)
        k->names[i] = preflight_qualified(r->arena, r->tables[i]->schema, r->tables[i]->name);
    for (size_t i = 0; i < count; i++) {
        const struct manifest_table *table = &m->tables[m->table_count + i];
        struct kept *item = &k->items[i];

        names[i] = preflight_qualified(r->arena, table->schema, table->name);
        *item = (struct kept){.table = table, .staged = *table, .target = names[i]};
        item->staged.schema = "pg_temp";
        item->staged.name = arena_printf(r->arena, "larder_referenced_%zu", i + 1);
        item->stage = preflight_qualified(r->arena, item->staged.schema, item->staged.name);
        item->made = preflight_is_made(r, table->schema, table->name);
    }
    status = find_targets(r, k->pg, names, count, exists, managed, error);
    for (size_t i = 0; i < count; i++) {
        struct kept *item = &k->items[i];

        item->withheld = managed[i];
        item->used = item->table->rows > 0 && (item->made || (exists[i] && !managed[i]));
    }
    return status;
}

void keeping_end(struct keeping *k)
{
    for (size_t i = 0; i < k->count; i++)
        buffer_free(&k->items[i].columns);
}

static void each_of(const struct manifest_table *table, const char *source, bool kept,
                    const struct kept *item, keeping_edge *act, void *arg)
{
    for (size_t i = 0; i < table->reference_count; i++)
        if (manifest_refers_to(&table->references[i], item->table->schema, item->table->name))
            act(arg, source, kept, &table->references[i]);
}

void keeping_each_edge(const struct keeping *k, const struct kept *item, keeping_edge *act,
                       void *arg)
{
    const struct restore *r = k->restore;
    const struct manifest *m = r->manifest;

    for (size_t i = 0; i < r->table_count; i++)
        each_of(r->tables[i], k->names[i], false, item, act, arg);
    /* A partition's foreign keys are its parents'. */
    for (size_t i = 0; k->merging != NULL && i < k->merging->count; i++) {
        size_t at = (size_t)(k->merging->items[i].table - m->tables);

        for (int steps = 0; k->merging->items[i].stage != NULL && steps < 1000; steps++) {
            each_of(&m->tables[at], k->merging->items[i].stage, false, item, act, arg);
            if (k->parents[at] == at)
                break;
            at = k->parents[at];
        }
    }
    for (size_t i = 0; i < k->count; i++)
        if (k->items[i].used)
            each_of(k->items[i].table, k->items[i].stage, true, item, act, arg);
}

static void note_edge(void *arg, const char *source, bool kept,
                      const struct manifest_reference *reference)
{
    (void)source;
    (void)reference;
    *(bool *)arg = *(bool *)arg || !kept;
}

enum larder_status references_preflight(struct restore *r, struct larder_error *error)
{
    struct keeping k = {.restore = r, .pg = r->control};
    enum larder_status status;

    if (r->manifest->referenced_count == 0 || r->options->into_schema != NULL)
        return LARDER_OK;
    status = keeping_begin(&k, error);
    for (size_t i = 0; status == LARDER_OK && i < k.count; i++) {
        bool needed = false;

        keeping_each_edge(&k, &k.items[i], note_edge, &needed);
        if (k.items[i].withheld && needed)
            run_message(
                r->run, LARDER_NOTE,
                "%s belongs to the platform: what it lacks of the %" PRIu64
                " archived %s that foreign keys refer to is added only with --externals stub",
                k.items[i].target, k.items[i].table->rows, k.items[i].table->only);
        else if (k.items[i].used && !k.items[i].made && needed)
            run_message(
                r->run, LARDER_NOTE,
                "what %s lacks of the archived %s that foreign keys refer to is added to it",
                k.items[i].target, k.items[i].table->only);
    }
    keeping_end(&k);
    return status;
}
