/*
 * A store that the rclone program reaches: rclone:REMOTE:PATH, for any remote that it is configured for. Each action
 * is a start of the program. There is no lock: what a run's lock keeps apart, the one in the database does.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/run/process.h"
#include "engine/run/run.h"
#include "engine/store/listing.h"
#include "engine/store/rclone_parts.h"

enum { KEY_DEPTH = 3, CLEAN_UP_SECONDS = 30 };

static const char prefix[] = "rclone:";

/* Looks for the program in PATH, and never in the folder that we happen to be in. */
static enum larder_status find_program(char **program, struct larder_error *error)
{
    const char *path = getenv("PATH");
    struct buffer name = {0};

    for (; path != NULL && *path != '\0'; path += *path == ':') {
        int length = (int)strcspn(path, ":");

        name.length = 0;
        buffer_printf(&name, "%.*s/rclone", length, path);
        path += length;
        if (buffer_text(&name)[0] == '/' && length > 0 && access(buffer_text(&name), X_OK) == 0) {
            *program = strdup(buffer_text(&name));
            buffer_free(&name);
            return *program == NULL ? larder_fail_memory(error) : LARDER_OK;
        }
    }
    buffer_free(&name);
    larder_fail(error, LARDER_USAGE, "there is no program \"rclone\" in PATH");
    larder_hint(error, "Install the package rclone.");
    return LARDER_USAGE;
}

static void rclone_close(struct store *store)
{
    struct rclone *rclone = (struct rclone *)store;

    rclone_forget(rclone);
    free(rclone->program);
    free(rclone->root);
    free(rclone->seen);
    free(rclone);
}

/* "REMOTE:PATH" without slashes at its end; the PATH may be "/" alone. */
static char *root_of(const char *url)
{
    const char *root = url + strlen(prefix);
    size_t length = strlen(root);

    while (length > 1 && root[length - 1] == '/' && root[length - 2] != ':')
        length--;
    return strndup(root, length);
}

static enum larder_status rclone_open(const char *url, const struct larder_run *run,
                                      struct store **store, struct larder_error *error)
{
    const char *remote = url + strlen(prefix);
    struct rclone *rclone;
    enum larder_status status;

    if (remote[0] == '-' || remote[0] == '\0' || strchr(remote + 1, ':') == NULL) {
        larder_fail(error, LARDER_USAGE, "it names no remote");
        larder_hint(error,
                    "A store of rclone is rclone:REMOTE:PATH; `rclone listremotes` shows the "
                    "remotes there are.");
        return LARDER_USAGE;
    }
    rclone = calloc(1, sizeof(*rclone));
    if (rclone == NULL)
        return larder_fail_memory(error);
    rclone->store = (struct store){.kind = &store_rclone, .run = run};
    rclone->root = root_of(url);
    status =
        rclone->root == NULL ? larder_fail_memory(error) : find_program(&rclone->program, error);
    if (status != LARDER_OK) {
        rclone_close(&rclone->store);
        return status;
    }
    *store = &rclone->store;
    return LARDER_OK;
}

void rclone_path(const struct rclone *rclone, const char *key, struct buffer *path)
{
    char last = rclone->root[strlen(rclone->root) - 1];

    buffer_printf(path, "%s%s%s", rclone->root,
                  key[0] == '\0' || last == ':' || last == '/' ? "" : "/", key);
}

void rclone_arguments(const struct rclone *rclone, const char *const *more,
                      const char *arguments[RCLONE_ARGUMENTS])
{
    size_t n = 0;

    arguments[n++] = rclone->program;
    arguments[n++] = "--log-level=ERROR";
    arguments[n++] = "--ask-password=false";
    if (rclone->store.cleaning) {
        arguments[n++] = "--retries=1";
        arguments[n++] = "--low-level-retries=1";
        arguments[n++] = "--contimeout=10s";
        arguments[n++] = "--timeout=20s";
    }
    while (n < RCLONE_ARGUMENTS - 1 && *more != NULL)
        arguments[n++] = *more++;
    arguments[n] = NULL;
}

static enum larder_status check_time(void *until, struct larder_error *error)
{
    return run_clock() < *(const double *)until
               ? LARDER_OK
               : larder_fail(error, LARDER_FAILED, "rclone does not end");
}

enum larder_status rclone_run(const struct rclone *rclone, const char *const *more,
                              struct buffer *output, int *code, struct larder_error *error)
{
    static const struct larder_run unstopped = {0};
    const char *arguments[RCLONE_ARGUMENTS];
    int unwanted = 0;
    struct process process = {.arguments = arguments, .exit_code = code != NULL ? code : &unwanted};
    double until = run_clock() + CLEAN_UP_SECONDS;
    enum larder_status status;

    *process.exit_code = 0;
    if (rclone->store.cleaning) {
        process.watch = check_time;
        process.watched = &until;
    }
    rclone_arguments(rclone, more, arguments);
    status = process_run(&process, rclone->store.cleaning ? &unstopped : rclone->store.run, -1,
                         output, error);
    if (status != LARDER_OK)
        rclone_hide(rclone->root, error);
    if (status == LARDER_FAILED && error != NULL &&
        strstr(error->message, "didn't find section in config file") != NULL) {
        larder_fail(error, LARDER_USAGE, "rclone has no such remote");
        larder_hint(error,
                    "`rclone listremotes` shows those there are; `rclone config` makes one.");
        return LARDER_USAGE;
    }
    return status;
}

enum larder_status rclone_entries(const struct rclone *rclone, const char *path,
                                  const char *const *options, struct arena *arena,
                                  struct rclone_entry **entries, size_t *count, bool *exists,
                                  struct larder_error *error)
{
    const char *more[RCLONE_ARGUMENTS] = {"lsjson", "--no-mimetype"};
    struct buffer output = {0};
    size_t n = 2;
    int code;
    enum larder_status status;

    while (*options != NULL && n < RCLONE_ARGUMENTS - 2)
        more[n++] = *options++;
    more[n] = path;
    status = rclone_run(rclone, more, &output, &code, error);
    *count = 0;
    *exists = code != RCLONE_NOT_FOUND;
    if (status == LARDER_OK)
        status = rclone_list_read(output.bytes, output.length, arena, entries, count, error);
    else if (!*exists && status == LARDER_FAILED)
        status = LARDER_OK;
    buffer_free(&output);
    return status;
}

/* Takes those whose keys begin with the prefix; what begins with a dot is no object. */
static enum larder_status take_objects(const struct rclone_entry *entries, size_t count,
                                       const char *folder, const char *key_prefix,
                                       struct arena *arena, struct store_object **objects,
                                       size_t *taken, struct larder_error *error)
{
    struct listing listing = {.arena = arena};

    for (size_t i = 0; i < count; i++) {
        const char *key = arena_printf(arena, "%s%s", folder, entries[i].path);
        const char *slash = strrchr(key, '/');

        if (strncmp(key, key_prefix, strlen(key_prefix)) == 0 && key[0] != '.' &&
            (slash == NULL || slash[1] != '.'))
            listing_add(&listing, key, entries[i].bytes);
    }
    return listing_end(&listing, objects, taken, error);
}

static enum larder_status rclone_list(struct store *store, const char *key_prefix,
                                      struct arena *arena, struct store_object **objects,
                                      size_t *count, struct larder_error *error)
{
    struct rclone *rclone = (struct rclone *)store;
    const char *slash = strrchr(key_prefix, '/');
    const char *folder =
        arena_printf(arena, "%.*s", slash == NULL ? 0 : (int)(slash + 1 - key_prefix), key_prefix);
    struct buffer path = {0}, depth = {0};
    struct rclone_entry *entries = NULL;
    int levels = KEY_DEPTH;
    size_t all;
    bool exists;
    enum larder_status status;

    for (const char *c = folder; *c != '\0'; c++)
        levels -= *c == '/' ? 1 : 0;
    buffer_printf(&depth, "--max-depth=%d", levels);
    rclone_path(rclone, folder, &path);
    status = rclone_entries(
        rclone, buffer_text(&path),
        (const char *[]){"-R", "--files-only", "--no-modtime", buffer_text(&depth), NULL}, arena,
        &entries, &all, &exists, error);
    if (status == LARDER_OK)
        status = take_objects(entries, all, folder, key_prefix, arena, objects, count, error);
    else
        rclone_context(rclone, "list", buffer_text(&path), error);
    buffer_free(&path);
    buffer_free(&depth);
    return status;
}

enum larder_status rclone_remove_path(struct rclone *rclone, const char *path,
                                      struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct buffer output = {0};
    struct rclone_entry *entries;
    size_t count = 0;
    bool exists = true, was_cleaning = rclone->store.cleaning;
    enum larder_status status;

    /* Taking back what a run that is to stop has begun goes on. */
    rclone->store.cleaning = was_cleaning || run_check(rclone->store.run, NULL) != LARDER_OK;
    status = arena == NULL ? larder_fail_memory(error)
                           : rclone_run(rclone, (const char *[]){"deletefile", path, NULL}, &output,
                                        NULL, error);
    /* It says no more clearly that there is none. */
    if (status == LARDER_FAILED && arena != NULL &&
        rclone_entries(rclone, path, (const char *[]){"--no-modtime", NULL}, arena, &entries,
                       &count, &exists, NULL) == LARDER_OK &&
        (!exists || count == 0))
        status = LARDER_OK;
    if (status != LARDER_OK)
        rclone_context(rclone, "remove", path, error);
    rclone->store.cleaning = was_cleaning;
    buffer_free(&output);
    arena_free(arena);
    return status;
}

static enum larder_status rclone_remove(struct store *store, const char *key,
                                        struct larder_error *error)
{
    struct rclone *rclone = (struct rclone *)store;
    struct buffer path = {0};
    enum larder_status status;

    rclone_path(rclone, key, &path);
    status = rclone_remove_path(rclone, buffer_text(&path), error);
    buffer_free(&path);
    return status;
}

static enum larder_status create(struct store *store, const char *key, struct stage **stage,
                                 struct larder_error *error)
{
    return rclone_create((struct rclone *)store, key, false, stage, error);
}

static enum larder_status replace(struct store *store, const char *key, const void *bytes,
                                  size_t length, struct larder_error *error)
{
    struct stage *stage = NULL;
    enum larder_status status = rclone_create((struct rclone *)store, key, true, &stage, error);

    if (status == LARDER_OK)
        status = stage_push(stage, bytes, length, error);
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    stage_free(stage);
    return status;
}

static enum larder_status read_object(struct store *store, const char *key, struct input **input,
                                      struct larder_error *error)
{
    if (rclone_read_fetched((struct rclone *)store, key, input))
        return LARDER_OK;
    return rclone_read((struct rclone *)store, key, input, error);
}

static void rclone_location(struct store *store, const char *key, struct buffer *out)
{
    buffer_puts(out, prefix);
    rclone_path((struct rclone *)store, key, out);
}

static enum larder_status rclone_find(struct store *store, struct larder_error *error)
{
    struct rclone *rclone = (struct rclone *)store;
    struct arena *arena = arena_new();
    struct rclone_entry *entries;
    size_t count;
    bool exists = true;
    enum larder_status status =
        arena == NULL
            ? larder_fail_memory(error)
            : rclone_entries(rclone, rclone->root,
                             (const char *[]){"--max-depth=1", "--dirs-only", "--no-modtime", NULL},
                             arena, &entries, &count, &exists, error);

    if (status == LARDER_OK && !exists) {
        status =
            larder_fail(error, LARDER_USAGE, "there is no store \"%s%s\"", prefix, rclone->root);
        rclone_hide(rclone->root, error);
    }
    arena_free(arena);
    return status;
}

/* What a run that is to stop has made goes, too. */
static void remove_folder(struct store *store)
{
    struct rclone *rclone = (struct rclone *)store;
    struct buffer output = {0};
    bool was_cleaning = rclone->store.cleaning;

    rclone->store.cleaning = true;
    rclone_run(rclone, (const char *[]){"rmdir", rclone->root, NULL}, &output, NULL, NULL);
    rclone->store.cleaning = was_cleaning;
    buffer_free(&output);
}

const struct store_kind store_rclone = {
    .prefix = prefix,
    .open = rclone_open,
    .close = rclone_close,
    .create = create,
    .read = read_object,
    .list = rclone_list,
    .remove = rclone_remove,
    .location = rclone_location,
    .find = rclone_find,
    .replace = replace,
    .fetch = rclone_fetch,
    .remove_folder = remove_folder,
};
