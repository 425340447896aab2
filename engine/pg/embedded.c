#include "engine/pg/embedded.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/pg/connection.h"
#include "engine/pg/embedded_guard.h"
#include "engine/pg/tools.h"
#include "engine/run/run.h"
#include "formats/arena.h"

/*
 * A folder "larder-server.XXXXXX" holds data, socket and log of one server, and a file that is
 * locked as long as its maker or the guard lives. Where it is not, the folder is nobody's any more.
 */

#define FOLDER "larder-server."

enum { START_SECONDS = 60, BASE_MAX = 60, POLL_US = 50000 };

struct embedded {
    const struct larder_run *run;
    struct arena *arena;
    const char *base, *folder, *data, *socket, *log;
    struct tool initdb;
    const char *postgres;
    bool as_other, keep;
    uid_t uid;
    gid_t gid;
    const char *uid_text, *gid_text;
    int lock_fd, rope;
    pid_t guard;
    struct larder_connect connect;
};

const struct larder_connect *embedded_connect(const struct embedded *e)
{
    return &e->connect;
}

/* Whether everybody may enter a folder and all above it. */
static bool others_may_enter(const char *path)
{
    char part[BASE_MAX + 1];
    struct stat folder;

    for (size_t i = 1; i <= strlen(path) && i < sizeof(part); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)i, path);
        if (stat(part, &folder) != 0 || (folder.st_mode & S_IXOTH) == 0)
            return false;
    }
    return true;
}

/* A socket's path has 107 bytes at most, and who runs the server must reach it. */
static const char *choose_base(const struct embedded *e)
{
    const char *base = getenv("TMPDIR");

    if (base == NULL || base[0] != '/' || strlen(base) > BASE_MAX || access(base, W_OK) != 0 ||
        (e->as_other && !others_may_enter(base)))
        return "/tmp";
    return base;
}

/* A server whose guard was killed, too, has been told to stop; where it has not, it is stopped. */
static void stop_left_server(const char *folder, struct arena *arena)
{
    const char *data = arena_printf(arena, "%s/data", folder);
    FILE *file = fopen(arena_printf(arena, "%s/postmaster.pid", data), "re");
    char real[PATH_MAX], where[PATH_MAX];
    long pid = 0;
    ssize_t length;

    if (file == NULL)
        return;
    if (fscanf(file, "%ld", &pid) != 1 || pid < 2)
        pid = 0;
    fclose(file);
    for (int i = 0; pid > 0 && i < 100; i++) {
        length = readlink(arena_printf(arena, "/proc/%ld/cwd", pid), where, sizeof(where) - 1);
        if (length < 0 || realpath(data, real) == NULL)
            return;
        where[length] = '\0';
        if (strcmp(where, real) != 0)
            return;
        if (i == 0)
            kill((pid_t)pid, SIGQUIT);
        usleep(POLL_US);
    }
}

static void remove_if_left(struct embedded *e, const char *folder)
{
    struct stat what;
    int fd;

    if (lstat(folder, &what) != 0 || !S_ISDIR(what.st_mode) || what.st_uid != geteuid())
        return;
    if (access(arena_printf(e->arena, "%s/kept", folder), F_OK) == 0)
        return;
    fd = open(arena_printf(e->arena, "%s/lock", folder), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return; /* it is being made at this moment, or is none of ours */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        stop_left_server(folder, e->arena);
        if (guard_remove_folder(folder))
            run_message(e->run, LARDER_NOTE, "removed \"%s\", which a run that was killed has left",
                        folder);
    }
    close(fd);
}

static void remove_left(struct embedded *e)
{
    DIR *dir = opendir(e->base);
    struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, FOLDER, strlen(FOLDER)) == 0)
            remove_if_left(e, arena_printf(e->arena, "%s/%s", e->base, entry->d_name));
    closedir(dir);
}

/* False where there is no such user, or where it is root by another name. */
static bool take_user(struct embedded *e, const char *name)
{
    struct passwd user, *found = NULL;
    char strings[4096];

    if (getpwnam_r(name, &user, strings, sizeof(strings), &found) != 0 || found == NULL ||
        user.pw_uid == 0)
        return false;
    e->uid = user.pw_uid;
    e->gid = user.pw_gid;
    return true;
}

/* The server refuses to be run by root. */
static enum larder_status choose_user(struct embedded *e, struct larder_error *error)
{
    if (geteuid() != 0)
        return LARDER_OK;
    if (!take_user(e, "postgres") && !take_user(e, "nobody"))
        return larder_fail(error, LARDER_FAILED,
                           "there is no user \"postgres\" to run a server as, which root may not");
    e->as_other = true;
    e->uid_text = arena_printf(e->arena, "%u", (unsigned)e->uid);
    e->gid_text = arena_printf(e->arena, "%u", (unsigned)e->gid);
    return LARDER_OK;
}

static enum larder_status find_programs(struct embedded *e, int major, struct larder_error *error)
{
    enum larder_status status = tools_find("initdb", major, e->run, e->arena, &e->initdb, error);

    if (status == LARDER_USAGE) {
        error->status = LARDER_FAILED;
        larder_context(error, "could not start a server");
        larder_hint(error,
                    "Install the package postgresql-%d, or name the folder of its programs "
                    "in LARDER_PGBIN.",
                    major);
        return LARDER_FAILED;
    }
    if (status == LARDER_OK)
        e->postgres =
            arena_printf(e->arena, "%.*spostgres", (int)(strlen(e->initdb.path) - strlen("initdb")),
                         e->initdb.path);
    return status;
}

static enum larder_status make_folder(struct embedded *e, struct larder_error *error)
{
    char *folder = arena_printf(e->arena, "%s/" FOLDER "XXXXXX", e->base);

    if (mkdtemp(folder) == NULL)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not make a folder in \"%s\"",
                                 e->base);
    e->folder = folder;
    e->data = arena_printf(e->arena, "%s/data", folder);
    e->socket = arena_printf(e->arena, "%s/socket", folder);
    e->log = arena_printf(e->arena, "%s/log", folder);
    e->lock_fd = open(arena_printf(e->arena, "%s/lock", folder),
                      O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (e->lock_fd < 0 || flock(e->lock_fd, LOCK_EX | LOCK_NB) != 0 || mkdir(e->data, 0700) != 0 ||
        mkdir(e->socket, 0700) != 0 ||
        (e->as_other && (chown(e->data, e->uid, e->gid) != 0 ||
                         chown(e->socket, e->uid, e->gid) != 0 || chmod(folder, 0711) != 0)))
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not make the folder \"%s\"",
                                 folder);
    return LARDER_OK;
}

static enum larder_status run_initdb(struct embedded *e, const char *encoding,
                                     struct larder_error *error)
{
    bool utf8 = strcmp(encoding, "UTF8") == 0;
    const char *arguments[] = {"/usr/bin/setpriv",
                               "--reuid",
                               e->uid_text,
                               "--regid",
                               e->gid_text,
                               "--clear-groups",
                               "--",
                               e->initdb.path,
                               "-D",
                               e->data,
                               "-U",
                               "postgres",
                               "-A",
                               "trust",
                               "-E",
                               encoding,
                               utf8 ? "--locale=C.UTF-8" : "--locale=C",
                               "--no-sync",
                               NULL};
    struct process process = {.arguments = e->as_other ? arguments : arguments + 7};
    struct buffer output = {0};
    enum larder_status status = process_run(&process, e->run, -1, &output, error);

    buffer_free(&output);
    return status == LARDER_OK ? status : larder_context(error, "could not start a server");
}

static enum larder_status start_guard(struct embedded *e, struct larder_error *error)
{
    const char *const arguments[] = {e->postgres,
                                     "-D",
                                     e->data,
                                     "-k",
                                     e->socket,
                                     "-c",
                                     "listen_addresses=",
                                     "-c",
                                     "port=5432",
                                     "-c",
                                     "unix_socket_permissions=0700",
                                     "-c",
                                     "fsync=off",
                                     "-c",
                                     "synchronous_commit=off",
                                     "-c",
                                     "full_page_writes=off",
                                     "-c",
                                     "wal_level=minimal",
                                     "-c",
                                     "max_wal_senders=0",
                                     "-c",
                                     "max_wal_size=4GB",
                                     "-c",
                                     "maintenance_work_mem=256MB",
                                     "-c",
                                     "dynamic_shared_memory_type=mmap",
                                     "-c",
                                     "logging_collector=off",
                                     NULL};
    struct guard_plan plan = {.folder = e->folder,
                              .data = e->data,
                              .log = e->log,
                              .arguments = arguments,
                              .as_other = e->as_other,
                              .uid = e->uid,
                              .gid = e->gid,
                              .keep = e->keep,
                              .lock_fd = e->lock_fd};

    e->guard = guard_start(&plan, &e->rope);
    if (e->guard < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not start a server");
    return LARDER_OK;
}

/* The last error in the server's log, else its last line, tells why it has ended: hints and the end itself follow what caused it. */
static enum larder_status tell_why(struct embedded *e, struct larder_error *error)
{
    FILE *file = fopen(e->log, "re");
    char line[512], last[512] = "it ended at once";
    bool is_error = false;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        bool tells = strstr(line, "FATAL:  ") != NULL || strstr(line, "PANIC:  ") != NULL;

        if (line[0] != '\n' && (tells || !is_error))
            snprintf(last, sizeof(last), "%.*s", (int)strcspn(line, "\n"), line);
        is_error = is_error || tells;
    }
    if (file != NULL)
        fclose(file);
    return larder_fail(error, LARDER_FAILED, "could not start a server: %s", last);
}

static enum larder_status wait_for_server(struct embedded *e, struct larder_error *error)
{
    double deadline = run_clock() + START_SECONDS;
    enum larder_status status = LARDER_FAILED;
    struct pg *pg = NULL;

    /* What the environment says of connections is meant for others. */
    e->connect.dbname =
        arena_printf(e->arena,
                     "host='%s' hostaddr='' port=5432 user=postgres dbname=postgres "
                     "channel_binding=prefer gssencmode=disable",
                     e->socket);
    while (status == LARDER_FAILED && run_clock() < deadline) {
        if (waitpid(e->guard, NULL, WNOHANG) == e->guard) {
            e->guard = -1;
            return tell_why(e, error);
        }
        status = pg_connect(&e->connect, e->run, -1, PG_CONNECT_SECONDS, &pg, error);
        pg_close(pg);
        if (status == LARDER_FAILED)
            usleep(POLL_US);
    }
    return status;
}

enum larder_status embedded_start(int major, const char *encoding, bool keep,
                                  const struct larder_run *run, struct embedded **embedded,
                                  struct larder_error *error)
{
    struct embedded *e = calloc(1, sizeof(*e));
    enum larder_status status;

    *embedded = NULL;
    if (e == NULL)
        return larder_fail_memory(error);
    *e = (struct embedded){
        .run = run, .arena = arena_new(), .keep = keep, .lock_fd = -1, .rope = -1, .guard = -1};
    if (e->arena == NULL) {
        free(e);
        return larder_fail_memory(error);
    }
    status = choose_user(e, error);
    e->base = choose_base(e);
    if (status == LARDER_OK)
        status = find_programs(e, major, error);
    if (status == LARDER_OK) {
        remove_left(e);
        status = make_folder(e, error);
    }
    if (status == LARDER_OK)
        status = arena_failed(e->arena) ? larder_fail_memory(error) : start_guard(e, error);
    if (status == LARDER_OK)
        status = run_initdb(e, encoding, error);
    if (status == LARDER_OK && !guard_tell(e->rope, GUARD_START))
        status = larder_fail(error, LARDER_FAILED, "could not start a server");
    if (status == LARDER_OK)
        status = wait_for_server(e, error);
    if (status == LARDER_OK) {
        *embedded = e;
        return LARDER_OK;
    }
    e->keep = false;
    embedded_stop(e);
    return status;
}

/* The guard leaves the server alone once it has been told so. */
static void leave_running(struct embedded *e)
{
    int fd =
        open(arena_printf(e->arena, "%s/kept", e->folder), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    if (!guard_tell(e->rope, GUARD_LEAVE))
        run_message(e->run, LARDER_WARNING, "could not keep the server in \"%s\"", e->folder);
}

void embedded_stop(struct embedded *e)
{
    if (e == NULL)
        return;
    if (e->keep && e->rope >= 0)
        leave_running(e);
    if (e->rope >= 0)
        close(e->rope);
    /* A second signal must not have the folder go while the server is still in it. */
    while (e->guard > 0 && waitpid(e->guard, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (!e->keep && e->folder != NULL)
        guard_remove_folder(e->folder);
    if (e->lock_fd >= 0)
        close(e->lock_fd);
    arena_free(e->arena);
    free(e);
}
