#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/keys.h"
#include "engine/run/run.h"
#include "engine/store/file.h"
#include "engine/store/file_calls.h"
#include "formats/times.h"

/* Not by way of a stage: its buffers are not wiped. */
static enum larder_status write_secret(int fd, const char *name, const char *text,
                                       struct larder_error *error)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t put = write(fd, text, length);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not write %s", name);
        text += put;
        length -= (size_t)put;
    }
    return LARDER_OK;
}

static enum larder_status write_file(const char *path, const char *text, struct larder_error *error)
{
    enum larder_status status = file_check_folder(path, error);
    int fd;

    if (status != LARDER_OK)
        return status;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return larder_fail(error, LARDER_USAGE, "\"%s\" exists already, and is never overwritten",
                           path);
    if (fd < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not create \"%s\"", path);
    status = write_secret(fd, "the identity", text, error);
    if (status == LARDER_OK && file_sync(fd) != 0)
        status =
            larder_fail_errno(error, LARDER_FAILED, errno, "could not make \"%s\" durable", path);
    close(fd);
    /* Archives are encrypted to it from now on: it must not be gone after a power cut. */
    if (status == LARDER_OK)
        status = file_sync_folder_of(path, error);
    if (status != LARDER_OK)
        unlink(path);
    return status;
}

static enum larder_status write_stdout(const char *text, const struct larder_run *run,
                                       struct larder_error *error)
{
    struct stat stat;
    bool is_file = fstat(STDOUT_FILENO, &stat) == 0 && S_ISREG(stat.st_mode);
    enum larder_status status;

    if (is_file && (stat.st_mode & 077) != 0)
        run_message(run, LARDER_WARNING,
                    "the identity is written to a file that others can read (mode %03o); chmod 600 "
                    "keeps them out, and -o makes such a file",
                    (unsigned)stat.st_mode & 0777);
    status = write_secret(STDOUT_FILENO, "to standard output", text, error);
    if (status == LARDER_OK && is_file && file_sync(STDOUT_FILENO) != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno,
                                   "could not make standard output durable");
    return status;
}

enum larder_status larder_keygen(const char *file, const struct larder_run *run,
                                 char recipient[LARDER_RECIPIENT_SIZE], struct larder_error *error)
{
    char *text = age_secret_new(AGE_KEY_FILE_SIZE), created[TIMES_TEXT];
    enum larder_status status;

    if (text == NULL)
        return larder_fail_memory(error);
    times_to_text(time(NULL), created);
    status = age_keygen(created, text, recipient, error);
    if (status == LARDER_OK)
        status = file == NULL ? write_stdout(text, run, error) : write_file(file, text, error);
    age_secret_free(text);
    return status;
}
