#include "engine/store/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/run/run.h"
#include "formats/arena.h"

enum { BUFFER = 128 * 1024, WRITE_BEHIND = 8 * 1024 * 1024, PIECE = 1024 * 1024 };

struct file_stage {
    struct stage stage;
    struct arena *arena;
    const char *path, *temporary,
        *folder; /* temporary is NULL for a descriptor of someone else's */
    int fd;
    uint8_t *buffer; /* small pushes gather here */
    size_t buffered;
    const struct larder_run *run; /* for a descriptor that may block; else NULL */
    uint64_t written, behind; /* bytes given to the system; and of these, asked to be written out */
};

/* Waits until a descriptor that may block can be used, or the run is to stop. */
static enum larder_status wait_for(int fd, short events, const struct larder_run *run,
                                   struct larder_error *error)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = -1, .events = POLLIN}};
    enum larder_status status = LARDER_OK;

    if (run->stop_signal != NULL)
        fds[1].fd = run->wake_fd;
    do {
        poll(fds, 2, -1);
        status = run_check(run, error);
    } while (status == LARDER_OK && fds[0].revents == 0);
    return status;
}

static enum larder_status write_all(struct file_stage *file, const uint8_t *bytes, size_t length,
                                    struct larder_error *error)
{
    enum larder_status status;

    while (length > 0) {
        size_t most = file->run == NULL || length < PIPE_BUF ? length : PIPE_BUF;
        ssize_t put;

        /* A pipe that is ready takes PIPE_BUF bytes without blocking. */
        status = file->run == NULL ? LARDER_OK : wait_for(file->fd, POLLOUT, file->run, error);
        if (status != LARDER_OK)
            return status;
        put = write(file->fd, bytes, most);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not write \"%s\"",
                                     file->path);
        bytes += put;
        length -= (size_t)put;
        file->written += (uint64_t)put;
    }
    /* The disk works while we do, so that fsync has little left; this is advice, and may fail. */
    if (file->temporary != NULL && file->written - file->behind >= WRITE_BEHIND) {
        sync_file_range(file->fd, (off_t)file->behind, (off_t)(file->written - file->behind),
                        SYNC_FILE_RANGE_WRITE);
        file->behind = file->written;
    }
    return LARDER_OK;
}

static enum larder_status flush(struct file_stage *file, struct larder_error *error)
{
    size_t length = file->buffered;

    file->buffered = 0;
    return write_all(file, file->buffer, length, error);
}

static enum larder_status file_push(struct stage *stage, const void *bytes, size_t length,
                                    struct larder_error *error)
{
    struct file_stage *file = (struct file_stage *)stage;
    enum larder_status status = LARDER_OK;

    if (length > BUFFER - file->buffered)
        status = flush(file, error);
    if (status != LARDER_OK)
        return status;
    if (length > BUFFER)
        return write_all(file, bytes, length, error);
    memcpy(file->buffer + file->buffered, bytes, length);
    file->buffered += length;
    return LARDER_OK;
}

static enum larder_status sync_folder(const char *folder, struct larder_error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum larder_status status = LARDER_OK;

    if (fd < 0 || fsync(fd) != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno,
                                   "could not make the folder \"%s\" durable", folder);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Gives the file its name, where no file has it. */
static enum larder_status publish(struct file_stage *file, struct larder_error *error)
{
    int failed = renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE);

    /* A file system that knows no such rename (NFS, some FUSE) has hard links, or the plain rename.
     */
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) {
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
    enum larder_status status = flush(file, error);
    const char *published = file->temporary == NULL ? NULL : file->path;

    if (status != LARDER_OK || published == NULL)
        return status;
    /* A failed fsync is never tried again: the pages it was for may be gone. */
    if (fsync(file->fd) != 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not make \"%s\" durable",
                                 file->path);
    status = publish(file, error);
    if (status != LARDER_OK)
        return status;
    status = sync_folder(file->folder, error);
    if (status != LARDER_OK)
        unlink(published);
    return status;
}

static void file_free(struct stage *stage)
{
    struct file_stage *file = (struct file_stage *)stage;

    if (file->temporary != NULL)
        unlink(file->temporary);
    if (file->folder != NULL && file->fd >= 0)
        close(file->fd);
    free(file->buffer);
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
    file->buffer = malloc(BUFFER);
    if (file->arena == NULL || file->buffer == NULL) {
        free(file->buffer);
        arena_free(file->arena);
        free(file);
        return NULL;
    }
    return file;
}

enum larder_status file_create(const char *path, struct stage **stage, struct larder_error *error)
{
    struct file_stage *file = new_stage();
    const char *slash = strrchr(path, '/');
    char *temporary;

    *stage = NULL;
    if (file == NULL)
        return larder_fail_memory(error);
    file->path = arena_strdup(file->arena, path);
    file->folder = slash == NULL   ? "."
                   : slash == path ? "/"
                                   : arena_printf(file->arena, "%.*s", (int)(slash - path), path);
    temporary = arena_printf(file->arena, "%s/" FILE_TEMPORARY "%s-XXXXXX", file->folder,
                             slash == NULL ? path : slash + 1);
    if (arena_failed(file->arena)) {
        file_free(&file->stage);
        return larder_fail_memory(error);
    }
    if (access(path, F_OK) == 0) {
        larder_fail(error, LARDER_FAILED, "\"%s\" exists already, and is never overwritten", path);
        file_free(&file->stage);
        return LARDER_FAILED;
    }
    file_remove_leftovers(file->folder, slash == NULL ? path : slash + 1);
    file->fd = mkostemp(temporary, O_CLOEXEC);
    if (file->fd < 0) {
        larder_fail_errno(error, LARDER_FAILED, errno, "could not create a file in \"%s\"",
                          file->folder);
        file_free(&file->stage);
        return LARDER_FAILED;
    }
    file->temporary = temporary;
    flock(file->fd, LOCK_EX | LOCK_NB); /* says that its owner lives */
    *stage = &file->stage;
    return LARDER_OK;
}

enum larder_status file_write_to(int fd, const char *name, const struct larder_run *run,
                                 struct stage **stage, struct larder_error *error)
{
    struct file_stage *file = new_stage();
    struct stat stat;

    *stage = NULL;
    if (file == NULL)
        return larder_fail_memory(error);
    file->fd = fd;
    file->path = arena_strdup(file->arena, name);
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        file->run = run;
    *stage = &file->stage;
    return LARDER_OK;
}

struct file_input {
    struct input input;
    int fd;
    char *name;
};

static enum larder_status file_read_at(struct input *input, uint64_t offset, void *buffer,
                                       size_t length, struct larder_error *error)
{
    struct file_input *file = (struct file_input *)input;
    uint8_t *to = buffer;

    while (length > 0) {
        ssize_t got = pread(file->fd, to, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not read \"%s\"",
                                     file->name);
        if (got == 0)
            return larder_fail(error, LARDER_DAMAGED, "\"%s\" has become shorter", file->name);
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return LARDER_OK;
}

static void file_close(struct input *input)
{
    struct file_input *file = (struct file_input *)input;

    if (file->fd >= 0)
        close(file->fd);
    free(file->name);
    free(file);
}

/* Owns the descriptor from here on, also where it fails. */
static enum larder_status new_input(int fd, const char *name, struct input **input,
                                    struct larder_error *error)
{
    static const struct input_ops ops = {file_read_at, file_close};
    struct file_input *file = calloc(1, sizeof(*file));
    struct stat stat;

    *input = NULL;
    if (file == NULL) {
        close(fd);
        return larder_fail_memory(error);
    }
    file->input.ops = &ops;
    file->fd = fd;
    file->name = strdup(name);
    if (file->name == NULL || fstat(fd, &stat) != 0) {
        larder_fail_errno(error, LARDER_FAILED, errno, "could not read \"%s\"", name);
        file_close(&file->input);
        return LARDER_FAILED;
    }
    if (!S_ISREG(stat.st_mode)) {
        larder_fail(error, LARDER_USAGE, "\"%s\" is no file", name);
        file_close(&file->input);
        return LARDER_USAGE;
    }
    file->input.size = (uint64_t)stat.st_size;
    *input = &file->input;
    return LARDER_OK;
}

enum larder_status file_read(const char *path, struct input **input, struct larder_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *input = NULL;
    if (fd < 0)
        return larder_fail_errno(error, errno == ENOENT ? LARDER_USAGE : LARDER_FAILED, errno,
                                 "could not open \"%s\"", path);
    return new_input(fd, path, input, error);
}

/* Copies a pipe to a file without a name. */
static enum larder_status spool(int from, const char *name, const struct larder_run *run, int *to,
                                struct larder_error *error)
{
    const char *folder = getenv("TMPDIR");
    struct file_stage file = {.path = "the temporary copy of standard input"};
    enum larder_status status = LARDER_OK;
    uint8_t *piece = malloc(PIECE);
    ssize_t got = 1;

    if (piece == NULL)
        return larder_fail_memory(error);
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    file.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file.fd < 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno,
                                   "could not make a temporary file in \"%s\"", folder);
    while (status == LARDER_OK && got != 0) {
        status = wait_for(from, POLLIN, run, error);
        if (status != LARDER_OK)
            break;
        got = read(from, piece, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = larder_fail_errno(error, LARDER_FAILED, errno, "could not read %s", name);
        else
            status = write_all(&file, piece, (size_t)got, error);
    }
    free(piece);
    if (status != LARDER_OK && file.fd >= 0)
        close(file.fd);
    *to = file.fd;
    return status;
}

enum larder_status file_read_from(int fd, const char *name, const struct larder_run *run,
                                  struct input **input, struct larder_error *error)
{
    struct stat stat;
    enum larder_status status;
    int copy;

    *input = NULL;
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && lseek(fd, 0, SEEK_CUR) == 0) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not read %s", name);
    } else {
        status = spool(fd, name, run, &copy, error);
        if (status != LARDER_OK)
            return status;
    }
    return new_input(copy, name, input, error);
}

void file_remove_leftovers(const char *folder, const char *name)
{
    DIR *dir = opendir(folder);
    size_t length = strlen(name);
    struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        const char *rest = entry->d_name + strlen(FILE_TEMPORARY);
        int fd;

        if (strncmp(entry->d_name, FILE_TEMPORARY, strlen(FILE_TEMPORARY)) != 0 ||
            strncmp(rest, name, length) != 0 || (length > 0 && rest[length] != '-'))
            continue;
        fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
        close(fd);
    }
    closedir(dir);
}
