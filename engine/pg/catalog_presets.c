#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"
#include "formats/nearest.h"

static enum larder_status look_for_table(struct pg *pg, bool *exists, struct larder_error *error)
{
    char *found = NULL;
    enum larder_status status = pg_query_one(
        pg, "SELECT pg_catalog.to_regclass('backups.presets')::text", 0, NULL, &found, error);

    *exists = found != NULL;
    free(found);
    return status;
}

/* Columns that schemas which were installed by an older larder lack: then the name means FROM_PRESETS's. */
#define SHRINK                                                                                     \
    "coalesce((SELECT shrink_alarm FROM backups.presets q WHERE q.preset = p.preset), -1)"
#define KEEP_MIN "(SELECT keep_min FROM backups.presets q WHERE q.preset = p.preset)"
#define FROM_PRESETS                                                                               \
    " FROM (SELECT 50 AS shrink_alarm, 0 AS keep_min) older CROSS JOIN backups.presets p "

#define COLUMNS                                                                                    \
    "preset, tables, coalesce(keep_days, 0)::bigint * 86400, "                                     \
    "coalesce(extract(epoch FROM every), 0)::bigint, copy_format, " SHRINK

/* From COLUMNS, and where it was asked KEEP_MIN. */
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

/* Says which presets there are, or why none can be read. */
static enum larder_status no_preset(struct pg *pg, const char *name, struct arena *arena,
                                    struct larder_error *error)
{
    PGresult *result = NULL;
    const char **names;
    size_t count;
    enum larder_status status =
        pg_query(pg, "SELECT preset FROM backups.presets ORDER BY preset", 0, NULL, &result, error);

    if (status != LARDER_OK)
        return status;
    count = (size_t)PQntuples(result);
    names = arena_alloc(arena, count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = arena_strdup(arena, pg_value(result, (int)i, 0));
    PQclear(result);
    if (arena_failed(arena))
        return larder_fail_memory(error);
    larder_fail(error, LARDER_USAGE, "there is no preset \"%s\"", name);
    larder_hint(error, "backups.presets is empty, or this role may not see its rows.");
    nearest_hint(name, names, count, "The presets are", error);
    return LARDER_USAGE;
}

enum larder_status catalog_preset(struct pg *pg, const char *name, struct arena *arena,
                                  struct catalog_preset *preset, struct larder_error *error)
{
    PGresult *result = NULL;
    /* Of presets, unlike of data, a role may see what the policies show it. */
    enum larder_status status = pg_exec(pg, "SET LOCAL row_security = on", error);

    if (status == LARDER_OK)
        status = pg_query(pg, "SELECT " COLUMNS FROM_PRESETS "WHERE preset = $1", 1, &name, &result,
                          error);

    if (status != LARDER_OK && strcmp(pg_sqlstate(pg), "42P01") == 0) {
        larder_fail(error, LARDER_USAGE,
                    "there is no preset \"%s\": this database has no backups.presets", name);
        larder_hint(
            error,
            "`larder init` installs the backups schema; `-t TABLE` exports without a preset; "
            "larder.conf may define presets where there is no such table.");
        return LARDER_USAGE;
    }
    if (status != LARDER_OK) {
        if (strcmp(pg_sqlstate(pg), "42501") == 0)
            larder_hint(error, "It takes BYPASSRLS, USAGE on the schema backups, and SELECT on "
                               "backups.presets; to record the export, SELECT and INSERT on "
                               "backups.backup_metadata, and INSERT on backups.archives.");
        return larder_context(error, "could not read the preset \"%s\"", name);
    }
    if (PQntuples(result) == 0) {
        PQclear(result);
        return no_preset(pg, name, arena, error);
    }
    status = pg_exec(pg, "SET LOCAL row_security = off", error);
    fill(result, 0, arena, preset);
    PQclear(result);
    if (status != LARDER_OK || arena_failed(arena))
        return status != LARDER_OK ? status : larder_fail_memory(error);
    if (preset->tables == NULL)
        return larder_fail(error, LARDER_USAGE, "the preset \"%s\" has no list of tables", name);
    return LARDER_OK;
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
        status = pg_query(pg, "SELECT " COLUMNS ", " KEEP_MIN FROM_PRESETS "ORDER BY preset", 0,
                          NULL, &result, error);
    if (status != LARDER_OK)
        return larder_context(error, "could not read the presets");
    *presets = arena_alloc(arena, (size_t)PQntuples(result) + 1, sizeof(**presets));
    for (int row = 0; *presets != NULL && row < PQntuples(result); row++)
        fill(result, row, arena, &(*presets)[(*count)++]);
    PQclear(result);
    status = pg_exec(pg, "SET LOCAL row_security = off", error);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}
