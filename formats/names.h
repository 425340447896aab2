/* Names of archives and of what lies beside them: FORMAT.md section 8. */
#ifndef FORMATS_NAMES_H
#define FORMATS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "formats/buffer.h"

enum { NAMES_PRESET_MAX = 40, NAMES_BACKUP = 64 /* a backup's name, with its zero byte */ };

/* [a-z][a-z0-9_]*, at most 40 bytes. */
bool names_is_preset(const char *text);

/* PRESET_YYYYMMDD_HH24MISS. The preset must be one. */
void names_backup(const char *preset, time_t started_at, char name[NAMES_BACKUP]);
/* Whether it is the name of a backup of some preset, and of which: `preset` has room for
 * NAMES_PRESET_MAX + 1. */
bool names_is_backup(const char *name, char *preset);

/* Appends a source's name as it stands in a path. */
void names_source(struct buffer *out, const char *source);

/* The same for any path: `archive` without `.tar` or `.tar.age`; its length. The whole where it
 * ends in neither. */
size_t names_stem(const char *archive);

/* Whether it is named as one that is encrypted: `.tar.age`. */
bool names_is_encrypted(const char *archive);

/* Whether whatever a path names is to be taken for encrypted: `.age`, behind something. */
bool names_says_encrypted(const char *path);

/* Whether a key is that of a backup's summary: BACKUP_NAME.json, and not BACKUP_NAME.checked.json. */
bool names_is_summary(const char *key);

/* What stands behind the last slash of a key or path. */
const char *names_base(const char *path);

#endif
