#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/merge.h"

static const char access_sql[] =
    "SELECT c.oid, c.relkind, pg_catalog.pg_get_userbyid(c.relowner), current_user, "
    "pg_catalog.pg_has_role(c.relowner, 'USAGE'), "
    "c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid), "
    "EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid), "
    "EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled <> 'D' AND "
    "(NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0))), "
    "EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity = 'a' AND "
    "NOT a.attisdropped AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary "
    "AND a.attnum = ANY (i.indkey::smallint[]))), "
    "pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.has_table_privilege(c.oid, 'INSERT'), "
    "pg_catalog.has_table_privilege(c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(c.oid, 'DELETE'), "
    "pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') "
    "FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)";

enum larder_status merge_access(struct pg *pg, const char *table, struct arena *arena,
                                struct merge_access *access, bool *found,
                                struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status = pg_query(pg, access_sql, 1, &table, &result, error);

    *found = status == LARDER_OK && PQntuples(result) == 1;
    if (*found) {
#define IS(column) (pg_value(result, 0, column)[0] == 't')
        *access = (struct merge_access){
            .oid = (uint32_t)strtoul(pg_value(result, 0, 0), NULL, 10),
            .kind = pg_value(result, 0, 1)[0],
            .owner = arena_strdup(arena, pg_value(result, 0, 2)),
            .role = arena_strdup(arena, pg_value(result, 0, 3)),
            .owns = IS(4),
            .is_limited = IS(5),
            .has_rules = IS(6),
            .has_triggers = IS(7),
            .has_identity = IS(8),
            .may_select = IS(9),
            .may_insert = IS(10),
            .may_change = IS(11),
            .may_lock = IS(12),
        };
#undef IS
    }
    PQclear(result);
    return status;
}

/*
 * As backups._merge_parts() has it. A key's column is assigned, too, since keys that are equal may differ in their bytes; one that
 * is GENERATED ALWAYS cannot be.
 */
static const char shape_sql[] =
    "WITH x AS (SELECT $1::pg_catalog.regclass::oid AS target, $2::pg_catalog.regclass::oid AS staged), "
    "k AS (SELECT a.attnum, a.attname, n.nspname, o.oprname, k.position, b.attname IS NULL AS lacks "
    "  FROM x JOIN pg_catalog.pg_index i ON i.indrelid = x.target AND i.indisprimary "
    "  CROSS JOIN LATERAL unnest(i.indkey::smallint[], i.indclass::oid[]) WITH ORDINALITY k (attnum, opclass, position) "
    "  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
    "  JOIN pg_catalog.pg_opclass c ON c.oid = k.opclass "
    "  JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree' "
    "  JOIN pg_catalog.pg_amop s ON s.amopfamily = c.opcfamily AND s.amopstrategy = 3 "
    "    AND s.amoplefttype = c.opcintype AND s.amoprighttype = c.opcintype "
    "  JOIN pg_catalog.pg_operator o ON o.oid = s.amopopr "
    "  JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace "
    "  LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = x.staged AND b.attname = a.attname AND b.attnum > 0 "
    "  WHERE k.position <= i.indnkeyatts), "
    "tc AS (SELECT a.* FROM x JOIN pg_catalog.pg_attribute a ON a.attrelid = x.target AND a.attnum > 0 AND NOT a.attisdropped), "
    "bc AS (SELECT a.* FROM x JOIN pg_catalog.pg_attribute a ON a.attrelid = x.staged AND a.attnum > 0 AND NOT a.attisdropped), "
    "c AS (SELECT t.attname, t.attnum, t.attidentity = 'a' AND EXISTS (SELECT FROM k WHERE k.attnum = t.attnum) AS fixed, "
    "  (t.atttypid, t.atttypmod) = (b.atttypid, b.atttypmod) AS same, "
    "  pg_catalog.format_type(t.atttypid, t.atttypmod) AS is_type, pg_catalog.format_type(b.atttypid, b.atttypmod) AS was_type, "
    "  tt.typcategory = bt.typcategory AND tt.typcategory IN ('N', 'S', 'D', 'T') AS may_lose "
    "  FROM tc t JOIN bc b USING (attname) JOIN pg_catalog.pg_type tt ON tt.oid = t.atttypid "
    "  JOIN pg_catalog.pg_type bt ON bt.oid = b.atttypid WHERE t.attgenerated = '') "
    "SELECT (SELECT target FROM x), "
    "(SELECT string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) b.%I', attname, nspname, oprname, attname), ' AND ' ORDER BY position) FROM k), "
    "(SELECT string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY position) FROM k WHERE lacks), "
    "(SELECT '(SELECT ' || string_agg(CASE WHEN same THEN pg_catalog.format('x.%I', attname) "
    "  ELSE pg_catalog.format('CAST(x.%I AS %s) AS %I', attname, is_type, attname) END, ', ' ORDER BY attnum) || "
    "  ', true AS " MERGE_IS_THERE " FROM ' || $2 || ' x)' FROM c), "
    "(SELECT pg_catalog.format('ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record', "
    "  string_agg(pg_catalog.format('t.%I', attname), ', ' ORDER BY attnum), "
    "  string_agg(pg_catalog.format('b.%I', attname), ', ' ORDER BY attnum)) FROM c), "
    "(SELECT string_agg(pg_catalog.format('%I = b.%I', attname, attname), ', ' ORDER BY attnum) FROM c WHERE NOT fixed), "
    "(SELECT string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum) FROM c), "
    "(SELECT 'pg_catalog.concat_ws('', '', ' || string_agg(pg_catalog.format('coalesce(t.%I, b.%I)', attname, attname), ', ' "
    "  ORDER BY position) || ')' FROM k), "
    /* Numbers, texts and times whose type changed must come back as they were: a cast rounds and cuts in silence. */
    "(SELECT string_agg(pg_catalog.format('ROW(CAST(CAST(x.%I AS %s) AS %s))::record OPERATOR(pg_catalog.*<>) ROW(x.%I)::record', "
    "  attname, is_type, was_type, attname), ' OR ') FROM c WHERE NOT same AND may_lose), "
    "ARRAY(SELECT b.attname::text FROM bc b WHERE NOT EXISTS (SELECT FROM c WHERE c.attname = b.attname) ORDER BY b.attnum), "
    "ARRAY(SELECT t.attname::text FROM tc t WHERE t.attgenerated = '' AND NOT EXISTS "
    "  (SELECT FROM c WHERE c.attname = t.attname) ORDER BY t.attnum), "
    "ARRAY(SELECT t.attname::text FROM tc t WHERE t.attgenerated = '' AND t.attnotnull AND NOT t.atthasdef AND t.attidentity = '' "
    "  AND NOT EXISTS (SELECT FROM c WHERE c.attname = t.attname) ORDER BY t.attnum), "
    "ARRAY(SELECT pg_catalog.format('%I (was %s, is %s)', attname, was_type, is_type) FROM c WHERE NOT same ORDER BY attnum)";

enum larder_status merge_shape(struct pg *pg, const char *table, const char *staged,
                               struct arena *arena, struct merge_shape *shape,
                               struct larder_error *error)
{
    const char *values[] = {table, staged};
    PGresult *result = NULL;
    enum larder_status status = pg_query(pg, shape_sql, 2, values, &result, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not compare the columns of %s", table);
#define TEXT(column)                                                                               \
    (PQgetisnull(result, 0, column) ? NULL : arena_strdup(arena, pg_value(result, 0, column)))
    *shape = (struct merge_shape){
        .oid = (uint32_t)strtoul(pg_value(result, 0, 0), NULL, 10),
        .on_key = TEXT(1),
        .missing_keys = TEXT(2),
        .source = TEXT(3),
        .differs = TEXT(4),
        .assignments = TEXT(5),
        .columns = TEXT(6),
        .key = TEXT(7),
        .lossy = TEXT(8),
    };
#undef TEXT
    shape->dropped = array_split(arena, pg_value(result, 0, 9), &shape->dropped_count);
    shape->added = array_split(arena, pg_value(result, 0, 10), &shape->added_count);
    shape->required = array_split(arena, pg_value(result, 0, 11), &shape->required_count);
    shape->retyped = array_split(arena, pg_value(result, 0, 12), &shape->retyped_count);
    PQclear(result);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
