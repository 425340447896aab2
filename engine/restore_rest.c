#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore_parts.h"
#include "engine/run/run.h"

/* Runs what may fail: on failure its effects are gone, `why` says why, and the transaction goes on. */
static enum larder_status attempt(struct pg *pg, const char *sql, bool *done,
                                  struct larder_error *why, struct larder_error *error)
{
    enum larder_status status = pg_exec(pg, "SAVEPOINT larder_rest", error);

    *done = false;
    if (status != LARDER_OK)
        return status;
    status = pg_exec(pg, sql, why);
    *done = status == LARDER_OK;
    if (status != LARDER_OK && (status != LARDER_FAILED || pg_is_broken(pg))) {
        *error = *why;
        return status;
    }
    return pg_exec(pg,
                   *done ? "RELEASE SAVEPOINT larder_rest"
                         : "ROLLBACK TO SAVEPOINT larder_rest; RELEASE SAVEPOINT larder_rest",
                   error);
}

static enum larder_status create(struct restore *r, struct pg *pg, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < r->rest_count; i++) {
        const struct schema_block *block = &r->rest[i];
        struct larder_error why = {0};
        bool done;

        if (schema_is_left_out(&r->schema, block->entry))
            continue;
        status = attempt(pg, block->sql, &done, &why, error);
        if (status == LARDER_OK && !done)
            findings_add(&r->proof->findings, r->arena, "left out", block->entry->text, "%s (%s)",
                         block->entry->text, why.message);
    }
    return status;
}

/* In the order in which they were created, so that one that reads another comes after it. */
static enum larder_status refresh(struct restore *r, struct pg *pg, struct larder_error *error)
{
    PGresult *views = NULL;
    enum larder_status status =
        pg_query(pg,
                 "SELECT m.name FROM " RESTORE_MARK ".made m JOIN pg_catalog.pg_class c "
                 "ON m.class = 1259 AND c.oid = m.oid WHERE c.relkind = 'm' ORDER BY c.oid",
                 0, NULL, &views, error);

    for (int i = 0; status == LARDER_OK && i < PQntuples(views); i++) {
        const char *name = pg_value(views, i, 0);
        struct larder_error why = {0};
        bool done;

        status = attempt(
            pg, arena_printf(r->arena, "REFRESH MATERIALIZED VIEW %s; ANALYZE %s", name, name),
            &done, &why, error);
        if (status == LARDER_OK && !done)
            findings_add(&r->proof->findings, r->arena, "left out", name,
                         "materialised view %s has no rows: it could not be refreshed (%s)", name,
                         why.message);
    }
    PQclear(views);
    return status;
}

enum larder_status restore_rest(struct restore *r, struct pg *pg, struct larder_error *error)
{
    enum larder_status status = create(r, pg, error);

    if (status == LARDER_OK)
        status = refresh(r, pg, error);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not add what no table needs");
}
