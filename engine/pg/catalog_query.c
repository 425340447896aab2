#include "engine/pg/catalog_query.h"

#include <stdlib.h>

#include "engine/pg/array.h"
#include "formats/buffer.h"

size_t catalog_number(const PGresult *result, int row, int column)
{
    return strtoull(PQgetvalue(result, row, column), NULL, 10);
}

uint32_t catalog_oid(const PGresult *result, int row, int column)
{
    return (uint32_t)catalog_number(result, row, column);
}

bool catalog_flag(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

const char *catalog_text(struct arena *arena, const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    return arena_strdup(arena, PQgetvalue(result, row, column));
}

enum larder_status catalog_query_oids(struct pg *pg, const char *sql, const uint32_t *oids,
                                      size_t count, PGresult **result, struct larder_error *error)
{
    struct buffer array = {0};
    const char *value;
    enum larder_status status;

    for (size_t i = 0; i < count; i++)
        array_add_number(&array, oids[i]);
    value = array_finish(&array);
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
