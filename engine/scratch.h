/*
 * A database of one's own, on a server or in one that is started for it, that goes again: also
 * where its maker was killed, since the next one removes what others have left.
 */
#ifndef ENGINE_SCRATCH_H
#define ENGINE_SCRATCH_H

#include <stdbool.h>

#include "larder/error.h"
#include "larder/run.h"

/* What databases are called, and what is said of them and of the roles made for them. */
#define SCRATCH_PREFIX "larder_drill_"
#define SCRATCH_COMMENT "made by larder for a drill, and removed by the next one"

struct scratch_options {
    const struct larder_connect *server; /* NULL: a server of its own */
    const char *encoding;
    int major; /* what the own server's version must be at least */
    bool keep;
};

struct scratch;

/*
 * Makes it. LARDER_FAILED where there is no server to be had, or it refuses; the caller frees
 * `*scratch` with scratch_end, on failure too. `run` must live as long.
 */
enum larder_status scratch_begin(const struct scratch_options *options,
                                 const struct larder_run *run, struct scratch **scratch,
                                 struct larder_error *error);

/* How to reach it; of the scratch. */
const struct larder_connect *scratch_connect(const struct scratch *scratch);
/* Whether the role that it is used with is a superuser. */
bool scratch_is_superuser(const struct scratch *scratch);
/* "15.18", or "15.18, embedded" */
const char *scratch_server(const struct scratch *scratch);
/* A conninfo without secrets, for a person. */
const char *scratch_conninfo(const struct scratch *scratch);

/* Removes it, whatever has stopped the run, unless it is to be kept; NULL is fine. That something
 * could not be removed is a warning. */
void scratch_end(struct scratch *scratch);

#endif
