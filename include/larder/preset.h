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
};

struct larder_presets {
    const struct larder_preset *items;
    size_t count;
};

#endif
