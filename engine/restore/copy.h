/* Parts of an archive, checked and sent into a table of the target. Internal to engine/restore.c and engine/restore/. */
#ifndef ENGINE_RESTORE_COPY_H
#define ENGINE_RESTORE_COPY_H

#include "engine/restore/parts.h"
#include "formats/part.h"

/* What one connection copies with. Lives with its owner, from {.restore, .tell, .arg}. */
struct part_copy {
    struct restore *restore;
    struct part_reader *reader;
    void (*tell)(void *arg, uint64_t rows, uint64_t bytes); /* of progress; may be NULL */
    void *arg;
};

enum larder_status part_copy_begin(struct part_copy *copy, struct larder_error *error);
void part_copy_end(struct part_copy *copy);

/*
 * Copies part `number` (from 0) of a table of the archive into `into`, which has its columns and its format, in the transaction
 * that is open on `pg`.
 */
enum larder_status part_copy_run(struct part_copy *copy, struct pg *pg,
                                 const struct manifest_table *table,
                                 const struct manifest_table *into, size_t number, bool freeze,
                                 struct larder_error *error);

#endif
