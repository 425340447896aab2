#include "engine/pg/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/session.h"
#include "formats/sql_text.h"

enum larder_status snapshot_lock_run(struct pg *pg, bool is_standby, const char *source,
                                     const char *preset, struct larder_error *error)
{
    const char *values[] = {source, preset};
    char *locked = NULL;
    enum larder_status status =
        is_standby ? session_begin_plain(pg, error) : session_begin_write(pg, error);

    if (status == LARDER_OK)
        status = pg_query_one(
            pg,
            "SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('larder ' || "
            "$1 || '/' || $2, 0))",
            2, values, &locked, error);
    if (status == LARDER_OK && (locked == NULL || locked[0] != 't')) {
        status = larder_fail(error, LARDER_LOCKED, "another run exports \"%s\" of \"%s\" right now",
                             preset, source);
        larder_hint(error,
                    "It ends by itself, or when its connection does; pg_stat_activity shows it as "
                    "\"larder\".");
    }
    free(locked);
    return status;
}

void snapshot_name_blocker(struct pg *other, const uint32_t *relations, size_t count, int timeout,
                           struct larder_error *error)
{
    static const char sql[] =
        "SELECT CASE WHEN c.relkind IN ('i', 'I') THEN 'index' ELSE 'table' END, "
        "l.relation::pg_catalog.regclass, l.pid, coalesce(a.usename, '?'), "
        "coalesce(nullif(a.application_name, ''), '?'), CASE WHEN l.granted THEN 'holds' ELSE 'waits for' END, "
        "pg_catalog.left(pg_catalog.regexp_replace(coalesce(a.query, ''), '\\s+', ' ', 'g'), 80) "
        "FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
        "LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation "
        "WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND (l.relation = ANY ($1::oid[]) OR "
        "l.relation IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = ANY ($1::oid[]))) AND "
        "l.database = (SELECT oid FROM pg_catalog.pg_database "
        "WHERE datname = current_database()) ORDER BY l.granted DESC LIMIT 1";
    struct buffer oids = {0};
    const char *value = array_of_oids(&oids, relations, count);
    PGresult *result = NULL;

    if (!oids.failed && pg_query(other, sql, 1, &value, &result, NULL) == LARDER_OK &&
        PQntuples(result) > 0) {
        larder_fail(
            error, LARDER_FAILED,
            "could not lock %s \"%s\" within %d seconds: process %s of role \"%s\" (%s) %s a "
            "lock on it (%s)",
            pg_value(result, 0, 0), pg_value(result, 0, 1), timeout, pg_value(result, 0, 2),
            pg_value(result, 0, 3), pg_value(result, 0, 4), pg_value(result, 0, 5),
            pg_value(result, 0, 6));
        larder_hint(error, "Try again when it is done, or wait longer with --lock-timeout.");
    } else {
        larder_context(error, "could not lock the tables within %d seconds", timeout);
        larder_hint(error, "Who was in the way has gone meanwhile: try again.");
    }
    PQclear(result);
    buffer_free(&oids);
}

void snapshot_name_table_blocker(struct pg *other, const struct manifest *manifest, int timeout,
                                 struct larder_error *error)
{
    size_t count = manifest_stored(manifest);
    uint32_t *oids = calloc(count + 1, sizeof(*oids));

    for (size_t i = 0; oids != NULL && i < count; i++)
        oids[i] = manifest->tables[i].oid;
    snapshot_name_blocker(other, oids, oids == NULL ? 0 : count, timeout, error);
    free(oids);
}

static bool means_changed(const char *sqlstate)
{
    /* No such table or schema (dropped, renamed), or it is no table any more. */
    return strcmp(sqlstate, "42P01") == 0 || strcmp(sqlstate, "3F000") == 0 ||
           strcmp(sqlstate, "42809") == 0;
}

enum larder_status snapshot_lead(struct pg *pg, struct pg *other, const struct manifest *manifest,
                                 bool *changed, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    *changed = false;
    buffer_puts(&sql, "LOCK TABLE ");
    /* Of one that is followed the partitions, which are no tables of the manifest, are read, too. */
    for (size_t i = 0; i < manifest_stored(manifest); i++) {
        buffer_puts(&sql, i > 0 ? ", " : "");
        buffer_puts(&sql, i < manifest->table_count ? "ONLY " : "");
        sql_qualified(&sql, manifest->tables[i].schema, manifest->tables[i].name);
    }
    buffer_puts(&sql, " IN ACCESS SHARE MODE");
    status = session_begin_read(pg, error);
    if (status == LARDER_OK && sql.failed)
        status = larder_fail_memory(error);
    if (status == LARDER_OK) {
        status = pg_exec(pg, buffer_text(&sql), error);
        if (status == LARDER_FAILED && means_changed(pg_sqlstate(pg))) {
            *changed = true;
            status = LARDER_OK;
            session_rollback(pg);
        } else if (status == LARDER_FAILED && strcmp(pg_sqlstate(pg), PG_LOCK_NOT_AVAILABLE) == 0) {
            snapshot_name_table_blocker(other, manifest, pg_lock_timeout(pg), error);
        }
    }
    buffer_free(&sql);
    return status;
}

/* A standby's snapshots name fewer transactions than there are. */
#define MOMENT                                                                                     \
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN '' ELSE pg_catalog.pg_current_snapshot()::text END"

enum larder_status snapshot_moment(struct pg *pg, struct arena *arena, const char **moment,
                                   struct larder_error *error)
{
    char *text = NULL;
    enum larder_status status = pg_query_value(pg, "SELECT " MOMENT, 0, NULL, &text, error);

    *moment = text == NULL ? NULL : arena_strdup(arena, text);
    free(text);
    return status == LARDER_OK && *moment == NULL ? larder_fail_memory(error) : status;
}

bool snapshot_is_of(const struct snapshot *snapshot, const char *moment)
{
    return moment != NULL && moment[0] != '\0' && strcmp(snapshot->moment, moment) == 0;
}

enum larder_status snapshot_export(struct pg *pg, struct arena *arena, struct snapshot *snapshot,
                                   struct larder_error *error)
{
    /* By size, for which nobody needs the right to read them. */
    static const char sql[] = "SELECT pg_catalog.pg_export_snapshot(), " MOMENT ", "
                              "pg_catalog.pg_relation_size('pg_catalog.pg_seclabel') > 0 OR "
                              "pg_catalog.pg_relation_size('pg_catalog.pg_shseclabel') > 0";
    PGresult *result;
    enum larder_status status = pg_query(pg, sql, 0, NULL, &result, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not export the snapshot");
    *snapshot = (struct snapshot){.name = arena_strdup(arena, pg_value(result, 0, 0)),
                                  .moment = arena_strdup(arena, pg_value(result, 0, 1)),
                                  .may_have_labels = pg_value(result, 0, 2)[0] != 'f'};
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status snapshot_follow(struct pg *pg, const char *snapshot, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status = session_begin_read(pg, error);

    buffer_puts(&sql, "SET TRANSACTION SNAPSHOT ");
    sql_literal(&sql, snapshot);
    if (status == LARDER_OK)
        status = sql.failed ? larder_fail_memory(error) : pg_exec(pg, buffer_text(&sql), error);
    buffer_free(&sql);
    return status == LARDER_OK ? status : larder_context(error, "could not take over the snapshot");
}

enum larder_status snapshot_lock_tables(struct pg *pg, const struct manifest_table *const *tables,
                                        size_t count, bool *refused, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    *refused = false;
    buffer_puts(&sql, "SAVEPOINT larder_lock; LOCK TABLE ");
    for (size_t i = 0; i < count; i++) {
        buffer_puts(&sql, i > 0 ? ", ONLY " : "ONLY ");
        sql_qualified(&sql, tables[i]->schema, tables[i]->name);
    }
    buffer_puts(&sql, " IN ACCESS SHARE MODE NOWAIT; RELEASE SAVEPOINT larder_lock");
    status = sql.failed ? larder_fail_memory(error) : pg_exec(pg, buffer_text(&sql), error);
    if (status == LARDER_FAILED && strcmp(pg_sqlstate(pg), PG_LOCK_NOT_AVAILABLE) == 0) {
        *refused = true;
        status =
            pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_lock; RELEASE SAVEPOINT larder_lock", error);
    }
    buffer_free(&sql);
    return status;
}
