#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"

/*
 * Each preset by itself: what one leaves out another may back up. What is left out, or taken, takes its descendants along.
 */
static const char uncovered_sql[] =
    "WITH RECURSIVE " MATCHED ", tree AS (SELECT i, leave_out, oid FROM matched "
    "UNION SELECT t.i, t.leave_out, h.inhrelid FROM tree t "
    "JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid), "
    "covered AS (SELECT i, oid FROM tree WHERE NOT leave_out "
    "EXCEPT SELECT i, oid FROM tree WHERE leave_out), "
    "uncovered AS (SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND " IS_USERS
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 1259 "
    "AND d.objid = c.oid AND d.deptype = 'e') "
    "AND c.oid NOT IN (SELECT oid FROM covered)) "
    "SELECT pg_catalog.format('%I.%I', u.nspname, u.relname) FROM uncovered u "
    "WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h "
    "JOIN uncovered p ON p.oid = h.inhparent WHERE h.inhrelid = u.oid) "
    "ORDER BY u.nspname COLLATE \"C\", u.relname COLLATE \"C\"";

enum larder_status catalog_has_large_objects(struct pg *pg, bool *has, struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status =
        pg_query(pg, "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)", 0, NULL,
                 &result, error);

    if (status == LARDER_OK)
        *has = catalog_flag(result, 0, 0);
    PQclear(result);
    return status;
}

/* The patterns of all presets with a schedule, each with its preset's number. */
struct scheduled {
    struct pattern *patterns;
    size_t *presets;
    size_t count;
};

static enum larder_status parse_presets(const struct catalog_preset *presets, size_t count,
                                        struct arena *arena, struct scheduled *scheduled,
                                        struct larder_error *error)
{
    size_t most = 0;
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; i < count; i++)
        most += presets[i].table_count;
    scheduled->patterns = arena_alloc(arena, most, sizeof(*scheduled->patterns));
    scheduled->presets = arena_alloc(arena, most, sizeof(*scheduled->presets));
    if (arena_failed(arena))
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0;
             status == LARDER_OK && presets[i].every > 0 && j < presets[i].table_count; j++) {
            scheduled->presets[scheduled->count] = i;
            status = pattern_parse(presets[i].tables[j], arena,
                                   &scheduled->patterns[scheduled->count++], error);
        }
    return status;
}

enum larder_status catalog_uncovered(struct pg *pg, const struct catalog_preset *presets,
                                     size_t preset_count, struct arena *arena, const char ***names,
                                     size_t *count, struct larder_error *error)
{
    struct scheduled scheduled = {0};
    PGresult *result = NULL;
    enum larder_status status = parse_presets(presets, preset_count, arena, &scheduled, error);

    *count = 0;
    if (status == LARDER_OK)
        status = catalog_query_patterns(pg, uncovered_sql, scheduled.patterns, scheduled.presets,
                                        scheduled.count, &result, error);
    if (status != LARDER_OK) {
        larder_context(error, "could not find the tables that no preset covers");
        return status;
    }
    *names = arena_alloc(arena, (size_t)PQntuples(result), sizeof(**names));
    for (int row = 0; *names != NULL && row < PQntuples(result); row++)
        (*names)[(*count)++] = catalog_text(arena, result, row, 0);
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
