#include "engine/opened.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/keys.h"
#include "engine/run/run.h"
#include "engine/store/file.h"
#include "formats/names.h"
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
    opened->location = arena_strdup(arena, buffer_text(&location));
    buffer_free(&location);
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
        if (key != NULL)
            return larder_fail(error, LARDER_USAGE,
                               "\"%s\" is in the store more than once: as \"%s\" and \"%s\"", name,
                               key, objects[i].key);
        key = objects[i].key;
    }
    if (key == NULL) {
        larder_fail(error, LARDER_USAGE, "there is no backup \"%s\" in the store \"%s\"", name,
                    store);
        larder_hint(error, "`larder list --store %s` shows those there are.", store);
        return LARDER_USAGE;
    }
    return read_from_store(opened, key, arena, error);
}

enum larder_status opened_find(struct opened *opened, const char *archive, const char *store,
                               const struct larder_run *run, struct arena *arena,
                               struct larder_error *error)
{
    char preset[NAMES_PRESET_MAX + 1];
    enum larder_status status;

    *opened = (struct opened){.location = archive};
    if (strcmp(archive, "-") == 0) {
        opened->location = "standard input";
        status = file_read_from(STDIN_FILENO, opened->location, run, &opened->input, error);
    } else if (store_is_url(archive)) {
        status = find_by_url(opened, archive, run, arena, error);
    } else if (access(archive, F_OK) != 0 && names_is_backup(archive, preset) && store != NULL) {
        status = find_in_store(opened, archive, store, run, arena, error);
    } else {
        status = file_read(archive, &opened->input, error);
        opened->name = archive;
        if (status == LARDER_OK)
            find_digest(opened);
        else if (status == LARDER_USAGE && names_is_backup(archive, preset))
            larder_hint(error, "To find a backup by its name, give --store (or set LARDER_STORE).");
        else if (status == LARDER_USAGE && names_is_preset(archive))
            larder_hint(error, "If a preset is meant: `larder list %s` names its archives.",
                        archive);
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
