/* Several threads that do pieces of work which do not depend on each other. */
#ifndef ENGINE_RUN_CREW_H
#define ENGINE_RUN_CREW_H

#include <stddef.h>

#include "larder/error.h"
#include "larder/run.h"

/*
 * Does piece `piece` (from 0) on lane `lane` (from 0). `stop_fd` becomes readable once another lane
 * has failed. Called from several threads at once, but never for two pieces on the same lane.
 */
typedef enum larder_status (*crew_work)(void *arg, int lane, size_t piece, int stop_fd,
                                        struct larder_error *error);

/* Does all pieces in their order on up to `lanes` threads; the first failure ends it, and is
 * returned. */
enum larder_status crew_run(int lanes, size_t pieces, crew_work work, void *arg,
                            const struct larder_run *run, struct larder_error *error);

/* Those that are online, at least 1. */
int crew_processors(void);

/* What was asked for; by default one lane for each processor, at most 8. */
int crew_lanes(int asked);

#endif
