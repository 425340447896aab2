/*
 * Triggers and policies that the archived database's developers had added to tables of a platform's: `additions` of FORMAT.md. They
 * are named wherever the target lacks them, and made only where that is asked for. Internal to engine/restore.c and engine/restore/.
 */
#ifndef ENGINE_RESTORE_ADDITIONS_H
#define ENGINE_RESTORE_ADDITIONS_H

#include "engine/restore/parts.h"

/* Names those that tables of the target lack, unless they are going to be made; on the control connection. */
enum larder_status additions_preflight(struct restore *restore, struct larder_error *error);

/*
 * As asked, makes them in the transaction that is open on `pg`, and names them. One that cannot be made is a finding; so are then the other
 * policies of the same table, which are not made either.
 */
enum larder_status additions_make(struct restore *restore, struct pg *pg,
                                  struct larder_error *error);

#endif
