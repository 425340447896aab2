/*
 * A stage of a byte path: bytes are pushed into it, and it pushes what it makes of them into the
 * next.
 *
 * `stage_finish` commits: when it returns LARDER_OK, everything pushed has arrived at the end of
 * the chain and is durable there. `stage_free` without a successful finish aborts and leaves
 * nothing behind; freeing NULL is fine. A stage owns the stage that it was created in front of:
 * finish and free pass down the chain. If creating a stage fails, the caller still owns the next
 * one.
 *
 * After a push or finish has failed, only stage_free may be called.
 *
 * An implementation embeds struct stage as its first member.
 */
#ifndef FORMATS_STAGE_H
#define FORMATS_STAGE_H

#include <stddef.h>

#include "larder/error.h"

struct stage;

struct stage_ops {
    enum larder_status (*push)(struct stage *stage, const void *bytes, size_t length,
                               struct larder_error *error);
    enum larder_status (*finish)(struct stage *stage, struct larder_error *error);
    void (*free)(struct stage *stage);
};

struct stage {
    const struct stage_ops *ops;
};

static inline enum larder_status stage_push(struct stage *stage, const void *bytes, size_t length,
                                            struct larder_error *error)
{
    return stage->ops->push(stage, bytes, length, error);
}

static inline enum larder_status stage_finish(struct stage *stage, struct larder_error *error)
{
    return stage->ops->finish(stage, error);
}

static inline void stage_free(struct stage *stage)
{
    if (stage != NULL)
        stage->ops->free(stage);
}

#endif
