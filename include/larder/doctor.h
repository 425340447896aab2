/* Checking everything that a night's run relies on, while nothing is wrong yet. */
#ifndef LARDER_DOCTOR_H
#define LARDER_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/hooks.h"
#include "larder/keys.h"
#include "larder/preset.h"
#include "larder/run.h"

/* What is to be checked: what exports, prunings and restores would be given. */
struct larder_doctor_options {
    const char *config_file; /* where it is from; NULL: no file */
    struct larder_connect source;
    const char *source_name;                  /* default: as an export would name it */
    const struct larder_connect *schema_from; /* may be NULL, as the next */
    const struct larder_connect *record_to;
    bool no_record;
    struct larder_presets presets; /* where the source has no backups.presets */
    const char *store;             /* NULL: none is checked */
    bool lock;
    struct larder_encryption encryption;
    struct larder_hooks hooks;
    struct larder_keys_options keys; /* none: what archives open with is not checked */

    /*
     * Before anything is set up: only one part is looked at, and it is no failure that there are no presets, no tables to record in and no
     * store yet, where they can be made.
     */
    enum larder_doctor_part { LARDER_DOCTOR_ALL, LARDER_DOCTOR_SOURCE, LARDER_DOCTOR_STORE } part;
};

enum larder_verdict { LARDER_VERDICT_OK, LARDER_VERDICT_WARNING, LARDER_VERDICT_FAILED };

struct larder_doctor_line {
    const char *subject; /* "connection", "preset daily", "store", ...; one word or two */
    enum larder_verdict verdict;
    const char *message; /* what was found */
    const char *help;    /* what to do, or NULL */
};

struct larder_doctor {
    struct larder_doctor_line *lines;
    size_t count, warnings, failures;
    void *memory;
};

/*
 * Checks all of it, as far as one thing does not need another, and changes nothing but for one small
 * object in the store, which it removes. LARDER_OK where nothing failed, with or without warnings;
 * else the first that applies of LARDER_USAGE (what is configured cannot be right), LARDER_NO_KEY (the
 * keys do not open a preset's newest archive) and LARDER_FAILED. The caller frees the result, always.
 */
enum larder_status larder_doctor(const struct larder_doctor_options *options,
                                 const struct larder_run *run, struct larder_doctor *result,
                                 struct larder_error *error);
void larder_doctor_free(struct larder_doctor *result);

#endif
