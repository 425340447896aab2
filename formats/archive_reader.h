/*
 * Reads an archive at any place: FORMAT.md sections 2 and 7.
 *
 * Opening checks the end, the manifest, and that the manifest's members cover the file. What is
 * read after that is checked against the manifest before it is given out, but for parts that are read piece by piece: their digest is
 * known with the last one. Once open, a reader may
 * be used from several threads at once. Whatever is wrong with the archive is LARDER_DAMAGED, with
 * the member named; of one in a newer format nobody knows, and it is LARDER_UNVERIFIED.
 */
#ifndef FORMATS_ARCHIVE_READER_H
#define FORMATS_ARCHIVE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/archive_writer.h"
#include "formats/buffer.h"
#include "formats/input.h"
#include "formats/manifest.h"
#include "formats/part.h"
#include "larder/error.h"

struct archive_reader;

/* On success `*reader` owns the input; on failure the caller still does. */
enum larder_status archive_reader_open(struct input *input, struct archive_reader **reader,
                                       struct larder_error *error);
void archive_reader_close(struct archive_reader *reader);

const struct manifest *archive_reader_manifest(const struct archive_reader *reader);
uint64_t archive_reader_bytes(const struct archive_reader *reader);

/* Members in the order of the file, without manifest and end, which were checked when the archive
 * was opened. */
size_t archive_reader_entries(const struct archive_reader *reader);
/* The table whose part an entry is; NULL for another member. */
const struct manifest_table *archive_reader_entry_table(const struct archive_reader *reader,
                                                        size_t entry);
/* The number of that part in its table, from 0. */
size_t archive_reader_entry_number(const struct archive_reader *reader, size_t entry);
/* Where its content lies, and the digest that the manifest states of it. */
uint64_t archive_reader_entry_offset(const struct archive_reader *reader, size_t entry);
uint64_t archive_reader_entry_bytes(const struct archive_reader *reader, size_t entry);
const uint8_t *archive_reader_entry_sha256(const struct archive_reader *reader, size_t entry);

/* Reads an entry and checks header, padding and SHA-256. Memory is constant: a piece of the input. */
enum larder_status archive_reader_check(struct archive_reader *reader, size_t entry,
                                        struct larder_error *error);

/* Appends a member's content, checked, to `out`. */
enum larder_status archive_reader_member(struct archive_reader *reader, enum archive_member member,
                                         struct buffer *out, struct larder_error *error);

/* A part of a table, as it is read from its beginning to its end. */
struct archive_part {
    struct part_source
        source; /* for a part_reader; its `of` is this part, which stays at its place until it is read */
    struct archive_reader *reader;
    const struct manifest_table *table;
    size_t number;
    uint64_t read;             /* bytes of it, so far */
    bool failed;               /* reading, which names the member in its message */
    const struct buffer *kept; /* all of it, where it was read at once; or NULL */
};

/* Part `number` (from 0) of a table, to be read piece by piece; header and padding are checked on the way. */
void archive_reader_part(struct archive_reader *reader, const struct manifest_table *table,
                         size_t number, struct archive_part *part);

/* The same, but read at once into `bytes`, which is overwritten, and checked with its digest before any of it is given. */
enum larder_status archive_reader_part_at_once(struct archive_reader *reader,
                                               const struct manifest_table *table, size_t number,
                                               struct buffer *bytes, struct archive_part *part,
                                               struct larder_error *error);

/*
 * Reads, checks and decodes a part, and gives its rows to `rows`, which adds to count and fingerprint. With `digest_known` the caller
 * has found its digest to be the manifest's. The part reader is the caller's, to be used again.
 */
enum larder_status archive_reader_count(struct archive_reader *reader,
                                        const struct manifest_table *table, size_t number,
                                        bool digest_known, struct part_reader *part_reader,
                                        struct rows *rows, struct larder_error *error);

#endif
