/*
 * What is known of Supabase, as data: taken on 2025-01-26 from the migrations of supabase/postgres and the platform's documentation.
 * When the platform changes, this is the place (and backups._expand in sql/, which stands alone).
 */
#ifndef ENGINE_PG_SUPABASE_H
#define ENGINE_PG_SUPABASE_H

#include <libpq-fe.h>

/* Schemas that the platform manages, as a list of SQL literals. */
#define SUPABASE_SCHEMAS                                                                           \
    "'auth', 'storage', 'realtime', '_realtime', 'vault', 'graphql', 'graphql_public', "           \
    "'extensions', 'pgbouncer', 'pgsodium', 'pgsodium_masks', 'supabase_functions', "              \
    "'supabase_migrations', '_analytics', '_supavisor', 'cron', 'net'"

/* True of a database of the platform: these roles are made for every project, and are rare elsewhere. */
#define SUPABASE_IS_HERE                                                                           \
    "(pg_catalog.to_regrole('anon') IS NOT NULL "                                                  \
    "AND pg_catalog.to_regrole('authenticated') IS NOT NULL "                                      \
    "AND pg_catalog.to_regrole('service_role') IS NOT NULL)"

#define SUPABASE_DIRECT_PREFIX "db."
#define SUPABASE_DIRECT_SUFFIX ".supabase.co"
#define SUPABASE_POOLER_SUFFIX ".pooler.supabase.com"
#define SUPABASE_TRANSACTION_PORT "6543"

/*
 * What would help where a connection of this kind failed, by its host and port: constant. NULL where it is none of the
 * platform's.
 */
const char *supabase_hint(const PGconn *conn);

#endif
