#include "engine/check_record.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/inventory.h"
#include "engine/run/run.h"
#include "formats/checked.h"
#include "formats/names.h"

/* Takes "STORE/SOURCE/PRESET/BACKUP_NAME.tar" apart; false where it is none. */
static bool take_apart(const char *location, struct arena *arena, const char **store,
                       const char **stem)
{
    char preset[NAMES_PRESET_MAX + 1];
    const char *key = NULL, *base, *folder;

    if (!store_split(location, arena, store, &key) || key[names_stem(key)] == '\0')
        return false;
    *stem = arena_printf(arena, "%.*s", (int)names_stem(key), key);
    if (*stem == NULL)
        return false;
    folder = strchr(*stem, '/') + 1;
    base = names_base(*stem);
    return names_is_backup(base, preset) && strncmp(folder, preset, strlen(preset)) == 0 &&
           folder + strlen(preset) + 1 == base;
}

/* What was found before stays, but for what this check found anew. */
static struct checked found_now(const struct inventory_backup *backup,
                                const struct check_found *found)
{
    struct checked checked = {.backup_name = backup->backup_name,
                              .verified_at = backup->verified_at,
                              .drilled_at = backup->drilled_at,
                              .good = found->good,
                              .drill_failed_at = backup->drill_failed_at,
                              .drill_failure = backup->drill_failure};
    bool drilled = found->kind == CHECK_DRILLED;

    if (drilled && found->drill_failure == NULL)
        checked.drilled_at = time(NULL);
    else
        checked.verified_at = time(NULL); /* a drill begins with that */
    if (drilled) {
        checked.drill_failed_at = found->drill_failure == NULL ? 0 : time(NULL);
        checked.drill_failure = found->drill_failure;
    }
    return checked;
}

static enum larder_status merge(struct store *store, const struct inventory_backup *backup,
                                const struct check_found *found, struct arena *arena,
                                struct larder_error *error)
{
    const char *key = arena_printf(arena, "%s" INVENTORY_CHECKED, backup->stem);
    struct checked checked = found_now(backup, found);
    struct buffer text = {0};
    enum larder_status status =
        arena_failed(arena) ? larder_fail_memory(error) : checked_write(&checked, &text, error);

    if (status == LARDER_OK)
        status = store_replace(store, key, text.bytes, text.length, error);
    buffer_free(&text);
    return status;
}

static bool is_of_a_check(const char *problem)
{
    return strcmp(problem, INVENTORY_FOUND_DAMAGED) == 0 ||
           strncmp(problem, INVENTORY_CHECK_UNREAD, strlen(INVENTORY_CHECK_UNREAD)) == 0;
}

/* An archive that agrees with itself is not called good by `list` where what lies beside it says otherwise. */
static void tell_problems(const struct inventory_backup *backup, const struct larder_run *run)
{
    for (size_t i = 0; i < backup->problem_count; i++)
        if (!is_of_a_check(backup->problems[i]))
            run_message(run, LARDER_WARNING, "\"%s\" agrees with itself, but is not good: %s",
                        backup->backup_name, backup->problems[i]);
}

/* Of an archive and a .sha256 that disagree nobody knows which is wrong, unless the summary sides with the .sha256. */
static bool counts(const struct check_found *found, const struct inventory_backup *backup)
{
    return backup->known &&
           (found->sha256 == NULL || strcmp(found->sha256, backup->facts.sha256) == 0);
}

static enum larder_status record(const char *url, const char *stem, const struct check_found *found,
                                 const struct larder_run *run, struct arena *arena,
                                 struct larder_error *error)
{
    struct inventory inventory = {0};
    const struct inventory_backup *backup;
    struct store *store = NULL;
    enum larder_status status = store_open_existing(url, run, &store, error);

    if (status == LARDER_OK)
        status = inventory_read(store, arena_printf(arena, "%s.", stem), arena, &inventory, error);
    backup = status == LARDER_OK && inventory.count == 1 ? &inventory.backups[0] : NULL;
    if (backup != NULL && found->good)
        tell_problems(backup, run);
    if (backup != NULL && counts(found, backup))
        status = merge(store, backup, found, arena, error);
    store_close(store);
    return status;
}

void check_record(const char *location, const struct check_found *found,
                  const struct larder_run *run)
{
    /* A name alone says nothing of its store, so a path must be absolute. */
    char *whole = store_is_url(location) ? NULL : realpath(location, NULL);
    const char *place = whole != NULL ? whole : location;
    struct arena *arena = arena_new();
    struct larder_error error = {0};
    const char *store, *stem;

    if (arena != NULL && take_apart(place, arena, &store, &stem)) {
        if (record(store, stem, found, run, arena, &error) != LARDER_OK)
            run_message(run, LARDER_WARNING, "what the check found could not be written down: %s",
                        error.message);
    }
    free(whole);
    arena_free(arena);
}
