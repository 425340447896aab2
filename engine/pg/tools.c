#include "engine/pg/tools.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/pg/conninfo.h"
#include "engine/run/run.h"

#define SERVICE "larder"

enum { NEVER_ENDED = -2 }; /* no exit code, nor the -1 of a signal */

static const char debian[] = "/usr/lib/postgresql";

struct search {
    const char *name;
    int major;
    const struct larder_run *run;
    struct arena *arena;
    struct tool *best;
    int newest;
    struct larder_error unasked; /* why a place or a program says nothing of what is there */
};

/* Keeps a program where it fits better. */
static void take(struct search *s, const char *path, int found)
{
    if (found > s->newest)
        s->newest = found;
    if (found >= s->major && (s->best->path == NULL || found < s->best->major))
        *s->best = (struct tool){path, found};
}

/* An error is kept only where the program was not run to its end. */
static const char *ask_version(const char *path, const struct larder_run *run, struct arena *arena,
                               struct larder_error *unasked)
{
    const char *arguments[] = {path, "--version", NULL};
    int code = NEVER_ENDED;
    struct process process = {.arguments = arguments, .exit_code = &code};
    struct larder_error error = {0};
    struct buffer output = {0};
    char version[64];
    bool ran = process_run(&process, run, -1, &output, &error) == LARDER_OK;
    bool said = ran && sscanf(buffer_text(&output), "%*s (PostgreSQL) %63s", version) == 1;

    buffer_free(&output);
    if (!ran && code == NEVER_ENDED)
        *unasked = error;
    return said ? arena_strdup(arena, version) : NULL;
}

const char *tools_version(const char *path, const struct larder_run *run, struct arena *arena)
{
    struct larder_error unasked;

    return ask_version(path, run, arena, &unasked);
}

/* Looks at one folder. */
static void consider(struct search *s, const char *folder)
{
    const char *path = arena_printf(s->arena, "%s/%s", folder, s->name);
    const char *version =
        access(path, X_OK) == 0 ? ask_version(path, s->run, s->arena, &s->unasked) : NULL;

    if (version != NULL)
        take(s, path, (int)strtol(version, NULL, 10));
}

/* Debian's folders bear the versions' names: to ask the programs would take as long as a small table does. */
static void consider_debian(struct search *s)
{
    DIR *dir = opendir(debian);
    struct dirent *entry;

    if (dir == NULL) {
        if (errno != ENOENT)
            larder_fail_errno(&s->unasked, LARDER_FAILED, errno, "could not read the folder \"%s\"",
                              debian);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        int found = (int)strtol(entry->d_name, NULL, 10);
        const char *path = arena_printf(s->arena, "%s/%s/bin/%s", debian, entry->d_name, s->name);

        if (found > 0 && access(path, X_OK) == 0)
            take(s, path, found);
    }
    closedir(dir);
}

static void consider_path(struct search *s)
{
    const char *path = getenv("PATH");
    char *folders = arena_strdup(s->arena, path == NULL ? "" : path), *rest = NULL;

    for (char *folder = strtok_r(folders, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest))
        if (folder[0] == '/') /* a program is never whatever lies where we happen to stand */
            consider(s, folder);
}

/* What was not asked might have been the one. */
static enum larder_status tell_none(const struct search *s, const char *only,
                                    struct larder_error *error)
{
    if (s->unasked.status != LARDER_OK) {
        larder_fail(error, LARDER_FAILED, "%s", s->unasked.message);
        larder_context(error, "could not look for %s", s->name);
    } else if (s->newest > 0)
        larder_fail(error, LARDER_USAGE,
                    "no %s here is new enough: version %d is needed, and the newest is %d", s->name,
                    s->major, s->newest);
    else
        larder_fail(error, LARDER_USAGE, "there is no %s%s%s", s->name, only != NULL ? " in " : "",
                    only != NULL ? only : "");
    if (s->unasked.status == LARDER_OK || s->newest > 0)
        larder_hint(error,
                    "Install the package postgresql-client-%d, or name its folder in LARDER_PGBIN.",
                    s->major);
    return s->unasked.status == LARDER_OK ? LARDER_USAGE : LARDER_FAILED;
}

enum larder_status tools_find(const char *name, int major, const struct larder_run *run,
                              struct arena *arena, struct tool *tool, struct larder_error *error)
{
    struct search s = {.name = name, .major = major, .run = run, .arena = arena, .best = tool};
    const char *only = getenv("LARDER_PGBIN");

    *tool = (struct tool){0};
    if (only != NULL && only[0] != '\0') {
        consider(&s, only);
    } else {
        consider_debian(&s);
        if (tool->path == NULL || tool->major != major)
            consider_path(&s);
    }
    if (arena_failed(arena))
        return larder_fail_memory(error);
    if (run_check(run, error) != LARDER_OK)
        return run_check(run, error);
    return tool->path != NULL ? LARDER_OK : tell_none(&s, only, error);
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

/* What tells where a database is and how to talk to it. Anything else may be a secret, and stays out of arguments. */
static bool may_be_shown(const char *keyword)
{
    static const char *const keywords[] = {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "passfile",
        "channel_binding",
        "sslmode",
        "sslcompression",
        "sslcert",
        "sslcertmode",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "min_protocol_version",
        "max_protocol_version",
        "requirepeer",
        "require_auth",
        "gssencmode",
        "gssdelegation",
        "krbsrvname",
        "gsslib",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "connect_timeout",
        "target_session_attrs",
        "load_balance_hosts",
        "options",
    };

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (strcmp(keywords[i], keyword) == 0)
            return true;
    return false;
}

/* A link-local one means nothing without its interface, which libpq does not tell: there the host has to do. */
static const char *address(const PGconn *conn)
{
    const char *known = PQhostaddr(conn);

    return strncasecmp(known, "fe80:", 5) == 0 ? "" : known;
}

/*
 * The value of an option for who is to reach the very server that this connection has: many may be named, or have one name, and one alone
 * has the snapshot. NULL: none. What is empty keeps the environment from having its say.
 */
static const char *value_for_same(const PGconn *conn, const PQconninfoOption *o)
{
    if (strcmp(o->keyword, "host") == 0)
        return PQhost(conn);
    if (strcmp(o->keyword, "hostaddr") == 0)
        return address(conn);
    return strcmp(o->keyword, "port") == 0 ? PQport(conn) : o->val;
}

/* With `settings` behind those that the connection itself has asked for. */
static const char *conninfo(struct pg *pg, const char *settings, struct arena *arena)
{
    PQconninfoOption *options = PQconninfo(pg_libpq(pg));
    const char *text = "";

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        const char *value = value_for_same(pg_libpq(pg), o);

        if (strcmp(o->keyword, "options") == 0)
            value = arena_printf(arena, "%s%s", value == NULL ? "" : value, settings);
        if (value != NULL && may_be_shown(o->keyword))
            text = arena_printf(arena, "%s%s=%s ", text, o->keyword, conninfo_quoted(arena, value));
    }
    PQconninfoFree(options);
    return text;
}

/* As a service file, with a line for each: the secrets that no variable of libpq's is for. NULL: there are none. */
static const char *secrets(struct pg *pg, struct arena *arena)
{
    PQconninfoOption *options = PQconninfo(pg_libpq(pg));
    const char *text = NULL;

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        if (o->val != NULL && o->val[0] != '\0' && !may_be_shown(o->keyword) &&
            conninfo_is_secret(o) && strcmp(o->keyword, "password") != 0)
            text = arena_printf(arena, "%s%s=%s\n", text == NULL ? "[" SERVICE "]\n" : text,
                                o->keyword, o->val);
    PQconninfoFree(options);
    return text;
}

enum larder_status tools_pg_dump(const struct tool *tool, struct pg *pg, const char *application,
                                 const char *const *arguments, struct arena *arena,
                                 struct process *process, struct larder_error *error)
{
    const char **all, **environment = arena_alloc(arena, 4, sizeof(*environment));
    const char *password = PQpass(pg_libpq(pg)), *secret = secrets(pg, arena);
    size_t n = 0, count = 0, variables = 0;
    bool backslashes;
    enum larder_status status = pg_writes_backslashes(pg, &backslashes, error);

    if (status != LARDER_OK)
        return status;
    while (arguments[count] != NULL)
        count++;
    all = arena_alloc(arena, count + 4, sizeof(*all));
    if (all == NULL || environment == NULL)
        return larder_fail_memory(error);
    all[n++] = tool->path;
    for (size_t i = 0; i < count; i++)
        all[n++] = arguments[i];
    all[n++] = "-d";
    /* String literals are written as the session's setting wants them, and say so in a header that nothing of ours reads. */
    all[n] = conninfo(pg, backslashes ? " -c standard_conforming_strings=on" : "", arena);
    environment[variables++] = arena_printf(arena, "PGAPPNAME=%s", application);
    if (password != NULL && password[0] != '\0')
        environment[variables++] = arena_printf(arena, "PGPASSWORD=%s", password);
    if (secret != NULL) {
        all[n] = arena_printf(arena, "%sservice=" SERVICE, all[n]);
        environment[variables] = "PGSERVICEFILE=" PROCESS_SECRET;
    }
    *process = (struct process){.arguments = all, .environment = environment, .secret = secret};
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
