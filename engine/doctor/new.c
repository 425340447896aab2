/* What is looked at before anything is set up, and is not there yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/doctor/parts.h"
#include "engine/run/run.h"

static const char may_install_sql[] =
    "SELECT CASE WHEN pg_catalog.to_regclass('backups.presets') IS NOT NULL OR "
    "pg_catalog.pg_is_in_recovery() THEN 'there' WHEN pg_catalog.has_database_privilege("
    "pg_catalog.current_database(), 'CREATE') THEN 'may' ELSE 'may not' END";

void doctor_check_schema(struct doctor *d, struct pg *pg)
{
    struct larder_error why = {0};
    char *state = NULL;

    if (pg_query_value(pg, may_install_sql, 0, NULL, &state, &why) != LARDER_OK) {
        doctor_fail(d, "schema", &why);
        return;
    }
    if (strcmp(state, "there") == 0) {
        doctor_ok(d, "schema", "the backups schema is there");
    } else if (strcmp(state, "may") == 0) {
        doctor_ok(d, "schema", "the backups schema is not there yet, and can be made");
    } else {
        larder_fail(&why, LARDER_USAGE,
                    "the backups schema is not there, and this role may not make it");
        larder_hint(&why,
                    "Let the database's owner run `larder init`, or GRANT CREATE ON DATABASE to "
                    "this role.");
        doctor_fail(d, "schema", &why);
    }
    free(state);
}

/* How much of a path is there: up to a slash, or all of it. */
static size_t length_that_exists(const char *path)
{
    char *part = strdup(path), *slash;
    size_t length;

    if (part == NULL)
        return strlen(path);
    while (part[0] != '\0' && access(part, F_OK) != 0) {
        slash = strrchr(part, '/');
        if (slash == NULL)
            slash = part;
        *slash = '\0';
    }
    length = strlen(part);
    free(part);
    return length;
}

/* Those that are empty, from the last one up to what was there before. */
static void remove_folders(struct buffer *path, size_t there)
{
    char *text = (char *)(uintptr_t)buffer_text(path), *slash;

    while (strlen(text) > there && (rmdir(text) == 0 || errno == ENOENT || errno == EINVAL)) {
        slash = strrchr(text, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
    }
}

enum larder_status doctor_check_new_folder(struct doctor *d, struct larder_error *error)
{
    struct larder_error why = {0};
    struct store *store = NULL;
    struct buffer path = {0};
    size_t there;

    if (store_open(d->options->store, d->run, &store, &why) != LARDER_OK) {
        doctor_fail(d, "store", &why);
        return run_check(d->run, error);
    }
    store->kind->location(store, "", &path);
    there = length_that_exists(buffer_text(&path));
    doctor_lock(d, store);
    doctor_probe(d, store);
    doctor_room(d, store, 0);
    remove_folders(&path, there);
    buffer_free(&path);
    store_close(store);
    return run_check(d->run, error);
}

/* Of the URL of the folder that a folder of a remote lies in; 0 where that is the remote itself. */
static size_t length_of_parent(const char *url, size_t length)
{
    while (length > 0 && url[length - 1] != '/' && url[length - 1] != ':')
        length--;
    return length < 2 || url[length - 1] == ':' || url[length - 2] == ':' ? 0 : length - 1;
}

/* The same of the nearest one that is there, or of which nobody can say that it is not. */
static size_t length_that_is_there(struct doctor *d, const char *url)
{
    size_t length = length_of_parent(url, strlen(url));
    enum larder_status status = LARDER_USAGE;

    while (length > 0 && status == LARDER_USAGE) {
        struct store *store = NULL;

        status = store_open_existing(arena_printf(d->arena, "%.*s", (int)length, url), d->run,
                                     &store, NULL);
        store_close(store);
        if (status == LARDER_USAGE)
            length = length_of_parent(url, length);
    }
    return length;
}

static void remove_remote_folder(struct doctor *d, const char *url)
{
    struct store *store = NULL;

    if (store_open(url, d->run, &store, NULL) == LARDER_OK)
        store->kind->remove_folder(store);
    store_close(store);
}

enum larder_status doctor_check_new_remote(struct doctor *d, struct larder_error *error)
{
    const char *url = d->options->store;
    struct larder_error why = {0};
    struct store *store = NULL;
    size_t there;

    if (store_open(url, d->run, &store, &why) != LARDER_OK) {
        doctor_fail(d, "store", &why);
        return run_check(d->run, error);
    }
    there = length_that_is_there(d, url);
    doctor_lock(d, store);
    doctor_probe(d, store);
    store_close(store);
    for (size_t length = strlen(url); length > there; length = length_of_parent(url, length))
        remove_remote_folder(d, arena_printf(d->arena, "%.*s", (int)length, url));
    return run_check(d->run, error);
}
