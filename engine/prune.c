#include "larder/prune.h"

#include <string.h>
#include <time.h>

#include "engine/inventory.h"
#include "engine/pg/catalog.h"
#include "engine/pg/session.h"
#include "engine/pg/snapshot.h"
#include "engine/presets.h"
#include "engine/removal.h"
#include "engine/retention.h"
#include "engine/run/run.h"
#include "engine/source_name.h"
#include "formats/names.h"

struct prune {
    const struct larder_prune_options *options;
    const struct larder_run *run;
    struct larder_prune *result;
    struct arena *arena; /* the result's */
    struct pg *pg;       /* NULL: no database */
    bool is_standby;
    const char *system_identifier;
    const char *source_key; /* the source's name as keys have it */
    struct presets known;
    struct retention_rules *presets;
    size_t preset_count;
};

static void add_preset(struct prune *p, const struct catalog_preset *preset)
{
    p->presets[p->preset_count++] = (struct retention_rules){
        .preset = preset->name,
        .preset_exists = true,
        .keep_seconds = preset->keep_seconds,
        .keep_min = retention_keep_min(p->options->keep_min, preset->keep_min)};
}

/* What the presets say now, out of the database or of the options. */
static enum larder_status read_presets(struct prune *p, struct larder_error *error)
{
    enum larder_status status =
        presets_read(p->pg, &p->options->presets, p->arena, &p->known, error);

    if (status != LARDER_OK)
        return status;
    p->presets = arena_alloc(p->arena, p->known.count + 1, sizeof(*p->presets));
    if (p->presets == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < p->known.count; i++)
        add_preset(p, &p->known.items[i]);
    return LARDER_OK;
}

static enum larder_status ask_database(struct prune *p, struct larder_error *error)
{
    struct catalog_server server = {0};
    enum larder_status status;

    if (p->options->database == NULL)
        return read_presets(p, error);
    status = pg_connect(p->options->database, p->run, -1, PG_CONNECT_SECONDS, &p->pg, error);
    if (status == LARDER_OK)
        status = session_begin_plain(p->pg, error);
    if (status == LARDER_OK)
        status = catalog_server(p->pg, p->arena, &server, error);
    if (status == LARDER_OK)
        status = read_presets(p, error);
    if (p->pg != NULL)
        session_rollback(p->pg);
    if (status != LARDER_OK)
        return status;
    p->is_standby = server.is_standby;
    p->system_identifier = server.system_identifier;
    p->result->source = source_name(p->options->source_name, p->pg, server.database, p->arena);
    return LARDER_OK;
}

/* Without a database and without a name it is the only source there is. */
static enum larder_status find_source(struct prune *p, const struct inventory *inventory,
                                      struct larder_error *error)
{
    struct buffer key = {0};
    const char *only = NULL;

    if (p->result->source == NULL)
        p->result->source = p->options->source_name;
    if (p->result->source != NULL) {
        names_source(&key, p->result->source);
        p->source_key = arena_take(p->arena, &key);
        return arena_failed(p->arena) ? larder_fail_memory(error) : LARDER_OK;
    }
    for (size_t i = 0; i < inventory->count; i++) {
        const char *source = inventory->backups[i].source;

        if (only != NULL && strcmp(only, source) != 0) {
            larder_fail(error, LARDER_USAGE,
                        "the store holds archives of several sources, such as \"%s\" and \"%s\"",
                        only, source);
            larder_hint(error, "Say which with --source-name, or name its database with -d.");
            return LARDER_USAGE;
        }
        only = source;
    }
    p->source_key = only;
    p->result->source = only;
    return LARDER_OK;
}

/* A source whose first archive is still to come looks the same as one that is mistyped. */
static void warn_of_source(const struct prune *p, const struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (strcmp(inventory->backups[i].source, p->source_key) == 0)
            return;
    if (inventory->count > 0)
        run_message(p->run, LARDER_WARNING,
                    "there is no archive of source \"%s\" in the store, but of others, such as "
                    "\"%s\"",
                    p->result->source, inventory->backups[0].source);
}

static struct retention_rules rules_for(const struct prune *p, const char *preset)
{
    struct retention_rules rules = {.keep_min = retention_keep_min(p->options->keep_min, 0)};

    for (size_t i = 0; i < p->preset_count; i++)
        if (strcmp(p->presets[i].preset, preset) == 0)
            rules = p->presets[i];
    rules.preset = preset;
    rules.source = p->source_key;
    rules.now = time(NULL);
    rules.system_identifier = p->system_identifier;
    return rules;
}

/* Makes room for more items; the arena keeps the old ones until it goes. */
static struct larder_prune_item *add_items(struct prune *p, size_t count)
{
    struct larder_prune_item *items =
        arena_alloc(p->arena, p->result->count + count + 1, sizeof(*items));

    if (items == NULL)
        return NULL;
    if (p->result->count > 0)
        memcpy(items, p->result->items, p->result->count * sizeof(*items));
    p->result->items = items;
    return items + p->result->count;
}

/* Nobody is to look by hand at what could not be read this time. */
static const char *reason_of(const struct inventory_backup *backup, bool unfinished,
                             const struct retention_verdict *verdict)
{
    if (unfinished)
        return "its removal was begun, and not finished";
    if (backup->summary != NULL && !backup->known && backup->unread != NULL && backup->hold == NULL)
        return "its summary could not be read";
    return verdict->reason;
}

static enum larder_status decide(struct prune *p, struct store *store, const char *preset,
                                 const struct inventory *inventory, struct larder_error *error)
{
    size_t count = inventory->count;
    struct retention_rules rules = rules_for(p, preset);
    struct retention_archive *archives = arena_alloc(p->arena, count + 1, sizeof(*archives));
    struct retention_verdict *verdicts = arena_alloc(p->arena, count + 1, sizeof(*verdicts));
    struct larder_prune_item *items = add_items(p, count);

    if (archives == NULL || verdicts == NULL || items == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++)
        archives[i] = inventory_as_kept(&inventory->backups[i]);
    retention_decide(&rules, archives, count, verdicts);
    for (size_t i = 0; i < count; i++) {
        const struct inventory_backup *backup = &inventory->backups[i];
        bool unfinished = backup->hold == NULL && removal_is_unfinished(backup);

        items[i] = (struct larder_prune_item){
            .archive = inventory_location(store, backup, p->arena),
            .backup_name = backup->backup_name,
            .preset = backup->preset,
            .bytes = backup->archive != NULL ? backup->archive->bytes : 0,
            .remove = unfinished || verdicts[i].remove,
            .reason = reason_of(backup, unfinished, &verdicts[i]),
        };
    }
    p->result->count += count;
    return LARDER_OK;
}

/* What could not be read may be what the others should stay for. */
static enum larder_status keep_all(const char *preset, const char *unread,
                                   struct larder_prune_item *items, size_t count,
                                   struct larder_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].remove) {
            items[i].remove = false;
            items[i].reason = "over, but something of this preset could not be read";
        }
    return larder_fail(error, LARDER_FAILED, "nothing of preset %s is removed: %s", preset, unread);
}

/* One that cannot be removed does not keep the others from going. */
static enum larder_status act(struct prune *p, struct store *store,
                              const struct inventory *inventory, struct larder_prune_item *items,
                              struct larder_error *error)
{
    enum larder_status worst = LARDER_OK;

    for (size_t i = 0; i < inventory->count; i++) {
        struct larder_error why = {0};
        bool held = false;
        enum larder_status status = run_check(p->run, error);

        if (status != LARDER_OK)
            return status;
        if (!items[i].remove) {
            status = removal_forget(store, &inventory->backups[i], error);
            worst = status != LARDER_OK ? status : worst;
            continue;
        }
        status = removal_run(store, &inventory->backups[i], p->arena, &held, &why);
        if (status != LARDER_OK) {
            items[i].failure = arena_strdup(p->arena, why.message);
            worst = larder_fail(error, run_is_stopped(status) ? status : LARDER_FAILED,
                                "could not remove \"%s\": %s", items[i].archive, why.message);
            store_hide_secrets(p->options->store, error);
            continue;
        }
        items[i].removed = !held;
        items[i].remove = !held;
        if (held)
            items[i].reason = "held";
        p->result->removed += held ? 0 : 1;
        p->result->bytes_removed += held ? 0 : items[i].bytes;
    }
    return worst;
}

/* The run's lock, in the store and in the database: where one of them has locks. */
static enum larder_status take_lock(struct prune *p, struct store *store, const char *preset,
                                    const char *folder, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (store->kind->lock == NULL && p->pg == NULL) {
        larder_fail(error, LARDER_USAGE,
                    "this store has no locks, so the run's lock is to be taken in the database");
        larder_hint(error, "Name the source's database with -d.");
        return LARDER_USAGE;
    }
    if (p->pg != NULL)
        status = snapshot_lock_run(p->pg, p->is_standby, p->result->source, preset, error);
    if (status == LARDER_OK && store->kind->lock != NULL)
        status = store->kind->lock(store, folder, error);
    return status;
}

/* A store of its own for each preset, since a lock lasts as long as the store is open. */
static enum larder_status prune_preset(struct prune *p, const char *preset,
                                       struct larder_error *error)
{
    const char *folder = arena_printf(p->arena, "%s/%s/", p->source_key, preset);
    size_t first = p->result->count;
    struct inventory inventory = {0};
    const char *unread;
    struct store *store = NULL;
    enum larder_status status = store_open_existing(p->options->store, p->run, &store, error);

    if (status == LARDER_OK && !p->options->dry_run)
        status = take_lock(p, store, preset, folder, error);
    if (status == LARDER_OK)
        status = inventory_read(store, folder, p->arena, &inventory, error);
    if (status == LARDER_OK)
        status = decide(p, store, preset, &inventory, error);
    unread = inventory_unread(inventory.backups, inventory.count);
    if (status == LARDER_OK && unread != NULL)
        status = keep_all(preset, unread, p->result->items + first, inventory.count, error);
    if (status == LARDER_OK && !p->options->dry_run)
        status = act(p, store, &inventory, p->result->items + first, error);
    if (p->pg != NULL)
        session_rollback(p->pg);
    store_close(store);
    return status;
}

/* Only what was found in the store is looked at; each preset once, since they are sorted. */
static enum larder_status prune_all(struct prune *p, const struct inventory *inventory,
                                    struct larder_error *error)
{
    enum larder_status worst = LARDER_OK;
    const char *last = "";

    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_backup *backup = &inventory->backups[i];
        struct larder_error one = {0};
        enum larder_status status;

        if (strcmp(backup->source, p->source_key) != 0 || strcmp(backup->preset, last) == 0 ||
            (p->options->preset != NULL && strcmp(backup->preset, p->options->preset) != 0))
            continue;
        last = backup->preset;
        status = prune_preset(p, last, &one);
        if (run_is_stopped(status) || (status != LARDER_OK && worst == LARDER_OK)) {
            *error = one;
            worst = status;
        }
        if (status != LARDER_OK && status != LARDER_FAILED && status != LARDER_LOCKED)
            break;
    }
    return worst;
}

enum larder_status larder_prune(const struct larder_prune_options *options,
                                const struct larder_run *run, struct larder_prune *result,
                                struct larder_error *error)
{
    struct prune p = {.options = options, .run = run, .result = result, .arena = arena_new()};
    struct larder_error unwanted = {0};
    struct inventory inventory = {0};
    struct store *store = NULL;
    enum larder_status status;

    error = error == NULL ? &unwanted : error;
    *result = (struct larder_prune){.memory = p.arena};
    if (p.arena == NULL)
        return larder_fail_memory(error);
    if (options->preset != NULL && presets_check_form(options->preset, error) != LARDER_OK)
        return LARDER_USAGE;
    status = store_open_existing(options->store, run, &store, error);
    if (status == LARDER_OK)
        status = inventory_list(store, "", p.arena, &inventory, error);
    store_close(store);
    if (status == LARDER_OK)
        status = ask_database(&p, error);
    if (status == LARDER_OK)
        status = find_source(&p, &inventory, error);
    if (status == LARDER_OK)
        warn_of_source(&p, &inventory);
    if (status == LARDER_OK && options->preset != NULL)
        status = presets_check_known(options->preset, &p.known, &inventory, p.source_key, p.arena,
                                     error);
    if (status == LARDER_OK)
        status = prune_all(&p, &inventory, error);
    pg_close(p.pg);
    return status;
}

void larder_prune_free(struct larder_prune *result)
{
    arena_free(result->memory);
    *result = (struct larder_prune){0};
}
