#include <stdlib.h>
#include <string.h>

#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

enum { SEQUENCES_AT_ONCE = 5000, UNUSED_AT_ONCE = 100 };

/*
 * Those that tables own or take defaults from, by themselves or by the domains of their columns (one made of another has that one's default as its
 * own), and behind them what else lies in the tables' schemas and may be read: functions use it, of which no catalog knows. The server asks in any
 * order, and of what is no sequence there are no rights: hence the CASE.
 */
enum larder_status catalog_find_sequences(struct pg *pg, struct manifest *m,
                                          struct larder_findings *findings,
                                          struct larder_error *error)
{
    static const char sql[] =
        "WITH used AS (SELECT DISTINCT CASE d.classid WHEN 1259 THEN d.objid ELSE d.refobjid END AS oid "
        "FROM " TABLES "JOIN pg_catalog.pg_depend d ON "
        "  (d.classid = 1259 AND d.refclassid = 1259 AND d.refobjid = t.oid AND d.deptype IN ('a', 'i'))   OR "
        "(d.classid = 2604 AND d.refclassid = 1259 AND d.objid IN     (SELECT f.oid "
        "FROM pg_catalog.pg_attrdef f WHERE f.adrelid = t.oid)) "
        "UNION SELECT d.refobjid FROM " TABLES
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "JOIN pg_catalog.pg_type y ON y.oid = a.atttypid AND y.typtype = 'd' "
        "JOIN pg_catalog.pg_depend d ON d.classid = 1247 AND d.objid = y.oid AND d.refclassid = 1259 "
        "WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = d.refobjid AND e.deptype = 'e')) "
        "SELECT n.nspname COLLATE \"C\", c.relname COLLATE \"C\", "
        "pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), current_user, c.oid, false AS unused "
        "FROM used u JOIN pg_catalog.pg_class c ON c.oid = u.oid AND c.relkind = 'S' "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "UNION ALL SELECT n.nspname, c.relname, true, current_user, c.oid, true "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND c.oid NOT IN (SELECT u.oid FROM used u) "
        "AND c.relnamespace IN (SELECT x.relnamespace FROM " TABLES
        "JOIN pg_catalog.pg_class x ON x.oid = t.oid) "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 1259 "
        "AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e')) "
        "AND CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT') END "
        "ORDER BY 6, 1, 2";
    PGresult *result;
    enum larder_status status = catalog_query_tables(pg, sql, m, &result, error);
    size_t count;

    if (status != LARDER_OK)
        return status;
    count = (size_t)PQntuples(result);
    m->unused_sequence_count = 0;
    m->sequences = arena_alloc(m->arena, count, sizeof(*m->sequences));
    for (size_t i = 0; m->sequences != NULL && i < count; i++) {
        m->sequences[i].schema = catalog_text(m->arena, result, (int)i, 0);
        m->sequences[i].name = catalog_text(m->arena, result, (int)i, 1);
        m->sequences[i].oid = catalog_oid(result, (int)i, 4);
        m->unused_sequence_count += catalog_flag(result, (int)i, 5) ? 1 : 0;
        if (!catalog_flag(result, (int)i, 2))
            findings_add(findings, m->arena, "privilege", m->sequences[i].name,
                         "role \"%s\" may not read sequence \"%s.%s\" (GRANT SELECT ON SEQUENCE)",
                         pg_value(result, (int)i, 3), m->sequences[i].schema, m->sequences[i].name);
    }
    m->sequence_count = count - m->unused_sequence_count;
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* Some at a time, as rows of VALUES: a UNION of as many is too deep for the server's stack. */
static enum larder_status read_sequences(struct pg *pg, struct manifest *m, size_t from, size_t to,
                                         struct larder_error *error)
{
    struct buffer sql = {0};
    PGresult *result = NULL;
    enum larder_status status;

    for (size_t i = from; i < to; i++) {
        buffer_printf(&sql, "%s(%zu, (SELECT is_called::text || ' ' || last_value FROM ",
                      i > from ? ", " : "VALUES ", i);
        sql_qualified(&sql, m->sequences[i].schema, m->sequences[i].name);
        buffer_puts(&sql, "))");
    }
    status = sql.failed ? larder_fail_memory(error)
                        : pg_query(pg, buffer_text(&sql), 0, NULL, &result, error);
    buffer_free(&sql);
    if (status == LARDER_OK)
        status = catalog_check_places(result, manifest_sequences(m), false, error);
    if (status != LARDER_OK) {
        PQclear(result);
        return larder_context(error, "could not read the sequences");
    }
    for (int row = 0; row < PQntuples(result); row++) {
        struct manifest_sequence *sequence = &m->sequences[catalog_number(result, row, 0)];
        const char *value = pg_value(result, row, 1);

        sequence->is_called = value[0] == 't';
        sequence->last_value = strtoll(value + strcspn(value, " "), NULL, 10);
    }
    PQclear(result);
    return LARDER_OK;
}

/*
 * Those that no table uses are nobody's business but their own: whatever holds them up is not waited for, and no lock on them is kept. That
 * some cannot be read (`*read`) is no failure.
 */
static enum larder_status try_sequences(struct pg *pg, struct manifest *m, size_t from, size_t to,
                                        bool *read, struct larder_error *error)
{
    struct larder_error why = {0};
    enum larder_status status =
        pg_exec(pg, "SAVEPOINT larder_sequences; SET LOCAL lock_timeout = '10ms'", error);

    *read = false;
    if (status != LARDER_OK)
        return status;
    status = read_sequences(pg, m, from, to, &why);
    *read = status == LARDER_OK;
    if (status != LARDER_OK && (status != LARDER_FAILED || pg_is_broken(pg))) {
        *error = why;
        return status;
    }
    return pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_sequences; RELEASE SAVEPOINT larder_sequences",
                   error);
}

/* Many at once, and of those one by one where that fails; the ones that were read close up. */
static enum larder_status read_unused(struct pg *pg, struct manifest *m, size_t *unread,
                                      struct larder_error *error)
{
    size_t count = manifest_sequences(m), kept = m->sequence_count, step;
    enum larder_status status = LARDER_OK;
    size_t alone = 0; /* up to there */

    for (size_t i = kept; status == LARDER_OK && i < count; i += step) {
        bool read;

        step = i < alone ? 1 : count - i < UNUSED_AT_ONCE ? count - i : UNUSED_AT_ONCE;
        status = try_sequences(pg, m, i, i + step, &read, error);
        if (read) {
            memmove(&m->sequences[kept], &m->sequences[i], step * sizeof(*m->sequences));
            kept += step;
        } else if (step > 1) {
            alone = i + step;
            step = 0;
        }
    }
    *unread = count - kept;
    m->unused_sequence_count = kept - m->sequence_count;
    return status;
}

enum larder_status catalog_read_sequences(struct pg *pg, struct manifest *m, size_t *unread,
                                          struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    *unread = 0;
    for (size_t i = 0; status == LARDER_OK && i < m->sequence_count; i += SEQUENCES_AT_ONCE)
        status = read_sequences(pg, m, i,
                                m->sequence_count - i < SEQUENCES_AT_ONCE ? m->sequence_count
                                                                          : i + SEQUENCES_AT_ONCE,
                                error);
    return status == LARDER_OK ? read_unused(pg, m, unread, error) : status;
}
