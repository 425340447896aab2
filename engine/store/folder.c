/* A store that is a folder of this machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/store/file.h"
#include "engine/store/file_calls.h"
#include "engine/store/listing.h"
#include "engine/store/store.h"

struct folder {
    struct store store;
    char *path;
    int lock_fd;
};

static const char lock_name[] = ".larder.lock";

static void path_of(const struct folder *folder, const char *key, struct buffer *path)
{
    buffer_printf(path, "%s/%s", folder->path, key);
}

static void folder_close(struct store *store)
{
    struct folder *folder = (struct folder *)store;

    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    free(folder->path);
    free(folder);
}

static enum larder_status folder_open(const char *url, const struct larder_run *run,
                                      struct store **store, struct larder_error *error)
{
    struct folder *folder = calloc(1, sizeof(*folder));
    const char *path = strncmp(url, "file://", 7) == 0 ? url + 7 : url;
    size_t length = strlen(path);
    struct stat is;

    if (path != url && path[0] != '/') {
        free(folder);
        larder_fail(error, LARDER_USAGE, "behind \"file://\" stands no whole path");
        larder_hint(error, "A folder is named as file:///srv/backups, or as /srv/backups.");
        return LARDER_USAGE;
    }
    if (folder == NULL)
        return larder_fail_memory(error);
    folder->store = (struct store){.kind = &store_folder, .run = run};
    folder->lock_fd = -1;
    while (length > 1 && path[length - 1] == '/')
        length--;
    folder->path = strndup(path, length);
    if (folder->path == NULL) {
        free(folder);
        return larder_fail_memory(error);
    }
    if (stat(folder->path, &is) == 0 && !S_ISDIR(is.st_mode)) {
        larder_fail(error, LARDER_USAGE, "\"%s\" is no folder, and so no store", folder->path);
        folder_close(&folder->store);
        return LARDER_USAGE;
    }
    *store = &folder->store;
    return LARDER_OK;
}

/* Makes a folder, 0700 and durable, that may be there. */
static enum larder_status make_folder(const char *path, const char *above,
                                      struct larder_error *error)
{
    if (mkdir(path, 0700) == 0)
        return file_sync_folder(above, error);
    if (errno == EEXIST)
        return LARDER_OK;
    return larder_fail_errno(error, LARDER_FAILED, errno, "could not create the folder \"%s\"",
                             path);
}

/* Makes the folders above a path; those that exist stay as they are. */
static enum larder_status make_folders(const char *path, struct larder_error *error)
{
    struct buffer folder = {0}, above = {0};
    enum larder_status status = LARDER_OK;

    buffer_puts(&above, path[0] == '/' ? "/" : ".");
    for (const char *slash = strchr(path + 1, '/'); status == LARDER_OK && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        folder.length = 0;
        buffer_append(&folder, path, (size_t)(slash - path));
        buffer_text(&folder);
        buffer_text(&above);
        status = folder.failed || above.failed
                     ? larder_fail_memory(error)
                     : make_folder((char *)folder.bytes, (char *)above.bytes, error);
        above.length = 0;
        buffer_append(&above, path, (size_t)(slash - path));
    }
    buffer_free(&folder);
    buffer_free(&above);
    return status;
}

static enum larder_status begin_object(struct store *store, const char *key, bool over,
                                       struct stage **stage, struct larder_error *error)
{
    struct buffer path = {0};
    enum larder_status status;

    path_of((struct folder *)store, key, &path);
    buffer_text(&path);
    status =
        path.failed ? larder_fail_memory(error) : make_folders((const char *)path.bytes, error);
    if (status == LARDER_OK)
        status = over ? file_create_over((char *)path.bytes, stage, error)
                      : file_create((char *)path.bytes, stage, error);
    buffer_free(&path);
    return status;
}

static enum larder_status folder_create(struct store *store, const char *key, struct stage **stage,
                                        struct larder_error *error)
{
    return begin_object(store, key, false, stage, error);
}

static enum larder_status folder_replace(struct store *store, const char *key, const void *bytes,
                                         size_t length, struct larder_error *error)
{
    struct stage *stage = NULL;
    enum larder_status status = begin_object(store, key, true, &stage, error);

    if (status == LARDER_OK)
        status = stage_push(stage, bytes, length, error);
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    stage_free(stage);
    return status;
}

static enum larder_status folder_read(struct store *store, const char *key, struct input **input,
                                      struct larder_error *error)
{
    struct buffer path = {0};
    enum larder_status status;

    path_of((struct folder *)store, key, &path);
    buffer_text(&path);
    status = path.failed ? larder_fail_memory(error) : file_read((char *)path.bytes, input, error);
    buffer_free(&path);
    return status;
}

static enum larder_status list_folder(const char *path, const char *key, const char *prefix,
                                      int depth, struct listing *listing,
                                      struct larder_error *error);

/* What is written goes through such a link, so what is read must, too. */
static bool leads_to_folder(const char *path, const struct stat *link)
{
    struct stat target;

    return S_ISLNK(link->st_mode) && stat(path, &target) == 0 && S_ISDIR(target.st_mode);
}

static enum larder_status list_entry(const char *path, const char *key, const char *prefix,
                                     int depth, struct listing *listing, struct larder_error *error)
{
    size_t common = strlen(key) < strlen(prefix) ? strlen(key) : strlen(prefix);
    struct stat stat;

    /* A store may be a disk of its own, whose file system keeps what nobody but root may read. */
    if (strncmp(key, prefix, common) != 0 || strcmp(key, "lost+found") == 0)
        return LARDER_OK;
    if (lstat(path, &stat) != 0)
        /* What has gone meanwhile is not there. */
        return errno == ENOENT ? LARDER_OK
                               : larder_fail_errno(error, LARDER_FAILED, errno,
                                                   "could not look at \"%s\"", path);
    if (depth < 2 && (S_ISDIR(stat.st_mode) || leads_to_folder(path, &stat)))
        return list_folder(path, key, prefix, depth + 1, listing, error);
    if (S_ISREG(stat.st_mode) && strlen(key) >= strlen(prefix))
        listing_add(listing, key, (uint64_t)stat.st_size);
    return LARDER_OK;
}

/* Descends at most as deep as keys go; what begins with a dot is no object. */
static enum larder_status list_folder(const char *path, const char *key, const char *prefix,
                                      int depth, struct listing *listing,
                                      struct larder_error *error)
{
    DIR *dir = file_open_folder(path);
    enum larder_status status = LARDER_OK;
    struct dirent *entry;

    if (dir == NULL && (errno == ENOENT || errno == ENOTDIR) && depth > 0)
        return LARDER_OK;
    if (dir == NULL)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not read the folder \"%s\"",
                                 path);
    while (status == LARDER_OK && (errno = 0, entry = readdir(dir)) != NULL) {
        const char *sub_key =
            arena_printf(listing->arena, "%s%s%s", key, key[0] != '\0' ? "/" : "", entry->d_name);
        const char *sub_path = arena_printf(listing->arena, "%s/%s", path, entry->d_name);

        if (arena_failed(listing->arena))
            status = larder_fail_memory(error);
        else if (entry->d_name[0] != '.')
            status = list_entry(sub_path, sub_key, prefix, depth, listing, error);
    }
    if (status == LARDER_OK && errno != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno, "could not read the folder \"%s\"",
                                   path);
    closedir(dir);
    return status;
}

static enum larder_status folder_list(struct store *store, const char *prefix, struct arena *arena,
                                      struct store_object **objects, size_t *count,
                                      struct larder_error *error)
{
    struct listing listing = {.arena = arena};
    const char *path = ((struct folder *)store)->path;
    enum larder_status status = LARDER_OK;

    /* A store that nothing was written to yet has no folder. */
    if (access(path, F_OK) == 0 || errno != ENOENT)
        status = list_folder(path, "", prefix, 0, &listing, error);
    return status == LARDER_OK ? listing_end(&listing, objects, count, error) : status;
}

static enum larder_status folder_remove(struct store *store, const char *key,
                                        struct larder_error *error)
{
    struct buffer path = {0};
    enum larder_status status;

    path_of((struct folder *)store, key, &path);
    buffer_text(&path);
    status = path.failed ? larder_fail_memory(error) : file_remove((char *)path.bytes, error);
    buffer_free(&path);
    return status;
}

static enum larder_status folder_find(struct store *store, struct larder_error *error)
{
    const char *path = ((struct folder *)store)->path;
    struct stat is;

    if (stat(path, &is) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? larder_fail_errno(error, LARDER_USAGE, errno, "there is no store \"%s\"", path)
                   : larder_fail_errno(error, LARDER_FAILED, errno,
                                       "could not look at the store \"%s\"", path);
    return LARDER_OK;
}

static void folder_location(struct store *store, const char *key, struct buffer *out)
{
    path_of((struct folder *)store, key, out);
}

static enum larder_status take_lock(struct folder *folder, const char *path, const char *keys,
                                    struct larder_error *error)
{
    folder->lock_fd = file_open(path, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (folder->lock_fd < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not open the lock \"%s\"",
                                 path);
    if (file_lock(folder->lock_fd) == 0)
        return LARDER_OK;
    if (errno == EWOULDBLOCK)
        return larder_fail(error, LARDER_LOCKED,
                           "another run of this preset is writing to \"%s/%s\"", folder->path,
                           keys);
    return larder_fail_errno(error, LARDER_FAILED, errno, "could not lock \"%s\"", path);
}

static enum larder_status folder_lock(struct store *store, const char *keys,
                                      struct larder_error *error)
{
    struct folder *folder = (struct folder *)store;
    struct buffer path = {0};
    enum larder_status status;

    path_of(folder, keys, &path);
    buffer_puts(&path, lock_name);
    buffer_text(&path);
    status =
        path.failed ? larder_fail_memory(error) : make_folders((const char *)path.bytes, error);
    if (status == LARDER_OK)
        status = take_lock(folder, (const char *)path.bytes, keys, error);
    buffer_free(&path);
    if (status == LARDER_OK) {
        path_of(folder, keys, &path);
        file_remove_leftovers(buffer_text(&path), "");
        buffer_free(&path);
    }
    return status;
}

const struct store_kind store_folder = {
    .prefix = "",
    .open = folder_open,
    .close = folder_close,
    .create = folder_create,
    .read = folder_read,
    .list = folder_list,
    .remove = folder_remove,
    .location = folder_location,
    .lock = folder_lock,
    .find = folder_find,
    .replace = folder_replace,
};
