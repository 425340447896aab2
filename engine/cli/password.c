#include "engine/cli/password.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "engine/pg/conninfo.h"
#include "engine/run/run.h"
#include "engine/store/stream.h"

/* What is typed beyond `most` bytes makes the answer a wrong one, and is not cut off unseen. */
static enum larder_status read_line(int fd, char *text, size_t most, size_t *length,
                                    const struct larder_run *run, struct larder_error *error)
{
    size_t got;
    char c;

    for (*length = 0;; (*length)++) {
        enum larder_status status = stream_read(fd, "the answer", run, &c, 1, &got, error);

        if (status != LARDER_OK)
            return status;
        if (got == 0)
            return larder_fail(error, LARDER_INTERRUPTED, "no answer was given");
        if (c == '\n')
            break;
        if (*length < most)
            text[*length] = c;
    }
    if (*length > most)
        return larder_fail(error, LARDER_USAGE, "the answer is longer than %zu bytes", most);
    return LARDER_OK;
}

enum larder_status password_prompt(const char *question, char *text, size_t most, size_t *length,
                                   const struct larder_run *run, struct larder_error *error)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios old, silent;
    enum larder_status status;

    *length = 0;
    if (fd < 0 || tcgetattr(fd, &old) != 0) {
        if (fd >= 0)
            close(fd);
        return LARDER_OK;
    }
    silent = old;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    dprintf(fd, "%s", question);
    status = read_line(fd, text, most, length, run, error);
    /* At once, since waiting for the output to leave ends with a signal, and nothing done. */
    tcflush(fd, TCIFLUSH);
    tcsetattr(fd, TCSANOW, &old);
    dprintf(fd, "\n");
    close(fd);
    return status;
}

enum larder_status password_ask(const struct cli_values *values, struct larder_connect *connect,
                                char password[PASSWORD_BYTES], const struct larder_run *run,
                                struct larder_error *error)
{
    enum larder_status status;
    size_t length;

    if (values->force_password && values->never_password)
        return larder_fail(error, LARDER_USAGE, "-w and -W contradict each other");
    if (conninfo_has_password(values->connect.dbname))
        run_message(run, LARDER_WARNING,
                    "a password in an argument can be read by other users of this machine; "
                    "~/.pgpass is safer");
    if (!values->force_password)
        return LARDER_OK;
    status = password_prompt("Password: ", password, PASSWORD_BYTES - 1, &length, run, error);
    if (status == LARDER_OK && length == 0)
        status = larder_fail(error, LARDER_USAGE, "no password was given: -W asks on the terminal");
    if (status != LARDER_OK)
        return status;
    password[length] = '\0';
    connect->password = password;
    return LARDER_OK;
}
