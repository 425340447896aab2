/*
 * Writes an archive, member by member, into a stage: FORMAT.md sections 2 and 7.
 *
 * It keeps the manifest's `members` and `parts` as it goes. It is no stage itself, and knows no
 * threads: who has several lanes calls it under one lock.
 */
#ifndef FORMATS_ARCHIVE_WRITER_H
#define FORMATS_ARCHIVE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "formats/manifest.h"
#include "formats/part.h"
#include "formats/stage.h"
#include "larder/error.h"

enum archive_member {
    ARCHIVE_RECOVERY,
    ARCHIVE_HEADER,
    ARCHIVE_SCHEMA_DUMP,
    ARCHIVE_PRE_DATA,
    ARCHIVE_POST_DATA,
    ARCHIVE_LOAD, /* behind the data */
};
extern const char *const archive_member_names[MANIFEST_MEMBERS];

struct archive_writer;

/*
 * Owns the stage from here on, also where it fails (then NULL). The manifest is the caller's and
 * must live as long; its `started_at` must be set. `whole` is the digest that the stage takes of what it passes on, and belongs to it; it takes
 * those of parts along, and may be NULL where each part comes with its digest.
 */
struct archive_writer *archive_writer_new(struct stage *next, struct manifest *manifest,
                                          struct sha256 *whole);

/* Writes a member; they must come in the order of the enum. */
enum larder_status archive_writer_member(struct archive_writer *writer, enum archive_member member,
                                         const void *bytes, size_t length,
                                         struct larder_error *error);

/*
 * Writes a part as the next one of its table, and adds it to the manifest, with its digest, which is taken here where the part has none.
 * Parts come between the last two members. Nothing of the part is looked at afterwards, also where it fails.
 */
enum larder_status archive_writer_part(struct archive_writer *writer, struct manifest_table *table,
                                       const struct part *part, struct larder_error *error);

/* Writes manifest and end, and finishes the stage: the archive is complete where it went. */
enum larder_status archive_writer_finish(struct archive_writer *writer, struct larder_error *error);

/* Without a successful finish: aborts, and leaves nothing behind. */
void archive_writer_free(struct archive_writer *writer);

#endif
