#include <stdlib.h>
#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore/parts.h"
#include "engine/run/run.h"

static enum larder_status create(struct restore *r, struct pg *pg, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < r->rest_count; i++) {
        const struct schema_block *block = &r->rest[i];
        struct larder_error why = {0};
        bool done;

        if (schema_is_left_out(&r->schema, block->entry))
            continue;
        status = session_try(pg, block->sql, &done, &why, error);
        if (status != LARDER_OK || done)
            continue;
        block->entry->left_out = true;
        findings_add(&r->proof->findings, r->arena, "left out", block->entry->text, "%s (%s)",
                     block->entry->text, why.message);
    }
    return status;
}

/* Those that are not among the OIDs `before`, or that the restore had made earlier; in the order in which they were created, so that one that
 * reads another comes after it. */
static enum larder_status refresh(struct restore *r, struct pg *pg, const char *before,
                                  struct larder_error *error)
{
    PGresult *views = NULL;
    enum larder_status status = pg_query(
        pg,
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' "
        "AND (c.oid <> ALL ($1::oid[]) OR EXISTS (SELECT FROM " RESTORE_MARK ".made m "
        "WHERE m.class = 1259 AND m.oid = c.oid)) ORDER BY c.oid",
        1, &before, &views, error);

    for (int i = 0; status == LARDER_OK && i < PQntuples(views); i++) {
        const char *name = pg_value(views, i, 0);
        struct larder_error why = {0};
        bool done, analyzed;

        status = session_try(pg, arena_printf(r->arena, "REFRESH MATERIALIZED VIEW %s", name),
                             &done, &why, error);
        if (status == LARDER_OK && done)
            status =
                session_try(pg, arena_printf(r->arena, "ANALYZE %s", name), &analyzed, &why, error);
        else if (status == LARDER_OK)
            findings_add(&r->proof->findings, r->arena, "left out", name,
                         "materialised view %s has no rows: it could not be refreshed (%s)", name,
                         why.message);
    }
    PQclear(views);
    return status;
}

enum larder_status restore_rest(struct restore *r, struct pg *pg, struct larder_error *error)
{
    char *before = NULL;
    enum larder_status status = pg_query_one(
        pg, "SELECT pg_catalog.array_agg(oid)::text FROM pg_catalog.pg_class WHERE relkind = 'm'",
        0, NULL, &before, error);

    if (status == LARDER_OK)
        status = create(r, pg, error);
    if (status == LARDER_OK)
        status = refresh(r, pg, before == NULL ? "{}" : before, error);
    free(before);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not add what no table needs");
}
