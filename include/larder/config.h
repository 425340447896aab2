/*
 * The configuration file, larder.conf: docs/configuration.md. A program may read it as `larder`
 * does, and hand what it says to the calls that it makes.
 */
#ifndef LARDER_CONFIG_H
#define LARDER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/hooks.h"
#include "larder/preset.h"
#include "larder/run.h"

/* What the file says; what it does not say is zero. Variables are replaced, and paths can be opened
 * from where the caller is. */
struct larder_config {
    const char *file; /* NULL: there is none */

    /* [source] */
    const char *conninfo, *source_name, *schema_from, *record_to;
    bool no_record;
    int lanes, level, lock_timeout;
    const char *follow_references; /* "no", "keys" or "rows" */

    /* [store] */
    const char *store;
    const char *endpoint, *region,
        *profile; /* of S3 stores: AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_PROFILE */
    bool lock;
    int keep_min;

    /* [encryption] */
    const char *const *recipients;
    size_t recipient_count;
    const char *const *recipient_files;
    size_t recipient_file_count;
    const char *passphrase_file;
    const char *const *identity_files;
    size_t identity_file_count;

    struct larder_hooks hooks; /* [hooks] */

    struct larder_presets presets; /* [preset NAME], in the file's order */
    void *memory;                  /* what all of this lies in */
};

/*
 * Reads the file; NULL: the one that LARDER_CONFIG names, else the first that is in one of the usual
 * places, else none. Warns where it holds a password and others can read it. LARDER_USAGE where a
 * file that was named is not there, or one is not as it should be: the message begins with FILE:LINE.
 * The caller frees `config` with larder_config_free, on failure too.
 */
enum larder_status larder_config_load(const char *file, const struct larder_run *run,
                                      struct larder_config *config, struct larder_error *error);
void larder_config_free(struct larder_config *config);

#endif
