/*
 * Whose something is, in places where no lock says it: a name for this process, from which another run can tell
 * later whether it still lives.
 */
#ifndef ENGINE_RUN_OWNER_H
#define ENGINE_RUN_OWNER_H

#include <stdbool.h>

enum { OWNER_NAME = 64 };

/* "MACHINE.BOOT.PROCESS.START.RANDOM", of [a-z0-9.]: another one at each call. */
void owner_name(char name[OWNER_NAME]);

/*
 * Whether the process that a name tells of is known to be gone: it was one of this machine, of an earlier boot or
 * no longer there. False for one of another machine, and for what is no such name; what follows a name's last
 * character must be none of those.
 */
bool owner_is_gone(const char *name);

#endif
