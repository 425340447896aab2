#include "engine/cli/password.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "engine/run/run.h"

/* Whether a URI has a password between its second colon and its at sign. */
static bool has_password(const char *uri)
{
    const char *at, *colon;

    if (uri == NULL ||
        (strncmp(uri, "postgres://", 11) != 0 && strncmp(uri, "postgresql://", 13) != 0))
        return uri != NULL && strstr(uri, "password=") != NULL;
    uri = strstr(uri, "://") + 3;
    at = strchr(uri, '@');
    colon = strchr(uri, ':');
    return at != NULL && colon != NULL && colon < at && colon + 1 < at;
}

static enum larder_status read_password(char password[PASSWORD_BYTES], struct larder_error *error)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios old, silent;
    size_t length = 0;
    char c = '\0';

    if (fd < 0 || tcgetattr(fd, &old) != 0) {
        if (fd >= 0)
            close(fd);
        return larder_fail(error, LARDER_USAGE, "there is no terminal to ask for the password on");
    }
    silent = old;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    dprintf(fd, "Password: ");
    while (read(fd, &c, 1) == 1 && c != '\n' && length + 1 < PASSWORD_BYTES)
        password[length++] = c;
    password[length] = '\0';
    tcsetattr(fd, TCSAFLUSH, &old);
    dprintf(fd, "\n");
    close(fd);
    if (c != '\n')
        return larder_fail(error, LARDER_INTERRUPTED, "no password was given");
    return LARDER_OK;
}

enum larder_status password_ask(const struct cli_values *values, struct larder_connect *connect,
                                char password[PASSWORD_BYTES], const struct larder_run *run,
                                struct larder_error *error)
{
    enum larder_status status;

    if (has_password(connect->dbname))
        run_message(run, LARDER_WARNING,
                    "a password in an argument can be read by other users of this machine; "
                    "~/.pgpass is safer");
    if (!values->force_password || values->never_password)
        return LARDER_OK;
    status = read_password(password, error);
    if (status == LARDER_OK)
        connect->password = password;
    return status;
}
