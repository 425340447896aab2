#include "engine/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/session.h"
#include "formats/times.h"

enum { NUMBER = 24 };

/*
 * The rows of $1, an archive of source $2. Where several sources are recorded in one database, two may have archives of the same
 * name; the notes of a row say which archive it is of.
 */
#define ROWS_OF_ARCHIVE                                                                            \
    "SELECT table_name, row_count FROM backups.backup_metadata m "                                 \
    "WHERE backup_name = $1 AND kind = 'archive' AND NOT EXISTS (SELECT FROM backups.archives a "  \
    "WHERE a.backup_name = m.backup_name AND a.source <> $2 AND a.location = m.notes)"

enum larder_status record_has_name(struct pg *pg, const char *backup_name, bool *has,
                                   struct larder_error *error)
{
    char *found = NULL;
    enum larder_status status = pg_exec(pg, "SAVEPOINT larder_name", error);

    *has = false;
    if (status != LARDER_OK)
        return status;
    status = pg_query_one(
        pg, "SELECT backup_name FROM backups.backup_metadata WHERE backup_name = $1 LIMIT 1", 1,
        &backup_name, &found, error);
    *has = found != NULL;
    free(found);
    if (status != LARDER_OK && (status != LARDER_FAILED || pg_is_broken(pg)))
        return status;
    return pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_name; RELEASE SAVEPOINT larder_name", error);
}

static enum larder_status insert_metadata(struct pg *pg, const struct manifest *m,
                                          const char *location, struct larder_error *error)
{
    struct buffer names = {0}, counts = {0};
    const char *values[6];
    PGresult *result = NULL;
    enum larder_status status;

    if (m->metadata_count == 0)
        return LARDER_OK;
    for (size_t i = 0; i < m->metadata_count; i++) {
        array_add(&names, m->metadata[i].table_name);
        array_add_number(&counts, (uint64_t)m->metadata[i].row_count);
    }
    values[0] = m->metadata[0].backup_date;
    values[1] = m->backup_name;
    values[2] = array_finish(&names);
    values[3] = array_finish(&counts);
    values[4] = location;
    values[5] = NULL;
    status =
        names.failed || counts.failed
            ? larder_fail_memory(error)
            : pg_query(
                  pg,
                  "INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, "
                  "notes, kind) SELECT $1::date, $2, u.name, u.count, $5, 'archive' "
                  "FROM unnest($3::text[], $4::bigint[]) AS u(name, count)",
                  5, values, &result, error);
    PQclear(result);
    buffer_free(&names);
    buffer_free(&counts);
    return status;
}

static enum larder_status insert_archive(struct pg *pg, const struct manifest *m,
                                         const struct summary *s, const char *location,
                                         struct larder_error *error)
{
    char bytes[NUMBER], raw[NUMBER], rows[NUMBER], started[TIMES_TEXT], finished[TIMES_TEXT];
    const char *values[] = {m->backup_name,
                            m->preset,
                            m->source,
                            location,
                            s->sha256,
                            bytes,
                            raw,
                            rows,
                            s->encrypted ? "t" : "f",
                            m->snapshot,
                            started,
                            finished,
                            m->larder_version};
    PGresult *result = NULL;
    enum larder_status status;

    snprintf(bytes, sizeof(bytes), "%" PRIu64, s->bytes);
    snprintf(raw, sizeof(raw), "%" PRIu64, s->raw_bytes);
    snprintf(rows, sizeof(rows), "%" PRIu64, s->rows);
    times_to_text(m->started_at, started);
    times_to_text(m->finished_at, finished);
    status = pg_query(
        pg,
        "INSERT INTO backups.archives (backup_name, preset, source, location, sha256, "
        "bytes, raw_bytes, row_count, encrypted, snapshot, started_at, finished_at, "
        "larder_version) "
        "VALUES ($1, $2, $3, $4, $5, $6::bigint, $7::bigint, $8::bigint, $9::boolean, $10, "
        "$11::timestamptz, $12::timestamptz, $13)",
        13, values, &result, error);
    PQclear(result);
    return status;
}

enum larder_status record_archive(struct pg *pg, const struct manifest *manifest,
                                  const struct summary *summary, const char *location,
                                  struct larder_error *error)
{
    enum larder_status status = insert_metadata(pg, manifest, location, error);

    if (status == LARDER_OK)
        status = insert_archive(pg, manifest, summary, location, error);
    if (status == LARDER_OK)
        return session_commit(pg, error);
    if (strcmp(pg_sqlstate(pg), "42P01") == 0)
        larder_hint(error, "`larder init` makes it, and --no-record does without");
    session_rollback(pg);
    return status;
}

/* Whether the manifest has a row of that name; sets its count. */
static bool take_count(const struct manifest *manifest, const char *table, int64_t count,
                       int64_t *counts)
{
    bool known = false;

    for (size_t i = 0; i < manifest->metadata_count; i++)
        if (strcmp(manifest->metadata[i].table_name, table) == 0) {
            counts[i] = count;
            known = true;
        }
    return known;
}

enum larder_status record_read_counts(struct pg *pg, const struct manifest *manifest,
                                      struct arena *arena, int64_t *counts, const char ***others,
                                      bool *asked, struct larder_error *error)
{
    size_t other_count = 0;
    const char *const values[] = {manifest->backup_name, manifest->source};
    struct larder_error why = {0};
    PGresult *result;
    enum larder_status status = pg_query(pg, ROWS_OF_ARCHIVE, 2, values, &result, &why);

    for (size_t i = 0; i < manifest->metadata_count; i++)
        counts[i] = -1;
    *others = NULL;
    *asked = status == LARDER_OK && PQntuples(result) > 0;
    if (status == LARDER_FAILED && !pg_is_broken(pg))
        return LARDER_OK;
    if (status != LARDER_OK)
        return larder_fail(error, status, "%s", why.message);
    *others = arena_alloc(arena, (size_t)PQntuples(result) + 1, sizeof(**others));
    for (int row = 0; *others != NULL && row < PQntuples(result); row++)
        if (!take_count(manifest, pg_value(result, row, 0),
                        strtoll(pg_value(result, row, 1), NULL, 10), counts))
            (*others)[other_count++] = arena_strdup(arena, pg_value(result, row, 0));
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status record_read_tables(struct pg *pg, const char *source, const char *backup_name,
                                      struct arena *arena, struct record_count **counts,
                                      size_t *count, struct larder_error *error)
{
    const char *const values[] = {backup_name, source};
    struct larder_error why = {0};
    PGresult *result = NULL;
    enum larder_status status = pg_exec(pg, "SAVEPOINT larder_tables", error);

    *count = 0;
    if (status != LARDER_OK)
        return status;
    status = pg_query(pg, ROWS_OF_ARCHIVE " AND row_count IS NOT NULL", 2, values, &result, &why);
    if (status != LARDER_OK && (status != LARDER_FAILED || pg_is_broken(pg)))
        return larder_fail(error, status, "%s", why.message);
    if (status == LARDER_OK) {
        *counts = arena_alloc(arena, (size_t)PQntuples(result) + 1, sizeof(**counts));
        for (int row = 0; *counts != NULL && row < PQntuples(result); row++)
            (*counts)[(*count)++] =
                (struct record_count){arena_strdup(arena, pg_value(result, row, 0)),
                                      strtoll(pg_value(result, row, 1), NULL, 10)};
        PQclear(result);
    }
    if (arena_failed(arena))
        return larder_fail_memory(error);
    return pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_tables; RELEASE SAVEPOINT larder_tables",
                   error);
}

enum larder_status record_read_digests(struct pg *pg, const struct manifest *manifest,
                                       struct arena *arena, const char ***digests, size_t *count,
                                       struct larder_error *error)
{
    const char *const values[] = {manifest->source, manifest->backup_name};
    PGresult *result;
    enum larder_status status = pg_query(pg,
                                         "SELECT sha256 FROM backups.archives WHERE source = $1 "
                                         "AND backup_name = $2 AND sha256 IS NOT NULL "
                                         "ORDER BY recorded_at DESC",
                                         2, values, &result, error);

    *count = 0;
    if (status != LARDER_OK)
        return status;
    *digests = arena_alloc(arena, (size_t)PQntuples(result) + 1, sizeof(**digests));
    for (int row = 0; *digests != NULL && row < PQntuples(result); row++)
        (*digests)[(*count)++] = arena_strdup(arena, pg_value(result, row, 0));
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
