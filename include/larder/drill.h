/*
 * Drills: an archive restored into a database of its own that goes again, proven equal there, and
 * asked what a person wants to know of it.
 */
#ifndef LARDER_DRILL_H
#define LARDER_DRILL_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/keys.h"
#include "larder/preset.h"
#include "larder/restore.h"
#include "larder/run.h"

struct larder_drill_options {
    const char *archive; /* a path, a backup's name in `store`, or a preset: its newest archive */
    const char *store;   /* may be NULL */
    struct larder_presets presets; /* which may be meant; a database may know more */
    const char *source_name;       /* of a preset, where the store holds several sources */
    struct larder_keys *keys;      /* may be NULL */

    /*
     * Where the scratch database is made: a server, by any database of it ("postgres" where none is
     * named), or, with `embedded`, one that is started for this drill alone.
     */
    struct larder_connect server;
    bool embedded;

    /*
     * Where backup_metadata is asked, and where the drill is recorded; both NULL: the database that
     * `server` names, where it knows the backup.
     */
    const struct larder_connect *metadata;
    const struct larder_connect *record_to; /* NULL: `metadata` */
    bool no_record;

    const char *checks; /* SQL: each row that a statement returns is a finding; may be NULL */
    size_t checks_length;
    const char *sha256; /* what the whole archive must have, 64 hexadecimal digits; may be NULL */

    int lanes;
    bool whole_schema; /* as larder_restore_options has it */
    bool keep;         /* leave the database where it is, and the server running */
};

enum { LARDER_DRILL_PHASES = 10 };

struct larder_drill {
    struct larder_proof proof; /* with the findings of the checks, too */
    double seconds;            /* of the whole drill */
    double recovery_seconds;   /* of the restore alone: what one can expect on such a machine */
    struct larder_phase phases[LARDER_DRILL_PHASES];
    size_t phase_count;
    size_t checks;       /* statements that were run */
    size_t checks_found; /* those of them that found something */
    const char *server;  /* version and kind of the server: "15.18, embedded" */
    const char *kept;    /* a conninfo of what was kept; or NULL */
    bool recorded;
};

/*
 * Drills. Statuses are those of larder_restore, but that whatever kept it from coming to a result is
 * LARDER_UNVERIFIED; a check that returned a row is LARDER_DIFFERENCE. LARDER_USAGE: nothing was
 * begun. The caller frees the result, on failure too.
 */
enum larder_status larder_drill(const struct larder_drill_options *options,
                                const struct larder_run *run, struct larder_drill *result,
                                struct larder_error *error);
void larder_drill_free(struct larder_drill *drill);

#endif
