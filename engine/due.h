/* When an archive that should be made every so often is late, in seconds. */
#ifndef ENGINE_DUE_H
#define ENGINE_DUE_H

#include <stdint.h>

enum { DUE_GRACE_LEAST = 600, DUE_GRACE_MOST = 86400, DUE_MONTH = 30 * 86400 };

/*
 * What is allowed beyond `every`: a quarter of it, from ten minutes to a day, as backups.check() has it, and a day for each month
 * in it. They have 30 days here, and in the calendar, which backups.check() counts by, up to 31.
 */
static inline int64_t due_grace(int64_t every)
{
    int64_t grace = every / 4;

    if (grace < DUE_GRACE_LEAST)
        return DUE_GRACE_LEAST;
    if (grace > DUE_GRACE_MOST)
        grace = DUE_GRACE_MOST;
    return grace + every / DUE_MONTH * 86400;
}

#endif
