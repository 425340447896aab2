#include "engine/pg/lock_watch.h"

#include <stdlib.h>

#include "engine/pg/snapshot.h"
#include "engine/run/run.h"

/* The OID of the relation that is waited for, 0 where it is another thing; NULL where nothing is. */
static enum larder_status find_wait(const struct lock_watch *watch, char **relation)
{
    /* Within a transaction pg_stat_activity stays as it was first seen. */
    enum larder_status status =
        pg_exec(watch->pg, "SELECT pg_catalog.pg_stat_clear_snapshot()", NULL);

    *relation = NULL;
    if (status == LARDER_OK)
        status = pg_query_one(watch->pg,
                              "SELECT coalesce(l.relation, 0) FROM pg_catalog.pg_locks l "
                              "JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
                              "WHERE NOT l.granted AND a.application_name = $1 LIMIT 1",
                              1, &watch->application, relation, NULL);
    return status;
}

enum larder_status lock_watch_look(void *arg, struct larder_error *error)
{
    struct lock_watch *watch = arg;
    enum larder_status status = LARDER_OK;
    char *relation = NULL;

    if (watch->pg == NULL)
        return LARDER_OK;
    if (find_wait(watch, &relation) != LARDER_OK)
        watch->pg = NULL;
    else if (relation == NULL)
        watch->since = 0;
    else if (watch->since <= 0)
        watch->since = run_clock();
    else if (run_clock() - watch->since >= watch->timeout) {
        const uint32_t oid = (uint32_t)strtoul(relation, NULL, 10);

        status = larder_fail(error, LARDER_FAILED, "pg_dump waited for a lock");
        snapshot_name_blocker(watch->pg, &oid, 1, watch->timeout, error);
    }
    free(relation);
    return status;
}
