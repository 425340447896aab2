#include "engine/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/run/run.h"
#include "engine/store/stream.h"
#include "formats/age/secret.h"

/* What a pipe holds is read once; its mode means nothing. */
static void warn_of_readers(int fd, const char *path, const char *what,
                            const struct larder_run *run)
{
    struct stat stat;

    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & 077) != 0)
        run_message(run, LARDER_WARNING,
                    "the %s \"%s\" can be read by others (mode %03o); chmod 600 keeps them out",
                    what, path, (unsigned)stat.st_mode & 0777);
}

/* What stands behind a descriptor that we were given is not for the programs that we start. */
static void keep_from_children(const char *path)
{
    int fd;

    if (sscanf(path, "/dev/fd/%d", &fd) == 1 && fd > STDERR_FILENO)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool is_folder(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static enum larder_status read_all(int fd, const char *path, const char *what,
                                   const struct larder_run *run, char *bytes, size_t *length,
                                   struct larder_error *error)
{
    size_t got = 1;

    while (got > 0) {
        enum larder_status status =
            stream_read(fd, path, run, bytes + *length, KEY_FILE_LIMIT + 1 - *length, &got, error);

        if (status != LARDER_OK)
            return status;
        *length += got;
        if (*length > KEY_FILE_LIMIT)
            return larder_fail(error, LARDER_USAGE,
                               "the %s \"%s\" is too large to be one: more than %d bytes", what,
                               path, KEY_FILE_LIMIT);
    }
    return LARDER_OK;
}

enum larder_status key_file_read(const char *path, const char *what, bool is_secret,
                                 const struct larder_run *run, char **bytes, size_t *length,
                                 struct larder_error *error)
{
    enum larder_status status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *bytes = NULL;
    *length = 0;
    if (fd < 0)
        return larder_fail_errno(error, LARDER_USAGE, errno, "could not open the %s \"%s\"", what,
                                 path);
    *bytes = age_secret_new(KEY_FILE_LIMIT + 1);
    if (*bytes == NULL) {
        status = larder_fail_memory(error);
    } else if (is_folder(fd)) {
        status = larder_fail(error, LARDER_USAGE, "the %s \"%s\" is a folder", what, path);
    } else {
        if (is_secret)
            warn_of_readers(fd, path, what, run);
        keep_from_children(path);
        status = read_all(fd, path, what, run, *bytes, length, error);
    }
    if (status != LARDER_OK) {
        age_secret_free(*bytes);
        *bytes = NULL;
    }
    close(fd);
    return status;
}
