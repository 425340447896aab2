/* Writing down beside an archive in a store what a check of it has found: FORMAT.md section 8. */
#ifndef ENGINE_CHECK_RECORD_H
#define ENGINE_CHECK_RECORD_H

#include <stdbool.h>

#include "larder/error.h"
#include "larder/run.h"

enum check_kind { CHECK_VERIFIED, CHECK_DRILLED };

/*
 * `location` is where the archive lies, as a person names it: a path or a URL. Where that is no
 * archive of a store, with its summary beside it, nothing is done. That it cannot be written is a
 * warning of the run, and no failure.
 */
void check_record(const char *location, enum check_kind kind, bool good,
                  const struct larder_run *run);

#endif
