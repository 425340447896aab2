/*
 * Where one stands: what a store has of each preset, how old it is against what is due, and what is wrong with it. From the
 * summaries alone; a database, where one is given and answers, adds the presets as they are now and the tables that none of them
 * backs up.
 */
#ifndef LARDER_STATUS_H
#define LARDER_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "larder/error.h"
#include "larder/preset.h"
#include "larder/run.h"

struct larder_status_options {
    const char *store;
    const char *preset;      /* NULL: all */
    const char *source_name; /* of the presets below; NULL: as an export from the database has it,
                                else the store's only source */
    const struct larder_connect *database; /* NULL: none is asked */
    struct larder_presets presets;         /* in place of the database's */
    int keep_min;                          /* as in larder_prune_options */
};

enum larder_standing {
    LARDER_STANDING_OK,
    LARDER_STANDING_UNSCHEDULED, /* nothing says how often there should be one */
    LARDER_STANDING_OVERDUE,
    LARDER_STANDING_MISSING, /* there is no good one, and there should be */
    LARDER_STANDING_UNKNOWN, /* something could not be read that may be a good one */
};

enum { LARDER_STATUS_SIZES = 8 };

/* A preset of a source. What is not known, or is not there, is 0 or NULL. */
struct larder_status_preset {
    const char *source; /* NULL: not known, and the store has none of it */
    const char *preset;
    enum larder_standing standing;
    int64_t every; /* seconds, as the preset says now, else as the newest summary has it */

    /* The newest good archive that is not dated in the future. */
    const char *archive, *backup_name;
    time_t started_at; /* its age counts from here, since its rows are of this moment */
    time_t due_at;     /* when the next one is due */
    /* The same with a grace: a quarter of `every`, from ten minutes to a day, and a day for each month in it. */
    time_t overdue_at;
    uint64_t bytes, rows;
    uint64_t sizes[LARDER_STATUS_SIZES]; /* of the last good ones, newest first */
    size_t size_count;

    size_t archives, good;
    uint64_t total_bytes;           /* of all its archives */
    time_t verified_at, drilled_at; /* the last of each that came to its end, of any of them */
    time_t prune_at;                /* when the next one may go, as things stand */
    size_t over;                    /* how many would go now */

    /* Of the newest good one: the backup that had many more rows, and how many tables have lost them; 0: not known which. */
    const char *shrunk_since;
    uint64_t shrunk_tables;

    const char **problems; /* "BACKUP: what is wrong with it" */
    size_t problem_count;
};

struct larder_status_report {
    time_t now;
    struct larder_status_preset *presets; /* by source and name */
    size_t count;
    bool asked;             /* whether the database answered; without it the next two are empty */
    const char **uncovered; /* tables that no scheduled preset backs up */
    size_t uncovered_count;
    const char *not_asked; /* why a database that was given could not be asked; NULL: it could */
    bool empty; /* it has nothing of the source that was named, or of any, and no preset is known */
    const char *unread; /* why something in the store could not be read; NULL: all could */
    void *memory;
};

/*
 * Reads it. LARDER_OVERDUE where a preset with a schedule, or the one that was named, is overdue or missing, or where the store holds nothing
 * of the source that was named, or nothing good, and nothing says what is due: then the report is there as with LARDER_OK. So it is with
 * LARDER_FAILED and `unread`, where nothing of the kind is known, and something in the store could not be read. The caller frees the report,
 * always.
 */
enum larder_status larder_status_read(const struct larder_status_options *options,
                                      const struct larder_run *run,
                                      struct larder_status_report *report,
                                      struct larder_error *error);
void larder_status_free(struct larder_status_report *report);

/* "ok", "unscheduled", "overdue", "missing" or "unknown" */
const char *larder_standing_name(enum larder_standing standing);

/* The share of a size by which another is larger or smaller, in percent; 0 where there is none to compare with. */
int larder_status_trend(uint64_t now, uint64_t before);

#endif
