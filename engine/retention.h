/*
 * Which archives of a preset stay, and which may go: a decision without any reading or writing.
 *
 * An archive goes only if all of this holds:
 *   - it is of this source, this preset and this database system;
 *   - its summary is readable, so that it is known how long it is to be kept;
 *   - it is not held, and nothing in it is dated in the future;
 *   - its time is over, both as its summary recorded it and as the preset says now: whichever keeps
 *     longer counts, and "until removed by hand" is longer than any time;
 *   - it is not among the newest `keep_min` good ones (so the last good archive never goes), and not the newest good one
 *     that had not shrunk when it was made;
 *   - the preset has a good archive at all: where every one is damaged, each may be what somebody
 *     has to rescue data from.
 * Good ones that are dated in the future are not counted among the newest: they would push out those
 * that are really the newest.
 */
#ifndef ENGINE_RETENTION_H
#define ENGINE_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { RETENTION_KEEP_MIN = 3, RETENTION_REASON = 160 };

struct retention_archive {
    const char *source, *preset, *backup_name;
    bool known;                    /* a readable summary of its own; without it the rest is 0 */
    const char *system_identifier; /* NULL: not known, and taken for this one's */
    time_t started_at, created_at;
    time_t keep_until; /* as recorded; 0: until removed by hand */
    bool good, held;
    bool shrunk; /* its export found that many rows were gone */
};

struct retention_rules {
    time_t now;
    const char *source, *preset;
    const char *system_identifier; /* NULL: that of the newest archive which is not of the future */
    size_t keep_min;               /* at least 1 */
    bool preset_exists;            /* whether `keep_seconds` is known */
    int64_t keep_seconds;          /* as the preset says now; 0: until removed by hand */
};

struct retention_verdict {
    bool remove;
    time_t goes_at;                /* when it may go, if nothing else changes; 0: not by itself */
    char reason[RETENTION_REASON]; /* one line */
};

/* How many good ones stay: as the caller says, else as the preset does; 0 where one says nothing. */
size_t retention_keep_min(int given, int preset);

/* Fills one verdict for each archive. They may stand in any order, and be of any source and preset. */
void retention_decide(const struct retention_rules *rules, const struct retention_archive *archives,
                      size_t count, struct retention_verdict *verdicts);

#endif
