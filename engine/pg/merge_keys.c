#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/key_sql.h"
#include "engine/pg/merge.h"

#define COLLATION KEY_COLLATION("a", "p")

/* Whether index `i` is of a primary key by which rows can be matched: one WITHOUT OVERLAPS is none. */
#define IS_PRIMARY "i.indisprimary AND NOT i.indisexclusion"

/*
 * What the foreign keys that refer to a table from outside do, and for which of its rows (t): a table that is merged itself becomes
 * what the archive says, and so does a partitioned one whose partitions all are. Of a key that partitions have inherited, the topmost
 * with this table counts. A change is one of bytes, as for the server. In it a column's name alone is b's, or t's own where b lacks it;
 * what a generated column becomes is not known, so that any change counts. A change that a key forbids fails by itself.
 */
static const char actions_sql[] =
    "SELECT c.conrelid::pg_catalog.regclass, c.conname, e.action, e.changes, "
    "string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) c.%I%s', p.attname, s.nspname, o.oprname, a.attname, " COLLATION
    "), ' AND '), "
    "CASE WHEN NOT e.changes THEN pg_catalog.format('NOT EXISTS (SELECT FROM %s b WHERE %s)', $3::text, $4::text) "
    "ELSE pg_catalog.format('EXISTS (SELECT FROM %s b WHERE %s AND %s)', $3::text, $4::text, "
    "CASE WHEN pg_catalog.bool_or(p.attgenerated <> '') THEN $5::text "
    "ELSE pg_catalog.format('ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record', "
    "string_agg(pg_catalog.format('t.%I', p.attname), ', ' ORDER BY p.attnum), "
    "string_agg(pg_catalog.quote_ident(p.attname), ', ' ORDER BY p.attnum)) END) END, "
    "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.conrelid AND " IS_PRIMARY ") "
    "FROM pg_catalog.pg_constraint c "
    "CROSS JOIN LATERAL (VALUES (false, c.confdeltype), (true, c.confupdtype)) e (changes, action) "
    "CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) k (child_column, parent_column, operator) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child_column "
    "JOIN pg_catalog.pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = k.parent_column "
    "JOIN pg_catalog.pg_operator o ON o.oid = k.operator "
    "JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace "
    "WHERE c.contype = 'f' AND c.confrelid = $1::pg_catalog.regclass AND c.conrelid <> c.confrelid "
    "AND " KEY_IS_ENFORCED(
        "c") "AND NOT (e.changes AND e.action IN ('a', 'r')) "
             "AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint u WHERE u.oid = c.conparentid AND u.confrelid = c.confrelid) "
             "AND CASE WHEN (SELECT k.relkind FROM pg_catalog.pg_class k WHERE k.oid = c.conrelid) = 'p' THEN "
             "EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.conrelid) l WHERE l.isleaf AND l.relid::oid <> ALL ($2::oid[])) "
             "ELSE c.conrelid <> ALL ($2::oid[]) END "
             "GROUP BY c.oid, c.conname, c.conrelid, e.action, e.changes ORDER BY c.conname, c.oid, e.changes";

enum { CHILD, KEY, ACTION, CHANGES, REFERS, ROWS, HAS_PRIMARY_KEY };

static enum larder_status find_actions(struct pg *pg, const char *table,
                                       const struct merge_shape *shape, const uint32_t *merged,
                                       size_t count, PGresult **actions, struct larder_error *error)
{
    struct buffer array = {0};
    const char *values[] = {table, array_of_oids(&array, merged, count), shape->source,
                            shape->on_key, shape->differs};
    enum larder_status status = array.failed ? larder_fail_memory(error)
                                             : pg_query(pg, actions_sql, 5, values, actions, error);

    buffer_free(&array);
    return status;
}

static enum larder_status lock_rows(struct pg *pg, const char *table, const char *which,
                                    struct larder_error *error)
{
    struct buffer sql = {0};
    PGresult *result = NULL;
    enum larder_status status;

    buffer_printf(&sql,
                  "WITH locked AS (SELECT FROM ONLY %s t WHERE %s FOR UPDATE OF t) "
                  "SELECT pg_catalog.count(*) FROM locked",
                  table, which);
    status = sql.failed ? larder_fail_memory(error)
                        : pg_query(pg, buffer_text(&sql), 0, NULL, &result, error);
    PQclear(result);
    buffer_free(&sql);
    return status;
}

enum larder_status merge_lock_referenced(struct pg *pg, const char *table,
                                         const struct merge_shape *shape, const uint32_t *merged,
                                         size_t count, struct larder_error *error)
{
    PGresult *actions = NULL;
    enum larder_status status = find_actions(pg, table, shape, merged, count, &actions, error);

    for (int i = 0; status == LARDER_OK && i < PQntuples(actions); i++)
        status = lock_rows(pg, table, pg_value(actions, i, ROWS), error);
    PQclear(actions);
    return status;
}

static const char *effect_of(char action, bool changes)
{
    switch (action) {
    case 'c':
        return changes ? "would get other values in" : "would lose";
    case 'n':
        return "would get null in";
    case 'd':
        return "would get the default in";
    default:
        return "forbids it with";
    }
}

/* What one foreign key does to its table. */
static enum larder_status add_effect(struct pg *pg, const char *table, const PGresult *actions,
                                     int row, struct buffer *effects, bool *forbidden,
                                     struct larder_error *error)
{
    const char *child = pg_value(actions, row, CHILD);
    char action = pg_value(actions, row, ACTION)[0];
    bool forbids = action == 'a' || action == 'r';
    struct buffer sql = {0};
    char *rows = NULL;
    enum larder_status status;

    buffer_printf(&sql,
                  "SELECT pg_catalog.count(*) FROM %s c WHERE EXISTS (SELECT FROM ONLY %s t WHERE "
                  "%s AND %s)",
                  child, table, pg_value(actions, row, REFERS), pg_value(actions, row, ROWS));
    status = sql.failed ? larder_fail_memory(error)
                        : pg_query_value(pg, buffer_text(&sql), 0, NULL, &rows, error);
    if (status == LARDER_OK && strcmp(rows, "0") != 0) {
        buffer_printf(effects, "%s%s (foreign key \"%s\") %s %s row%s",
                      effects->length > 0 ? "; " : "", child, pg_value(actions, row, KEY),
                      effect_of(action, pg_value(actions, row, CHANGES)[0] == 't'), rows,
                      strcmp(rows, "1") == 0 ? "" : "s");
        if (!forbids && pg_value(actions, row, HAS_PRIMARY_KEY)[0] == 'f')
            buffer_puts(effects, ", and has no primary key to put them back by");
        *forbidden = *forbidden || forbids;
    }
    free(rows);
    buffer_free(&sql);
    return status;
}

enum larder_status merge_consequences(struct pg *pg, const char *table,
                                      const struct merge_shape *shape, const uint32_t *merged,
                                      size_t count, struct arena *arena, const char **effects,
                                      bool *forbidden, struct larder_error *error)
{
    struct buffer text = {0};
    PGresult *actions = NULL;
    enum larder_status status = find_actions(pg, table, shape, merged, count, &actions, error);

    *forbidden = false;
    for (int i = 0; status == LARDER_OK && i < PQntuples(actions); i++)
        status = add_effect(pg, table, actions, i, &text, forbidden, error);
    *effects = text.length > 0 ? arena_strdup(arena, buffer_text(&text)) : NULL;
    if (status == LARDER_OK && (text.failed || arena_failed(arena)))
        status = larder_fail_memory(error);
    PQclear(actions);
    buffer_free(&text);
    return status;
}

enum larder_status merge_passes_on(struct pg *pg, const uint32_t *oids, size_t count,
                                   const uint32_t *merged, size_t merged_count, bool *passes_on,
                                   struct larder_error *error)
{
    static const char sql[] =
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.confrelid = ANY ($1::oid[]) "
        "AND " KEY_IS_ENFORCED(
            "c") "AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd')) "
                 "AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = c.conindid AND i.indisprimary) "
                 "AND (c.conrelid = ANY ($2::oid[]) OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.conrelid) l "
                 "WHERE l.relid::oid = ANY ($2::oid[]))))";
    struct buffer arrays[2] = {{0}, {0}};
    const char *values[] = {array_of_oids(&arrays[0], oids, count),
                            array_of_oids(&arrays[1], merged, merged_count)};
    char *found = NULL;
    enum larder_status status = arrays[0].failed || arrays[1].failed
                                    ? larder_fail_memory(error)
                                    : pg_query_one(pg, sql, 2, values, &found, error);

    *passes_on = found != NULL && found[0] == 't';
    free(found);
    buffer_free(&arrays[0]);
    buffer_free(&arrays[1]);
    return status;
}

enum larder_status merge_reached(struct pg *pg, const uint32_t *oids, size_t count,
                                 struct arena *arena, const char ***names, bool **keyless,
                                 size_t *name_count, struct larder_error *error)
{
    static const char reached_sql[] =
        "WITH RECURSIVE r(oid) AS (SELECT unnest($1::oid[]) UNION SELECT c.conrelid FROM r "
        "JOIN pg_catalog.pg_constraint c ON c.confrelid = r.oid AND c.contype = 'f' "
        "AND " KEY_IS_ENFORCED(
            "c") "AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd'))) "
                 "SELECT pg_catalog.quote_ident(n.nspname) || '.\"' || pg_catalog.replace(c.relname, '\"', '\"\"') || '\"', "
                 "c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND " IS_PRIMARY
                 ") "
                 "FROM r JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid";
    struct buffer array = {0};
    const char *value = array_of_oids(&array, oids, count);
    PGresult *result = NULL;
    enum larder_status status = array.failed ? larder_fail_memory(error)
                                             : pg_query(pg, reached_sql, 1, &value, &result, error);

    *name_count = status == LARDER_OK ? (size_t)PQntuples(result) : 0;
    *names = arena_alloc(arena, *name_count, sizeof(**names));
    *keyless = arena_alloc(arena, *name_count, sizeof(**keyless));
    for (size_t i = 0; *names != NULL && *keyless != NULL && i < *name_count; i++) {
        (*names)[i] = arena_strdup(arena, pg_value(result, (int)i, 0));
        (*keyless)[i] = pg_value(result, (int)i, 1)[0] == 't';
    }
    PQclear(result);
    buffer_free(&array);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

enum larder_status merge_heirs(struct pg *pg, const char *const *names, size_t name_count,
                               struct arena *arena, const char ***heirs, size_t *heir_count,
                               struct larder_error *error)
{
    static const char sql[] =
        "WITH RECURSIVE named(oid) AS (SELECT u.name::pg_catalog.regclass::oid FROM unnest($1::text[]) AS u(name)), "
        "heirs(oid) AS (SELECT i.inhrelid FROM named JOIN pg_catalog.pg_class c USING (oid) "
        "JOIN pg_catalog.pg_inherits i ON i.inhparent = c.oid WHERE c.relkind = 'r' "
        "UNION SELECT i.inhrelid FROM heirs h JOIN pg_catalog.pg_inherits i ON i.inhparent = h.oid), "
        "kept(oid) AS (SELECT oid FROM named UNION SELECT i.inhparent FROM kept k JOIN pg_catalog.pg_inherits i ON i.inhrelid = k.oid) "
        "SELECT pg_catalog.quote_ident(n.nspname) || '.\"' || pg_catalog.replace(c.relname, '\"', '\"\"') || '\"' "
        "FROM heirs h JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE h.oid NOT IN (SELECT oid FROM kept) ORDER BY c.oid";
    struct buffer array = {0};
    PGresult *result = NULL;
    const char *value;
    enum larder_status status;

    for (size_t i = 0; i < name_count; i++)
        array_add(&array, names[i]);
    value = array_finish(&array);
    status =
        array.failed ? larder_fail_memory(error) : pg_query(pg, sql, 1, &value, &result, error);
    *heir_count = status == LARDER_OK ? (size_t)PQntuples(result) : 0;
    *heirs = arena_alloc(arena, *heir_count, sizeof(**heirs));
    for (size_t i = 0; *heirs != NULL && i < *heir_count; i++)
        (*heirs)[i] = arena_strdup(arena, pg_value(result, (int)i, 0));
    PQclear(result);
    buffer_free(&array);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}
