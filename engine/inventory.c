#include "engine/inventory.h"

#include <inttypes.h>
#include <string.h>

#include "engine/run/run.h"
#include "formats/checked.h"
#include "formats/json_memory.h"
#include "formats/names.h"
#include "formats/nearest.h"

/*
 * A store that has stopped answering would else be waited for once more for each object. What is refused is refused
 * sooner, and keeps nobody from looking at the others.
 */
static const double patience_seconds = 30, slow_seconds = 5;

static void add_problem(struct inventory_backup *backup, struct arena *arena, const char *problem)
{
    const char **problems =
        arena_alloc(arena, backup->problem_count + 1, sizeof(*backup->problems));

    if (problems == NULL)
        return;
    if (backup->problem_count > 0)
        memcpy(problems, backup->problems, backup->problem_count * sizeof(*problems));
    problems[backup->problem_count++] = problem;
    backup->problems = problems;
}

/* The place in a backup for the object with this ending. */
static const struct store_object **place_of(struct inventory_backup *backup, const char *ending)
{
    if (strncmp(ending, ".tar", 4) == 0)
        return &backup->archive;
    if (strcmp(ending, INVENTORY_DIGEST) == 0)
        return &backup->digest;
    if (strcmp(ending, INVENTORY_SUMMARY) == 0)
        return &backup->summary;
    if (strcmp(ending, INVENTORY_CHECKED) == 0)
        return &backup->checked;
    if (strcmp(ending, INVENTORY_HOLD) == 0)
        return &backup->hold;
    return &backup->removing;
}

/* Which ending of a backup's objects a key has; the length of what stands before it, or 0. */
static size_t ending_of(const char *key, const char **ending)
{
    static const char *const endings[] = {
        ".tar.age",        ".tar",         INVENTORY_DIGEST,  INVENTORY_CHECKED,
        INVENTORY_SUMMARY, INVENTORY_HOLD, INVENTORY_REMOVING};
    size_t length = strlen(key);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t tail = strlen(endings[i]);

        if (length > tail && strcmp(key + length - tail, endings[i]) == 0) {
            *ending = endings[i];
            return length - tail;
        }
    }
    return 0;
}

/* Begins the backup that a key's stem names; false where it names none: "SOURCE/PRESET/BACKUP_NAME". */
static bool begin_backup(struct inventory_backup *backup, const char *key, size_t stem,
                         struct arena *arena)
{
    char preset[NAMES_PRESET_MAX + 1];
    const char *text = arena_printf(arena, "%.*s", (int)stem, key);
    const char *first = strchr(text, '/');
    const char *second = first == NULL ? NULL : strchr(first + 1, '/');

    if (second == NULL || !names_is_backup(second + 1, preset))
        return false;
    *backup = (struct inventory_backup){
        .stem = text,
        .source = arena_printf(arena, "%.*s", (int)(first - text), text),
        .preset = arena_printf(arena, "%.*s", (int)(second - first - 1), first + 1),
        .backup_name = second + 1,
    };
    return true;
}

static void add_object(struct inventory_backup *backup, const struct store_object *object,
                       const char *ending, struct arena *arena)
{
    const struct store_object **place = place_of(backup, ending);

    if (*place != NULL)
        add_problem(backup, arena, "the archive is there both encrypted and not");
    *place = object;
}

/* Puts the objects together, which are sorted; what is not ours is left out. */
static enum larder_status group(const struct store_object *objects, size_t count,
                                struct arena *arena, struct inventory *inventory,
                                struct larder_error *error)
{
    struct inventory_backup *backup = NULL, next;

    *inventory = (struct inventory){.backups = arena_alloc(arena, count + 1, sizeof(*backup))};
    if (inventory->backups == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        const char *ending = NULL;
        size_t stem = ending_of(objects[i].key, &ending);

        if (stem == 0 || !begin_backup(&next, objects[i].key, stem, arena))
            continue;
        if (backup == NULL || strcmp(backup->stem, next.stem) != 0) {
            backup = &inventory->backups[inventory->count++];
            *backup = next;
        }
        add_object(backup, &objects[i], ending, arena);
    }
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* Whether a summary is this backup's: what it says must agree with where it lies. */
static bool is_own_summary(const struct inventory_backup *backup, const struct summary *s)
{
    char name[NAMES_BACKUP];
    struct buffer source = {0};
    bool same;

    names_source(&source, s->source);
    same = strcmp(buffer_text(&source), backup->source) == 0;
    buffer_free(&source);
    if (!same || !names_is_preset(s->preset) || strcmp(s->preset, backup->preset) != 0)
        return false;
    names_backup(s->preset, s->started_at, name);
    return strcmp(name, backup->backup_name) == 0 && strcmp(s->backup_name, name) == 0 &&
           strlen(s->archive) > strlen(name) && strncmp(s->archive, name, strlen(name)) == 0 &&
           s->created_at >= s->started_at && (s->keep_until == 0 || s->keep_until >= s->started_at);
}

/* Whether an object that was listed is gone meanwhile. */
static bool is_gone(struct store *store, const struct store_object *object, struct arena *arena)
{
    struct store_object *objects;
    size_t count;

    if (store->kind->list(store, object->key, arena, &objects, &count, NULL) != LARDER_OK)
        return false;
    return count == 0 || strcmp(objects[0].key, object->key) != 0;
}

/*
 * Gets an object that was listed. False where it is there and cannot be had: that is the backup's problem then. What is gone
 * meanwhile, or is too large to be what it is named, is empty.
 */
static bool get(struct store *store, const struct store_object *object, const char *what,
                struct arena *arena, struct inventory_backup *backup, struct buffer *text)
{
    struct larder_error why = {0};
    enum larder_status status;

    if (backup->unread != NULL)
        return false;
    status = store_get(store, object->key, SUMMARY_MAX_BYTES, text, &why);
    if (status == LARDER_OK || status == LARDER_DAMAGED || is_gone(store, object, arena))
        return true;
    add_problem(backup, arena, arena_printf(arena, "%s: %s", what, why.message));
    if (backup->unread == NULL)
        backup->unread = arena_strdup(arena, why.message);
    return false;
}

static void read_summary(struct store *store, struct arena *arena, struct inventory_backup *backup)
{
    static const char unreadable[] = "the summary cannot be read";
    struct buffer text = {0};
    struct summary summary;
    bool got =
        backup->summary != NULL && get(store, backup->summary, unreadable, arena, backup, &text);

    if (backup->summary == NULL) {
        add_problem(backup, arena,
                    backup->removing != NULL ? "its removal was begun, and not finished"
                                             : "no summary: the export did not end");
    } else if (got && summary_read(text.bytes, text.length, arena, &summary, NULL) != LARDER_OK) {
        add_problem(backup, arena, unreadable);
    } else if (got && !is_own_summary(backup, &summary)) {
        add_problem(backup, arena, "the summary is another backup's");
    } else if (got) {
        backup->known = true;
        backup->facts = summary;
        if (backup->archive == NULL)
            add_problem(backup, arena, "the archive itself is missing");
        else if (strcmp(names_base(backup->archive->key), summary.archive) != 0)
            add_problem(backup, arena, "the archive is not the one that the summary names");
        else if (backup->archive->bytes != summary.bytes)
            add_problem(backup, arena, "the archive has not the size that the summary says");
    }
    if (!backup->known && backup->archive == NULL)
        add_problem(backup, arena, "the archive itself is missing");
    buffer_free(&text);
}

static void read_digest(struct store *store, struct arena *arena, struct inventory_backup *backup)
{
    static const char unreadable[] = "the .sha256 cannot be read";
    struct buffer line = {0};
    char sha256[65];
    bool got =
        backup->digest != NULL && get(store, backup->digest, unreadable, arena, backup, &line);

    if (backup->digest == NULL)
        add_problem(backup, arena, "no .sha256");
    else if (got && backup->archive != NULL &&
             !summary_read_digest_line(line.bytes, line.length, names_base(backup->archive->key),
                                       sha256))
        add_problem(backup, arena, unreadable);
    else if (got && backup->archive != NULL && backup->known &&
             strcmp(sha256, backup->facts.sha256) != 0)
        add_problem(backup, arena, "the .sha256 and the summary disagree");
    buffer_free(&line);
}

/* What is there but makes no sense says nothing, neither good nor bad. */
static void read_checked(struct store *store, struct arena *arena, struct inventory_backup *backup)
{
    struct buffer text = {0};
    struct checked checked;

    if (backup->checked != NULL &&
        get(store, backup->checked, INVENTORY_CHECK_UNREAD, arena, backup, &text) &&
        checked_read(text.bytes, text.length, arena, &checked, NULL) == LARDER_OK &&
        strcmp(checked.backup_name, backup->backup_name) == 0) {
        backup->verified_at = checked.verified_at;
        backup->drilled_at = checked.drilled_at;
        backup->drill_failed_at = checked.drill_failed_at;
        backup->drill_failure = checked.drill_failure;
        if (!checked.good)
            add_problem(backup, arena, INVENTORY_FOUND_DAMAGED);
    }
    buffer_free(&text);
}

enum larder_status inventory_list(struct store *store, const char *prefix, struct arena *arena,
                                  struct inventory *inventory, struct larder_error *error)
{
    struct store_object *objects;
    size_t count;
    enum larder_status status = store->kind->list(store, prefix, arena, &objects, &count, error);

    return status == LARDER_OK ? group(objects, count, arena, inventory, error) : status;
}

enum larder_status inventory_complete(struct store *store, struct arena *arena,
                                      struct inventory_backup *backup, struct larder_error *error)
{
    read_summary(store, arena, backup);
    read_digest(store, arena, backup);
    read_checked(store, arena, backup);
    /* What could not be read for this has no problem of its own. */
    if (arena_failed(arena) || json_memory_lacked())
        return larder_fail_memory(error);
    return run_check(store->run, error);
}

static void give_up(struct inventory_backup *backup, const char *unread, struct arena *arena)
{
    backup->unread = unread;
    add_problem(backup, arena, arena_printf(arena, "it was not looked at: %s", unread));
}

enum larder_status inventory_read(struct store *store, const char *prefix, struct arena *arena,
                                  struct inventory *inventory, struct larder_error *error)
{
    enum larder_status status = inventory_list(store, prefix, arena, inventory, error);
    bool is_folder = prefix[0] == '\0' || prefix[strlen(prefix) - 1] == '/';
    bool fetches =
        status == LARDER_OK && is_folder && inventory->count > 0 && store->kind->fetch != NULL;
    const char *unread = NULL;
    double lost = 0;

    if (fetches)
        store->kind->fetch(store, prefix);
    for (size_t i = 0; status == LARDER_OK && i < inventory->count; i++) {
        struct inventory_backup *backup = &inventory->backups[i];
        double took, begun = run_clock();

        if (lost < patience_seconds)
            status = inventory_complete(store, arena, backup, error);
        else
            give_up(backup, unread, arena);
        if (backup->unread == NULL)
            continue;
        unread = backup->unread;
        took = run_clock() - begun;
        lost += took < slow_seconds ? 0 : took;
    }
    if (fetches)
        store->kind->fetch(store, NULL);
    if (status == LARDER_OK && arena_failed(arena))
        status = larder_fail_memory(error);
    return status;
}

/* The names of backups begin with those of presets, and are easily taken for them; or a path was given. */
static void hint_at_backup(const struct inventory *inventory, const char *name, struct arena *arena,
                           struct larder_error *error)
{
    const char *base = names_base(name);
    const char **names = arena_alloc(arena, inventory->count + 1, sizeof(*names));
    const char *stem = arena_printf(arena, "%.*s", (int)names_stem(base), base), *meant;
    bool is_preset = false;

    if (names == NULL || stem == NULL)
        return;
    for (size_t i = 0; i < inventory->count; i++) {
        names[i] = inventory->backups[i].backup_name;
        is_preset |= strcmp(inventory->backups[i].preset, name) == 0;
    }
    meant = nearest(stem, names, inventory->count);
    if (is_preset)
        larder_hint(error, "If a preset is meant: `larder list %s` names its archives.", name);
    else if (meant != NULL)
        larder_hint(error, "Is \"%s\" meant? `larder list` shows those there are.", meant);
    else
        larder_hint(error, "`larder list` shows those there are.");
}

enum larder_status inventory_find(struct store *store, const char *backup_name, struct arena *arena,
                                  struct inventory_backup *backup, struct larder_error *error)
{
    struct inventory inventory = {0};
    const struct inventory_backup *found = NULL;
    enum larder_status status = inventory_list(store, "", arena, &inventory, error);

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < inventory.count; i++) {
        if (strcmp(inventory.backups[i].backup_name, backup_name) != 0 &&
            strcmp(inventory.backups[i].stem, backup_name) != 0)
            continue;
        if (found != NULL) {
            larder_fail(error, LARDER_USAGE,
                        "\"%s\" is in the store more than once: as \"%s\" and \"%s\"", backup_name,
                        found->stem, inventory.backups[i].stem);
            larder_hint(error, "Name it as one of these.");
            return LARDER_USAGE;
        }
        found = &inventory.backups[i];
    }
    if (found == NULL) {
        larder_fail(error, LARDER_USAGE, "there is no backup \"%s\" in the store", backup_name);
        hint_at_backup(&inventory, backup_name, arena, error);
        return LARDER_USAGE;
    }
    *backup = *found;
    return LARDER_OK;
}

const char *inventory_unread(const struct inventory_backup *backups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (backups[i].unread != NULL)
            return backups[i].unread;
    return NULL;
}

const char *inventory_location(struct store *store, const struct inventory_backup *backup,
                               struct arena *arena)
{
    struct buffer location = {0};

    store->kind->location(store, backup->archive != NULL ? backup->archive->key : backup->stem,
                          &location);
    return arena_take(arena, &location);
}

const char *inventory_shrunk(const struct inventory_backup *backup, struct arena *arena)
{
    const char *since = backup->facts.shrunk_since;
    uint64_t tables = backup->facts.shrunk_tables;

    if (since == NULL)
        return NULL;
    if (tables == 0)
        return arena_printf(arena, "many of the rows that %s had are gone", since);
    return arena_printf(arena, "%" PRIu64 " table%s lost many of the rows that %s had", tables,
                        tables > 1 ? "s have" : " has", since);
}

const char *inventory_drill_failure(const struct inventory_backup *backup)
{
    const char *why = backup->drill_failure == NULL ? "" : backup->drill_failure;

    if (strcmp(why, "checks") == 0)
        return "its last drill failed: a check found something in its rows";
    if (strcmp(why, "different") == 0)
        return "its last drill failed: its rows, or what is recorded of them, differ";
    if (strcmp(why, "damaged") == 0)
        return "its last drill failed: it was found damaged";
    return "its last drill failed";
}

struct retention_archive inventory_as_kept(const struct inventory_backup *backup)
{
    struct retention_archive a = {.source = backup->source,
                                  .preset = backup->preset,
                                  .backup_name = backup->backup_name,
                                  .known = backup->known,
                                  .held = backup->hold != NULL};

    if (!backup->known)
        return a;
    a.system_identifier = backup->facts.system_identifier;
    a.started_at = backup->facts.started_at;
    a.created_at = backup->facts.created_at;
    a.keep_until = backup->facts.keep_until;
    a.good = backup->problem_count == 0;
    a.shrunk = backup->facts.shrunk_since != NULL;
    return a;
}
