#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/merge.h"

/*
 * The foreign keys that refer to a table from outside: a table that is merged itself becomes what the archive says, and so does a
 * partitioned one whose partitions all are. Of a key that partitions have inherited, the topmost with this table counts.
 */
static const char foreign_keys_sql[] =
    "SELECT c.conrelid::pg_catalog.regclass, c.conname, c.confdeltype, "
    "string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) c.%I', p.attname, s.nspname, o.oprname, a.attname), ' AND ') "
    "FROM pg_catalog.pg_constraint c "
    "CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) k (child_column, parent_column, operator) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child_column "
    "JOIN pg_catalog.pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = k.parent_column "
    "JOIN pg_catalog.pg_operator o ON o.oid = k.operator "
    "JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace "
    "WHERE c.contype = 'f' AND c.confrelid = $1::pg_catalog.regclass AND c.conrelid <> c.confrelid "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint u WHERE u.oid = c.conparentid AND u.confrelid = c.confrelid) "
    "AND CASE WHEN (SELECT k.relkind FROM pg_catalog.pg_class k WHERE k.oid = c.conrelid) = 'p' THEN "
    "EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.conrelid) l WHERE l.isleaf AND l.relid::oid <> ALL ($2::oid[])) "
    "ELSE c.conrelid <> ALL ($2::oid[]) END "
    "GROUP BY c.oid, c.conname, c.conrelid, c.confdeltype ORDER BY c.conname";

static const char *effect_of(char action)
{
    switch (action) {
    case 'c':
        return "would lose";
    case 'n':
        return "would get null in";
    case 'd':
        return "would get the default in";
    default:
        return "forbids it with";
    }
}

/* What one foreign key does to its table. */
static enum larder_status add_effect(struct pg *pg, const char *table,
                                     const struct merge_shape *shape, const PGresult *keys, int row,
                                     struct buffer *effects, bool *forbidden,
                                     struct larder_error *error)
{
    const char *child = pg_value(keys, row, 0);
    char action = pg_value(keys, row, 2)[0];
    struct buffer sql = {0};
    char *rows = NULL;
    enum larder_status status;

    buffer_printf(&sql,
                  "SELECT pg_catalog.count(*) FROM %s c WHERE EXISTS (SELECT FROM ONLY %s t WHERE "
                  "%s AND NOT EXISTS (SELECT FROM %s b WHERE %s))",
                  child, table, pg_value(keys, row, 3), shape->source, shape->on_key);
    status = sql.failed ? larder_fail_memory(error)
                        : pg_query_value(pg, buffer_text(&sql), 0, NULL, &rows, error);
    if (status == LARDER_OK && strcmp(rows, "0") != 0) {
        buffer_printf(effects, "%s%s (foreign key \"%s\") %s %s rows",
                      effects->length > 0 ? "; " : "", child, pg_value(keys, row, 1),
                      effect_of(action), rows);
        *forbidden = *forbidden || action == 'a' || action == 'r';
    }
    free(rows);
    buffer_free(&sql);
    return status;
}

static const char *oid_array(struct buffer *array, const uint32_t *oids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        array_add_number(array, oids[i]);
    return array_finish(array);
}

enum larder_status merge_consequences(struct pg *pg, const char *table,
                                      const struct merge_shape *shape, const uint32_t *merged,
                                      size_t count, struct arena *arena, const char **effects,
                                      bool *forbidden, struct larder_error *error)
{
    struct buffer array = {0}, text = {0};
    const char *values[] = {table, oid_array(&array, merged, count)};
    PGresult *keys = NULL;
    enum larder_status status = array.failed
                                    ? larder_fail_memory(error)
                                    : pg_query(pg, foreign_keys_sql, 2, values, &keys, error);

    *forbidden = false;
    for (int i = 0; status == LARDER_OK && i < PQntuples(keys); i++)
        status = add_effect(pg, table, shape, keys, i, &text, forbidden, error);
    *effects = text.length > 0 ? arena_strdup(arena, buffer_text(&text)) : NULL;
    if (status == LARDER_OK && (text.failed || arena_failed(arena)))
        status = larder_fail_memory(error);
    PQclear(keys);
    buffer_free(&array);
    buffer_free(&text);
    return status;
}

enum larder_status merge_reached(struct pg *pg, const uint32_t *oids, size_t count,
                                 struct arena *arena, const char ***names, size_t *name_count,
                                 struct larder_error *error)
{
    static const char reached_sql[] =
        "WITH RECURSIVE r(oid) AS (SELECT unnest($1::oid[]) UNION SELECT c.conrelid FROM r "
        "JOIN pg_catalog.pg_constraint c ON c.confrelid = r.oid AND c.contype = 'f' AND c.confdeltype IN ('c', 'n', 'd')) "
        "SELECT pg_catalog.quote_ident(n.nspname) || '.\"' || pg_catalog.replace(c.relname, '\"', '\"\"') || '\"' "
        "FROM r JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid";
    struct buffer array = {0};
    const char *value = oid_array(&array, oids, count);
    PGresult *result = NULL;
    enum larder_status status = array.failed ? larder_fail_memory(error)
                                             : pg_query(pg, reached_sql, 1, &value, &result, error);

    *name_count = status == LARDER_OK ? (size_t)PQntuples(result) : 0;
    *names = arena_alloc(arena, *name_count, sizeof(**names));
    for (size_t i = 0; *names != NULL && i < *name_count; i++)
        (*names)[i] = arena_strdup(arena, pg_value(result, (int)i, 0));
    PQclear(result);
    buffer_free(&array);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}
