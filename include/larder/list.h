/* What a store holds, from the summaries alone: no database, no key. */
#ifndef LARDER_LIST_H
#define LARDER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "larder/error.h"
#include "larder/preset.h"
#include "larder/run.h"

struct larder_list_options {
    const char *store;
    const char *preset; /* NULL: all */
    struct larder_presets
        presets; /* which may be meant, also where there are no archives of them */
};

struct larder_list_item {
    const char *archive; /* path or URL */
    const char *backup_name, *preset, *source;
    time_t created_at; /* 0: not known */
    uint64_t bytes, rows;
    bool encrypted;
    const char *sha256; /* NULL: not known */
    bool good; /* archive, digest and summary are there and agree in name, size and digest */
    const char **problems;
    size_t problem_count;
    const char **notes; /* what is to be looked at, and is no reason to call it not good */
    size_t note_count;
    const char *shrunk_since;                   /* the backup that had many more rows; NULL: none */
    uint64_t shrunk_tables;                     /* how many have lost them; 0: not known which */
    time_t verified_at, drilled_at, keep_until; /* 0: never; never; until removed by hand */
    time_t drill_failed_at;                     /* 0: none has failed since one succeeded */
    const char *drill_failure;                  /* why, a word of FORMAT.md; NULL: not known */
    bool held;
};

struct larder_list {
    struct larder_list_item *items; /* by source, preset and name */
    size_t count;
    bool no_such_preset; /* why it is LARDER_USAGE; a database may know it all the same */
    const char *unread;  /* why something that is there could not be read; NULL: all could */
    void *memory;
};

/*
 * The caller frees the list, on failure too. LARDER_USAGE where there are archives or presets, and none of that name. LARDER_FAILED with `unread` where something could not be read: then the list is
 * there, with that among the problems.
 */
enum larder_status larder_list(const struct larder_list_options *options,
                               const struct larder_run *run, struct larder_list *list,
                               struct larder_error *error);
void larder_list_free(struct larder_list *list);

#endif
