#include "larder/init.h"

#include "engine/pg/connection.h"
#include "engine/pg/session.h"

enum larder_status larder_init(const struct larder_connect *database, const struct larder_run *run,
                               struct larder_error *error)
{
    struct pg *pg;
    enum larder_status status = pg_connect(database, run, -1, PG_CONNECT_SECONDS, &pg, error);

    if (status != LARDER_OK)
        return status;
    pg_show_notices(pg);
    status = pg_exec(pg, larder_migration, error);
    if (status != LARDER_OK) {
        larder_context(error, "could not install the backups schema");
        session_rollback(pg);
    }
    pg_close(pg);
    return status;
}
