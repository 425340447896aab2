#include "engine/source_name.h"

#include <string.h>

#include "engine/pg/supabase.h"

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);

    return length > tail && strcmp(text + length - tail, ending) == 0;
}

const char *source_name(const char *given, struct pg *pg, const char *database, struct arena *arena)
{
    const char *host = PQhost(pg_libpq(pg)), *user = PQuser(pg_libpq(pg)), *dot;

    if (given != NULL && given[0] != '\0')
        return given;
    if (host != NULL &&
        strncmp(host, SUPABASE_DIRECT_PREFIX, strlen(SUPABASE_DIRECT_PREFIX)) == 0 &&
        ends_with(host, SUPABASE_DIRECT_SUFFIX))
        return arena_printf(arena, "%.*s", (int)strcspn(host + 3, "."), host + 3);
    dot = user == NULL ? NULL : strchr(user, '.');
    if (host != NULL && dot != NULL && ends_with(host, SUPABASE_POOLER_SUFFIX))
        return arena_strdup(arena, dot + 1);
    return database;
}
