#include "engine/restore/additions.h"

#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore/preflight.h"
#include "engine/run/run.h"

/* Those whose table the target has, and which it lacks itself. */
static enum larder_status find_lacking(struct restore *r, struct pg *pg, bool *lacking,
                                       struct larder_error *error)
{
    const struct manifest *m = r->manifest;
    const char **tables = arena_alloc(r->arena, m->addition_count, sizeof(*tables));
    const char **names = arena_alloc(r->arena, m->addition_count, sizeof(*names));
    bool *exists = arena_alloc(r->arena, m->addition_count, sizeof(*exists));
    enum larder_status status;

    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->addition_count; i++) {
        const struct manifest_addition *a = &m->additions[i];

        tables[i] = preflight_qualified(r->arena, a->schema, a->table);
        names[i] = arena_printf(r->arena, "%s %s %s", a->kind, tables[i], a->name);
    }
    status = preflight_ask(pg,
                           "EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = "
                           "pg_catalog.to_regclass(u.item) AND c.relkind IN ('r', 'p'))",
                           tables, m->addition_count, lacking, error);
    if (status == LARDER_OK)
        status = preflight_ask(
            pg,
            "u.item IN (SELECT pg_catalog.format('trigger \"%s\".\"%s\" %s', replace(n.nspname, '\"', '\"\"'), "
            "replace(c.relname, '\"', '\"\"'), t.tgname) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c "
            "ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal "
            "UNION ALL SELECT pg_catalog.format('policy \"%s\".\"%s\" %s', replace(n.nspname, '\"', '\"\"'), "
            "replace(c.relname, '\"', '\"\"'), p.polname) FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c "
            "ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)",
            names, m->addition_count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < m->addition_count; i++)
        lacking[i] = lacking[i] && !exists[i];
    return status;
}

enum larder_status additions_preflight(struct restore *r, struct larder_error *error)
{
    const struct manifest *m = r->manifest;
    bool *lacking = arena_alloc(r->arena, m->addition_count, sizeof(*lacking));
    enum larder_status status;

    if (lacking == NULL)
        return larder_fail_memory(error);
    if (m->addition_count == 0 || r->options->into_schema != NULL ||
        (r->options->additions && !r->options->preview)) /* then those that were made are named */
        return LARDER_OK;
    status = find_lacking(r, r->control, lacking, error);
    for (size_t i = 0; status == LARDER_OK && i < m->addition_count; i++)
        if (lacking[i])
            run_message(r->run, LARDER_NOTE, "%s \"%s\" of %s.%s, which the source had, %s",
                        m->additions[i].kind, m->additions[i].name, m->additions[i].schema,
                        m->additions[i].table,
                        r->options->additions ? "would be made, too"
                                              : "is not made; --additions makes it");
    return status;
}

/* Of a table all policies are made or none: some alone could show rows that another one hides. */
static bool stand_together(const struct manifest_addition *a, const struct manifest_addition *b)
{
    return a == b || (strcmp(a->kind, "policy") == 0 && strcmp(b->kind, "policy") == 0 &&
                      strcmp(a->schema, b->schema) == 0 && strcmp(a->table, b->table) == 0);
}

static void tell(struct restore *r, const struct manifest_addition *a, bool done,
                 const struct larder_error *why)
{
    if (done)
        run_message(r->run, LARDER_NOTE, "%s \"%s\" of %s.%s, which the source had, is made, too",
                    a->kind, a->name, a->schema, a->table);
    else
        findings_add(&r->proof->findings, r->arena, "left out", a->name, "%s \"%s\" of %s.%s (%s)",
                     a->kind, a->name, a->schema, a->table, why->message);
}

/* With what stands together with it, which is then done with. On failure the effects of all are gone, and the transaction goes on. */
static enum larder_status make_one(struct restore *r, struct pg *pg, size_t number, bool *lacking,
                                   struct larder_error *error)
{
    const struct manifest *m = r->manifest;
    const struct manifest_addition *one = &m->additions[number];
    struct buffer sql = {0};
    struct larder_error why = {0};
    bool done;
    enum larder_status status;

    for (size_t i = number; i < m->addition_count; i++)
        if (lacking[i] && stand_together(one, &m->additions[i]))
            buffer_printf(&sql, "%s;\n", m->additions[i].definition);
    status = sql.failed ? larder_fail_memory(error)
                        : session_try(pg, buffer_text(&sql), &done, &why, error);
    for (size_t i = number; status == LARDER_OK && i < m->addition_count; i++)
        if (lacking[i] && stand_together(one, &m->additions[i])) {
            tell(r, &m->additions[i], done, &why);
            lacking[i] = false;
        }
    buffer_free(&sql);
    return status;
}

enum larder_status additions_make(struct restore *r, struct pg *pg, struct larder_error *error)
{
    const struct manifest *m = r->manifest;
    bool *lacking = arena_alloc(r->arena, m->addition_count, sizeof(*lacking));
    enum larder_status status;

    if (lacking == NULL)
        return larder_fail_memory(error);
    if (m->addition_count == 0 || !r->options->additions)
        return LARDER_OK;
    status = find_lacking(r, pg, lacking, error);
    for (size_t i = 0; status == LARDER_OK && i < m->addition_count; i++)
        if (lacking[i])
            status = make_one(r, pg, i, lacking, error);
    return status == LARDER_OK
               ? status
               : larder_context(error, "could not make what was added to the platform's tables");
}
