#include "engine/cli/become.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static enum larder_status find_user(const char *name, struct passwd *user, char *strings,
                                    size_t room, struct larder_error *error)
{
    struct passwd *found = NULL;
    int failed = getpwnam_r(name, user, strings, room, &found);

    if (failed != 0)
        return larder_fail_errno(error, LARDER_FAILED, failed, "could not look up the user \"%s\"",
                                 name);
    return found != NULL ? LARDER_OK
                         : larder_fail(error, LARDER_USAGE, "there is no user \"%s\"", name);
}

/* The saved identity stays root's: programs that are started cannot go back, we can. */
enum larder_status become_user(const char *name, bool *became, struct larder_error *error)
{
    struct passwd user;
    char strings[4096];
    enum larder_status status;

    *became = false;
    if (geteuid() != 0)
        return LARDER_OK;
    status = find_user(name != NULL ? name : BECOME_USER, &user, strings, sizeof(strings), error);
    if (status == LARDER_USAGE && name == NULL)
        return LARDER_OK;
    if (status != LARDER_OK || user.pw_uid == 0)
        return status;
    if (initgroups(user.pw_name, user.pw_gid) != 0 || setresgid(user.pw_gid, user.pw_gid, 0) != 0 ||
        setresuid(user.pw_uid, user.pw_uid, 0) != 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not become the user \"%s\"",
                                 user.pw_name);
    setenv("HOME", user.pw_dir, 1);
    unsetenv("XDG_CONFIG_HOME");
    *became = true;
    return LARDER_OK;
}

enum larder_status become_root(struct larder_error *error)
{
    if (setresuid(0, 0, 0) != 0 || setresgid(0, 0, 0) != 0 || setgroups(0, NULL) != 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not become root again");
    return LARDER_OK;
}
