/* Conninfo strings and URIs, where they are to be shown or judged. */
#ifndef ENGINE_PG_CONNINFO_H
#define ENGINE_PG_CONNINFO_H

#include <stdbool.h>

#include "formats/arena.h"

/* Whether it holds a password, of the role or of a key's file. */
bool conninfo_has_password(const char *text);

/* What may be shown of it: `keyword=value ...` without passwords; in the arena. */
const char *conninfo_without_password(const char *text, struct arena *arena);

#endif
