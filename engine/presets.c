#include "engine/presets.h"

#include <string.h>

#include "formats/names.h"
#include "formats/nearest.h"

enum { DAY = 86400 };

static void fill(struct catalog_preset *preset, const struct larder_preset *given,
                 struct arena *arena)
{
    *preset = (struct catalog_preset){
        .name = given->name,
        .tables = arena_alloc(arena, given->table_count + 1, sizeof(*preset->tables)),
        .table_count = given->table_count,
        .keep_seconds = (int64_t)given->keep_days * DAY,
        .every = given->every,
        .copy_format = given->copy_format != NULL ? given->copy_format : "auto",
        .shrink_alarm = given->shrink_alarm != 0 ? given->shrink_alarm : LARDER_SHRINK_DEFAULT,
    };
    for (size_t i = 0; preset->tables != NULL && i < given->table_count; i++)
        preset->tables[i] = given->tables[i];
}

enum larder_status presets_read(struct pg *pg, const struct larder_presets *given,
                                struct arena *arena, struct presets *presets,
                                struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *presets = (struct presets){0};
    if (pg != NULL)
        status = catalog_presets(pg, arena, &presets->items, &presets->count, &presets->in_database,
                                 error);
    if (status != LARDER_OK || given->count == 0)
        return status;
    if (presets->in_database) {
        larder_fail(error, LARDER_USAGE,
                    "the presets are in the database and in the config: only one of the two may "
                    "define them");
        larder_hint(error, "Put them into backups.presets, and take the [preset] sections out.");
        return LARDER_USAGE;
    }
    presets->items = arena_alloc(arena, given->count, sizeof(*presets->items));
    for (size_t i = 0; presets->items != NULL && i < given->count; i++)
        fill(&presets->items[presets->count++], &given->items[i], arena);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status presets_check_form(const char *name, struct larder_error *error)
{
    if (names_is_preset(name))
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE, "\"%s\" is no name of a preset", name);
    larder_hint(error, "Presets are written with small letters, digits and _.");
    return LARDER_USAGE;
}

enum larder_status presets_find(const struct presets *presets, const char *name,
                                struct arena *arena, struct catalog_preset *preset,
                                struct larder_error *error)
{
    const char **names = arena_alloc(arena, presets->count + 1, sizeof(*names));

    if (names == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < presets->count; i++) {
        if (strcmp(presets->items[i].name, name) == 0) {
            *preset = presets->items[i];
            return LARDER_OK;
        }
        names[i] = presets->items[i].name;
    }
    larder_fail(error, LARDER_USAGE, "there is no preset \"%s\"", name);
    nearest_hint(name, names, presets->count, "The presets are", error);
    return LARDER_USAGE;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

enum larder_status presets_check_known(const char *name, const struct presets *presets,
                                       const struct inventory *inventory, const char *source,
                                       struct arena *arena, struct larder_error *error)
{
    const char **names = arena_alloc(arena, presets->count + inventory->count + 1, sizeof(*names));
    size_t count = 0;

    if (names == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < presets->count; i++)
        names[count++] = presets->items[i].name;
    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_backup *backup = &inventory->backups[i];

        if ((source == NULL || strcmp(backup->source, source) == 0) &&
            !is_among(backup->preset, names, count))
            names[count++] = backup->preset;
    }
    if (count == 0 || strcmp(name, PRESETS_ADHOC) == 0 || is_among(name, names, count))
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE,
                "there is no archive of preset \"%s\", and no such preset is known", name);
    nearest_hint(name, names, count, "Those known are", error);
    return LARDER_USAGE;
}
