/*
 * Parts: rows of one table, compressed, as they stand in an archive. FORMAT.md section 3.
 *
 * A part_writer takes the server's COPY streams of one table, one after the other, and gives whole
 * parts; a part_reader checks and decodes one. Neither knows where parts are kept. Memory: a writer
 * holds one compressed part and one frame; a reader one frame, compressed and not, and the piece that it ends in.
 */
#ifndef FORMATS_PART_H
#define FORMATS_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/buffer.h"
#include "formats/rows.h"
#include "formats/sha256.h"
#include "larder/error.h"

/* What is written, and the most that a reader takes of a frame. */
enum {
    PART_FRAME_BYTES = 1024 * 1024,
    PART_FRAME_LIMIT = 4 * 1024 * 1024,
    PART_RAW_BYTES = 3 * 1024 * 1024,
};

struct part {
    const uint8_t *bytes; /* compressed */
    uint64_t length;
    uint64_t raw_bytes;
    uint64_t rows;
    uint8_t sha256[SHA256_BYTES];
    bool has_sha256; /* else whoever puts the part into an archive takes it */
};

/* At how many bytes to close parts, where so many are expected in all: a manifest that lists each has to stay small. */
uint64_t part_raw_bytes(uint64_t expected);

struct part_writer;

/*
 * `level` is zstd's; `raw_bytes` closes a part at the first end of a row at or beyond it (0:
 * PART_RAW_BYTES); `takes_digests`: whether parts come with their SHA-256. NULL when memory is short.
 */
struct part_writer *part_writer_new(int level, uint64_t raw_bytes, bool takes_digests);
void part_writer_free(struct part_writer *writer);

/* Begins a table. What an earlier table left unfinished is dropped. */
enum larder_status part_writer_begin(struct part_writer *writer, enum copy_format format,
                                     int columns, struct larder_error *error);

/*
 * Takes bytes of a COPY stream, up to the end of a part: where a part is complete, `*part` is set
 * (else it is zeroed), and stays valid until the next call. `taken` says how many bytes were taken.
 */
enum larder_status part_writer_push(struct part_writer *writer, const uint8_t *bytes, size_t length,
                                    size_t *taken, struct part *part, struct larder_error *error);

/* A COPY stream of the table is over: LARDER_DAMAGED where it ended in the midst of a row. */
enum larder_status part_writer_end_stream(struct part_writer *writer, struct larder_error *error);

/* Closes the part begun, if any: as for push. Every stream that was begun must be over. */
enum larder_status part_writer_end(struct part_writer *writer, struct part *part,
                                   struct larder_error *error);

/* Of all rows since part_writer_begin. */
uint64_t part_writer_rows(const struct part_writer *writer);
struct fingerprint part_writer_fingerprint(const struct part_writer *writer);

/* Where a reader has a part from. */
struct part_source {
    /* Appends what comes next of the part's bytes, at least one; asked until `length` of them are there. */
    enum larder_status (*more)(void *of, struct buffer *into, struct larder_error *error);
    void *of;
    uint64_t length; /* compressed; at least 1 */
    uint64_t raw_bytes;
    uint64_t rows;
    const uint8_t *sha256; /* NULL: the bytes were checked before */
};

struct part_reader;

/* NULL when memory is short. */
struct part_reader *part_reader_new(void);
void part_reader_free(struct part_reader *reader);

/* Begins a part; what an earlier one left unread is dropped. The source must stay until the last part_reader_next. */
enum larder_status part_reader_begin(struct part_reader *reader, const struct part_source *source,
                                     struct larder_error *error);

/*
 * Gives the next frame's content, valid until the next call; `length` is 0 at the end, when the digest, all frames and the total of
 * raw bytes have been checked: until then a frame is known to be whole, but not yet to be the one that was written. LARDER_DAMAGED where
 * the digest is another one, or a frame breaks a rule of FORMAT.md.
 */
enum larder_status part_reader_next(struct part_reader *reader, const uint8_t **bytes,
                                    size_t *length, struct larder_error *error);

/*
 * Checks a part from its digest to its number of rows, and takes the rows into `rows`, which is of
 * the table's format and columns, and new or at the end of another part: what only counts needs no
 * more.
 */
enum larder_status part_reader_count(struct part_reader *reader, const struct part_source *source,
                                     struct rows *rows, struct larder_error *error);

#endif
