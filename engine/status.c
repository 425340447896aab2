#include "larder/status.h"

#include <string.h>

#include "engine/pg/session.h"
#include "engine/presets.h"
#include "engine/run/run.h"
#include "engine/source_name.h"
#include "engine/status_parts.h"
#include "formats/names.h"
#include "formats/nearest.h"

enum { CONNECT_SECONDS = 10 };

struct status {
    const struct larder_status_options *options;
    const struct larder_run *run;
    struct larder_status_report *report;
    struct arena *arena; /* the report's */
    struct store *store;
    struct inventory inventory;
    struct presets presets;
    bool presets_known;
    const char *source, *source_key; /* whose presets they are; NULL: not known */
    const char *system_identifier;
    bool anything; /* of the source that was named, or of any */
};

/* The presets as they are now, and what they leave out. */
static enum larder_status read_database(struct status *s, struct pg *pg, struct larder_error *error)
{
    struct catalog_server server = {0};
    enum larder_status status = session_begin_plain(pg, error);

    if (status == LARDER_OK)
        status = catalog_server(pg, s->arena, &server, error);
    if (status == LARDER_OK)
        status = presets_read(pg, &s->options->presets, s->arena, &s->presets, error);
    if (status != LARDER_OK)
        return status;
    s->presets_known = s->presets.in_database || s->options->presets.count > 0;
    s->system_identifier = server.system_identifier;
    s->source = source_name(s->options->source_name, pg, server.database, s->arena);
    if (s->presets_known)
        status = catalog_uncovered(pg, s->presets.items, s->presets.count, s->arena,
                                   &s->report->uncovered, &s->report->uncovered_count, error);
    session_rollback(pg);
    return status;
}

/* A database that does not answer is no reason to say nothing of the store. */
static enum larder_status ask_database(struct status *s, struct larder_error *error)
{
    struct larder_error why = {0};
    struct pg *pg = NULL;
    enum larder_status status;

    s->source = s->options->source_name;
    if (s->options->database != NULL) {
        status = pg_connect(s->options->database, s->run, -1, CONNECT_SECONDS, &pg, &why);
        if (status == LARDER_OK)
            status = read_database(s, pg, &why);
        pg_close(pg);
        s->report->asked = status == LARDER_OK;
        if (run_is_stopped(status))
            return larder_fail(error, status, "%s", why.message);
        if (status != LARDER_OK)
            s->report->not_asked = arena_strdup(s->arena, why.message);
    }
    if (s->report->asked)
        return LARDER_OK;
    s->presets_known = s->options->presets.count > 0;
    return presets_read(NULL, &s->options->presets, s->arena, &s->presets, error);
}

/* Whose presets they are: without a database and a name, those of the only source there is. */
static void find_source(struct status *s)
{
    const char *only = NULL;

    if (s->source != NULL) {
        struct buffer key = {0};

        names_source(&key, s->source);
        s->source_key = arena_take(s->arena, &key);
        return;
    }
    for (size_t i = 0; i < s->inventory.count; i++) {
        if (only != NULL && strcmp(only, s->inventory.backups[i].source) != 0)
            return;
        only = s->inventory.backups[i].source;
    }
    s->source_key = only;
}

/* It counts as missing all the same: who watches over a preset hears of it where its archives are gone and nothing else knows it. */
static void warn_of_preset(const struct status *s)
{
    const char *wanted = s->options->preset;
    struct larder_error why = {0};

    /* A database that did not answer may know it. */
    if (wanted == NULL || s->report->not_asked != NULL)
        return;
    if (presets_check_known(wanted, &s->presets, &s->inventory, NULL, s->arena, &why) ==
        LARDER_USAGE)
        run_message(s->run, LARDER_WARNING, "%s. %s", why.message, why.hint);
}

/* Of the source whose presets they are. */
static bool is_ours(const struct status *s, const char *source_key)
{
    return s->source_key != NULL && source_key != NULL && strcmp(source_key, s->source_key) == 0;
}

static const struct catalog_preset *find_preset(const struct status *s, const char *source_key,
                                                const char *name)
{
    if (!is_ours(s, source_key))
        return NULL;
    for (size_t i = 0; i < s->presets.count; i++)
        if (strcmp(s->presets.items[i].name, name) == 0)
            return &s->presets.items[i];
    return NULL;
}

static struct status_rules rules_for(const struct status *s, const char *source_key,
                                     const char *name)
{
    const struct catalog_preset *preset = find_preset(s, source_key, name);
    bool ours = is_ours(s, source_key);

    return (struct status_rules){
        .kept = {.now = s->report->now,
                 .source = source_key,
                 .preset = name,
                 .system_identifier = ours ? s->system_identifier : NULL,
                 .keep_min = retention_keep_min(s->options->keep_min,
                                                preset != NULL ? preset->keep_min : 0),
                 .preset_exists = preset != NULL,
                 .keep_seconds = preset != NULL ? preset->keep_seconds : 0},
        .presets_known = s->presets_known && ours,
        .every = preset != NULL ? preset->every : 0,
    };
}

/* Adds what a preset comes to, with those backups. */
static enum larder_status add(struct status *s, const char *source_key, const char *name,
                              const struct inventory_backup *backups, size_t count,
                              struct larder_error *error)
{
    struct status_rules rules = rules_for(s, source_key, name);
    struct larder_status_preset *preset = &s->report->presets[s->report->count++];
    enum larder_status status =
        status_of_preset(&rules, s->store, backups, count, s->arena, preset, error);

    s->anything = s->anything || s->options->source_name == NULL || is_ours(s, source_key);
    preset->source = count > 0 && backups[count - 1].known ? backups[count - 1].facts.source
                     : source_key == s->source_key         ? s->source
                                                           : source_key;
    if (preset->source == NULL)
        preset->source = source_key;
    return status;
}

/* Those that the store has: each is one run of its backups, which are sorted. */
static enum larder_status add_stored(struct status *s, struct larder_error *error)
{
    const struct inventory_backup *all = s->inventory.backups;
    enum larder_status status = LARDER_OK;
    size_t next;

    for (size_t i = 0; status == LARDER_OK && i < s->inventory.count; i = next) {
        for (next = i + 1; next < s->inventory.count &&
                           strcmp(all[next].source, all[i].source) == 0 &&
                           strcmp(all[next].preset, all[i].preset) == 0;)
            next++;
        if (s->options->preset != NULL && strcmp(s->options->preset, all[i].preset) != 0)
            continue;
        status = add(s, all[i].source, all[i].preset, &all[i], next - i, error);
        if (s->report->unread == NULL)
            s->report->unread = inventory_unread(&all[i], next - i);
    }
    return status;
}

static bool is_stored(const struct status *s, const char *name)
{
    for (size_t i = 0; i < s->inventory.count; i++)
        if (strcmp(s->inventory.backups[i].preset, name) == 0 &&
            (s->source_key == NULL || strcmp(s->inventory.backups[i].source, s->source_key) == 0))
            return true;
    return false;
}

/* Those that should be in the store, and are not. */
static enum larder_status add_missing(struct status *s, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < s->presets.count; i++) {
        const struct catalog_preset *p = &s->presets.items[i];

        if (p->every > 0 && !is_stored(s, p->name) &&
            (s->options->preset == NULL || strcmp(s->options->preset, p->name) == 0))
            status = add(s, s->source_key, p->name, NULL, 0, error);
        else
            continue;
        s->report->presets[s->report->count - 1].every = p->every;
        s->report->presets[s->report->count - 1].standing = LARDER_STANDING_MISSING;
    }
    if (status == LARDER_OK && s->options->preset != NULL && !s->anything)
        status = add(s, s->source_key, s->options->preset, NULL, 0, error);
    return status;
}

/* The report's sources, which are together in it, each once. */
static const char **list_sources(const struct status *s, size_t *count)
{
    const struct larder_status_report *report = s->report;
    const char **sources = arena_alloc(s->arena, report->count + 1, sizeof(*sources));

    *count = 0;
    for (size_t i = 0; sources != NULL && i < report->count; i++)
        if (*count == 0 || strcmp(sources[*count - 1], report->presets[i].source) != 0)
            sources[(*count)++] = report->presets[i].source;
    return sources;
}

static enum larder_status fail_for_nothing(struct status *s, struct larder_error *error)
{
    const char **sources;
    size_t count;

    s->report->empty = true;
    if (s->report->count == 0) {
        larder_fail(error, LARDER_OVERDUE, "there is no archive in \"%s\", and no preset is known",
                    s->options->store);
        store_hide_secrets(s->options->store, error);
        larder_hint(error, "Name the source with -d, or in larder.conf.");
        return LARDER_OVERDUE;
    }
    larder_fail(error, LARDER_OVERDUE, "there is no archive of source \"%s\" in \"%s\"",
                s->options->source_name, s->options->store);
    store_hide_secrets(s->options->store, error);
    sources = list_sources(s, &count);
    nearest_hint(s->options->source_name, sources, count, "Its sources are", error);
    return LARDER_OVERDUE;
}

/* Nothing in the store is good, and nothing says whether it should be. */
static bool knows_nothing(const struct status *s)
{
    if (s->presets_known)
        return false;
    for (size_t i = 0; i < s->report->count; i++)
        if (s->report->presets[i].backup_name != NULL ||
            s->report->presets[i].standing != LARDER_STANDING_UNSCHEDULED)
            return false;
    return true;
}

/* Who names a preset wants to have it, also where nothing says how often; and a store is there for what is good. */
static enum larder_status judge(struct status *s, struct larder_error *error)
{
    struct larder_status_report *report = s->report;
    bool wanted = s->options->preset != NULL || knows_nothing(s);
    size_t late = 0;

    for (size_t i = 0; i < report->count; i++) {
        struct larder_status_preset *p = &report->presets[i];

        if (wanted && p->backup_name == NULL && p->standing != LARDER_STANDING_UNKNOWN)
            p->standing = LARDER_STANDING_MISSING;
        late += p->standing == LARDER_STANDING_OVERDUE || p->standing == LARDER_STANDING_MISSING;
    }
    if (!s->anything)
        return fail_for_nothing(s, error);
    if (late > 0)
        return larder_fail(error, LARDER_OVERDUE, "%zu preset%s overdue or missing", late,
                           late > 1 ? "s are" : " is");
    if (report->unread != NULL)
        return larder_fail(error, LARDER_FAILED, "%s", report->unread);
    return LARDER_OK;
}

enum larder_status larder_status_read(const struct larder_status_options *options,
                                      const struct larder_run *run,
                                      struct larder_status_report *report,
                                      struct larder_error *error)
{
    struct status s = {.options = options, .run = run, .report = report, .arena = arena_new()};
    enum larder_status status;

    *report = (struct larder_status_report){.now = time(NULL), .memory = s.arena};
    if (s.arena == NULL)
        return larder_fail_memory(error);
    if (options->preset != NULL && presets_check_form(options->preset, error) != LARDER_OK)
        return LARDER_USAGE;
    status = store_open_existing(options->store, run, &s.store, error);
    if (status == LARDER_OK)
        status = inventory_read(s.store, "", s.arena, &s.inventory, error);
    if (status == LARDER_OK)
        status = ask_database(&s, error);
    if (status == LARDER_OK) {
        warn_of_preset(&s);
        find_source(&s);
        report->presets =
            arena_alloc(s.arena, s.inventory.count + s.presets.count + 1, sizeof(*report->presets));
        status = report->presets == NULL ? larder_fail_memory(error) : add_stored(&s, error);
    }
    if (status == LARDER_OK)
        status = add_missing(&s, error);
    if (status == LARDER_OK)
        status = arena_failed(s.arena) ? larder_fail_memory(error) : judge(&s, error);
    store_close(s.store);
    return status;
}

void larder_status_free(struct larder_status_report *report)
{
    arena_free(report->memory);
    *report = (struct larder_status_report){0};
}

const char *larder_standing_name(enum larder_standing standing)
{
    static const char *const names[] = {"ok", "unscheduled", "overdue", "missing", "unknown"};

    return names[standing];
}

int larder_status_trend(uint64_t now, uint64_t before)
{
    double share = before == 0 ? 0 : ((double)now - (double)before) * 100 / (double)before;

    if (share > 9999)
        return 9999;
    return (int)(share + (share < 0 ? -0.5 : 0.5));
}
