/* The public summary beside an archive, BACKUP_NAME.json: FORMAT.md section 8. */
#ifndef FORMATS_SUMMARY_H
#define FORMATS_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "formats/buffer.h"
#include "larder/error.h"

enum { SUMMARY_MAX_BYTES = 64 * 1024 };

struct summary {
    const char *larder_version, *archive, *backup_name, *preset, *source;
    const char *system_identifier; /* NULL where it is not known */
    time_t started_at, created_at;
    uint64_t bytes, raw_bytes, rows;
    const char *sha256; /* of the archive as it lies there, 64 digits */
    const char *
        original_sha256; /* of it as it was exported, where a copy has other recipients; else NULL */
    bool encrypted;
    time_t keep_until; /* 0: until removed by hand */
    int64_t every;     /* seconds; 0: not scheduled */

    /* The backup that had many more rows; NULL: none had. And how many tables lost them; 0: not known which. */
    const char *shrunk_since;
    uint64_t shrunk_tables;
};

enum larder_status summary_write(const struct summary *summary, struct buffer *out,
                                 struct larder_error *error);

/*
 * Appends the summary of a copy that has another header, and so another digest and size, and else is what the given
 * summary says, keys that are not known here included. It keeps the digest of the archive as it was exported.
 */
enum larder_status summary_write_copy(const uint8_t *summary, size_t length, const char *sha256,
                                      uint64_t bytes, struct buffer *out,
                                      struct larder_error *error);

/* Strings go into the arena. LARDER_DAMAGED where it is no summary. */
enum larder_status summary_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                struct summary *summary, struct larder_error *error);

/* The one line of BACKUP_NAME.sha256, and back: the digest's digits, where the line names `file`.
 */
void summary_write_digest_line(struct buffer *out, const char *sha256, const char *file);
bool summary_read_digest_line(const uint8_t *bytes, size_t length, const char *file,
                              char sha256[65]);

#endif
