#include "engine/presets.h"

#include <string.h>

#include "formats/buffer.h"

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

enum larder_status presets_find(const struct presets *presets, const char *name,
                                struct catalog_preset *preset, struct larder_error *error)
{
    struct buffer names = {0};

    for (size_t i = 0; i < presets->count; i++) {
        if (strcmp(presets->items[i].name, name) == 0) {
            *preset = presets->items[i];
            buffer_free(&names);
            return LARDER_OK;
        }
        buffer_printf(&names, "%s%s", i > 0 ? ", " : "", presets->items[i].name);
    }
    larder_fail(error, LARDER_USAGE, "there is no preset \"%s\"", name);
    larder_hint(error, "The presets are: %s.", buffer_text(&names));
    buffer_free(&names);
    return LARDER_USAGE;
}

/* Whether an earlier backup, of those that count, has the same preset. */
static bool is_repeated(const struct inventory *inventory, const char *source, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if ((source == NULL || strcmp(inventory->backups[j].source, source) == 0) &&
            strcmp(inventory->backups[j].preset, inventory->backups[i].preset) == 0)
            return true;
    return false;
}

const char *presets_of_archives(const struct inventory *inventory, const char *source,
                                struct arena *arena)
{
    const char *names = "", *last = "";

    for (size_t i = 0; names != NULL && i < inventory->count; i++) {
        const struct inventory_backup *backup = &inventory->backups[i];

        if ((source != NULL && strcmp(backup->source, source) != 0) ||
            strcmp(backup->preset, last) == 0 || is_repeated(inventory, source, i))
            continue;
        last = backup->preset;
        names = arena_printf(arena, "%s%s%s", names, names[0] != '\0' ? ", " : "", last);
    }
    return names;
}
