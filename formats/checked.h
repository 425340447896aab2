/* What verifications and drills have found of an archive, BACKUP_NAME.checked.json: FORMAT.md
 * section 8. */
#ifndef FORMATS_CHECKED_H
#define FORMATS_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "formats/buffer.h"
#include "larder/error.h"

enum { CHECKED_MAX_BYTES = 64 * 1024 };

struct checked {
    const char *backup_name;
    time_t verified_at, drilled_at; /* the last of each that came to an end; 0: never */
    bool good;                      /* what the last of all these found */
    time_t drill_failed_at;         /* 0: none has failed since one succeeded */
    const char *drill_failure;      /* a word; NULL: not known, or none has failed */
};

enum larder_status checked_write(const struct checked *checked, struct buffer *out,
                                 struct larder_error *error);

/* Strings go into the arena. LARDER_DAMAGED where it is none. */
enum larder_status checked_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                struct checked *checked, struct larder_error *error);

#endif
