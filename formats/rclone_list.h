/*
 * What rclone says in JSON: `rclone lsjson` an array of objects with Path, Size, ModTime, IsDir and Hashes;
 * `rclone backend features` an object with Hashes, the names of those that the remote has.
 */
#ifndef FORMATS_RCLONE_LIST_H
#define FORMATS_RCLONE_LIST_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "larder/error.h"

/* Those that are used here, the better first. */
enum rclone_hash { RCLONE_SHA256, RCLONE_SHA1, RCLONE_MD5, RCLONE_NO_HASH };

/* As rclone and OpenSSL name it; NULL for none. */
const char *rclone_hash_name(enum rclone_hash hash);

struct rclone_entry {
    const char *path;
    uint64_t bytes;
    time_t modified;                    /* 0 where it is not known */
    const char *hashes[RCLONE_NO_HASH]; /* in hexadecimal; NULL where it is not known */
};

/* The files in it; folders, and what has no size, are left out. Strings lie in the arena. */
enum larder_status rclone_list_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                    struct rclone_entry **entries, size_t *count,
                                    struct larder_error *error);

/* The best hash that a remote has, as its features say. */
enum larder_status rclone_features_read(const uint8_t *bytes, size_t length, enum rclone_hash *hash,
                                        struct larder_error *error);

#endif
