/* The name that a source's archives are kept under: design section 4. */
#ifndef ENGINE_SOURCE_NAME_H
#define ENGINE_SOURCE_NAME_H

#include "engine/pg/connection.h"
#include "formats/arena.h"

/*
 * What was given; else a Supabase project's reference, out of the host `db.REF.supabase.co` or the
 * user `ROLE.REF` at one of its poolers; else the database's name.
 */
const char *source_name(const char *given, struct pg *pg, const char *database,
                        struct arena *arena);

#endif
