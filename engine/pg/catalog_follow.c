#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"
#include "engine/pg/key_sql.h"
#include "formats/sql_text.h"

/*
 * Rows of tables that are not exported themselves, and that foreign keys refer to. $1 are the exported tables, in the second query $2
 * those that are followed.
 */

#define COLLATION KEY_COLLATION("a", "b")

/* From this version on the server can tell rows apart by their places, ctid, while it follows them in a circle. */
enum { TID_CAN_BE_HASHED = 140000 };

/*
 * Without what PostgreSQL adds for each partition of a table that is referred to. Those that partitions have inherited stay: the
 * rows are theirs.
 */
#define FOREIGN_KEYS                                                                               \
    "pg_catalog.pg_constraint k WHERE k.contype = 'f' AND NOT EXISTS ("                            \
    "SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid "                          \
    "AND p.conrelid = k.conrelid) "

/* Those of exported tables that have rows of their own: a partitioned table's stand at its partitions, too. */
#define KEYS_OF_EXPORTED                                                                           \
    FOREIGN_KEYS "AND k.conrelid = ANY ($1::oid[]) AND k.confrelid <> ALL ($1::oid[]) "            \
                 "AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = k.conrelid "     \
                 "AND c.relkind = 'p') "

enum larder_status catalog_follow(struct pg *pg, bool rows, struct arena *arena,
                                  struct catalog_tables *tables, struct larder_error *error)
{
    static const char keys_sql[] =
        "SELECT DISTINCT k.confrelid FROM " KEYS_OF_EXPORTED "ORDER BY 1";
    static const char rows_sql[] =
        "WITH RECURSIVE f(oid) AS (SELECT k.confrelid FROM " KEYS_OF_EXPORTED
        "UNION SELECT k.confrelid FROM f JOIN (SELECT k.* FROM " FOREIGN_KEYS
        ") AS k ON k.conrelid = f.oid WHERE k.confrelid <> ALL ($1::oid[])) "
        "SELECT oid FROM f ORDER BY 1";
    PGresult *result = NULL;
    uint32_t *oids, *named;
    enum larder_status status = catalog_query_oids(pg, rows ? rows_sql : keys_sql, tables->oids,
                                                   tables->count, &result, error);

    if (status != LARDER_OK)
        return larder_context(error, "could not follow the foreign keys");
    tables->followed = (size_t)PQntuples(result);
    oids = arena_alloc(arena, tables->count + tables->followed, sizeof(*oids));
    named = arena_alloc(arena, tables->count + tables->followed, sizeof(*named));
    for (size_t i = 0; named != NULL && i < tables->count; i++) {
        oids[i] = tables->oids[i];
        named[i] = tables->named[i];
    }
    for (size_t i = 0; named != NULL && i < tables->followed; i++)
        oids[tables->count + i] = catalog_oid(result, (int)i, 0);
    PQclear(result);
    tables->oids = oids;
    tables->named = named;
    tables->count += tables->followed;
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* One foreign key, from `s` to `r`. */
struct followed_key {
    uint32_t from, to;
    const char *source, *condition;
    const char **columns; /* of the table that is referred to */
    size_t column_count;
};

struct followed_keys {
    struct followed_key *items;
    size_t count;
};

static void put_oids(struct buffer *array, const struct manifest *m, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        array_add_number(array, m->tables[i].oid);
}

/* The operators are those of the keys: that of a type of an extension is found by no path. */
static enum larder_status read_keys(struct pg *pg, const struct manifest *m,
                                    struct followed_keys *keys, struct larder_error *error)
{
    static const char sql[] =
        "SELECT k.conrelid, k.confrelid, CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END "
        "|| pg_catalog.format('%I.%I', n.nspname, c.relname), "
        "(SELECT string_agg(pg_catalog.format('r.%I OPERATOR(%I.%s) s.%I%s', b.attname, "
        "x.nspname, o.oprname, a.attname, " COLLATION "), ' AND ' ORDER BY u.i) "
        "FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u(own, other, op, i) "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own "
        "JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.other "
        "JOIN pg_catalog.pg_operator o ON o.oid = u.op "
        "JOIN pg_catalog.pg_namespace x ON x.oid = o.oprnamespace), "
        "ARRAY(SELECT b.attname::text FROM unnest(k.confkey) AS u(num) "
        "JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.num) "
        "FROM (SELECT k.* FROM " FOREIGN_KEYS ") AS k "
        "JOIN pg_catalog.pg_class c ON c.oid = k.conrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE k.conrelid = ANY ($1::oid[] || $2::oid[]) AND k.confrelid = ANY ($2::oid[]) "
        "AND NOT (c.relkind = 'p' AND k.conrelid = ANY ($1::oid[])) ORDER BY k.oid";
    struct buffer exported = {0}, followed = {0};
    PGresult *result = NULL;
    const char *values[2];
    enum larder_status status;

    put_oids(&exported, m, 0, m->table_count);
    put_oids(&followed, m, m->table_count, manifest_stored(m));
    values[0] = array_finish(&exported);
    values[1] = array_finish(&followed);
    status = exported.failed || followed.failed ? larder_fail_memory(error)
                                                : pg_query(pg, sql, 2, values, &result, error);
    buffer_free(&exported);
    buffer_free(&followed);
    if (status != LARDER_OK)
        return status;
    keys->count = (size_t)PQntuples(result);
    keys->items = arena_alloc(m->arena, keys->count, sizeof(*keys->items));
    for (int i = 0; keys->items != NULL && i < (int)keys->count; i++) {
        struct followed_key *key = &keys->items[i];

        key->from = catalog_oid(result, i, 0);
        key->to = catalog_oid(result, i, 1);
        key->source = catalog_text(m->arena, result, i, 2);
        key->condition = catalog_text(m->arena, result, i, 3);
        key->columns = array_split(m->arena, pg_value(result, i, 4), &key->column_count);
    }
    PQclear(result);
    return arena_failed(m->arena) ? larder_fail_memory(error) : LARDER_OK;
}

static const struct manifest_table *find_stored(const struct manifest *m, uint32_t oid)
{
    for (size_t i = m->table_count; i < manifest_stored(m); i++)
        if (m->tables[i].oid == oid)
            return &m->tables[i];
    return NULL;
}

static void put_table(struct buffer *sql, const struct manifest_table *table)
{
    buffer_puts(sql, manifest_has_rows(table) ? "ONLY " : "");
    sql_qualified(sql, table->schema, table->name);
}

/* The places of rows that keys refer to: those from exported tables (`seeds`), or those from rows that were reached before. */
static void put_reached(struct buffer *sql, const struct manifest *m,
                        const struct followed_keys *keys, uint32_t only_to, bool seeds,
                        bool as_text)
{
    const char *before = "";

    for (size_t i = 0; i < keys->count; i++) {
        const struct followed_key *key = &keys->items[i];

        if ((find_stored(m, key->from) == NULL) != seeds || (only_to != 0 && key->to != only_to))
            continue;
        buffer_printf(sql, "%sSELECT %sr.tableoid, r.ctid%s FROM %s s JOIN ", before,
                      seeds ? "DISTINCT " : "", as_text ? "::text" : "", key->source);
        put_table(sql, find_stored(m, key->to));
        buffer_printf(sql, " r ON %s", key->condition);
        if (!seeds)
            buffer_printf(sql, " WHERE s.tableoid = p.relid AND s.ctid = p.place%s",
                          as_text ? "::tid" : "");
        before = seeds ? " UNION " : " UNION ALL ";
    }
}

static bool refers_on(const struct manifest *m, const struct followed_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (find_stored(m, keys->items[i].from) != NULL)
            return true;
    return false;
}

/* Each row once: by its table's OID and its place in it, which stay the same for the snapshot. */
static const char *query_of(const struct manifest *m, const struct manifest_table *table,
                            const struct followed_keys *keys, bool rows, bool as_text)
{
    struct buffer sql = {0};
    const char *before = "";

    buffer_puts(&sql, "WITH RECURSIVE reached(relid, place) AS ((");
    put_reached(&sql, m, keys, rows ? 0 : table->oid, true, as_text);
    buffer_puts(&sql, ")");
    if (rows && refers_on(m, keys)) {
        buffer_puts(&sql, " UNION SELECT e.* FROM reached p CROSS JOIN LATERAL (");
        put_reached(&sql, m, keys, 0, false, as_text);
        buffer_puts(&sql, ") AS e");
    }
    buffer_puts(&sql, ") SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated)
            continue;
        buffer_printf(&sql, "%sr.", before);
        sql_identifier(&sql, table->columns[i].name);
        before = ", ";
    }
    buffer_puts(&sql, " FROM reached p JOIN ");
    put_table(&sql, table);
    buffer_printf(&sql, " r ON r.tableoid = p.relid AND r.ctid = p.place%s",
                  as_text ? "::tid" : "");
    return arena_take(m->arena, &sql);
}

static bool is_key(const struct followed_keys *keys, const struct manifest_table *table,
                   const char *column)
{
    for (size_t i = 0; i < keys->count; i++)
        for (size_t j = 0; keys->items[i].to == table->oid && j < keys->items[i].column_count; j++)
            if (strcmp(keys->items[i].columns[j], column) == 0)
                return true;
    return false;
}

/* What is not kept of a table whose keys alone are. */
static void keep_keys(const struct followed_keys *keys, struct manifest_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->column_count; i++)
        if (is_key(keys, table, table->columns[i].name)) {
            table->columns[kept] = table->columns[i];
            /* A stand-in, or a table where it is missing, takes it as any other value. */
            table->columns[kept++].generated = false;
        }
    table->column_count = kept;
    table->reference_count = 0;
}

enum larder_status catalog_follow_rows(struct pg *pg, bool rows, struct manifest *m,
                                       struct catalog_table *extra, struct larder_error *error)
{
    struct followed_keys keys = {0};
    bool as_text = pg_server_version(pg) < TID_CAN_BE_HASHED;
    enum larder_status status = read_keys(pg, m, &keys, error);

    for (size_t i = m->table_count; status == LARDER_OK && i < manifest_stored(m); i++) {
        struct manifest_table *table = &m->tables[i];

        table->only = rows ? "rows" : "keys";
        table->copy_format = COPY_TEXT;
        table->parent_schema = table->parent_name = NULL;
        table->object_count = 0;
        if (!rows)
            keep_keys(&keys, table);
        extra[i].has_rows = true;
        extra[i].query = query_of(m, table, &keys, rows, as_text);
    }
    if (status == LARDER_OK && arena_failed(m->arena))
        status = larder_fail_memory(error);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not follow the foreign keys");
}
