#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"

static enum larder_status look_for_table(struct pg *pg, bool *exists, struct larder_error *error)
{
    char *found = NULL;
    enum larder_status status = pg_query_one(
        pg, "SELECT pg_catalog.to_regclass('backups.presets')::text", 0, NULL, &found, error);

    *exists = found != NULL;
    free(found);
    return status;
}

static void fill(const PGresult *result, int row, struct arena *arena,
                 struct catalog_preset *preset)
{
    preset->name = arena_strdup(arena, pg_value(result, row, 0));
    preset->tables = array_split(arena, pg_value(result, row, 1), &preset->table_count);
    preset->keep_seconds = strtoll(pg_value(result, row, 2), NULL, 10);
    preset->every = strtoll(pg_value(result, row, 3), NULL, 10);
    preset->copy_format = arena_strdup(arena, pg_value(result, row, 4));
    preset->shrink_alarm = atoi(pg_value(result, row, 5));
    preset->keep_min = atoi(pg_value(result, row, 6));
}

enum larder_status catalog_presets(struct pg *pg, struct arena *arena,
                                   struct catalog_preset **presets, size_t *count, bool *exists,
                                   struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status = look_for_table(pg, exists, error);

    *presets = NULL;
    *count = 0;
    if (status != LARDER_OK || !*exists)
        return status;
    /* Of presets, unlike of data, a role may see what the policies show it. */
    status = pg_exec(pg, "SET LOCAL row_security = on", error);
    if (status == LARDER_OK)
        status =
            pg_query(pg,
                     "SELECT preset, tables, coalesce(keep_days, 0)::bigint * 86400, "
                     "coalesce(extract(epoch FROM every), 0)::bigint, copy_format, " CATALOG_SHRINK
                     ", " CATALOG_KEEP_MIN " " CATALOG_PRESETS "ORDER BY preset",
                     0, NULL, &result, error);
    if (status != LARDER_OK)
        return larder_context(error, "could not read the presets");
    *presets = arena_alloc(arena, (size_t)PQntuples(result) + 1, sizeof(**presets));
    for (int row = 0; *presets != NULL && row < PQntuples(result); row++)
        fill(result, row, arena, &(*presets)[(*count)++]);
    PQclear(result);
    status = pg_exec(pg, "SET LOCAL row_security = off", error);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}
