/*
 * An object goes through `rclone rcat` to a temporary name, is moved to its own, and is looked at there. rclone has no
 * move that refuses to replace; --ignore-existing leaves both files where they are, so that one sees it.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/run/child.h"
#include "engine/run/owner.h"
#include "engine/store/rclone_parts.h"
#include "formats/names.h"

enum {
    PIECE = 256 * 1024,
    LEFT_FOR = 2 * 86400 /* seconds; rclone's times may be another zone's */
};

struct writer {
    struct stage stage;
    struct rclone *rclone;
    struct arena *arena;
    const char *folder, *path,
        *temporary; /* paths of the remote; `temporary` is NULL once there is none */
    bool over;
    bool moving; /* it is not known under which of its names it is */
    struct child *rcat;
    EVP_MD_CTX *hash; /* NULL: the remote has none */
    uint64_t bytes;
    size_t buffered;
    uint8_t buffer[PIECE]; /* small pushes gather here */
};

static enum larder_status writer_push(struct stage *stage, const void *bytes, size_t length,
                                      struct larder_error *error)
{
    struct writer *w = (struct writer *)stage;
    enum larder_status status = LARDER_OK;

    if (w->hash != NULL && EVP_DigestUpdate(w->hash, bytes, length) != 1)
        return larder_fail(error, LARDER_FAILED, "could not take the hash of \"%s\"",
                           names_base(w->path));
    w->bytes += length;
    if (length > PIECE - w->buffered) {
        status = child_write(w->rcat, w->buffer, w->buffered, error);
        w->buffered = 0;
    }
    if (status == LARDER_OK && length > PIECE) {
        status = child_write(w->rcat, bytes, length, error);
    } else if (status == LARDER_OK) {
        memcpy(w->buffer + w->buffered, bytes, length);
        w->buffered += length;
    }
    return status == LARDER_OK ? status : rclone_context(w->rclone, "write", w->path, error);
}

/* The hash of what was pushed, in hexadecimal, in the arena; NULL where none was taken. */
static const char *taken_hash(struct writer *w)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    struct buffer hex = {0};

    if (w->hash == NULL || EVP_DigestFinal_ex(w->hash, digest, &length) != 1)
        return NULL;
    for (unsigned int i = 0; i < length; i++)
        buffer_printf(&hex, "%02x", digest[i]);
    return arena_take(w->arena, &hex);
}

/* What is there under the object's name and under the temporary one; NULL where nothing is. */
struct found {
    const struct rclone_entry *object, *temporary;
};

static enum larder_status look(struct writer *w, bool with_hash, struct found *found,
                               struct larder_error *error)
{
    const char *names[] = {names_base(w->path), names_base(w->temporary)};
    const char *options[] = {"--files-only",
                             "--no-modtime",
                             arena_printf(w->arena, "--include=/%s", names[0]),
                             arena_printf(w->arena, "--include=/%s", names[1]),
                             NULL,
                             NULL,
                             NULL};
    struct rclone_entry *entries = NULL;
    size_t count = 0;
    bool exists;
    enum larder_status status;

    if (with_hash) {
        options[4] = "--hash";
        options[5] = arena_printf(w->arena, "--hash-type=%s", rclone_hash_name(w->rclone->hash));
    }
    status =
        rclone_entries(w->rclone, w->folder, options, w->arena, &entries, &count, &exists, error);
    *found = (struct found){0};
    for (size_t i = 0; status == LARDER_OK && i < count; i++) {
        if (strcmp(entries[i].path, names[0]) == 0)
            found->object = &entries[i];
        if (strcmp(entries[i].path, names[1]) == 0)
            found->temporary = &entries[i];
    }
    return status;
}

/* Whether what has arrived is what was sent: by size, and by hash where the remote tells one. */
static enum larder_status check_arrival(const struct writer *w, const struct rclone_entry *entry,
                                        const char *hash, struct larder_error *error)
{
    const char *found = hash == NULL ? NULL : entry->hashes[w->rclone->hash];

    if (entry->bytes != w->bytes)
        return larder_fail(error, LARDER_FAILED, "%llu bytes were sent, and %llu have arrived",
                           (unsigned long long)w->bytes, (unsigned long long)entry->bytes);
    if (found != NULL && strcmp(found, hash) != 0)
        return larder_fail(error, LARDER_FAILED, "its %s there is not that of what was sent",
                           rclone_hash_name(w->rclone->hash));
    return LARDER_OK;
}

/*
 * Gives it its name. That rclone fails need not mean that it was not moved: an answer may have been
 * lost. And that it does not fail need not mean that it was: there may be one of that name.
 */
static enum larder_status publish(struct writer *w, struct larder_error *error)
{
    const char *how = w->over ? "--ignore-times" : "--ignore-existing";
    const char *hash = taken_hash(w);
    struct buffer output = {0};
    struct found found;
    enum larder_status status, looked;

    w->moving = true;
    status = rclone_run(w->rclone, (const char *[]){"moveto", how, w->temporary, w->path, NULL},
                        &output, NULL, error);
    buffer_free(&output);
    if (status != LARDER_OK && status != LARDER_FAILED)
        return status;
    looked = look(w, hash != NULL, &found, status == LARDER_OK ? error : NULL);
    if (looked != LARDER_OK)
        return status == LARDER_OK ? looked : status;
    if (found.object != NULL && found.temporary == NULL) {
        status = check_arrival(w, found.object, hash, error);
        if (status == LARDER_OK)
            w->temporary = NULL;
        return status;
    }
    w->moving = false;
    if (status == LARDER_OK && found.temporary == NULL)
        status = larder_fail(error, LARDER_FAILED, "it is not there after it was sent");
    else if (status == LARDER_OK)
        status = larder_fail(error, LARDER_FAILED, "it exists already, and is never overwritten");
    return status;
}

static enum larder_status writer_finish(struct stage *stage, struct larder_error *error)
{
    struct writer *w = (struct writer *)stage;
    enum larder_status status = child_write(w->rcat, w->buffer, w->buffered, error);

    if (status == LARDER_OK)
        status = child_finish(w->rcat, error);
    if (status == LARDER_OK)
        status = publish(w, error);
    return status == LARDER_OK ? status : rclone_context(w->rclone, "write", w->path, error);
}

/* Leaves nothing of it, whatever wants the run to stop. */
static void take_back(struct writer *w)
{
    struct found found = {0};
    bool was_cleaning = w->rclone->store.cleaning, moved = false;

    w->rclone->store.cleaning = true;
    if (w->moving && !w->over && look(w, false, &found, NULL) == LARDER_OK)
        moved = found.object != NULL && found.temporary == NULL;
    rclone_remove_path(w->rclone, moved ? w->path : w->temporary, NULL);
    w->rclone->store.cleaning = was_cleaning;
}

static void writer_free(struct stage *stage)
{
    struct writer *w = (struct writer *)stage;
    bool begun = w->rcat != NULL;

    child_free(w->rcat);
    if (begun && w->temporary != NULL)
        take_back(w);
    EVP_MD_CTX_free(w->hash);
    arena_free(w->arena);
    free(w);
}

static bool is_left_over(const struct rclone_entry *entry)
{
    const char *owner = entry->path + strlen(RCLONE_TEMPORARY);

    if (strncmp(entry->path, RCLONE_TEMPORARY, strlen(RCLONE_TEMPORARY)) != 0)
        return false;
    return owner_is_gone(owner) ||
           (entry->modified != 0 && time(NULL) - entry->modified > LEFT_FOR);
}

/*
 * Before the first object in a folder: what killed runs have left there goes, and an archive that is there already
 * need not be sent in vain.
 */
static enum larder_status prepare(struct writer *w, struct larder_error *error)
{
    struct rclone *rclone = w->rclone;
    struct rclone_entry *entries = NULL;
    size_t count = 0;
    bool exists;
    enum larder_status status;

    if (rclone->seen != NULL && strcmp(rclone->seen, w->folder) == 0)
        return LARDER_OK;
    status = rclone_entries(rclone, w->folder, (const char *[]){"--files-only", NULL}, w->arena,
                            &entries, &count, &exists, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++) {
        if (is_left_over(&entries[i]))
            rclone_remove_path(rclone, arena_printf(w->arena, "%s/%s", w->folder, entries[i].path),
                               NULL);
        if (!w->over && strcmp(entries[i].path, names_base(w->path)) == 0)
            status =
                larder_fail(error, LARDER_FAILED, "it exists already, and is never overwritten");
    }
    if (status == LARDER_OK) {
        free(rclone->seen);
        rclone->seen = strdup(w->folder);
    }
    return status;
}

/* Finds out once which hash the remote has, and begins to take it. */
static enum larder_status begin_hash(struct writer *w, struct larder_error *error)
{
    struct rclone *rclone = w->rclone;
    struct buffer output = {0};
    const char *name;
    enum larder_status status = LARDER_OK;

    if (!rclone->asked) {
        status = rclone_run(rclone, (const char *[]){"backend", "features", rclone->root, NULL},
                            &output, NULL, error);
        if (status == LARDER_OK)
            status = rclone_features_read(output.bytes, output.length, &rclone->hash, error);
        buffer_free(&output);
        rclone->asked = status == LARDER_OK;
    }
    if (status != LARDER_OK)
        return status;
    name = rclone_hash_name(rclone->hash);
    w->hash = name == NULL ? NULL : EVP_MD_CTX_new();
    if (w->hash != NULL && EVP_DigestInit_ex(w->hash, EVP_get_digestbyname(name), NULL) != 1) {
        EVP_MD_CTX_free(w->hash);
        w->hash = NULL;
    }
    return LARDER_OK;
}

static enum larder_status begin_rcat(struct writer *w, struct larder_error *error)
{
    const char *arguments[RCLONE_ARGUMENTS];

    rclone_arguments(w->rclone, (const char *[]){"rcat", w->temporary, NULL}, arguments);
    return child_begin(arguments, w->rclone->store.run, &w->rcat, error);
}

static void name_paths(struct writer *w, const char *key)
{
    char owner[OWNER_NAME];
    struct buffer path = {0};

    owner_name(owner);
    rclone_path(w->rclone, key, &path);
    w->path = arena_take(w->arena, &path);
    w->folder = arena_printf(w->arena, "%.*s", (int)(strlen(w->path) - strlen(names_base(key)) - 1),
                             w->path);
    w->temporary =
        arena_printf(w->arena, "%s/" RCLONE_TEMPORARY "%s-%s", w->folder, owner, names_base(key));
}

enum larder_status rclone_create(struct rclone *rclone, const char *key, bool over,
                                 struct stage **stage, struct larder_error *error)
{
    static const struct stage_ops ops = {writer_push, writer_finish, writer_free};
    struct writer *w = calloc(1, sizeof(*w));
    enum larder_status status;

    *stage = NULL;
    if (w == NULL)
        return larder_fail_memory(error);
    w->stage.ops = &ops;
    w->rclone = rclone;
    w->over = over;
    w->arena = arena_new();
    if (w->arena != NULL)
        name_paths(w, key);
    status =
        w->arena == NULL || arena_failed(w->arena) ? larder_fail_memory(error) : prepare(w, error);
    if (status == LARDER_OK)
        status = begin_hash(w, error);
    if (status == LARDER_OK)
        status = begin_rcat(w, error);
    if (status != LARDER_OK) {
        rclone_context(rclone, "write", w->path != NULL ? w->path : key, error);
        writer_free(&w->stage);
        return status;
    }
    *stage = &w->stage;
    return LARDER_OK;
}
