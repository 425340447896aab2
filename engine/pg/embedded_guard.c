#include "engine/pg/embedded_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char LOCK[] = "lock";

enum { LOOK_MS = 200, REMOVALS = 50, OPEN_FOLDERS = 16, CANNOT_RUN = 127 };

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *where)
{
    bool stays = where->level == 0 || (where->level == 1 && strcmp(path + where->base, LOCK) == 0);

    (void)what;
    (void)kind;
    return stays || remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* Its lock at last: without it, nobody would know what is left for ours. */
bool guard_remove_folder(const char *folder)
{
    bool gone = false;
    int fd;

    if (nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) != 0)
        return false;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        gone = (unlinkat(fd, LOCK, 0) == 0 || errno == ENOENT) && rmdir(folder) == 0;
        close(fd);
    }
    return gone;
}

/* Only what is needed: a copy of a connection would keep it open when we are gone. */
static void close_all_but(int first, int second)
{
    unsigned low = (unsigned)(first < second ? first : second);
    unsigned high = (unsigned)(first < second ? second : first);

    if (low > 3)
        close_range(3, low - 1, 0);
    if (high > low + 1)
        close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0U, 0);
}

static void stand_in_for_streams(const char *log)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int out = log == NULL ? null : open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
}

static void set_signals(void (*stopping)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ};
    sigset_t none;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        signal(numbers[i], stopping);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Becomes the server. It is told to stop at once where the guard is killed. */
static void become_server(const struct guard_plan *plan, pid_t guard)
{
    set_signals(SIG_DFL);
    stand_in_for_streams(plan->log);
    if (plan->as_other &&
        (setgroups(1, &plan->gid) != 0 || setgid(plan->gid) != 0 || setuid(plan->uid) != 0))
        _exit(CANNOT_RUN);
    if (!plan->keep)
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
    umask(077);
    if (getppid() != guard || chdir(plan->data) != 0)
        _exit(CANNOT_RUN);
    execv(plan->arguments[0], (char *const *)(uintptr_t)plan->arguments);
    _exit(CANNOT_RUN);
}

/* Does what it is told; true once the rope has ended. */
static bool obey(const struct guard_plan *plan, int rope, pid_t self, pid_t *server)
{
    for (;;) {
        struct pollfd fd = {.fd = rope, .events = POLLIN};
        char order;

        if (*server > 0 && waitpid(*server, NULL, WNOHANG) == *server)
            return false;
        if (poll(&fd, 1, LOOK_MS) <= 0)
            continue;
        if (read(rope, &order, 1) <= 0)
            return true;
        if (order == GUARD_LEAVE)
            return false;
        *server = fork();
        if (*server == 0)
            become_server(plan, self);
    }
}

/* Who still writes into the folder finds it gone, and ends soon. */
static void remove_all(const char *folder)
{
    for (int i = 0; i < REMOVALS && access(folder, F_OK) == 0; i++) {
        if (i > 0)
            usleep(LOOK_MS * 1000);
        guard_remove_folder(folder);
    }
}

static void guard(const struct guard_plan *plan, int rope)
{
    pid_t self = getpid(), server = 0;

    setsid();
    set_signals(SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    stand_in_for_streams(NULL);
    close_all_but(rope, plan->lock_fd);
    if (obey(plan, rope, self, &server)) {
        if (server > 0) {
            kill(server, SIGQUIT);
            waitpid(server, NULL, 0);
        }
        remove_all(plan->folder);
    }
    _exit(0);
}

bool guard_tell(int rope, char order)
{
    return send(rope, &order, 1, MSG_NOSIGNAL) == 1;
}

pid_t guard_start(const struct guard_plan *plan, int *rope)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    pid = fork();
    if (pid == 0)
        guard(plan, ends[1]);
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    *rope = pid < 0 ? -1 : ends[0];
    return pid;
}
