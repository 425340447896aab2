/* Writing down beside an archive in a store what a check of it has found: FORMAT.md section 8. */
#ifndef ENGINE_CHECK_RECORD_H
#define ENGINE_CHECK_RECORD_H

#include <stdbool.h>

#include "larder/error.h"
#include "larder/run.h"

enum check_kind { CHECK_VERIFIED, CHECK_DRILLED };

/* `sha256` is that of the .sha256 where the archive has another one, which counts only where the summary has it, too; else NULL. */
struct check_found {
    enum check_kind kind;
    bool good;
    const char *sha256;
    const char *drill_failure; /* as FORMAT.md has it; NULL: the drill succeeded */
};

/*
 * `location` is where the archive lies, as a person names it: a path or a URL. Where that is no
 * archive of a store, with its summary beside it, nothing is done. That it cannot be written is a
 * warning of the run, and no failure.
 */
void check_record(const char *location, const struct check_found *found,
                  const struct larder_run *run);

#endif
