#include "engine/pg/catalog.h"

#include <stdlib.h>

#include "engine/pg/catalog_query.h"

enum larder_status catalog_server(struct pg *pg, struct arena *arena, struct catalog_server *server,
                                  struct larder_error *error)
{
    /* The right to call a function is checked when a query is planned, whatever its CASE says. */
    static const char sql[] =
        "SELECT current_database(), current_setting('server_version_num')::int, "
        "current_setting('server_encoding'), pg_catalog.pg_is_in_recovery(), "
        "pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')";
    PGresult *result;
    char *identifier = NULL;
    bool may_ask;
    enum larder_status status = pg_query(pg, sql, 0, NULL, &result, error);

    if (status != LARDER_OK)
        return status;
    server->database = arena_strdup(arena, pg_value(result, 0, 0));
    server->version = arena_printf(arena, "%zu.%zu", catalog_number(result, 0, 1) / 10000,
                                   catalog_number(result, 0, 1) % 10000);
    server->encoding = arena_strdup(arena, pg_value(result, 0, 2));
    server->is_standby = catalog_flag(result, 0, 3);
    may_ask = catalog_flag(result, 0, 4);
    PQclear(result);
    if (may_ask)
        status = pg_query_one(pg, "SELECT system_identifier FROM pg_catalog.pg_control_system()", 0,
                              NULL, &identifier, error);
    server->system_identifier = arena_strdup(arena, identifier);
    free(identifier);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

enum larder_status catalog_sizes(struct pg *pg, const struct manifest *m,
                                 struct catalog_table *extra, struct larder_error *error)
{
    static const char sql[] =
        "SELECT " PLACE ", coalesce(pg_catalog.pg_relation_size(t.oid), 0) "
        "/ current_setting('block_size')::bigint, coalesce(pg_catalog.pg_table_size(t.oid), 0) "
        "FROM " TABLES "ORDER BY t.place";
    PGresult *result = NULL;
    enum larder_status status = catalog_query_tables(pg, sql, m, &result, error);

    if (status == LARDER_OK)
        status = catalog_check_places(result, m->table_count, true, error);
    if (status != LARDER_OK) {
        PQclear(result);
        return larder_context(error, "could not read the sizes of the tables");
    }
    for (int row = 0; row < PQntuples(result); row++) {
        extra[row].pages = (uint32_t)catalog_number(result, row, 1);
        extra[row].bytes = catalog_number(result, row, 2);
    }
    PQclear(result);
    return LARDER_OK;
}

enum larder_status catalog_free_connections(struct pg *pg, const char *but, int *count,
                                            struct larder_error *error)
{
    char *answer;
    enum larder_status status = pg_query_one(
        pg,
        "SELECT greatest(0, least("
        "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*), "
        "(SELECT nullif(rolconnlimit, -1) FROM pg_catalog.pg_roles WHERE rolname = current_user) "
        "- count(*) FILTER (WHERE usename = current_user), "
        "(SELECT nullif(datconnlimit, -1) FROM pg_catalog.pg_database WHERE datname = current_database()) "
        "- count(*) FILTER (WHERE datname = current_database()))) "
        "FROM pg_catalog.pg_stat_activity WHERE (backend_type = 'client backend' OR backend_type IS NULL) "
        "AND application_name IS DISTINCT FROM $1",
        1, &but, &answer, error);

    *count = answer == NULL ? 0 : (int)strtol(answer, NULL, 10);
    free(answer);
    return status;
}
