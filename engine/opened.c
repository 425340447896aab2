#include "engine/opened.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/inventory.h"
#include "engine/keys.h"
#include "engine/run/run.h"
#include "engine/store/file.h"
#include "formats/names.h"
#include "formats/nearest.h"
#include "formats/sha256.h"
#include "formats/summary.h"

enum { DIGEST_LINE_MAX = 4096 };

static enum larder_status read_file(const char *path, size_t most, struct buffer *out,
                                    struct larder_error *error)
{
    struct input *input;
    enum larder_status status = file_read(path, &input, error);

    if (status != LARDER_OK)
        return status;
    status = input_read_whole(input, path, most, out, error);
    input_close(input);
    return status;
}

enum larder_status opened_beside(const struct opened *opened, const char *ending, size_t most,
                                 struct buffer *out, struct larder_error *error)
{
    struct buffer name = {0};
    enum larder_status status;

    if (opened->name == NULL)
        return larder_fail(error, LARDER_USAGE, "nothing lies beside %s", opened->location);
    buffer_printf(&name, "%.*s%s", (int)names_stem(opened->name), opened->name, ending);
    buffer_text(&name);
    if (name.failed)
        status = larder_fail_memory(error);
    else
        status = opened->store != NULL
                     ? store_get(opened->store, (char *)name.bytes, most, out, error)
                     : read_file((char *)name.bytes, most, out, error);
    buffer_free(&name);
    return status;
}

/* That there is no digest beside it is no failure here. */
static void find_digest(struct opened *opened)
{
    struct buffer line = {0};
    enum larder_status status =
        opened_beside(opened, ".sha256", DIGEST_LINE_MAX, &line, &opened->lost_sha256);

    if (status != LARDER_OK || !summary_read_digest_line(line.bytes, line.length,
                                                         names_base(opened->name), opened->sha256))
        opened->sha256[0] = '\0';
    buffer_free(&line);
}

/* Whether a key is that of an archive of the backup: "SOURCE/PRESET/NAME.tar". What lies deeper is another store's. */
static bool names_backup_of(const char *key, const char *name)
{
    const char *base = names_base(key), *first = strchr(key, '/');
    size_t stem = names_stem(base);

    return first != NULL && strchr(first + 1, '/') == base - 1 && base[stem] != '\0' &&
           strlen(name) == stem && strncmp(base, name, stem) == 0;
}

static enum larder_status read_from_store(struct opened *opened, const char *key,
                                          struct arena *arena, struct larder_error *error)
{
    struct buffer location = {0};

    opened->store->kind->location(opened->store, key, &location);
    opened->location = arena_take(arena, &location);
    if (arena_failed(arena))
        return larder_fail_memory(error);
    opened->name = key;
    find_digest(opened);
    return opened->store->kind->read(opened->store, key, &opened->input, error);
}

static enum larder_status find_by_url(struct opened *opened, const char *url,
                                      const struct larder_run *run, struct arena *arena,
                                      struct larder_error *error)
{
    const char *store, *key;
    enum larder_status status;

    if (!store_split(url, arena, &store, &key))
        return larder_fail(error, LARDER_USAGE,
                           "\"%s\" is not the URL of an archive, STORE/SOURCE/PRESET/NAME.tar",
                           url);
    status = store_open(store, run, &opened->store, error);
    return status == LARDER_OK ? read_from_store(opened, key, arena, error) : status;
}

/* Whether a preset of any source has a folder: keys are "SOURCE/PRESET/NAME". */
static bool has_preset(const struct store_object *objects, size_t count, const char *preset)
{
    size_t length = strlen(preset);

    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(objects[i].key, '/');

        if (slash != NULL && strncmp(slash + 1, preset, length) == 0 && slash[1 + length] == '/')
            return true;
    }
    return false;
}

/* The backup whose name is like that one; NULL where none is. */
static const char *find_nearest(const struct store_object *objects, size_t count, const char *name,
                                struct arena *arena)
{
    const char **names = arena_alloc(arena, count + 1, sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; names != NULL && i < count; i++) {
        const char *base = names_base(objects[i].key);
        size_t stem = names_stem(base);

        if (base[stem] == '\0')
            continue;
        names[n] = arena_printf(arena, "%.*s", (int)stem, base);
        if (names[n++] == NULL)
            return NULL;
    }
    return names == NULL ? NULL : nearest(name, names, n);
}

static enum larder_status fail_unknown(const char *name, const char *store,
                                       const struct store_object *objects, size_t count,
                                       struct arena *arena, struct larder_error *error)
{
    const char *meant = find_nearest(objects, count, name, arena);

    if (arena_failed(arena))
        return larder_fail_memory(error);
    larder_fail(error, LARDER_USAGE,
                "there is no backup \"%s\" in the store \"%s\", and no file of that name", name,
                store);
    if (has_preset(objects, count, name))
        larder_hint(error, "If a preset is meant: `larder list %s` names its archives.", name);
    else if (meant != NULL)
        larder_hint(error, "Is \"%s\" meant? `larder list --store %s` shows those there are.",
                    meant, store);
    else
        larder_hint(error, "`larder list --store %s` shows those there are.", store);
    store_hide_secrets(store, error);
    return LARDER_USAGE;
}

static enum larder_status find_in_store(struct opened *opened, const char *name, const char *store,
                                        const struct larder_run *run, struct arena *arena,
                                        struct larder_error *error)
{
    struct store_object *objects;
    const char *key = NULL;
    size_t count;
    enum larder_status status = store_open(store, run, &opened->store, error);

    if (status == LARDER_OK)
        status = opened->store->kind->list(opened->store, "", arena, &objects, &count, error);
    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (!names_backup_of(objects[i].key, name))
            continue;
        if (key != NULL) {
            larder_fail(error, LARDER_USAGE,
                        "\"%s\" is in the store more than once: as \"%s\" and \"%s\"", name, key,
                        objects[i].key);
            larder_hint(error, "Give the path or URL of one of them.");
            return LARDER_USAGE;
        }
        key = objects[i].key;
    }
    if (key == NULL)
        return fail_unknown(name, store, objects, count, arena, error);
    return read_from_store(opened, key, arena, error);
}

/* What no path of an archive looks like; that it is a backup's name may have a slip in it. */
static bool may_be_name(const char *archive)
{
    return archive[0] != '\0' && strpbrk(archive, "/.") == NULL;
}

/* The archive whose path those first bytes begin; NULL where there is none. */
static const char *find_archive(const char *path, size_t length, struct arena *arena)
{
    static const char *const endings[] = {".tar", ".tar.age", ".age"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const char *archive = arena_printf(arena, "%.*s%s", (int)length, path, endings[i]);

        if (archive != NULL && access(archive, F_OK) == 0)
            return archive;
    }
    return NULL;
}

/* What lies beside an archive is easily named in its place. */
static enum larder_status refuse_beside(const char *path, struct arena *arena,
                                        struct larder_error *error)
{
    static const char *const endings[] = {INVENTORY_DIGEST, INVENTORY_CHECKED, INVENTORY_SUMMARY,
                                          INVENTORY_HOLD};
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);
        const char *archive;

        if (length <= ending || strcmp(path + length - ending, endings[i]) != 0)
            continue;
        archive = find_archive(path, length - ending, arena);
        if (archive == NULL)
            continue;
        larder_fail(error, LARDER_USAGE, "\"%s\" lies beside an archive, and is none", path);
        larder_hint(error, "Is \"%s\" meant?", archive);
        return LARDER_USAGE;
    }
    return LARDER_OK;
}

static enum larder_status open_file(struct opened *opened, const char *archive, struct arena *arena,
                                    struct larder_error *error)
{
    enum larder_status status = refuse_beside(archive, arena, error);
    const char *meant;

    if (status != LARDER_OK)
        return status;
    status = file_read(archive, &opened->input, error);
    opened->name = archive;
    if (status == LARDER_OK) {
        find_digest(opened);
        return LARDER_OK;
    }
    meant = archive[0] != '\0' ? find_archive(archive, strlen(archive), arena) : NULL;
    if (status == LARDER_USAGE && meant != NULL)
        larder_hint(error, "Is \"%s\" meant?", meant);
    else if (status == LARDER_USAGE && may_be_name(archive))
        larder_hint(error, "To find a backup by its name, give --store (or set LARDER_STORE).");
    return status;
}

enum larder_status opened_find(struct opened *opened, const char *archive, const char *store,
                               const struct larder_run *run, struct arena *arena,
                               struct larder_error *error)
{
    enum larder_status status;

    *opened = (struct opened){.location = archive};
    if (strcmp(archive, "-") == 0) {
        opened->location = "standard input";
        status = file_read_from(STDIN_FILENO, opened->location, run, &opened->input, error);
    } else if (store_is_url(archive)) {
        status = find_by_url(opened, archive, run, arena, error);
    } else if (may_be_name(archive) && store != NULL && access(archive, F_OK) != 0) {
        status = find_in_store(opened, archive, store, run, arena, error);
    } else {
        status = open_file(opened, archive, arena, error);
    }
    if (status == LARDER_OK)
        status = age_detect(opened->input, &opened->encrypted, error);
    return status;
}

enum larder_status opened_read(struct opened *opened, struct larder_keys *keys,
                               struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (opened->encrypted)
        status = keys_open(keys, opened->input, &opened->plain, error);
    else
        opened->plain = opened->input;
    if (status == LARDER_OK)
        status = archive_reader_open(opened->plain, &opened->reader, error);
    if (status != LARDER_OK) {
        larder_context(error, "could not use \"%s\"", opened->location);
        store_hide_secrets(opened->location, error);
    }
    return status;
}

enum larder_status opened_input_digest(struct input *input, const struct larder_run *run,
                                       char sha256[65], struct larder_error *error)
{
    struct sha256 *sha = sha256_new();
    uint8_t digest[SHA256_BYTES];
    enum larder_status status =
        sha == NULL ? larder_fail_memory(error) : digest_input_add(input, sha, run, error);

    if (status == LARDER_OK)
        status = sha256_final(sha, digest, error);
    if (status == LARDER_OK)
        sha256_to_hex(digest, sha256);
    sha256_free(sha);
    return status;
}

enum larder_status opened_digest(struct opened *opened, const struct larder_run *run,
                                 char sha256[65], struct larder_error *error)
{
    return opened_input_digest(opened->input, run, sha256, error);
}

void opened_close(struct opened *opened)
{
    if (opened->reader != NULL)
        archive_reader_close(opened->reader);
    else
        input_close(opened->plain != NULL ? opened->plain : opened->input);
    store_close(opened->store);
    *opened = (struct opened){0};
}
