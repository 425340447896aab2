#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/merge.h"
#include "engine/pg/session.h"
#include "engine/restore/preflight.h"
#include "engine/run/run.h"

#define UNDEFINED_TABLE "42P01"  /* of a query also where its schema is not there, */
#define UNDEFINED_SCHEMA "3F000" /* but not of LOCK */

/*
 * What this transaction has created is kept with the mark: class, OID and name. What hangs on something else (an
 * extension's member, a range type's constructor) goes with it. Roles cannot be told by xmin without reading pg_authid,
 * so they are named.
 */
static const char made_sql[] = RESTORE_NEW
    ", made AS (SELECT 1259 AS class, c.oid, "
    "pg_catalog.format('%I.%I', n.nspname, c.relname) AS name   "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace   "
    "WHERE c.oid IN (SELECT objid FROM new WHERE classid = 1259) AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND "
    "n.nspname <> '" RESTORE_MARK "' "
    "  UNION ALL SELECT 1255, p.oid, p.oid::pg_catalog.regprocedure::text "
    "FROM pg_catalog.pg_proc p   WHERE p.xmin = (SELECT xid "
    "FROM mine)   UNION ALL SELECT 1247, t.oid, t.oid::pg_catalog.regtype::text "
    "FROM pg_catalog.pg_type t   WHERE t.xmin = (SELECT xid "
    "FROM mine) AND (t.typtype IN ('b', 'e', 'd', 'p', 'r') OR (t.typtype = 'c' AND EXISTS     (SELECT "
    "FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))   "
    "UNION ALL SELECT 3079, e.oid, pg_catalog.quote_ident(e.extname) "
    "FROM pg_catalog.pg_extension e   WHERE e.xmin = (SELECT xid "
    "FROM mine)   UNION ALL SELECT 2615, n.oid, pg_catalog.quote_ident(n.nspname) "
    "FROM pg_catalog.pg_namespace n "
    "  WHERE n.xmin = (SELECT xid FROM mine) AND n.nspname <> '" RESTORE_MARK "' "
    "  UNION ALL SELECT 1260, r.oid, pg_catalog.quote_ident(r.rolname) "
    "FROM pg_catalog.pg_roles r   WHERE r.rolname = ANY ($1::text[]) "
    "  UNION ALL SELECT o.class, o.oid, i.identity FROM (SELECT 3456 AS class, oid FROM pg_catalog.pg_collation "
    "    UNION ALL SELECT 3602, oid FROM pg_catalog.pg_ts_config UNION ALL SELECT 3600, oid FROM pg_catalog.pg_ts_dict "
    "    UNION ALL SELECT 3601, oid FROM pg_catalog.pg_ts_parser UNION ALL SELECT 3764, oid FROM pg_catalog.pg_ts_template "
    "    UNION ALL SELECT 2607, oid FROM pg_catalog.pg_conversion "
    "    UNION ALL SELECT 2617, oid FROM pg_catalog.pg_operator UNION ALL SELECT 2753, oid FROM pg_catalog.pg_opfamily) AS o "
    "  CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) AS i WHERE (o.class, o.oid) IN (SELECT classid, objid FROM new)) "
    "INSERT INTO " RESTORE_MARK ".made SELECT m.class, m.oid, m.name FROM made m WHERE NOT EXISTS "
    "(SELECT FROM pg_catalog.pg_depend d WHERE d.classid = m.class AND d.objid = m.oid AND d.deptype IN ('e', 'i') AND d.objsubid = 0)";

/* What still has the OID and the name that it was made with. */
#define STILL_MADE                                                                                                            \
    "still AS (SELECT m.class, c.oid, 1 AS place, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' "              \
    "    WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind, m.name FROM " RESTORE_MARK \
    ".made m   JOIN pg_catalog.pg_class c ON m.class = 1259 AND c.oid = m.oid "                                               \
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace   "                                                             \
    "WHERE m.name = pg_catalog.format('%I.%I', n.nspname, c.relname) "                                                        \
    "  UNION ALL SELECT m.class, p.oid, 2, 'ROUTINE', m.name FROM " RESTORE_MARK                                              \
    ".made m JOIN pg_catalog.pg_proc p     ON m.class = 1255 AND p.oid = m.oid AND "                                          \
    "p.oid::pg_catalog.regprocedure::text = m.name "                                                                          \
    "  UNION ALL SELECT m.class, t.oid, 3, 'TYPE', m.name FROM " RESTORE_MARK                                                 \
    ".made m JOIN pg_catalog.pg_type t     ON m.class = 1247 AND t.oid = m.oid AND t.oid::pg_catalog.regtype::text = "        \
    "m.name "                                                                                                                 \
    "  UNION ALL SELECT m.class, m.oid, 3, i.type, m.name FROM " RESTORE_MARK                                                 \
    ".made m CROSS JOIN LATERAL pg_catalog.pg_identify_object(m.class, m.oid, 0) AS i "                                       \
    "    WHERE m.class IN (3456, 3602, 3600, 3601, 3764, 2607, 2617, 2753) AND i.identity = m.name "                          \
    "  UNION ALL SELECT m.class, e.oid, 4, 'EXTENSION', m.name FROM " RESTORE_MARK                                            \
    ".made m JOIN pg_catalog.pg_extension e     ON m.class = 3079 AND e.oid = m.oid AND "                                     \
    "pg_catalog.quote_ident(e.extname) = m.name "                                                                             \
    "  UNION ALL SELECT m.class, n.oid, 5, 'SCHEMA', m.name FROM " RESTORE_MARK                                               \
    ".made m JOIN pg_catalog.pg_namespace n     ON m.class = 2615 AND n.oid = m.oid AND "                                     \
    "pg_catalog.quote_ident(n.nspname) = m.name "                                                                             \
    "  UNION ALL SELECT m.class, r.oid, 6, 'ROLE', m.name FROM " RESTORE_MARK                                                 \
    ".made m JOIN pg_catalog.pg_roles r     ON m.class = 1260 AND r.oid = m.oid AND "                                         \
    "pg_catalog.quote_ident(r.rolname) = m.name) "

/* How to remove it again. A role may be used elsewhere by now. */
static const char undo_sql[] =
    "WITH " STILL_MADE "SELECT string_agg(CASE kind WHEN 'ROLE' THEN pg_catalog.format('DO %L;', "
    "pg_catalog.format('BEGIN DROP ROLE %s; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END', name)) "
    " ELSE pg_catalog.format('DROP %s IF EXISTS %s%s;', kind, name, CASE WHEN place <= 3 THEN ' CASCADE' ELSE '' "
    "END) END,   ' ' ORDER BY place, oid) FROM still";

static const char *roles_made(const struct restore *r, struct buffer *array)
{
    for (size_t i = 0; i < r->to_make_count; i++)
        if (strcmp(r->to_make[i].kind, "role") == 0)
            array_add(array, r->to_make[i].name);
    return array_finish(array);
}

enum larder_status restore_mark(struct restore *r, struct larder_error *error)
{
    struct buffer roles = {0};
    const char *value = roles_made(r, &roles);
    PGresult *result = NULL;
    enum larder_status status = pg_exec(
        r->control,
        "CREATE SCHEMA " RESTORE_MARK "; REVOKE ALL ON SCHEMA " RESTORE_MARK " FROM PUBLIC; "
        "CREATE TABLE " RESTORE_MARK ".made (class oid, oid oid, name text); "
        "COMMENT ON SCHEMA " RESTORE_MARK " IS "
        "'A larder restore has begun here and has not ended. The next one removes what it left.'",
        error);

    if (status == LARDER_OK)
        status = pg_query(r->control, made_sql, 1, &value, &result, error);
    if (status == LARDER_OK)
        status =
            pg_query_value(r->control, "SELECT '" RESTORE_MARK ".made'::pg_catalog.regclass::oid",
                           0, NULL, &r->mark, error);
    PQclear(result);
    buffer_free(&roles);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not mark the restore as unfinished");
}

/* Begins a transaction, and says whether the mark is this restore's, and then for as long as it lasts. Where it is not, nothing can be done in it. */
static enum larder_status begin_held(const struct restore *r, struct pg *pg, bool *held,
                                     struct larder_error *error)
{
    char sql[sizeof(RESTORE_MARK) + 80];
    PGresult *result;
    enum larder_status status;

    snprintf(sql, sizeof(sql), "SELECT tableoid = '%lu' FROM " RESTORE_MARK ".made LIMIT 1",
             strtoul(r->mark, NULL, 10));
    status = session_begin_write_and(pg, sql, &result, error);
    *held = status == LARDER_OK && pg_value(result, 0, 0)[0] == 't';
    PQclear(result);
    return status == LARDER_FAILED && strcmp(pg_sqlstate(pg), UNDEFINED_TABLE) == 0 ? LARDER_OK
                                                                                    : status;
}

enum larder_status restore_begin(const struct restore *r, struct pg *pg, struct larder_error *error)
{
    bool held;
    enum larder_status status = begin_held(r, pg, &held, error);

    return status != LARDER_OK || held
               ? status
               : larder_fail(error, LARDER_FAILED,
                             "another restore has removed what this one had made in the target");
}

/* What the mark lists is dropped, so the mark must be ours, or a superuser's. */
static enum larder_status check_mark(struct pg *pg, struct larder_error *error)
{
    char *stranger;
    enum larder_status status = pg_query_one(
        pg,
        "SELECT o.rolname FROM (SELECT nspowner AS owner FROM pg_catalog.pg_namespace WHERE "
        "nspname = '" RESTORE_MARK "' "
        "UNION ALL SELECT c.relowner FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = '" RESTORE_MARK "') AS x JOIN pg_catalog.pg_roles o ON o.oid = x.owner "
        "WHERE o.rolname <> current_user AND NOT o.rolsuper LIMIT 1",
        0, NULL, &stranger, error);

    if (status == LARDER_OK && stranger != NULL) {
        larder_fail(error, LARDER_FAILED, "the schema \"" RESTORE_MARK "\" belongs to role \"%s\"",
                    stranger);
        larder_hint(
            error,
            "It marks an unfinished restore. Look into it, and drop it or restore as that role.");
        status = LARDER_FAILED;
    }
    free(stranger);
    return status;
}

/*
 * What others have made since, and would go with what is dropped, or lose something: the rows of a table, say, whose column has a type that
 * the restore made, or a domain of it. What is part of something else, as a row type is, is told as that. The triggers of a foreign key are part of it.
 */
static const char strangers_sql[] =
    "WITH RECURSIVE " STILL_MADE ", hit(class, oid, ours) AS (SELECT class, oid, true FROM still "
    "UNION SELECT d.classid, d.objid, (h.ours AND d.deptype IN ('e', 'i')) OR (d.classid, d.objid) IN (SELECT class, oid FROM still) "
    "FROM hit h JOIN pg_catalog.pg_depend d ON d.refclassid = h.class AND d.refobjid = h.oid) "
    "SELECT pg_catalog.pg_describe_object(x.class, x.oid, 0) FROM hit h "
    "LEFT JOIN pg_catalog.pg_rewrite w ON h.class = 2618 AND w.oid = h.oid "
    "LEFT JOIN pg_catalog.pg_attrdef f ON h.class = 2604 AND f.oid = h.oid "
    "LEFT JOIN pg_catalog.pg_constraint k ON h.class = 2606 AND k.oid = h.oid "
    "LEFT JOIN pg_catalog.pg_trigger g ON h.class = 2620 AND g.oid = h.oid AND NOT g.tgisinternal "
    "LEFT JOIN pg_catalog.pg_policy y ON h.class = 3256 AND y.oid = h.oid "
    "LEFT JOIN pg_catalog.pg_class c ON h.class = 1259 AND c.oid = h.oid AND c.relkind = 'c' "
    "CROSS JOIN LATERAL (SELECT CASE WHEN h.class IN (1255, 1247) THEN h.class WHEN c.reltype IS NOT NULL THEN 1247 ELSE 1259 END, "
    "CASE WHEN c.reltype IS NOT NULL THEN c.reltype WHEN h.class IN (1255, 1247, 1259) THEN h.oid "
    "ELSE coalesce(w.ev_class, f.adrelid, k.conrelid, g.tgrelid, y.polrelid) END) AS x(class, oid) "
    "WHERE (x.class <> 1259 OR x.oid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'f', 'v', 'm'))) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = x.class AND d.objid = x.oid AND d.objsubid = 0 AND d.deptype = 'i') "
    "AND (x.class, x.oid) NOT IN (SELECT o.class, o.oid FROM hit o WHERE o.ours) ORDER BY x.class = 1259 DESC, x.oid LIMIT 1";

static enum larder_status check_strangers(struct pg *pg, struct larder_error *error)
{
    char *stranger;
    enum larder_status status = pg_query_one(pg, strangers_sql, 0, NULL, &stranger, error);

    if (status == LARDER_OK && stranger != NULL) {
        status = larder_fail(error, LARDER_FAILED, "%s would be removed or cut with it", stranger);
        larder_hint(error,
                    "It uses what that restore had made, and has come since. Drop it, or make "
                    "it independent of that, and restore again.");
    }
    free(stranger);
    return status;
}

/* Right after what has failed on `pg`. */
static enum larder_status fail_to_remove(struct pg *pg, enum larder_status status,
                                         struct larder_error *error)
{
    const char *state = pg_sqlstate(pg);

    if (status == LARDER_FAILED &&
        (strcmp(state, UNDEFINED_TABLE) == 0 || strcmp(state, UNDEFINED_SCHEMA) == 0)) {
        larder_fail(error, LARDER_FAILED,
                    "the schema \"" RESTORE_MARK "\" does not say what that is");
        larder_hint(error,
                    "Another restore may have ended just now: try again. Else drop the schema, "
                    "which is not larder's as it is.");
    }
    return larder_context(error, "could not remove what an unfinished restore has left");
}

/* Removes what the mark lists, and the mark. The lock first: whoever made it may be at work yet, if he has lost the restore's lock. */
static enum larder_status remove_marked(struct pg *pg, struct larder_error *error)
{
    char *undo = NULL;
    enum larder_status status = check_mark(pg, error);

    if (status == LARDER_OK)
        status = pg_exec(pg, "LOCK TABLE " RESTORE_MARK ".made", error);
    if (status == LARDER_OK)
        status = check_strangers(pg, error);
    if (status == LARDER_OK)
        status = pg_query_one(pg, undo_sql, 0, NULL, &undo, error);
    if (status == LARDER_OK && undo != NULL && undo[0] != '\0')
        status = pg_exec(pg, undo, error);
    if (status == LARDER_OK)
        status = pg_exec(pg, "DROP SCHEMA " RESTORE_MARK " CASCADE", error);
    free(undo);
    return status;
}

/* In a transaction of its own. Of the restore `r`, or of whatever has left one where that is NULL. */
static enum larder_status remove_unfinished(const struct restore *r, struct pg *pg, bool *found,
                                            struct larder_error *error)
{
    enum larder_status status;

    *found = true;
    status = r != NULL ? begin_held(r, pg, found, error) : session_begin_write(pg, error);
    if (status == LARDER_OK && *found)
        status = remove_marked(pg, error);
    if (status == LARDER_OK && *found)
        status = session_commit(pg, error);
    if (status != LARDER_OK)
        status = fail_to_remove(pg, status, error);
    if (status != LARDER_OK || !*found)
        session_rollback(pg);
    return status;
}

enum larder_status restore_clear(struct restore *r, struct larder_error *error)
{
    char *found;
    bool removed;
    enum larder_status status = pg_query_one(
        r->control,
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = '" RESTORE_MARK "'", 0, NULL,
        &found, error);
    bool unfinished = status == LARDER_OK && found != NULL;

    free(found);
    if (status != LARDER_OK || !unfinished)
        return status;
    if (r->options->preview) {
        r->unfinished = true;
        findings_add(&r->proof->findings, r->arena, "unfinished restore", RESTORE_MARK,
                     "the target holds an unfinished restore, which the next one removes first");
        /* Names are compared as they were written down: with an empty search_path. */
        status = session_begin_plain(r->control, error);
        if (status == LARDER_OK)
            status = check_mark(r->control, error);
        if (status == LARDER_OK)
            status = check_strangers(r->control, error);
        if (status != LARDER_OK)
            status = fail_to_remove(r->control, status, error);
        session_rollback(r->control);
        return status;
    }
    run_message(r->run, LARDER_NOTE, "removing what an unfinished restore has left in the target");
    return remove_unfinished(NULL, r->control, &removed, error);
}

enum larder_status restore_find_left(struct restore *r, const char *const *names, size_t count,
                                     bool *left, struct larder_error *error)
{
    if (!r->unfinished)
        return LARDER_OK;
    return preflight_ask(
        r->control,
        "EXISTS (SELECT FROM " RESTORE_MARK ".made m JOIN pg_catalog.pg_class c "
        "ON m.class = 1259 AND c.oid = m.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = pg_catalog.to_regclass(u.item) "
        "AND m.name = pg_catalog.format('%I.%I', n.nspname, c.relname))",
        names, count, left, error);
}

/* Whether something that is made may take its numbers from what was there before. */
static bool shares_sequences(const struct restore *r)
{
    bool shares = r->child_count > 0;

    for (size_t i = 0; i < r->schema.count && !shares; i++)
        shares = r->schema.entries[i].selected && r->schema.entries[i].left_out &&
                 strcmp(r->schema.entries[i].what, "SEQUENCE") == 0;
    return shares;
}

enum larder_status restore_move_on(struct restore *r, struct pg *pg, struct larder_error *error)
{
    static const char sql[] =
        "WITH made AS (SELECT c.oid, c.relkind FROM " RESTORE_MARK ".made m "
        "JOIN pg_catalog.pg_class c ON m.class = 1259 AND c.oid = m.oid) "
        "SELECT ARRAY(SELECT oid FROM made WHERE relkind IN ('r', 'p')), "
        "ARRAY(SELECT oid FROM made WHERE relkind = 'S' UNION SELECT d.objid FROM made m "
        "JOIN pg_catalog.pg_depend d ON d.classid = 1259 AND d.refclassid = 1259 AND d.refobjid = m.oid AND d.deptype = 'i')";
    PGresult *result = NULL;
    enum larder_status status;

    if (!shares_sequences(r))
        return LARDER_OK;
    status = pg_query(pg, sql, 0, NULL, &result, error);
    if (status == LARDER_OK)
        status = merge_advance_sequences(pg, pg_value(result, 0, 0), pg_value(result, 0, 1), error);
    PQclear(result);
    return status;
}

enum larder_status restore_undo(struct restore *r, bool *found, struct larder_error *error)
{
    /* The signal that stopped the run must not stop this. */
    const struct larder_run calm = {.message = r->run->message, .arg = r->run->arg};
    struct pg *pg;
    enum larder_status status =
        pg_connect(&r->options->target, &calm, -1, PG_CONNECT_SECONDS, &pg, error);

    if (status == LARDER_OK)
        status = session_untimed(pg, error);
    if (status == LARDER_OK)
        status = remove_unfinished(r, pg, found, error);
    pg_close(pg);
    return status;
}
