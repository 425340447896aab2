#include "engine/source_name.h"

#include <string.h>

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
    if (host != NULL && strncmp(host, "db.", 3) == 0 && ends_with(host, ".supabase.co"))
        return arena_printf(arena, "%.*s", (int)strcspn(host + 3, "."), host + 3);
    dot = user == NULL ? NULL : strchr(user, '.');
    if (host != NULL && dot != NULL && ends_with(host, ".pooler.supabase.com"))
        return arena_strdup(arena, dot + 1);
    return database;
}
