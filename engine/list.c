#include "larder/list.h"

#include <string.h>

#include "engine/store/store.h"
#include "formats/arena.h"
#include "formats/names.h"
#include "formats/summary.h"

/* The objects of one backup: those whose keys are the same up to their endings. They stand together
 * in a sorted list. */
struct group {
    const char *stem; /* "SOURCE/PRESET/BACKUP_NAME" */
    const struct store_object *archive, *digest, *summary;
    bool held, checked;
};

struct listing {
    struct store *store;
    struct arena *arena;
    const char *preset;
    struct larder_list *list;
};

static void add_problem(struct listing *l, struct larder_list_item *item, const char *problem)
{
    const char **problems = arena_alloc(l->arena, item->problem_count + 1, sizeof(*item->problems));

    if (problems == NULL)
        return;
    if (item->problem_count > 0)
        memcpy(problems, item->problems, item->problem_count * sizeof(*problems));
    problems[item->problem_count++] = problem;
    item->problems = problems;
}

/* Which ending of a backup's objects a key has; the length of what stands before it, or 0. */
static size_t ending_of(const char *key, const char **ending)
{
    static const char *const endings[] = {".tar.age",      ".tar",  ".sha256",
                                          ".checked.json", ".json", ".hold"};
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

/* Adds an object to the group that it belongs to; false where it belongs to another. */
static bool add_to_group(struct listing *l, struct group *group, const struct store_object *object)
{
    const char *ending;
    size_t stem = ending_of(object->key, &ending);

    if (stem == 0)
        return true; /* nothing of ours */
    if (group->stem == NULL)
        group->stem = arena_printf(l->arena, "%.*s", (int)stem, object->key);
    else if (strlen(group->stem) != stem || strncmp(group->stem, object->key, stem) != 0)
        return false;
    if (strncmp(ending, ".tar", 4) == 0)
        group->archive = object;
    else if (strcmp(ending, ".sha256") == 0)
        group->digest = object;
    else if (strcmp(ending, ".json") == 0)
        group->summary = object;
    else if (strcmp(ending, ".hold") == 0)
        group->held = true;
    else
        group->checked = true;
    return true;
}

/* Preset and source from the key alone, for what has no summary. */
static bool read_key(struct listing *l, const struct group *group, struct larder_list_item *item)
{
    char preset[NAMES_PRESET_MAX + 1];
    const char *name = names_base(group->stem), *first = strchr(group->stem, '/');

    if (!names_is_backup(name, preset) || first == NULL)
        return false;
    item->backup_name = name;
    item->preset = arena_strdup(l->arena, preset);
    item->source = arena_printf(l->arena, "%.*s", (int)(first - group->stem), group->stem);
    return true;
}

static void read_summary(struct listing *l, const struct group *group,
                         struct larder_list_item *item)
{
    struct buffer text = {0};
    struct summary summary;

    if (group->summary == NULL) {
        add_problem(l, item, "no summary: the export did not end");
    } else if (store_get(l->store, group->summary->key, SUMMARY_MAX_BYTES, &text, NULL) !=
                   LARDER_OK ||
               summary_read(text.bytes, text.length, l->arena, &summary, NULL) != LARDER_OK) {
        add_problem(l, item, "the summary cannot be read");
    } else {
        item->source = summary.source;
        item->created_at = summary.created_at;
        item->rows = summary.rows;
        item->encrypted = summary.encrypted;
        item->sha256 = summary.sha256;
        item->keep_until = summary.keep_until;
        if (strcmp(summary.backup_name, item->backup_name) != 0)
            add_problem(l, item, "the summary is another backup's");
        if (group->archive != NULL && group->archive->bytes != summary.bytes)
            add_problem(l, item, "the archive has not the size that the summary says");
        if (group->archive == NULL)
            item->bytes = summary.bytes;
    }
    buffer_free(&text);
}

static void read_digest(struct listing *l, const struct group *group, struct larder_list_item *item)
{
    struct buffer line = {0};
    char sha256[65];

    if (group->digest == NULL)
        add_problem(l, item, "no .sha256");
    else if (store_get(l->store, group->digest->key, SUMMARY_MAX_BYTES, &line, NULL) != LARDER_OK ||
             group->archive == NULL ||
             !summary_read_digest_line(line.bytes, line.length, names_base(group->archive->key),
                                       sha256))
        add_problem(l, item, "the .sha256 cannot be read");
    else if (item->sha256 != NULL && strcmp(sha256, item->sha256) != 0)
        add_problem(l, item, "the .sha256 and the summary disagree");
    buffer_free(&line);
}

static void add_item(struct listing *l, const struct group *group)
{
    struct larder_list_item *item = &l->list->items[l->list->count];
    struct buffer location = {0};

    *item = (struct larder_list_item){0};
    if (!read_key(l, group, item) || (l->preset != NULL && strcmp(l->preset, item->preset) != 0))
        return;
    l->store->kind->location(l->store, group->archive != NULL ? group->archive->key : group->stem,
                             &location);
    item->archive = arena_strdup(l->arena, buffer_text(&location));
    buffer_free(&location);
    item->held = group->held;
    if (group->archive != NULL) {
        item->bytes = group->archive->bytes;
        item->encrypted = strstr(group->archive->key, ".tar.age") != NULL;
    } else {
        add_problem(l, item, "the archive itself is missing");
    }
    read_summary(l, group, item);
    read_digest(l, group, item);
    item->good = item->problem_count == 0;
    l->list->count++;
}

enum larder_status larder_list(const struct larder_list_options *options,
                               const struct larder_run *run, struct larder_list *list,
                               struct larder_error *error)
{
    struct listing l = {.arena = arena_new(), .preset = options->preset, .list = list};
    struct store_object *objects;
    struct group group = {0};
    size_t count = 0;
    enum larder_status status;

    *list = (struct larder_list){.memory = l.arena};
    if (l.arena == NULL)
        return larder_fail_memory(error);
    status = store_open(options->store, run, &l.store, error);
    if (status == LARDER_OK)
        status = l.store->kind->list(l.store, "", l.arena, &objects, &count, error);
    if (status == LARDER_OK)
        list->items = arena_alloc(l.arena, count + 1, sizeof(*list->items));
    for (size_t i = 0; status == LARDER_OK && list->items != NULL && i < count; i++)
        if (!add_to_group(&l, &group, &objects[i])) {
            add_item(&l, &group);
            group = (struct group){0};
            add_to_group(&l, &group, &objects[i]);
        }
    if (group.stem != NULL)
        add_item(&l, &group);
    if (status == LARDER_OK && arena_failed(l.arena))
        status = larder_fail_memory(error);
    store_close(l.store);
    return status;
}

void larder_list_free(struct larder_list *list)
{
    arena_free(list->memory);
    *list = (struct larder_list){0};
}
