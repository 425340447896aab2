#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/session.h"
#include "engine/restore_parts.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"
#include "formats/stub_sql.h"

/*
 * The transaction is tried whole, since that is quick. Where a definition fails that may fail (what
 * it makes is there already, or what it needs is to be skipped), the transaction is made once more,
 * piece by piece with savepoints, only to learn which; and then again whole, without these. So
 * everything that was created has the transaction's own number as xmin, by which it is found.
 */

/*
 * What default privileges of the target have added to what was just created is taken away again, so
 * that grants stand as they would in a new database; what an extension brought is its own.
 */
static const char closing_sql[] =
    "WITH mine AS (SELECT pg_catalog.pg_current_xact_id()::xid AS xid), relations AS (SELECT c.relowner, c.relacl, "
    "pg_catalog.format('%s %I.%I',     CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, "
    "c.relname) AS object   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace   "
    "WHERE c.xmin = (SELECT xid FROM mine) AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND c.relacl IS NOT NULL  "
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d "
    "WHERE d.classid = 1259 AND d.objid = c.oid AND d.deptype = 'e')), routines AS (SELECT p.proowner, p.proacl, "
    "'ROUTINE ' || p.oid::pg_catalog.regprocedure AS object   "
    "FROM pg_catalog.pg_proc p WHERE p.xmin = (SELECT xid "
    "FROM mine) AND p.proacl IS NOT NULL   AND NOT EXISTS (SELECT "
    "FROM pg_catalog.pg_depend d WHERE d.classid = 1255 AND d.objid = p.oid AND d.deptype = 'e')), types AS (SELECT "
    "t.typowner, t.typacl, 'TYPE ' || t.oid::pg_catalog.regtype AS object   "
    "FROM pg_catalog.pg_type t WHERE t.xmin = (SELECT xid "
    "FROM mine) AND t.typacl IS NOT NULL   AND NOT EXISTS (SELECT "
    "FROM pg_catalog.pg_depend d WHERE d.classid = 1247 AND d.objid = t.oid AND d.deptype = 'e')), objects AS "
    "(SELECT relowner AS owner, relacl AS acl, object, NULL AS public "
    "FROM relations   UNION ALL SELECT proowner, proacl, object, 'EXECUTE' "
    "FROM routines   UNION ALL SELECT typowner, typacl, object, 'USAGE' "
    "FROM types) SELECT string_agg(statement, ' ') FROM (SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s "
    "FROM %s;', o.object,   CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END) AS statement, 1 AS place "
    "FROM objects o CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) AS g "
    "WHERE g.grantee <> o.owner "
    "UNION ALL SELECT pg_catalog.format('GRANT ALL ON %s TO %I;', object, pg_catalog.pg_get_userbyid(owner)), 2 "
    "FROM objects UNION ALL SELECT pg_catalog.format('GRANT %s ON %s TO PUBLIC;', public, object), 3 "
    "FROM objects WHERE public IS NOT NULL ORDER BY 2) AS s";

/*
 * What this transaction has created is kept with the mark: class, OID and name. What hangs on something else (an
 * extension's member, a range type's constructor) goes with it. Roles cannot be told by xmin without reading pg_authid,
 * so they are named.
 */
static const char made_sql[] =
    "WITH mine AS (SELECT pg_catalog.pg_current_xact_id()::xid AS xid), made AS (SELECT 1259 AS class, c.oid, "
    "pg_catalog.format('%I.%I', n.nspname, c.relname) AS name   "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace   "
    "WHERE c.xmin = (SELECT xid FROM mine) AND c.relkind IN ('r', 'p', 'S', 'v', 'm') AND "
    "n.nspname <> '" RESTORE_MARK "' "
    "  UNION ALL SELECT 1255, p.oid, p.oid::pg_catalog.regprocedure::text "
    "FROM pg_catalog.pg_proc p   WHERE p.xmin = (SELECT xid "
    "FROM mine)   UNION ALL SELECT 1247, t.oid, t.oid::pg_catalog.regtype::text "
    "FROM pg_catalog.pg_type t   WHERE t.xmin = (SELECT xid "
    "FROM mine) AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS     (SELECT "
    "FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))   "
    "UNION ALL SELECT 3079, e.oid, pg_catalog.quote_ident(e.extname) "
    "FROM pg_catalog.pg_extension e   WHERE e.xmin = (SELECT xid "
    "FROM mine)   UNION ALL SELECT 2615, n.oid, pg_catalog.quote_ident(n.nspname) "
    "FROM pg_catalog.pg_namespace n "
    "  WHERE n.xmin = (SELECT xid FROM mine) AND n.nspname <> '" RESTORE_MARK "' "
    "  UNION ALL SELECT 1260, r.oid, pg_catalog.quote_ident(r.rolname) "
    "FROM pg_catalog.pg_roles r   WHERE r.rolname = ANY ($1::text[])) "
    "INSERT INTO " RESTORE_MARK ".made SELECT m.class, m.oid, m.name FROM made m WHERE NOT EXISTS "
    "(SELECT FROM pg_catalog.pg_depend d WHERE d.classid = m.class AND d.objid = m.oid AND d.deptype IN ('e', 'i') AND d.objsubid = 0)";

/* How to remove it again: only what still has the OID and the name that it was made with. A role may be used elsewhere by now. */
static const char undo_sql[] =
    "WITH still AS (SELECT c.oid, 1 AS place, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' "
    "    WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind, m.name FROM " RESTORE_MARK
    ".made m   JOIN pg_catalog.pg_class c ON m.class = 1259 AND c.oid = m.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace   "
    "WHERE m.name = pg_catalog.format('%I.%I', n.nspname, c.relname) "
    "  UNION ALL SELECT p.oid, 2, 'ROUTINE', m.name FROM " RESTORE_MARK
    ".made m JOIN pg_catalog.pg_proc p     ON m.class = 1255 AND p.oid = m.oid AND "
    "p.oid::pg_catalog.regprocedure::text = m.name "
    "  UNION ALL SELECT t.oid, 3, 'TYPE', m.name FROM " RESTORE_MARK
    ".made m JOIN pg_catalog.pg_type t     ON m.class = 1247 AND t.oid = m.oid AND t.oid::pg_catalog.regtype::text = "
    "m.name "
    "  UNION ALL SELECT e.oid, 4, 'EXTENSION', m.name FROM " RESTORE_MARK
    ".made m JOIN pg_catalog.pg_extension e     ON m.class = 3079 AND e.oid = m.oid AND "
    "pg_catalog.quote_ident(e.extname) = m.name "
    "  UNION ALL SELECT n.oid, 5, 'SCHEMA', m.name FROM " RESTORE_MARK
    ".made m JOIN pg_catalog.pg_namespace n     ON m.class = 2615 AND n.oid = m.oid AND "
    "pg_catalog.quote_ident(n.nspname) = m.name "
    "  UNION ALL SELECT r.oid, 6, 'ROLE', m.name FROM " RESTORE_MARK
    ".made m JOIN pg_catalog.pg_roles r     ON m.class = 1260 AND r.oid = m.oid AND "
    "pg_catalog.quote_ident(r.rolname) = m.name) SELECT string_agg(CASE kind WHEN 'ROLE' THEN pg_catalog.format(    "
    "'DO $larder$ BEGIN DROP ROLE %s; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $larder$;', name)  "
    " ELSE pg_catalog.format('DROP %s IF EXISTS %s%s;', kind, name, CASE WHEN place <= 3 THEN ' CASCADE' ELSE '' "
    "END) END,   ' ' ORDER BY place, oid) FROM still";

struct creation {
    struct restore *restore;
    struct schema_block *blocks;
    size_t block_count;
    struct buffer grants;
    struct buffer before; /* schemas and stand-ins */
};

static bool may_be_there(const char *sqlstate)
{
    return strcmp(sqlstate, "42710") == 0 || strcmp(sqlstate, "42723") == 0;
}

static bool lacks_something(const char *sqlstate)
{
    return strcmp(sqlstate, "42883") == 0 || strcmp(sqlstate, "42P01") == 0 ||
           strcmp(sqlstate, "42704") == 0 || strcmp(sqlstate, "3F000") == 0 ||
           strcmp(sqlstate, "42703") == 0; /* a column that a stand-in has not */
}

/* The text between "CREATE SCHEMA IF NOT EXISTS " and the semicolon. */
static const char *schema_of(struct arena *arena, const char *sql)
{
    static const char create[] = "\nCREATE SCHEMA IF NOT EXISTS ";
    const char *at = strstr(sql, create);

    if (at == NULL)
        return NULL;
    at += strlen(create);
    return arena_printf(arena, "%.*s", (int)strcspn(at, ";"), at);
}

/* A schema that the target has stays as it is: neither owner nor grants of it are touched. */
static enum larder_status keep_existing_schemas(struct creation *c, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < c->block_count; i++) {
        const char *name;
        char *found = NULL;

        if (strcmp(c->blocks[i].entry->what, "SCHEMA") != 0)
            continue;
        name = schema_of(c->restore->arena, c->blocks[i].sql);
        if (name != NULL)
            status = pg_query_one(c->restore->control, "SELECT pg_catalog.to_regnamespace($1)", 1,
                                  &name, &found, error);
        c->blocks[i].entry->left_out = found != NULL;
        free(found);
    }
    return status;
}

static enum larder_status prepare(struct creation *c, struct larder_error *error)
{
    struct restore *r = c->restore;
    enum larder_status status;

    for (size_t i = 0; i < r->to_make_count; i++)
        stub_sql_create(&c->before, &r->to_make[i]);
    for (size_t i = 0; i < r->manifest->schema_count; i++)
        if (strcmp(r->manifest->schemas[i], "public") == 0)
            stub_sql_schema(&c->before, "public"); /* which a dump never makes */
    status = schema_blocks(&r->schema, SCHEMA_CREATE, r->run, -1, r->arena, &c->blocks,
                           &c->block_count, error);
    if (status == LARDER_OK)
        status = keep_existing_schemas(c, error);
    if (status == LARDER_OK && c->before.failed)
        status = larder_fail_memory(error);
    return status;
}

/* The transaction's first part, which does not fail for what may be there. */
static enum larder_status begin(struct creation *c, struct larder_error *error)
{
    struct restore *r = c->restore;
    enum larder_status status = session_begin_write(r->control, error);

    if (status == LARDER_OK && c->before.length > 0) {
        status = pg_exec(r->control, buffer_text(&c->before), error);
        if (status != LARDER_OK)
            larder_context(error, "could not make what the tables need");
    }
    return status;
}

static enum larder_status run_whole(struct creation *c, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    for (size_t i = 0; i < c->block_count; i++)
        if (!schema_is_left_out(&c->restore->schema, c->blocks[i].entry))
            buffer_puts(&sql, c->blocks[i].sql);
    status = sql.failed ? larder_fail_memory(error)
                        : pg_exec(c->restore->control, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

/* Whether one failed definition may be left out; says so in the findings where that is a loss. */
static bool can_leave_out(struct creation *c, const struct schema_block *block,
                          const struct larder_error *why)
{
    struct restore *r = c->restore;
    const char *state = pg_sqlstate(r->control);

    if (strcmp(block->entry->what, "TABLE") == 0)
        return false;
    if (may_be_there(state)) {
        run_message(r->run, LARDER_NOTE, "left as it is in the target: %s", block->entry->text);
        return true;
    }
    if (r->options->externals == LARDER_EXTERNALS_ERROR || !lacks_something(state))
        return false;
    findings_add(&r->proof->findings, r->arena, "left out", block->entry->text, "%s (%s)",
                 block->entry->text, why->message);
    return true;
}

/* Learns which definitions fail. */
static enum larder_status run_by_pieces(struct creation *c, struct larder_error *error)
{
    struct pg *pg = c->restore->control;
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < c->block_count; i++) {
        struct schema_block *block = &c->blocks[i];

        if (schema_is_left_out(&c->restore->schema, block->entry))
            continue;
        status = pg_exec(pg, "SAVEPOINT larder_block", error);
        if (status == LARDER_OK)
            status = pg_exec(pg, block->sql, error);
        if (status == LARDER_OK) {
            status = pg_exec(pg, "RELEASE SAVEPOINT larder_block", error);
            continue;
        }
        if (pg_is_broken(pg) || !can_leave_out(c, block, error))
            return larder_context(error, "could not create %s", block->entry->text);
        block->entry->left_out = true;
        status = pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_block; RELEASE SAVEPOINT larder_block",
                         error);
    }
    return status;
}

static enum larder_status create_objects(struct creation *c, struct larder_error *error)
{
    struct pg *pg = c->restore->control;
    enum larder_status status = begin(c, error);

    if (status != LARDER_OK)
        return status;
    status = run_whole(c, error);
    if (status != LARDER_FAILED || pg_is_broken(pg))
        return status;
    session_rollback(pg);
    status = begin(c, error);
    if (status == LARDER_OK)
        status = run_by_pieces(c, error);
    session_rollback(pg);
    schema_close_policies(&c->restore->schema, c->restore->arena, &c->restore->proof->findings);
    if (status == LARDER_OK)
        status = begin(c, error);
    return status == LARDER_OK ? run_whole(c, error) : status;
}

static enum larder_status close_to_others(struct creation *c, struct larder_error *error)
{
    struct restore *r = c->restore;
    struct pg *pg = r->control;
    char *sql;
    enum larder_status status = pg_query_one(pg, closing_sql, 0, NULL, &sql, error);

    if (status == LARDER_OK && sql != NULL)
        status = pg_exec(pg, sql, error);
    free(sql);
    if (status == LARDER_OK)
        status = schema_sql(&r->schema, SCHEMA_GRANT, r->run, -1, &c->grants, error);
    if (status == LARDER_OK && c->grants.length > 0)
        status = pg_exec(pg, buffer_text(&c->grants), error);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not set the tables' privileges");
}

static const char *roles_made(const struct restore *r, struct buffer *array)
{
    for (size_t i = 0; i < r->to_make_count; i++)
        if (strcmp(r->to_make[i].kind, "role") == 0)
            array_add(array, r->to_make[i].name);
    return array_finish(array);
}

static enum larder_status leave_mark(struct creation *c, struct larder_error *error)
{
    struct restore *r = c->restore;
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
    PQclear(result);
    buffer_free(&roles);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not mark the restore as unfinished");
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

/* In a transaction of its own: removes what the mark lists, and the mark. */
static enum larder_status remove_unfinished(struct pg *pg, struct larder_error *error)
{
    char *undo = NULL;
    enum larder_status status = session_begin_write(pg, error);

    if (status == LARDER_OK)
        status = check_mark(pg, error);
    if (status == LARDER_OK)
        status = pg_query_one(pg, undo_sql, 0, NULL, &undo, error);
    if (status == LARDER_OK && undo != NULL && undo[0] != '\0')
        status = pg_exec(pg, undo, error);
    if (status == LARDER_OK)
        status = pg_exec(pg, "DROP SCHEMA " RESTORE_MARK " CASCADE", error);
    if (status == LARDER_OK)
        status = session_commit(pg, error);
    else
        session_rollback(pg);
    free(undo);
    return status == LARDER_OK
               ? status
               : larder_context(error, "could not remove what an unfinished restore has left");
}

enum larder_status restore_clear(struct restore *r, struct larder_error *error)
{
    char *found;
    enum larder_status status = pg_query_one(
        r->control,
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = '" RESTORE_MARK "'", 0, NULL,
        &found, error);
    bool unfinished = status == LARDER_OK && found != NULL;

    free(found);
    if (status != LARDER_OK || !unfinished)
        return status;
    if (r->options->preview) {
        findings_add(&r->proof->findings, r->arena, "unfinished restore", RESTORE_MARK,
                     "the target holds an unfinished restore, which the next one removes first");
        return LARDER_OK;
    }
    run_message(r->run, LARDER_NOTE, "removing what an unfinished restore has left in the target");
    return remove_unfinished(r->control, error);
}

enum larder_status restore_create(struct restore *r, struct larder_error *error)
{
    struct creation c = {.restore = r};
    enum larder_status status = prepare(&c, error);

    if (status == LARDER_OK)
        status = create_objects(&c, error);
    /* Before grants: they write the rows of objects that were there before, too. */
    if (status == LARDER_OK)
        status = leave_mark(&c, error);
    if (status == LARDER_OK)
        status = close_to_others(&c, error);
    if (status == LARDER_OK)
        status = session_commit(r->control, error);
    else
        session_rollback(r->control);
    r->created = status == LARDER_OK;
    buffer_free(&c.before);
    buffer_free(&c.grants);
    return status;
}

enum larder_status restore_undo(struct restore *r, struct larder_error *error)
{
    /* The signal that stopped the run must not stop this. */
    const struct larder_run calm = {.message = r->run->message, .arg = r->run->arg};
    struct pg *pg;
    enum larder_status status =
        pg_connect(&r->options->target, &calm, -1, PG_CONNECT_SECONDS, &pg, error);

    if (status == LARDER_OK)
        status = remove_unfinished(pg, error);
    pg_close(pg);
    return status;
}
