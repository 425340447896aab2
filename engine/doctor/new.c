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
