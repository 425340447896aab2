#include "engine/pg/catalog_query.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/session.h"
#include "formats/buffer.h"

size_t catalog_number(const PGresult *result, int row, int column)
{
    return strtoull(pg_value(result, row, column), NULL, 10);
}

uint32_t catalog_oid(const PGresult *result, int row, int column)
{
    return (uint32_t)catalog_number(result, row, column);
}

bool catalog_flag(const PGresult *result, int row, int column)
{
    return pg_value(result, row, column)[0] == 't';
}

const char *catalog_text(struct arena *arena, const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    return arena_strdup(arena, pg_value(result, row, column));
}

enum larder_status catalog_check_places(const PGresult *result, size_t count, bool once,
                                        struct larder_error *error)
{
    bool fits = !once || (size_t)PQntuples(result) <= count;

    for (int row = 0; fits && row < PQntuples(result); row++)
        fits = catalog_number(result, row, 0) < count;
    return fits ? LARDER_OK : pg_fail_answer(error);
}

#define INVALID_REGULAR_EXPRESSION "2201B"

enum larder_status catalog_query_oids(struct pg *pg, const char *sql, const uint32_t *oids,
                                      size_t count, PGresult **result, struct larder_error *error)
{
    struct buffer array = {0};
    const char *value = array_of_oids(&array, oids, count);
    enum larder_status status;

    status = array.failed ? larder_fail_memory(error) : pg_query(pg, sql, 1, &value, result, error);
    buffer_free(&array);
    return status;
}

enum larder_status catalog_query_tables(struct pg *pg, const char *sql, const struct manifest *m,
                                        PGresult **result, struct larder_error *error)
{
    uint32_t *oids = arena_alloc(m->arena, m->table_count, sizeof(*oids));

    if (oids == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->table_count; i++)
        oids[i] = m->tables[i].oid;
    return catalog_query_oids(pg, sql, oids, m->table_count, result, error);
}

/* The transaction is over anyway. */
static enum larder_status name_wrong_pattern(struct pg *pg, const struct pattern *patterns,
                                             size_t count, struct larder_error *error)
{
    session_rollback(pg);
    for (size_t i = 0; i < count; i++) {
        const char *values[] = {patterns[i].schema, patterns[i].name};
        PGresult *result = NULL;
        enum larder_status status =
            pg_query(pg, "SELECT '' OPERATOR(pg_catalog.~) $1, '' OPERATOR(pg_catalog.~) $2", 2,
                     values, &result, error);

        PQclear(result);
        if (status != LARDER_OK) {
            larder_context(error, "\"%s\" is no pattern", patterns[i].text);
            break;
        }
    }
    return LARDER_USAGE;
}

enum larder_status catalog_query_patterns(struct pg *pg, const char *sql,
                                          const struct pattern *patterns, const size_t *numbers,
                                          size_t count, PGresult **result,
                                          struct larder_error *error)
{
    enum { COLUMNS = 6 };
    struct buffer arrays[COLUMNS] = {0};
    const char *values[COLUMNS];
    bool failed = false;
    enum larder_status status;

    for (size_t i = 0; i < count; i++) {
        const struct pattern *p = &patterns[i];

        array_add_number(&arrays[0], numbers[i]);
        array_add(&arrays[1], p->any ? p->schema : p->schema_name);
        array_add(&arrays[2], p->any ? p->name : p->table_name);
        array_add(&arrays[3], p->any_schema ? "t" : "f");
        array_add(&arrays[4], p->any ? "t" : "f");
        array_add(&arrays[5], p->leave_out ? "t" : "f");
    }
    for (int i = 0; i < COLUMNS; i++) {
        values[i] = array_finish(&arrays[i]);
        failed = failed || arrays[i].failed;
    }
    status = failed ? larder_fail_memory(error) : pg_query(pg, sql, COLUMNS, values, result, error);
    for (int i = 0; i < COLUMNS; i++)
        buffer_free(&arrays[i]);
    if (status == LARDER_FAILED && strcmp(pg_sqlstate(pg), INVALID_REGULAR_EXPRESSION) == 0)
        status = name_wrong_pattern(pg, patterns, count, error);
    return status;
}
