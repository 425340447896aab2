/*
 * Writes the zstd frames that parts are made of: FORMAT.md section 3. At level 1, the fastest, it finds out what suits the rows of a table
 * while it compresses them; frames of PART_FRAME_BYTES teach it, shorter ones do not.
 */
#ifndef FORMATS_FRAME_WRITER_H
#define FORMATS_FRAME_WRITER_H

#include "formats/buffer.h"
#include "larder/error.h"

struct frame_writer;

/* `level` is zstd's. NULL when memory is short. */
struct frame_writer *frame_writer_new(int level);
void frame_writer_free(struct frame_writer *writer);

/* Begins a table: what suited the rows before is forgotten. */
void frame_writer_begin(struct frame_writer *writer);

/* Appends one frame to `out`, of all bytes. */
enum larder_status frame_writer_append(struct frame_writer *writer, const uint8_t *bytes,
                                       size_t length, struct buffer *out,
                                       struct larder_error *error);

#endif
