/*
 * Setting up: what is written on the host, and in the source, before the first export. The rest of it are the checks of doctor.h, an
 * export and a drill.
 */
#ifndef LARDER_SETUP_H
#define LARDER_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/keys.h"
#include "larder/preset.h"
#include "larder/run.h"

/* What the configuration file is to say. Zero: it says nothing of it. */
struct larder_setup_options {
    const char *config_file; /* absolute; its folder is made where it is missing */
    bool replace;            /* one that exists */
    struct larder_connect source;
    const char *source_name, *schema_from, *record_to;
    bool no_record;
    const char *store;                       /* a path is made absolute */
    const char *endpoint, *region, *profile; /* of an S3 store */
    struct larder_encryption encryption;
    const char *new_key; /* absolute; a key file that is made, and whose recipient is added */
    const char *const *identity_files;
    size_t identity_file_count;
};

/*
 * Whether archives can be encrypted to all of these, and a key file be made at `new_key`, an absolute path or NULL. Nothing is left
 * written. LARDER_USAGE where a recipient is none, or the file exists.
 */
enum larder_status larder_setup_check_keys(const struct larder_encryption *to, const char *new_key,
                                           const struct larder_run *run,
                                           struct larder_error *error);

/*
 * Writes the file, mode 0600, and the key file. What the environment says of the source (PGHOST, ...) goes into it too, since
 * nights have another. On failure nothing is left behind. LARDER_USAGE where one of the files exists, or a value cannot stand in such
 * a file. `recipient` is empty where no key was made.
 */
enum larder_status larder_setup_config(const struct larder_setup_options *options,
                                       const struct larder_run *run,
                                       char recipient[LARDER_RECIPIENT_SIZE],
                                       struct larder_error *error);

/* Installs or upgrades the backups schema, unless it is there and another role's, or the source is a standby. */
enum larder_status larder_setup_schema(const struct larder_connect *source,
                                       const struct larder_run *run, struct larder_error *error);

enum { LARDER_PRESET_SIZE = 64 };

/*
 * Takes the schedule from presets of backups.presets that name tables which this source has not, and where none is left gives
 * one to `everything`; each change is a note. Sets the preset to begin with: the one that is wanted most often. LARDER_USAGE where there
 * is none.
 */
enum larder_status larder_setup_presets(const struct larder_connect *source,
                                        const struct larder_presets *given,
                                        const struct larder_run *run,
                                        char first[LARDER_PRESET_SIZE], struct larder_error *error);

#endif
