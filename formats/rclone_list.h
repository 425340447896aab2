/* What `rclone lsjson` says: an array of objects with Path, Size, ModTime and IsDir. */
#ifndef FORMATS_RCLONE_LIST_H
#define FORMATS_RCLONE_LIST_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "larder/error.h"

struct rclone_entry {
    const char *path;
    uint64_t bytes;
    time_t modified; /* 0 where it is not known */
};

/* The files in it; folders, and what has no size, are left out. Strings lie in the arena. */
enum larder_status rclone_list_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                    struct rclone_entry **entries, size_t *count,
                                    struct larder_error *error);

#endif
