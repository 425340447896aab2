#include "engine/destination.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/run/run.h"
#include "engine/store/file.h"
#include "engine/store/stream.h"
#include "formats/names.h"

enum { DAY = 86400 };

/* Neither the archive nor what will stand beside it may be there yet; it is not overwritten later, either, but that would be late to say so. */
static enum larder_status refuse_existing(const char *archive, struct larder_error *error)
{
    const char *const endings[] = {archive + names_stem(archive), ".sha256", ".json"};
    enum larder_status status = LARDER_OK;
    struct buffer name = {0};
    struct stat stat;

    for (size_t i = 0; status == LARDER_OK && i < sizeof(endings) / sizeof(endings[0]); i++) {
        name.length = 0;
        buffer_printf(&name, "%.*s%s", (int)names_stem(archive), archive, endings[i]);
        if (lstat(buffer_text(&name), &stat) == 0)
            status =
                larder_fail(error, LARDER_USAGE, "\"%s\" exists already, and is never overwritten",
                            buffer_text(&name));
    }
    if (name.failed)
        status = larder_fail_memory(error);
    buffer_free(&name);
    return status;
}

enum larder_status destination_open(struct destination *to, const char *store, const char *file,
                                    const struct larder_run *run, struct larder_error *error)
{
    enum larder_status status;

    *to = (struct destination){.run = run};
    if (store != NULL)
        return store_open(store, run, &to->store, error);
    to->archive = to->location = file;
    to->is_stream = strcmp(file, "-") == 0;
    if (to->is_stream && isatty(STDOUT_FILENO)) {
        larder_fail(error, LARDER_USAGE,
                    "standard output is a terminal, and an archive is no text");
        larder_hint(
            error,
            "Send it into a file or a pipe: larder export ... -o - | ssh host 'cat > x.tar'");
        return LARDER_USAGE;
    }
    if (to->is_stream)
        return LARDER_OK;
    status = file_check_folder(file, error);
    return status == LARDER_OK ? refuse_existing(file, error) : status;
}

static const char *folder_of(const char *source, const char *preset, struct arena *arena)
{
    struct buffer folder = {0};

    names_source(&folder, source);
    buffer_printf(&folder, "/%s/", preset);
    return arena_take(arena, &folder);
}

enum larder_status destination_retain(struct destination *to, time_t until,
                                      struct larder_error *error)
{
    if (to->store == NULL)
        return LARDER_OK;
    if (!to->store->kind->retains) {
        larder_fail(error, LARDER_USAGE,
                    "this kind of store cannot lock objects until a date, as lock = yes wants");
        larder_hint(error, "S3 stores can, in buckets with Object Lock.");
        return LARDER_USAGE;
    }
    to->store->retain_until = until;
    return LARDER_OK;
}

/* Once a run: nothing that is asked of the listing depends on what comes meanwhile. */
static enum larder_status list_source(struct destination *to, const char *source,
                                      struct arena *arena, struct larder_error *error)
{
    struct buffer prefix = {0};
    enum larder_status status;

    if (to->listed)
        return LARDER_OK;
    names_source(&prefix, source);
    buffer_puts(&prefix, "/");
    status = to->store->kind->list(to->store, buffer_text(&prefix), arena, &to->objects,
                                   &to->object_count, error);
    buffer_free(&prefix);
    to->listed = status == LARDER_OK;
    return status;
}

/* The newest summary tells; one that cannot be read tells nothing. */
enum larder_status destination_check_system(struct destination *to, const char *source,
                                            const char *system_identifier, struct arena *arena,
                                            struct larder_error *error)
{
    struct buffer text = {0};
    struct summary summary;
    enum larder_status status;

    if (to->store == NULL || system_identifier == NULL)
        return LARDER_OK;
    status = list_source(to, source, arena, error);
    for (size_t i = to->object_count; status == LARDER_OK && i > 0; i--) {
        const char *key = to->objects[i - 1].key;

        text.length = 0;
        if (!names_is_summary(key) ||
            store_get(to->store, key, SUMMARY_MAX_BYTES, &text, NULL) != LARDER_OK ||
            summary_read(text.bytes, text.length, arena, &summary, NULL) != LARDER_OK ||
            summary.system_identifier == NULL)
            continue;
        if (strcmp(summary.system_identifier, system_identifier) != 0) {
            larder_fail(error, LARDER_USAGE,
                        "the store holds archives of another database system under the name \"%s\"",
                        source);
            larder_hint(error, "Give this one a name of its own with --source-name.");
            status = LARDER_USAGE;
        }
        break;
    }
    buffer_free(&text);
    return status;
}

/* Whether a key is that of the summary beside an archive, without which it is not complete. */
static bool is_summary_of(const char *key, const char *archive)
{
    size_t stem = names_stem(archive);

    return strncmp(key, archive, stem) == 0 && strcmp(key + stem, ".json") == 0;
}

enum larder_status destination_newest(struct destination *to, const char *source,
                                      const char *preset, struct arena *arena, const char **newest,
                                      struct larder_error *error)
{
    const char *folder = folder_of(source, preset, arena), *archive = NULL;
    enum larder_status status;

    *newest = NULL;
    if (to->store == NULL)
        return LARDER_OK;
    if (arena_failed(arena))
        return larder_fail_memory(error);
    status = list_source(to, source, arena, error);
    /* Sorted by name, and so by time; an archive stands behind its summary. */
    for (size_t i = to->object_count; status == LARDER_OK && *newest == NULL && i > 0; i--) {
        const char *key = to->objects[i - 1].key;

        if (strncmp(key, folder, strlen(folder)) != 0)
            continue;
        if (key[names_stem(key)] != '\0')
            archive = key;
        else if (archive != NULL && names_is_summary(key) && is_summary_of(key, archive))
            *newest = names_base(archive);
    }
    return status;
}

enum larder_status destination_lock(struct destination *to, const char *source, const char *preset,
                                    bool alone, struct arena *arena, struct larder_error *error)
{
    const char *folder = folder_of(source, preset, arena);
    time_t begun_before = time(NULL);
    struct larder_error why = {0};
    enum larder_status status = LARDER_OK;

    if (to->store == NULL)
        return LARDER_OK;
    if (arena_failed(arena))
        return larder_fail_memory(error);
    if (to->store->kind->lock != NULL)
        status = to->store->kind->lock(to->store, folder, error);
    else
        begun_before += alone ? DAY : -2 * DAY;
    if (status != LARDER_OK || to->store->kind->tidy == NULL)
        return status;
    /* What is left over costs money, and is no reason to have no archive. */
    status = to->store->kind->tidy(to->store, folder, begun_before, &why);
    if (status == LARDER_OK || run_check(to->run, error) != LARDER_OK)
        return status;
    run_message(to->run, LARDER_WARNING, "%s", why.message);
    return LARDER_OK;
}

static enum larder_status begin_object(struct destination *to, struct arena *arena, bool *taken,
                                       struct stage **stage, struct larder_error *error)
{
    struct store_object *objects;
    struct buffer location = {0};
    size_t count;
    enum larder_status status = to->store->kind->list(
        to->store, arena_printf(arena, "%.*s.", (int)names_stem(to->archive), to->archive), arena,
        &objects, &count, error);

    /* The store may not exist yet; create makes it. */
    if (status == LARDER_OK && count > 0) {
        *taken = true;
        return LARDER_OK;
    }
    to->store->kind->location(to->store, to->archive, &location);
    to->location = arena_take(arena, &location);
    if (arena_failed(arena))
        return larder_fail_memory(error);
    return to->store->kind->create(to->store, to->archive, stage, error);
}

enum larder_status destination_begin(struct destination *to, const char *source, const char *preset,
                                     const char *backup_name, struct arena *arena, bool *taken,
                                     struct stage **stage, struct larder_error *error)
{
    *taken = false;
    *stage = NULL;
    if (to->is_stream)
        return stream_write_to(STDOUT_FILENO, "standard output", to->run, stage, error);
    if (to->store == NULL)
        return file_create(to->archive, stage, error);
    to->archive = arena_printf(arena, "%s%s.tar%s", folder_of(source, preset, arena), backup_name,
                               to->encrypted ? ".age" : "");
    if (arena_failed(arena))
        return larder_fail_memory(error);
    return begin_object(to, arena, taken, stage, error);
}

static enum larder_status put(struct destination *to, const char *name, const struct buffer *bytes,
                              struct larder_error *error)
{
    struct stage *stage;
    enum larder_status status;

    if (to->store != NULL)
        return store_put(to->store, name, bytes->bytes, bytes->length, error);
    status = file_create(name, &stage, error);
    if (status != LARDER_OK)
        return status;
    status = stage_push(stage, bytes->bytes, bytes->length, error);
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    stage_free(stage);
    return status;
}

static void take_back(struct destination *to, const char *name)
{
    if (to->store != NULL)
        to->store->kind->remove(to->store, name, NULL);
    else
        unlink(name);
}

enum larder_status destination_publish(struct destination *to, struct summary *summary,
                                       struct arena *arena, struct larder_error *error)
{
    int stem = (int)names_stem(to->archive);
    const char *digest_name = arena_printf(arena, "%.*s.sha256", stem, to->archive);
    const char *summary_name = arena_printf(arena, "%.*s.json", stem, to->archive);
    struct buffer digest = {0}, text = {0};
    enum larder_status status;

    summary->archive = names_base(to->archive);
    if (to->is_stream)
        return LARDER_OK;
    if (to->store != NULL)
        to->store->expected_bytes = 0;
    summary_write_digest_line(&digest, summary->sha256, summary->archive);
    status = digest.failed || arena_failed(arena) ? larder_fail_memory(error)
                                                  : summary_write(summary, &text, error);
    if (status == LARDER_OK)
        status = put(to, digest_name, &digest, error);
    if (status == LARDER_OK) {
        status = put(to, summary_name, &text, error);
        if (status != LARDER_OK)
            take_back(to, digest_name);
    }
    if (status != LARDER_OK)
        take_back(to, to->archive);
    buffer_free(&digest);
    buffer_free(&text);
    return status;
}

void destination_close(struct destination *to)
{
    store_close(to->store);
    to->store = NULL;
}
