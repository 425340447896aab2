/* Presets that a program or its config defines itself, where the source has no backups.presets. */
#ifndef LARDER_PRESET_H
#define LARDER_PRESET_H

#include <stddef.h>

struct larder_preset {
    const char *name;
    const char *const *tables; /* names and patterns, as backups.presets has them */
    size_t table_count;
    int keep_days;           /* 0: until removed by hand */
    long every;              /* seconds; 0: not scheduled */
    const char *copy_format; /* "auto", "text" or "binary"; NULL: auto */
    int shrink_alarm;        /* percent of its rows that a table may lose; 0: 50 */
};

/* A hundred years: what has more cannot be told from a slip, and its end may have no four digits for the year. */
enum { LARDER_KEEP_DAYS_MOST = 36500 };

/* What stands in shrink_alarm where no loss is worth an alarm. */
enum { LARDER_SHRINK_NEVER = -1, LARDER_SHRINK_DEFAULT = 50 };

struct larder_presets {
    const struct larder_preset *items;
    size_t count;
};

#endif
