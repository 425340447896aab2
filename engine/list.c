#include "larder/list.h"

#include <string.h>

#include "engine/inventory.h"
#include "engine/presets.h"
#include "formats/names.h"

enum { NOTES_MOST = 2 };

/* Of what is not good, the problems say what a drill has found. */
static void add_notes(struct larder_list_item *item, const struct inventory_backup *backup,
                      struct arena *arena)
{
    const char *shrunk = inventory_shrunk(backup, arena);

    item->notes = arena_alloc(arena, NOTES_MOST, sizeof(*item->notes));
    if (item->notes == NULL)
        return;
    if (shrunk != NULL)
        item->notes[item->note_count++] = shrunk;
    if (backup->drill_failed_at != 0 && item->good)
        item->notes[item->note_count++] = inventory_drill_failure(backup);
}

static void fill(struct larder_list_item *item, struct store *store,
                 const struct inventory_backup *backup, struct arena *arena)
{
    *item = (struct larder_list_item){
        .archive = inventory_location(store, backup, arena),
        .backup_name = backup->backup_name,
        .preset = backup->preset,
        .source = backup->known ? backup->facts.source : backup->source,
        .created_at = backup->facts.created_at,
        .bytes = backup->archive != NULL ? backup->archive->bytes : backup->facts.bytes,
        .rows = backup->facts.rows,
        .encrypted = backup->archive != NULL ? names_is_encrypted(backup->archive->key)
                                             : backup->facts.encrypted,
        .sha256 = backup->facts.sha256,
        .good = backup->problem_count == 0,
        .problems = backup->problems,
        .problem_count = backup->problem_count,
        .verified_at = backup->verified_at,
        .drilled_at = backup->drilled_at,
        .drill_failed_at = backup->drill_failed_at,
        .drill_failure = backup->drill_failure,
        .shrunk_since = backup->facts.shrunk_since,
        .shrunk_tables = backup->facts.shrunk_tables,
        .keep_until = backup->facts.keep_until,
        .held = backup->hold != NULL,
    };
    add_notes(item, backup, arena);
}

static enum larder_status check_preset(const struct larder_list_options *options,
                                       const struct inventory *inventory, struct arena *arena,
                                       struct larder_error *error)
{
    struct presets presets;
    enum larder_status status = presets_read(NULL, &options->presets, arena, &presets, error);

    return status == LARDER_OK
               ? presets_check_known(options->preset, &presets, inventory, NULL, arena, error)
               : status;
}

enum larder_status larder_list(const struct larder_list_options *options,
                               const struct larder_run *run, struct larder_list *list,
                               struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct inventory inventory = {0};
    struct store *store = NULL;
    enum larder_status status;

    *list = (struct larder_list){.memory = arena};
    if (arena == NULL)
        return larder_fail_memory(error);
    if (options->preset != NULL && presets_check_form(options->preset, error) != LARDER_OK)
        return LARDER_USAGE;
    status = store_open_existing(options->store, run, &store, error);
    if (status == LARDER_OK)
        status = inventory_read(store, "", arena, &inventory, error);
    if (status == LARDER_OK && options->preset != NULL) {
        status = check_preset(options, &inventory, arena, error);
        list->no_such_preset = status == LARDER_USAGE;
    }
    if (status == LARDER_OK)
        list->items = arena_alloc(arena, inventory.count + 1, sizeof(*list->items));
    for (size_t i = 0; status == LARDER_OK && list->items != NULL && i < inventory.count; i++) {
        const struct inventory_backup *backup = &inventory.backups[i];

        if (options->preset != NULL && strcmp(options->preset, backup->preset) != 0)
            continue;
        fill(&list->items[list->count++], store, backup, arena);
        if (list->unread == NULL)
            list->unread = backup->unread;
    }
    if (status == LARDER_OK && arena_failed(arena))
        status = larder_fail_memory(error);
    else if (status == LARDER_OK && list->unread != NULL)
        status = larder_fail(error, LARDER_FAILED, "%s", list->unread);
    store_close(store);
    return status;
}

void larder_list_free(struct larder_list *list)
{
    arena_free(list->memory);
    *list = (struct larder_list){0};
}
