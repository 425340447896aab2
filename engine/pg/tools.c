#include "engine/pg/tools.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char debian[] = "/usr/lib/postgresql";

/* Looks at one folder; keeps the program in `best` where it fits better. */
static void consider(const char *folder, const char *name, int major, const struct larder_run *run,
                     struct arena *arena, struct tool *best, int *newest)
{
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    const char *arguments[] = {path, "--version", NULL};
    struct process process = {.arguments = arguments};
    struct buffer output = {0};
    char version[64];
    int found;

    if (access(path, X_OK) != 0 || process_run(&process, run, -1, &output, NULL) != LARDER_OK ||
        sscanf(buffer_text(&output), "%*s (PostgreSQL) %63s", version) != 1) {
        buffer_free(&output);
        return;
    }
    buffer_free(&output);
    found = (int)strtol(version, NULL, 10);
    if (found > *newest)
        *newest = found;
    if (found < major || (best->path != NULL && found >= best->major))
        return;
    *best = (struct tool){path, arena_strdup(arena, version), found};
}

static void consider_debian(const char *name, int major, const struct larder_run *run,
                            struct arena *arena, struct tool *best, int *newest)
{
    DIR *dir = opendir(debian);
    struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL)
        if (strtol(entry->d_name, NULL, 10) > 0)
            consider(arena_printf(arena, "%s/%s/bin", debian, entry->d_name), name, major, run,
                     arena, best, newest);
    closedir(dir);
}

static void consider_path(const char *name, int major, const struct larder_run *run,
                          struct arena *arena, struct tool *best, int *newest)
{
    const char *path = getenv("PATH");
    char *folders = arena_strdup(arena, path == NULL ? "" : path), *rest = NULL;

    for (char *folder = strtok_r(folders, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest))
        consider(folder, name, major, run, arena, best, newest);
}

enum larder_status tools_find(const char *name, int major, const struct larder_run *run,
                              struct arena *arena, struct tool *tool, struct larder_error *error)
{
    const char *only = getenv("LARDER_PGBIN");
    int newest = 0;

    *tool = (struct tool){0};
    if (only != NULL && only[0] != '\0') {
        consider(only, name, major, run, arena, tool, &newest);
    } else {
        consider_debian(name, major, run, arena, tool, &newest);
        if (tool->path == NULL || tool->major != major)
            consider_path(name, major, run, arena, tool, &newest);
    }
    if (arena_failed(arena))
        return larder_fail_memory(error);
    if (tool->path != NULL)
        return LARDER_OK;
    if (newest > 0)
        larder_fail(error, LARDER_USAGE,
                    "no %s is as new as the server: it needs version %d, the newest here is %d",
                    name, major, newest);
    else
        larder_fail(error, LARDER_USAGE, "there is no %s%s%s", name, only != NULL ? " in " : "",
                    only != NULL ? only : "");
    larder_hint(error,
                "Install the package postgresql-client-%d, or name its folder in LARDER_PGBIN.",
                major);
    return LARDER_USAGE;
}

/* 'value' as a conninfo string wants it. */
static const char *conninfo_quoted(struct arena *arena, const char *value)
{
    char *quoted = arena_alloc(arena, 2 * strlen(value) + 3, 1), *to = quoted;

    if (quoted == NULL)
        return "''";
    *to++ = '\'';
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            *to++ = '\\';
        *to++ = *value;
    }
    *to++ = '\'';
    *to = '\0';
    return quoted;
}

/* How to reach the connection's database, without any secret. */
static const char *conninfo(struct pg *pg, struct arena *arena)
{
    PQconninfoOption *options = PQconninfo(pg_libpq(pg));
    const char *text = "";

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        if (o->val != NULL && o->val[0] != '\0' && strstr(o->keyword, "password") == NULL &&
            strcmp(o->keyword, "fallback_application_name") != 0)
            text =
                arena_printf(arena, "%s%s=%s ", text, o->keyword, conninfo_quoted(arena, o->val));
    PQconninfoFree(options);
    return text;
}

enum larder_status tools_pg_dump(const struct tool *tool, struct pg *pg,
                                 const char *const *arguments, struct arena *arena,
                                 struct process *process, struct larder_error *error)
{
    const char **all, **environment = arena_alloc(arena, 3, sizeof(*environment));
    const char *password = PQpass(pg_libpq(pg));
    size_t n = 0, count = 0;

    while (arguments[count] != NULL)
        count++;
    all = arena_alloc(arena, count + 4, sizeof(*all));
    if (all == NULL || environment == NULL)
        return larder_fail_memory(error);
    all[n++] = tool->path;
    for (size_t i = 0; i < count; i++)
        all[n++] = arguments[i];
    all[n++] = "-d";
    all[n] = conninfo(pg, arena);
    environment[0] = "PGAPPNAME=larder pg_dump";
    if (password != NULL && password[0] != '\0')
        environment[1] = arena_printf(arena, "PGPASSWORD=%s", password);
    *process = (struct process){.arguments = all, .environment = environment};
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
