#include "engine/pg/conninfo.h"

#include <libpq-fe.h>
#include <string.h>

static bool is_set(const PQconninfoOption *option)
{
    return option->val != NULL && option->val[0] != '\0';
}

/* A plain name of a database is no conninfo; nor does libpq look into the dbname of one again. */
static bool is_name(const char *text)
{
    return strchr(text, '=') == NULL && strstr(text, "://") == NULL;
}

/* libpq marks what a person should not see while typing it; of some it says so by the name alone. */
static bool is_secret(const PQconninfoOption *option)
{
    if (option->dispchar != NULL && option->dispchar[0] == '*')
        return true;
    if (strncmp(option->keyword, "scram_", 6) == 0 || strstr(option->keyword, "secret") != NULL)
        return true;
    return strcmp(option->keyword, "dbname") == 0 && !is_name(option->val);
}

bool conninfo_has_password(const char *text)
{
    PQconninfoOption *options = text == NULL || is_name(text) ? NULL : PQconninfoParse(text, NULL);
    bool has = false;

    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        has = has || (is_set(o) && is_secret(o));
    PQconninfoFree(options);
    return has;
}

const char *conninfo_without_password(const char *text, struct arena *arena)
{
    PQconninfoOption *options;
    const char *shown = "";

    if (is_name(text))
        return text;
    options = PQconninfoParse(text, NULL);
    if (options == NULL)
        return "(not shown, since libpq cannot read it)";
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
        if (is_set(o))
            shown = arena_printf(arena, "%s%s%s=%s", shown, shown[0] != '\0' ? " " : "", o->keyword,
                                 is_secret(o) ? "(hidden)" : o->val);
    PQconninfoFree(options);
    return shown;
}
