#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/drill/parts.h"
#include "engine/opened.h"
#include "engine/pg/session.h"
#include "engine/presets.h"
#include "engine/run/run.h"
#include "engine/source_name.h"
#include "formats/names.h"
#include "larder/list.h"

static bool is_file(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && !S_ISDIR(file.st_mode);
}

/* What the source would call itself, where a database can be asked. */
static const char *ask_source_name(struct drill *d)
{
    const struct larder_connect *source = d->options->metadata;
    struct pg *pg = NULL;
    const char *name = NULL;

    if (source != NULL &&
        pg_connect(source, d->run, -1, PG_CONNECT_SECONDS, &pg, NULL) == LARDER_OK)
        name = arena_strdup(d->arena, source_name(NULL, pg, PQdb(pg_libpq(pg)), d->arena));
    pg_close(pg);
    return name;
}

/* Which of the store's sources is meant; the only one there is needs no name. */
static enum larder_status choose_source(struct drill *d, const struct larder_list *list,
                                        const char **source, struct larder_error *error)
{
    const char *first = list->count > 0 ? list->items[0].source : NULL;
    enum larder_status status;

    *source = d->options->source_name;
    for (size_t i = 1; *source == NULL && i < list->count; i++) {
        if (strcmp(list->items[i].source, first) == 0)
            continue;
        *source = ask_source_name(d);
        if (*source != NULL)
            break;
        status = run_check(d->run, error);
        if (status != LARDER_OK)
            return status;
        larder_fail(error, LARDER_USAGE,
                    "the store holds archives of several sources, such as \"%s\" and \"%s\"", first,
                    list->items[i].source);
        larder_hint(error, "Say which with --source-name, or name its database in LARDER_SOURCE.");
        return LARDER_USAGE;
    }
    if (*source == NULL)
        *source = first;
    return LARDER_OK;
}

/* An export that has not ended, or an archive that is gone, is none; what a check has found is for
 * the drill to find again. */
static bool is_complete(const struct larder_list_item *item)
{
    return item->created_at != 0 && item->sha256 != NULL;
}

/* It would be the newest until then, and no other would be drilled. */
static bool is_future(const struct larder_list_item *item)
{
    return item->created_at > time(NULL);
}

static const char *reason_against(const struct larder_list_item *item)
{
    if (item->problem_count > 0)
        return item->problems[0];
    return is_future(item) ? "it is dated in the future" : "it is not complete";
}

/* The newest that is complete, else the newest; warns of what is passed over. */
static const struct larder_list_item *choose(struct drill *d, const struct larder_list *list,
                                             const char *source)
{
    const struct larder_list_item *newest = NULL, *chosen = NULL;

    for (size_t i = list->count; i-- > 0 && chosen == NULL;) {
        const struct larder_list_item *item = &list->items[i];

        if (strcmp(item->source, source) != 0)
            continue;
        newest = newest == NULL ? item : newest;
        chosen = is_complete(item) && !is_future(item) ? item : NULL;
    }
    if (chosen != NULL && chosen != newest)
        run_message(d->run, LARDER_WARNING, "\"%s\" is newer, but no good archive: %s",
                    newest->archive, reason_against(newest));
    return chosen != NULL ? chosen : newest;
}

/*
 * Where the store has no archive of the preset: LARDER_USAGE where the database that may know it does not, and LARDER_OK where it does, or does
 * not answer. Without a database, or presets in it, it is as the list has it.
 */
static enum larder_status ask_preset(struct drill *d, const char *name, enum larder_status listed,
                                     struct larder_error *error)
{
    const struct larder_drill_options *o = d->options;
    const struct larder_connect *database = o->metadata;
    const struct inventory nothing = {0};
    struct presets presets = {0};
    struct pg *pg = NULL;
    enum larder_status status;

    if (database == NULL && !o->embedded && pg_names_database(&o->server))
        database = &o->server;
    if (database == NULL || o->presets.count > 0)
        return listed;
    status = pg_connect(database, d->run, -1, PG_CONNECT_SECONDS, &pg, NULL);
    if (status == LARDER_OK)
        status = session_begin_plain(pg, NULL);
    if (status == LARDER_OK)
        status = presets_read(pg, &(struct larder_presets){0}, d->arena, &presets, NULL);
    pg_close(pg);
    if (status != LARDER_OK)
        return run_check(d->run, error);
    return presets.count == 0
               ? listed
               : presets_check_known(name, &presets, &nothing, NULL, d->arena, error);
}

static enum larder_status find_of_preset(struct drill *d, struct larder_error *error)
{
    const char *preset = d->options->archive, *source = NULL;
    struct larder_list_options options = {
        .store = d->options->store, .preset = preset, .presets = d->options->presets};
    struct larder_list list;
    const struct larder_list_item *item = NULL;
    enum larder_status status = larder_list(&options, d->run, &list, error);

    /* What is passed over for it is warned of. */
    if (list.unread != NULL)
        status = LARDER_OK;
    if (status == LARDER_OK)
        status = choose_source(d, &list, &source, error);
    if (status == LARDER_OK && source != NULL)
        item = choose(d, &list, source);
    if (item == NULL && (status == LARDER_OK || list.no_such_preset))
        status = ask_preset(d, preset, status, error);
    if (status == LARDER_OK && item == NULL) {
        status =
            larder_fail(error, LARDER_UNVERIFIED,
                        "there is no archive of preset \"%s\"%s%s%s in the store \"%s\"", preset,
                        source != NULL ? " of source \"" : "", source != NULL ? source : "",
                        source != NULL ? "\"" : "", d->options->store);
        store_hide_secrets(d->options->store, error);
        larder_hint(error, "`larder list --store %s` shows those there are.", d->options->store);
    }
    if (status == LARDER_OK) {
        d->location = arena_strdup(d->arena, item->archive);
        d->by_name = access(item->archive, F_OK) != 0;
        d->backup_name = arena_strdup(d->arena, item->backup_name);
        d->preset = arena_strdup(d->arena, item->preset);
        d->archive = d->by_name ? d->backup_name : d->location;
    }
    larder_list_free(&list);
    return status;
}

enum larder_status drill_find(struct drill *d, struct larder_error *error)
{
    const char *archive = d->options->archive;
    char preset[NAMES_PRESET_MAX + 1];

    d->archive = d->location = archive;
    if (strcmp(archive, "-") == 0) {
        larder_fail(error, LARDER_USAGE, "a drill cannot read standard input");
        larder_hint(error, "It reads the archive more than once: give a file or a backup's name.");
        return LARDER_USAGE;
    }
    if (!names_is_preset(archive) || names_is_backup(archive, preset) || is_file(archive))
        return LARDER_OK;
    if (d->options->store == NULL) {
        larder_fail(error, LARDER_USAGE, "no store is known to look for preset \"%s\" in", archive);
        larder_hint(error, "Give --store, or set LARDER_STORE.");
        return LARDER_USAGE;
    }
    return find_of_preset(d, error);
}

enum larder_status drill_look(struct drill *d, struct larder_error *error)
{
    struct opened opened = {0};
    enum larder_status status =
        opened_find(&opened, d->archive, d->options->store, d->run, d->arena, error);

    if (opened.location != NULL)
        d->location = arena_strdup(d->arena, opened.location);
    if (status == LARDER_OK)
        status = opened_read(&opened, d->options->keys, error);
    if (status == LARDER_OK) {
        const struct manifest *m = archive_reader_manifest(opened.reader);

        d->backup_name = arena_strdup(d->arena, m->backup_name);
        d->preset = arena_strdup(d->arena, m->preset);
        d->source = arena_strdup(d->arena, m->source);
        d->encoding = arena_strdup(d->arena, m->server_encoding);
        d->major = (int)strtol(m->server_version, NULL, 10);
        d->rows = (int64_t)manifest_rows(m);
    }
    opened_close(&opened);
    return status;
}
