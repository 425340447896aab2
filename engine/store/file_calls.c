#include "engine/store/file_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int file_open(const char *path, int flags)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int file_open_temporary(char *path)
{
    static const char ending[] = "XXXXXX";
    char *at = path + strlen(path) - strlen(ending);
    int fd;

    do {
        memcpy(at, ending, strlen(ending));
        fd = mkostemp(path, O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

DIR *file_open_folder(const char *path)
{
    DIR *folder;

    do
        folder = opendir(path);
    while (folder == NULL && errno == EINTR);
    return folder;
}

/* An interruption is no failed fsync, which must not be tried again. */
int file_sync(int fd)
{
    int failed;

    do
        failed = fsync(fd);
    while (failed != 0 && errno == EINTR);
    return failed;
}

int file_lock(int fd)
{
    int failed;

    do
        failed = flock(fd, LOCK_EX | LOCK_NB);
    while (failed != 0 && errno == EINTR);
    return failed;
}
