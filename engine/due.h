/* When an archive that should be made every so often is late, in seconds. */
#ifndef ENGINE_DUE_H
#define ENGINE_DUE_H

#include <stdint.h>

enum { DUE_GRACE_LEAST = 600, DUE_GRACE_MOST = 86400 };

/* What is allowed beyond `every`: a quarter of it, from ten minutes to a day, as backups.check() has it. */
static inline int64_t due_grace(int64_t every)
{
    int64_t grace = every / 4;

    if (grace < DUE_GRACE_LEAST)
        return DUE_GRACE_LEAST;
    return grace > DUE_GRACE_MOST ? DUE_GRACE_MOST : grace;
}

#endif
