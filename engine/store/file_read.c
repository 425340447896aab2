#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/store/file.h"
#include "engine/store/file_calls.h"
#include "engine/store/stream.h"

enum { PIECE = 1024 * 1024 };

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
    int fd = file_open(path, O_RDONLY | O_NONBLOCK);

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
    enum larder_status status = LARDER_OK;
    uint8_t *piece = malloc(PIECE);
    size_t got = 1;
    int fd;

    if (piece == NULL)
        return larder_fail_memory(error);
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    fd = file_open(folder, O_TMPFILE | O_RDWR);
    if (fd < 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno,
                                   "could not make a temporary file in \"%s\"", folder);
    while (status == LARDER_OK && got != 0) {
        status = stream_read(from, name, run, piece, PIECE, &got, error);
        if (status == LARDER_OK)
            status =
                stream_write(fd, "the temporary copy of standard input", NULL, piece, got, error);
    }
    free(piece);
    if (status != LARDER_OK && fd >= 0)
        close(fd);
    *to = fd;
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
