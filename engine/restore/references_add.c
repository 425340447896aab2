#include <stdlib.h>
#include <string.h>

#include "engine/pg/key_sql.h"
#include "engine/pg/session.h"
#include "engine/restore/references_parts.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

#define COLLATION KEY_COLLATION("a", "b")

/*
 * The archived rows go into temporary tables first. There those are dropped that the target has, what restored rows need is marked,
 * and what that needs in turn; the rest is dropped, too. What is left goes in by one statement.
 */

/* The column that marks what is needed; no column of an archive is named so. */
#define NEEDED "larder needs this row"

/*
 * The type that a column has in the target, in the arena, NULL where it has none; and how its values are compared, as indexes do it: the
 * operator of an extension's type is found by no path, and that of a type that it can be read as may be another one.
 */
static enum larder_status ask_column(struct keeping *k, struct kept *item, size_t number,
                                     const char **type, struct larder_error *error)
{
    static const char sql[] =
        "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), "
        "(SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM pg_catalog.pg_opclass c "
        "JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree' "
        "JOIN pg_catalog.pg_amop p ON p.amopfamily = c.opcfamily AND p.amopstrategy = 3 "
        "AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype "
        "JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace "
        "WHERE c.opcdefault AND c.opcintype = (WITH RECURSIVE b(oid) AS (SELECT a.atttypid UNION ALL SELECT t.typbasetype "
        "FROM b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype = 'd') SELECT b.oid FROM b "
        "JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd')) "
        "FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attname = $2 AND a.attnum > 0 "
        "AND NOT a.attisdropped AND a.attgenerated = ''";
    const char *values[] = {item->target, item->table->columns[number].name};
    struct arena *arena = k->restore->arena;
    PGresult *result = NULL;
    enum larder_status status = pg_query(k->pg, sql, 2, values, &result, error);

    item->equal[number] = "OPERATOR(pg_catalog.=)";
    if (status == LARDER_OK && PQntuples(result) > 0) {
        *type = arena_strdup(arena, pg_value(result, 0, 0));
        if (!PQgetisnull(result, 0, 1))
            item->equal[number] = arena_strdup(arena, pg_value(result, 0, 1));
    }
    PQclear(result);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

/* With the target's own types, so that what changed since is converted as any text is; what the target lacks is loaded, and left. */
static enum larder_status make_stage(struct keeping *k, struct kept *item,
                                     struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status = LARDER_OK;

    item->equal = arena_alloc(k->restore->arena, item->table->column_count, sizeof(*item->equal));
    if (item->equal == NULL)
        return larder_fail_memory(error);
    buffer_printf(&sql, "CREATE TEMPORARY TABLE %s (", item->stage);
    for (size_t i = 0; status == LARDER_OK && i < item->table->column_count; i++) {
        const struct manifest_column *column = &item->table->columns[i];
        const char *type = NULL;

        if (column->generated)
            continue;
        status = ask_column(k, item, i, &type, error);
        sql_identifier(&sql, column->name);
        buffer_printf(&sql, " %s, ", type == NULL ? "text" : type);
        if (type != NULL) {
            buffer_puts(&item->columns, item->columns.length > 0 ? ", " : "");
            sql_identifier(&item->columns, column->name);
        }
    }
    buffer_puts(&sql, "\"" NEEDED "\" boolean DEFAULT false) ON COMMIT DROP");
    if (status == LARDER_OK)
        status = sql.failed || item->columns.failed ? larder_fail_memory(error)
                                                    : pg_exec(k->pg, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

static enum larder_status load_stages(struct keeping *k, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < k->count; i++) {
        struct kept *item = &k->items[i];
        struct larder_error why = {0};
        bool analyzed;

        if (!item->used)
            continue;
        status = make_stage(k, item, error);
        if (status == LARDER_OK)
            status = stage_load(k->restore, k->pg, item->table, &item->staged, error);
        if (status == LARDER_OK)
            status = session_try(k->pg, arena_printf(k->restore->arena, "ANALYZE %s", item->stage),
                                 &analyzed, &why, error);
    }
    return status;
}

static const char *equality(const struct kept *item, const char *column)
{
    for (size_t i = 0; i < item->table->column_count; i++)
        if (strcmp(item->table->columns[i].name, column) == 0 && item->equal[i] != NULL)
            return item->equal[i];
    return "OPERATOR(pg_catalog.=)";
}

/* "t.k = s.a AND ...", of the row `t` of `item` that is referred to. */
static void put_match(struct buffer *sql, const struct kept *item,
                      const struct manifest_reference *reference, const char **columns)
{
    for (size_t i = 0; i < reference->column_count; i++) {
        buffer_puts(sql, i == 0 ? "t." : " AND t.");
        sql_identifier(sql, reference->referenced_columns[i]);
        buffer_printf(sql, " %s s.",
                      reference->period && i == reference->column_count - 1
                          ? "OPERATOR(pg_catalog.&&)"
                          : equality(item, reference->referenced_columns[i]));
        sql_identifier(sql, columns[i]);
    }
}

static enum larder_status count_changes(struct keeping *k, struct buffer *sql, uint64_t *count,
                                        struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status = sql->failed
                                    ? larder_fail_memory(error)
                                    : pg_query(k->pg, buffer_text(sql), 0, NULL, &result, error);

    if (status == LARDER_OK)
        *count += strtoull(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    sql->length = 0;
    return status;
}

struct marking {
    struct keeping *keeping;
    const struct kept *item;
    bool by_kept; /* by rows that are kept, or by restored ones */
    uint64_t marked;
    enum larder_status status;
    struct larder_error *error;
};

/* One foreign key at a time, which the server can do as a join; all of them at once it cannot. */
static void mark_by(void *arg, const char *source, bool kept,
                    const struct manifest_reference *reference)
{
    struct marking *marking = arg;
    struct buffer sql = {0};

    if (marking->status != LARDER_OK || kept != marking->by_kept)
        return;
    buffer_printf(&sql,
                  "UPDATE %s t SET \"" NEEDED "\" = true WHERE NOT t.\"" NEEDED
                  "\" AND EXISTS (SELECT FROM %s s WHERE %s",
                  marking->item->stage, source, kept ? "s.\"" NEEDED "\" AND " : "");
    put_match(&sql, marking->item, reference, reference->columns);
    buffer_puts(&sql, ")");
    marking->status = count_changes(marking->keeping, &sql, &marking->marked, marking->error);
    buffer_free(&sql);
}

static enum larder_status mark_all(struct keeping *k, bool by_kept, uint64_t *marked,
                                   struct larder_error *error)
{
    struct marking marking = {
        .keeping = k, .by_kept = by_kept, .status = LARDER_OK, .error = error};

    for (size_t i = 0; marking.status == LARDER_OK && i < k->count; i++) {
        marking.item = &k->items[i];
        if (k->items[i].used)
            keeping_each_edge(k, &k->items[i], mark_by, &marking);
    }
    *marked = marking.marked;
    return marking.status;
}

/* What the restored rows refer to, and what that refers to, until there is no more. */
static enum larder_status mark_needed(struct keeping *k, struct larder_error *error)
{
    uint64_t marked = 0;
    enum larder_status status = mark_all(k, false, &marked, error);

    while (status == LARDER_OK && marked > 0)
        status = mark_all(k, true, &marked, error);
    return status;
}

struct presence {
    struct buffer *sql;
    const struct kept *item;
};

static void put_presence(void *arg, const char *source, bool kept,
                         const struct manifest_reference *reference)
{
    struct presence *presence = arg;

    (void)source;
    (void)kept;
    buffer_printf(presence->sql, " AND EXISTS (SELECT FROM %s s WHERE ", presence->item->target);
    put_match(presence->sql, presence->item, reference, reference->referenced_columns);
    buffer_puts(presence->sql, ")");
}

/* A row that is there stays as it is, and so needs nothing of what the archived one referred to. */
static enum larder_status drop_present(struct keeping *k, struct larder_error *error)
{
    struct buffer sql = {0};
    uint64_t dropped = 0;
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < k->count; i++) {
        struct presence presence = {&sql, &k->items[i]};

        if (!k->items[i].used || k->items[i].made)
            continue;
        buffer_printf(&sql, "DELETE FROM %s t WHERE true", k->items[i].stage);
        keeping_each_edge(k, &k->items[i], put_presence, &presence);
        status = count_changes(k, &sql, &dropped, error);
    }
    buffer_free(&sql);
    return status;
}

/* Where nothing is missing, no right to add anything is needed. */
static enum larder_status drop_others(struct keeping *k, bool *any, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < k->count; i++) {
        struct kept *item = &k->items[i];
        uint64_t dropped = 0, left = 0;

        if (!item->used)
            continue;
        buffer_printf(&sql, "DELETE FROM %s t WHERE NOT t.\"" NEEDED "\"", item->stage);
        status = count_changes(k, &sql, &dropped, error);
        buffer_printf(&sql, "SELECT FROM %s LIMIT 1", item->stage);
        if (status == LARDER_OK)
            status = count_changes(k, &sql, &left, error);
        item->missing = left > 0;
        *any = *any || item->missing;
    }
    buffer_free(&sql);
    return status;
}

/* All in one statement, at whose end foreign keys among them are checked. */
static enum larder_status insert(struct keeping *k, struct larder_error *error)
{
    struct buffer sql = {0}, counts = {0};
    PGresult *result = NULL;
    int column = 0;
    enum larder_status status;

    for (size_t i = 0; i < k->count; i++) {
        struct kept *item = &k->items[i];

        if (!item->missing)
            continue;
        buffer_printf(&sql,
                      "%s ins_%zu AS (INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM "
                      "%s ON CONFLICT DO NOTHING RETURNING 1)",
                      sql.length == 0 ? "WITH" : ",", i, item->target, buffer_text(&item->columns),
                      buffer_text(&item->columns), item->stage);
        buffer_printf(&counts, "%s (SELECT pg_catalog.count(*) FROM ins_%zu)",
                      counts.length == 0 ? "" : ",", i);
    }
    buffer_printf(&sql, " SELECT %s", buffer_text(&counts));
    status = sql.failed || counts.failed
                 ? larder_fail_memory(error)
                 : pg_query(k->pg, buffer_text(&sql), 0, NULL, &result, error);
    for (size_t i = 0; status == LARDER_OK && i < k->count; i++) {
        if (!k->items[i].missing)
            continue;
        if (!k->items[i].made)
            run_message(k->restore->run, LARDER_NOTE,
                        "%s rows were added to %s, which foreign keys refer to",
                        pg_value(result, 0, column), k->items[i].target);
        column++;
    }
    PQclear(result);
    buffer_free(&sql);
    buffer_free(&counts);
    return status;
}

/* With triggers off the server has not looked at the foreign keys of what was added either. */
static enum larder_status check_added(struct keeping *k, const struct kept *item,
                                      struct larder_error *error)
{
    static const char sql[] =
        "SELECT k.conname, pg_catalog.format('SELECT EXISTS (SELECT FROM %s s WHERE %s AND EXISTS (SELECT FROM %s g WHERE %s) "
        "AND NOT EXISTS (SELECT FROM %s r WHERE %s))', k.conrelid::pg_catalog.regclass, "
        "string_agg(pg_catalog.format('s.%I IS NOT NULL', a.attname), ' AND '), $2::text, "
        "(SELECT string_agg(pg_catalog.format('g.%1$I OPERATOR(%2$I.%3$s) s.%1$I', x.attname, e.nspname, q.oprname), ' AND ') "
        "FROM (SELECT i.indrelid, i.indkey, i.indclass FROM "
        "pg_catalog.pg_index i WHERE i.indrelid = k.conrelid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute x WHERE x.attrelid = i.indrelid AND x.attnum = ANY "
        "(i.indkey::smallint[]) AND x.attname NOT IN (SELECT y.attname FROM pg_catalog.pg_attribute y "
        "WHERE y.attrelid = $2::pg_catalog.regclass)) ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) AS i "
        "CROSS JOIN LATERAL unnest(i.indkey::smallint[], i.indclass::oid[]) AS w(num, class) "
        "JOIN pg_catalog.pg_attribute x ON x.attrelid = i.indrelid AND x.attnum = w.num JOIN pg_catalog.pg_opclass l ON l.oid = w.class "
        "JOIN pg_catalog.pg_amop p ON p.amopfamily = l.opcfamily AND p.amopstrategy = 3 AND p.amoplefttype = l.opcintype "
        "AND p.amoprighttype = l.opcintype JOIN pg_catalog.pg_operator q ON q.oid = p.amopopr "
        "JOIN pg_catalog.pg_namespace e ON e.oid = q.oprnamespace), k.confrelid::pg_catalog.regclass, "
        "string_agg(pg_catalog.format('r.%I OPERATOR(%I.%s) s.%I%s', b.attname, n.nspname, o.oprname, a.attname, " COLLATION
        "), ' AND ')) "
        "FROM pg_catalog.pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey, k.conpfeqop) AS u(own, other, op) "
        "JOIN pg_catalog.pg_operator o ON o.oid = u.op JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own "
        "JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.other "
        "WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = pg_catalog.to_regclass($1) "
        "AND " KEY_IS_ENFORCED("k") "GROUP BY k.oid, k.conname, k.conrelid, k.confrelid";
    const char *values[] = {item->target, item->stage};
    PGresult *result = NULL;
    enum larder_status status = pg_query(k->pg, sql, 2, values, &result, error);

    for (int i = 0; status == LARDER_OK && i < PQntuples(result); i++) {
        char *broken = NULL;

        if (!PQgetisnull(result, i, 1))
            status = pg_query_one(k->pg, pg_value(result, i, 1), 0, NULL, &broken, error);
        if (status == LARDER_OK && broken != NULL && broken[0] == 't')
            status = larder_fail(error, LARDER_FAILED,
                                 "rows that %s needs refer by \"%s\" to rows that are not there",
                                 item->target, pg_value(result, i, 0));
        free(broken);
    }
    PQclear(result);
    return status;
}

static enum larder_status add_rows(struct keeping *k, struct larder_error *error)
{
    /* Where the role may not set it, it stays as it is, and triggers fire. */
    static const char role_sql[] =
        "DO $larder$ BEGIN PERFORM pg_catalog.set_config('session_replication_role', '%s', true); "
        "EXCEPTION WHEN insufficient_privilege THEN NULL; END $larder$";
    struct arena *arena = k->restore->arena;
    enum larder_status status = pg_exec(k->pg, arena_printf(arena, role_sql, "replica"), error);

    if (status == LARDER_OK)
        status = insert(k, error);
    if (status == LARDER_OK)
        status = pg_exec(k->pg, arena_printf(arena, role_sql, "origin"), error);
    for (size_t i = 0; status == LARDER_OK && i < k->count; i++)
        if (k->items[i].missing && !k->items[i].made)
            status = check_added(k, &k->items[i], error);
    return status;
}

enum larder_status references_add(struct restore *r, struct pg *pg, const struct merging *merging,
                                  struct larder_error *error)
{
    struct keeping k = {.restore = r, .pg = pg, .merging = merging};
    bool any = false;
    enum larder_status status;

    if (r->manifest->referenced_count == 0)
        return LARDER_OK;
    status = keeping_begin(&k, error);
    if (status == LARDER_OK)
        status = load_stages(&k, error);
    if (status == LARDER_OK)
        status = drop_present(&k, error);
    if (status == LARDER_OK)
        status = mark_needed(&k, error);
    if (status == LARDER_OK)
        status = drop_others(&k, &any, error);
    if (status == LARDER_OK && any)
        status = add_rows(&k, error);
    keeping_end(&k);
    return status == LARDER_OK
               ? status
               : larder_context(error, "could not add the rows that foreign keys refer to");
}
