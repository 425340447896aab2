/* The process that watches over an embedded server. Internal to engine/pg/embedded*.c. */
#ifndef ENGINE_PG_EMBEDDED_GUARD_H
#define ENGINE_PG_EMBEDDED_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct guard_plan {
    const char *folder;           /* everything lies in it, and it goes with the server */
    const char *data, *log;       /* paths in it */
    const char *const *arguments; /* of the server, its path first, NULL last */
    bool as_other;                /* the server runs as `uid` and `gid` */
    uid_t uid;
    gid_t gid;
    bool keep;
    int lock_fd; /* stays open as long as the process lives */
};

enum { GUARD_START = 's', GUARD_LEAVE = 'l' };

/*
 * Starts the process, which starts the server when it is told to. Once `*rope` is closed, by us or by our end, it
 * stops the server and removes the folder; told to leave them it goes. Where the server ends by itself it goes, too, and
 * leaves the folder. -1 with errno where it cannot be started.
 */
pid_t guard_start(const struct guard_plan *plan, int *rope);
bool guard_tell(int rope, char order);

/* Removes a folder and everything in it, and follows no links; its file "lock" after all else. False where something is left. */
bool guard_remove_folder(const char *folder);

#endif
