/*
 * Rows of other tables that an archive holds because foreign keys of its tables refer to them: `referenced` of FORMAT.md. They fill
 * the stand-ins that a restore makes, and are added to tables that are there and lack them; nothing is ever changed or removed.
 * Internal to engine/restore.c and engine/restore/.
 */
#ifndef ENGINE_RESTORE_REFERENCES_H
#define ENGINE_RESTORE_REFERENCES_H

#include "engine/restore/existing.h"
#include "engine/restore/parts.h"

/* Says what will become of them. To be asked once it is known which tables are made. */
enum larder_status references_preflight(struct restore *restore, struct larder_error *error);

/*
 * Adds those that the restored tables need and the target lacks, in the transaction that is open on `pg`, where the rows of tables that
 * were made are in place. `merging` has those of tables that exist, staged; NULL where there are none.
 */
enum larder_status references_add(struct restore *restore, struct pg *pg,
                                  const struct merging *merging, struct larder_error *error);

#endif
