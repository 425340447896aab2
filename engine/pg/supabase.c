#include "engine/pg/supabase.h"

#include <stdbool.h>
#include <string.h>

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);

    return length > tail && strcmp(text + length - tail, ending) == 0;
}

const char *supabase_hint(const PGconn *conn)
{
    const char *host = PQhost(conn), *port = PQport(conn), *user = PQuser(conn);

    if (host == NULL || host[0] == '\0')
        return NULL;
    if (strncmp(host, SUPABASE_DIRECT_PREFIX, strlen(SUPABASE_DIRECT_PREFIX)) == 0 &&
        ends_with(host, SUPABASE_DIRECT_SUFFIX))
        return "This is a project's direct connection, which has an IPv6 address alone unless the "
               "project has the IPv4 add-on. From a network without IPv6 take the session pooler: "
               "its host ends in .pooler.supabase.com, its port is 5432, and the role is "
               "postgres.PROJECT.";
    if (!ends_with(host, SUPABASE_POOLER_SUFFIX))
        return NULL;
    if (user == NULL || strchr(user, '.') == NULL)
        return "This is Supabase's pooler, which knows the project by the role's name: "
               "-U postgres.PROJECT.";
    if (port != NULL && strcmp(port, SUPABASE_TRANSACTION_PORT) == 0)
        return "This is Supabase's pooler in transaction mode; port 5432 is the one in session "
               "mode, which serves exports and restores better. The project must not be paused.";
    return "This is Supabase's pooler in session mode. The project must not be paused, and its "
           "region must be the one in the host's name.";
}
