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
    if (m->addition_count == 0 || r->options->into_schema != NULL)
        return LARDER_OK;
    status = find_lacking(r, r->control, lacking, error);
    for (size_t i = 0; status == LARDER_OK && i < m->addition_count; i++)
        if (lacking[i])
            run_message(r->run, LARDER_NOTE, "%s \"%s\" of %s.%s, which the source had, %s",
                        m->additions[i].kind, m->additions[i].name, m->additions[i].schema,
                        m->additions[i].table,
                        r->options->additions ? "is made, too"
                                              : "is not made; --additions makes it");
    return status;
}

/* On failure its effects are gone, and the transaction goes on. */
static enum larder_status make_one(struct restore *r, struct pg *pg,
                                   const struct manifest_addition *a, struct larder_error *error)
{
    struct larder_error why = {0};
    bool done;
    enum larder_status status = session_try(pg, a->definition, &done, &why, error);

    if (status == LARDER_OK && !done)
        findings_add(&r->proof->findings, r->arena, "left out", a->name, "%s \"%s\" of %s.%s (%s)",
                     a->kind, a->name, a->schema, a->table, why.message);
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
            status = make_one(r, pg, &m->additions[i], error);
    return status == LARDER_OK
               ? status
               : larder_context(error, "could not make what was added to the platform's tables");
}
