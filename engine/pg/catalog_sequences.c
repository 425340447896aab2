#include <stdlib.h>
#include <string.h>

#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

enum { SEQUENCES_AT_ONCE = 5000 };

/*
 * Those that tables own or take defaults from, and behind them what else lies in the tables' schemas and may be read: functions use it, of
 * which no catalog knows.
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
        "FROM pg_catalog.pg_attrdef f WHERE f.adrelid = t.oid))) "
        "SELECT n.nspname COLLATE \"C\", c.relname COLLATE \"C\", "
        "pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), current_user, c.oid, false AS unused "
        "FROM used u JOIN pg_catalog.pg_class c ON c.oid = u.oid AND c.relkind = 'S' "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "UNION ALL SELECT n.nspname, c.relname, true, current_user, c.oid, true "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'S' AND c.relpersistence = 'p' AND c.oid NOT IN (SELECT u.oid FROM used u) "
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

enum larder_status catalog_read_sequences(struct pg *pg, struct manifest *m,
                                          struct larder_error *error)
{
    size_t count = manifest_sequences(m);
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < count; i += SEQUENCES_AT_ONCE)
        status = read_sequences(
            pg, m, i, count - i < SEQUENCES_AT_ONCE ? count : i + SEQUENCES_AT_ONCE, error);
    return status;
}
