#include "engine/store/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/store/file_calls.h"
#include "engine/store/write_behind.h"
#include "formats/arena.h"

struct file_stage {
    struct stage stage;
    struct arena *arena;
    const char *path, *folder;
    const char *temporary; /* NULL where there is none, or it has been published */
    bool over;             /* may take the place of a file */
    int fd;
    struct write_behind *writer;
};

static enum larder_status file_push(struct stage *stage, const void *bytes, size_t length,
                                    struct larder_error *error)
{
    return write_behind_push(((struct file_stage *)stage)->writer, bytes, length, error);
}

enum larder_status file_sync_folder(const char *folder, struct larder_error *error)
{
    int fd = file_open(folder, O_RDONLY | O_DIRECTORY);
    enum larder_status status = LARDER_OK;

    if (fd < 0 || file_sync(fd) != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno,
                                   "could not make the folder \"%s\" durable", folder);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Gives the file its name, where no file has it, or where that may go. */
static enum larder_status publish(struct file_stage *file, struct larder_error *error)
{
    int failed = renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path,
                           file->over ? 0 : RENAME_NOREPLACE);

    /* A file system that knows no such rename (NFS, some FUSE) has hard links, or the plain rename.
     */
    if (failed != 0 && !file->over && (errno == EINVAL || errno == ENOSYS)) {
        failed = link(file->temporary, file->path);
        if (failed == 0)
            unlink(file->temporary);
        else if (errno == EPERM || errno == ENOTSUP)
            failed = access(file->path, F_OK) == 0 ? (errno = EEXIST, -1)
                                                   : rename(file->temporary, file->path);
    }
    if (failed != 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not name \"%s\"", file->path);
    file->temporary = NULL;
    return LARDER_OK;
}

static enum larder_status file_finish(struct stage *stage, struct larder_error *error)
{
    struct file_stage *file = (struct file_stage *)stage;
    enum larder_status status = write_behind_finish(file->writer, error);

    if (status != LARDER_OK)
        return status;
    /* A failed fsync is never tried again: the pages it was for may be gone. */
    if (file_sync(file->fd) != 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not make \"%s\" durable",
                                 file->path);
    status = publish(file, error);
    if (status != LARDER_OK)
        return status;
    status = file_sync_folder(file->folder, error);
    if (status != LARDER_OK && !file->over)
        unlink(file->path);
    return status;
}

static void file_free(struct stage *stage)
{
    struct file_stage *file = (struct file_stage *)stage;

    write_behind_free(file->writer);
    if (file->temporary != NULL)
        unlink(file->temporary);
    if (file->fd >= 0)
        close(file->fd);
    arena_free(file->arena);
    free(file);
}

static struct file_stage *new_stage(void)
{
    static const struct stage_ops ops = {file_push, file_finish, file_free};
    struct file_stage *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return NULL;
    file->stage.ops = &ops;
    file->fd = -1;
    file->arena = arena_new();
    if (file->arena == NULL) {
        free(file);
        return NULL;
    }
    return file;
}

static const char *folder_of(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL   ? "."
           : slash == path ? "/"
                           : arena_printf(arena, "%.*s", (int)(slash - path), path);
}

enum larder_status file_check_folder(const char *path, struct larder_error *error)
{
    struct arena *arena = arena_new();
    const char *folder = arena == NULL ? NULL : folder_of(path, arena);
    enum larder_status status = folder == NULL ? larder_fail_memory(error) : LARDER_OK;
    struct stat is;

    if (folder != NULL &&
        (stat(folder, &is) == 0 ? !S_ISDIR(is.st_mode) : errno == ENOENT || errno == ENOTDIR)) {
        status = larder_fail(error, LARDER_USAGE,
                             "could not create \"%s\": there is no folder \"%s\"", path, folder);
        larder_hint(error, "Make the folder first, or name another one.");
    }
    arena_free(arena);
    return status;
}

static enum larder_status begin_file(const char *path, bool over, struct stage **stage,
                                     struct larder_error *error)
{
    struct file_stage *file = new_stage();
    const char *slash = strrchr(path, '/');
    char *temporary;

    *stage = NULL;
    if (file == NULL)
        return larder_fail_memory(error);
    file->over = over;
    file->path = arena_strdup(file->arena, path);
    file->folder = folder_of(path, file->arena);
    temporary = arena_printf(file->arena, "%s/" FILE_TEMPORARY "%s-XXXXXX", file->folder,
                             slash == NULL ? path : slash + 1);
    if (arena_failed(file->arena)) {
        file_free(&file->stage);
        return larder_fail_memory(error);
    }
    if (!over && access(path, F_OK) == 0) {
        larder_fail(error, LARDER_FAILED, "\"%s\" exists already, and is never overwritten", path);
        file_free(&file->stage);
        return LARDER_FAILED;
    }
    file_remove_leftovers(file->folder, slash == NULL ? path : slash + 1);
    file->fd = file_open_temporary(temporary);
    if (file->fd < 0) {
        larder_fail_errno(error, LARDER_FAILED, errno, "could not create \"%s\"", path);
        file_free(&file->stage);
        return LARDER_FAILED;
    }
    file->temporary = temporary;
    file_lock(file->fd); /* says that its owner lives */
    file->writer = write_behind_new(file->fd, file->path);
    if (file->writer == NULL) {
        file_free(&file->stage);
        return larder_fail_memory(error);
    }
    *stage = &file->stage;
    return LARDER_OK;
}

enum larder_status file_create(const char *path, struct stage **stage, struct larder_error *error)
{
    return begin_file(path, false, stage, error);
}

enum larder_status file_create_over(const char *path, struct stage **stage,
                                    struct larder_error *error)
{
    return begin_file(path, true, stage, error);
}

enum larder_status file_sync_folder_of(const char *path, struct larder_error *error)
{
    struct arena *arena = arena_new();
    const char *folder = arena == NULL ? NULL : folder_of(path, arena);
    enum larder_status status = arena == NULL || arena_failed(arena)
                                    ? larder_fail_memory(error)
                                    : file_sync_folder(folder, error);

    arena_free(arena);
    return status;
}

enum larder_status file_remove(const char *path, struct larder_error *error)
{
    if (unlink(path) != 0)
        return errno == ENOENT ? LARDER_OK
                               : larder_fail_errno(error, LARDER_FAILED, errno,
                                                   "could not remove \"%s\"", path);
    return file_sync_folder_of(path, error);
}

void file_remove_leftovers(const char *folder, const char *beginning)
{
    DIR *dir = file_open_folder(folder);
    struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        const char *rest = entry->d_name + strlen(FILE_TEMPORARY);
        int fd;

        if (strncmp(entry->d_name, FILE_TEMPORARY, strlen(FILE_TEMPORARY)) != 0 ||
            strncmp(rest, beginning, strlen(beginning)) != 0)
            continue;
        fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        if (file_lock(fd) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
        close(fd);
    }
    closedir(dir);
}
