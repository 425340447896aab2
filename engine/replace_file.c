#include "engine/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/buffer.h"
#include "formats/names.h"

/* "FOLDER/.NAME.XXXXXX": one that a crash leaves does not end as those do that are looked for. */
static void temporary_name(const char *path, struct buffer *name)
{
    const char *base = names_base(path);

    buffer_append(name, path, (size_t)(base - path));
    buffer_printf(name, ".%s.XXXXXX", base);
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

static mode_t usual_mode(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

/* The name is durable once the folder is. */
static bool sync_folder(const char *path)
{
    const char *base = names_base(path);
    struct buffer folder = {0};
    int fd;
    bool ok;

    buffer_append(&folder, path, (size_t)(base - path));
    if (folder.length == 0)
        buffer_puts(&folder, ".");
    fd = open(buffer_text(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    buffer_free(&folder);
    return ok;
}

static bool write_file(int fd, const char *temporary, const char *path, const void *bytes,
                       size_t length)
{
    bool ok = write_all(fd, bytes, length) && fchmod(fd, usual_mode()) == 0 && fsync(fd) == 0;
    int number = errno;

    if (close(fd) != 0 && ok) {
        ok = false;
        number = errno;
    }
    if (ok && rename(temporary, path) != 0) {
        ok = false;
        number = errno;
    }
    if (!ok)
        unlink(temporary);
    errno = number;
    return ok && sync_folder(path);
}

enum larder_status replace_file(const char *path, const void *bytes, size_t length,
                                struct larder_error *error)
{
    struct buffer name = {0};
    char *temporary;
    int fd, number = 0;

    temporary_name(path, &name);
    temporary = strdup(buffer_text(&name));
    buffer_free(&name);
    if (temporary == NULL)
        return larder_fail_memory(error);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0 || !write_file(fd, temporary, path, bytes, length))
        number = errno != 0 ? errno : EIO;
    free(temporary);
    if (number != 0)
        return larder_fail_errno(error, LARDER_FAILED, number, "could not write \"%s\"", path);
    return LARDER_OK;
}
