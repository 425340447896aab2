/* What setting up does in the source: the schema, and presets that fit its tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pg/connection.h"
#include "engine/pg/session.h"
#include "engine/presets.h"
#include "engine/run/run.h"
#include "larder/init.h"
#include "larder/setup.h"

static const char state_sql[] =
    "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby' "
    "WHEN pg_catalog.to_regclass('backups.presets') IS NULL THEN 'missing' "
    "WHEN (SELECT pg_catalog.pg_has_role(nspowner, 'USAGE') FROM pg_catalog.pg_namespace "
    "WHERE nspname = 'backups') THEN 'ours' ELSE 'theirs' END";

enum larder_status larder_setup_schema(const struct larder_connect *source,
                                       const struct larder_run *run, struct larder_error *error)
{
    struct pg *pg = NULL;
    char *state = NULL;
    enum larder_status status = pg_connect(source, run, -1, PG_CONNECT_SECONDS, &pg, error);

    if (status == LARDER_OK)
        status = pg_query_value(pg, state_sql, 0, NULL, &state, error);
    pg_close(pg);
    if (status == LARDER_OK && strcmp(state, "standby") == 0)
        run_message(run, LARDER_NOTE,
                    "the source is a standby: the backups schema is its primary's");
    else if (status == LARDER_OK && strcmp(state, "theirs") == 0)
        run_message(run, LARDER_NOTE,
                    "the backups schema is another role's, who upgrades it with `larder init`");
    else if (status == LARDER_OK)
        status = larder_init(source, run, error);
    if (status == LARDER_FAILED && error->hint[0] == '\0')
        larder_hint(error,
                    "Let who owns the database run `larder init`, or GRANT CREATE ON DATABASE "
                    "to this role.");
    free(state);
    return status;
}

/* Whether all the tables are there that the preset names; what the role may not read is said elsewhere. */
static enum larder_status fits(struct pg *pg, const struct catalog_preset *preset,
                               struct arena *arena, bool *fit, struct larder_error *error)
{
    struct catalog_tables tables = {0};
    struct larder_findings findings = {0};
    enum larder_status status =
        catalog_resolve(pg, preset->tables, preset->table_count, arena, &tables, &findings, error);

    *fit = findings.count == 0 && tables.count > 0;
    return status;
}

static enum larder_status reschedule(struct pg *pg, const char *preset, const char *every,
                                     struct larder_error *error)
{
    const char *values[] = {preset, every};
    PGresult *result = NULL;
    enum larder_status status =
        pg_query(pg, "UPDATE backups.presets SET every = $2::interval WHERE preset = $1", 2, values,
                 &result, error);

    PQclear(result);
    return status;
}

/* Those that do not fit lose their schedule; `least` is the one of the others that is wanted most often. */
static enum larder_status sift(struct pg *pg, struct presets *presets, const struct larder_run *run,
                               struct arena *arena, struct catalog_preset **least,
                               struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *least = NULL;
    for (size_t i = 0; status == LARDER_OK && i < presets->count; i++) {
        struct catalog_preset *preset = &presets->items[i];
        bool fit = true;

        if (preset->every == 0)
            continue;
        status = fits(pg, preset, arena, &fit, error);
        if (status == LARDER_OK && !fit && presets->in_database) {
            status = reschedule(pg, preset->name, NULL, error);
            run_message(run, LARDER_NOTE,
                        "the preset %s names tables that are not here, and is no longer scheduled",
                        preset->name);
        } else if (fit && (*least == NULL || preset->every < (*least)->every)) {
            *least = preset;
        }
    }
    return status;
}

static enum larder_status choose(struct pg *pg, const struct larder_presets *given,
                                 const struct larder_run *run, struct arena *arena,
                                 char first[LARDER_PRESET_SIZE], struct larder_error *error)
{
    struct presets presets;
    struct catalog_preset *least = NULL, everything;
    enum larder_status status = presets_read(pg, given, arena, &presets, error);

    if (status == LARDER_OK)
        status = sift(pg, &presets, run, arena, &least, error);
    if (status == LARDER_OK && least == NULL && presets.in_database) {
        status = presets_find(&presets, "everything", arena, &everything, error);
        least = &everything;
        if (status == LARDER_OK)
            status = reschedule(pg, "everything", "1 day", error);
        if (status == LARDER_OK)
            run_message(run, LARDER_NOTE, "the preset everything (every table) is scheduled daily");
    }
    if (status == LARDER_OK && least == NULL) {
        status = larder_fail(error, LARDER_USAGE, "no preset has a schedule");
        larder_hint(error, "Say how often: `every` in a [preset] section.");
    }
    if (status == LARDER_OK)
        snprintf(first, LARDER_PRESET_SIZE, "%s", least->name);
    return status;
}

enum larder_status larder_setup_presets(const struct larder_connect *source,
                                        const struct larder_presets *given,
                                        const struct larder_run *run,
                                        char first[LARDER_PRESET_SIZE], struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct pg *pg = NULL;
    enum larder_status status;

    if (arena == NULL)
        return larder_fail_memory(error);
    status = pg_connect(source, run, -1, PG_CONNECT_SECONDS, &pg, error);
    if (status == LARDER_OK)
        status = session_begin_write(pg, error);
    if (status == LARDER_OK)
        status = choose(pg, given, run, arena, first, error);
    if (status == LARDER_OK)
        status = session_commit(pg, error);
    if (status != LARDER_OK)
        larder_context(error, "could not see to the presets");
    pg_close(pg);
    arena_free(arena);
    return status;
}
