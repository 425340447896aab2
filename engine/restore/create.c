#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pg/session.h"
#include "engine/restore/parts.h"
#include "engine/restore/preflight.h"
#include "engine/run/run.h"
#include "formats/sql_split.h"
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
static const char closing_sql[] = RESTORE_NEW
    ", relations AS (SELECT c.relowner, c.relacl, "
    "pg_catalog.format('%s %I.%I',     CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, "
    "c.relname) AS object   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace   "
    "WHERE c.oid IN (SELECT objid FROM new WHERE classid = 1259) AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND c.relacl IS NOT NULL  "
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d "
    "WHERE d.classid = 1259 AND d.objid = c.oid AND d.deptype = 'e')), routines AS (SELECT p.proowner, p.proacl, "
    "'ROUTINE ' || p.oid::pg_catalog.regprocedure AS object   "
    "FROM pg_catalog.pg_proc p WHERE p.xmin = (SELECT xid "
    "FROM mine) AND p.proacl IS NOT NULL   AND NOT EXISTS (SELECT "
    "FROM pg_catalog.pg_depend d WHERE d.classid = 1255 AND d.objid = p.oid AND d.deptype = 'e')), types AS (SELECT "
    "t.typowner, t.typacl, 'TYPE ' || t.oid::pg_catalog.regtype AS object   "
    "FROM pg_catalog.pg_type t WHERE t.xmin = (SELECT xid "
    "FROM mine) AND t.typacl IS NOT NULL   AND NOT EXISTS (SELECT "
    "FROM pg_catalog.pg_depend d WHERE d.classid = 1247 AND d.objid = t.oid AND d.deptype = 'e')), schemas AS (SELECT "
    "n.nspowner, n.nspacl, pg_catalog.format('SCHEMA %I', n.nspname) AS object, "
    "CASE n.nspname WHEN 'public' THEN 'USAGE' END AS public FROM pg_catalog.pg_namespace n "
    "WHERE n.xmin = (SELECT xid FROM mine) AND n.nspacl IS NOT NULL   AND NOT EXISTS (SELECT "
    "FROM pg_catalog.pg_depend d WHERE d.classid = 2615 AND d.objid = n.oid AND d.deptype = 'e')), objects AS "
    "(SELECT relowner AS owner, relacl AS acl, object, NULL AS public "
    "FROM relations   UNION ALL SELECT proowner, proacl, object, 'EXECUTE' "
    "FROM routines   UNION ALL SELECT typowner, typacl, object, 'USAGE' "
    "FROM types   UNION ALL SELECT nspowner, nspacl, object, public FROM schemas) SELECT string_agg(statement, ' ') FROM (SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s "
    "FROM %s;', o.object,   CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END) AS statement, 1 AS place "
    "FROM objects o CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) AS g "
    "WHERE g.grantee <> o.owner "
    "UNION ALL SELECT pg_catalog.format('GRANT ALL ON %s TO %I;', object, pg_catalog.pg_get_userbyid(owner)), 2 "
    "FROM objects UNION ALL SELECT pg_catalog.format('GRANT %s ON %s TO PUBLIC;', public, object), 3 "
    "FROM objects WHERE public IS NOT NULL ORDER BY 2) AS s";

struct creation {
    struct restore *restore;
    struct schema_block *blocks;
    size_t block_count;
    struct buffer grants;
    struct buffer before; /* schemas and stand-ins */
};

/* What a function's definition ends with, where not everybody may call it; see FORMAT.md. */
#define FUNCTION_GRANTS "\n; REVOKE ALL ON ROUTINE "

enum { SQLSTATE_BYTES = 6 };
#define NO_PRIVILEGE "42501"
#define RELATION_IS_THERE "42P07"

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

/* What follows "CREATE SCHEMA IF NOT EXISTS ", quoted where it has to be: a name may hold semicolons. */
static const char *schema_of(struct arena *arena, const char *sql)
{
    static const char create[] = "CREATE SCHEMA IF NOT EXISTS ";
    size_t before = strlen(create), length = strlen(sql);
    struct sql_statement statement;

    while (sql_split_next(&sql, &length, &statement))
        if (statement.length > before && strncmp(statement.text, create, before) == 0)
            return arena_printf(arena, "%.*s", (int)(statement.length - before),
                                statement.text + before);
    return NULL;
}

/* A schema that the target has stays as it is: neither owner nor grants of it are touched. */
static enum larder_status find_existing_schemas(struct creation *c, struct larder_error *error)
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

/* In a transaction, where names are UTF-8. */
static enum larder_status keep_existing_schemas(struct creation *c, struct larder_error *error)
{
    enum larder_status status = session_begin_plain(c->restore->control, error);

    if (status == LARDER_OK)
        status = find_existing_schemas(c, error);
    session_rollback(c->restore->control);
    return status;
}

static enum larder_status prepare(struct creation *c, struct larder_error *error)
{
    struct restore *r = c->restore;
    enum larder_status status;

    /* Roles first, which functions are granted to. Schemas come with what is in them. */
    for (int roles = 1; roles >= 0; roles--)
        for (size_t i = 0; i < r->to_make_count; i++)
            if ((strcmp(r->to_make[i].kind, "role") == 0) == (roles == 1) &&
                strcmp(r->to_make[i].kind, "schema") != 0)
                stub_sql_create(&c->before, &r->to_make[i]);
    for (size_t i = 0; i < r->manifest->schema_count; i++)
        if (strcmp(r->manifest->schemas[i], "public") == 0)
            stub_sql_public(&c->before); /* which a dump never makes */
    status = schema_blocks(&r->schema, SCHEMA_CREATE, r->arena, &c->blocks, &c->block_count, error);
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

/*
 * Where a role may create nothing in a schema, the server says that before it looks whether the object is there: functions and types of a
 * platform's schema are. An entry's text is "FUNCTION SCHEMA NAME(TYPES) OWNER", or "TYPE SCHEMA NAME OWNER".
 */
static bool is_there(struct creation *c, const struct schema_entry *entry)
{
    static const char sql[] =
        "SELECT CASE WHEN x[1] IN ('TYPE', 'DOMAIN') AND x[4] = '' "
        "THEN pg_catalog.to_regtype(pg_catalog.format('%I.%I', x[2], x[3]))::oid "
        "WHEN x[1] IN ('FUNCTION', 'PROCEDURE', 'AGGREGATE') AND x[4] <> '' "
        "THEN pg_catalog.to_regprocedure(pg_catalog.format('%I.%I%s', x[2], x[3], x[4]))::oid END "
        "FROM pg_catalog.regexp_match($1, '^(\\w+) ([^ ]+) ([^ (]+)(\\(.*\\)|) [^ )]+$') AS x";
    char *found = NULL;
    bool there;

    if (pg_query_one(c->restore->control, sql, 1, &entry->text, &found, NULL) != LARDER_OK)
        return false;
    there = found != NULL;
    free(found);
    return there;
}

/* Whether a table that is made brings it along: that of a serial, or of an identity. */
static bool comes_with_table(const struct restore *r, const struct schema_entry *sequence)
{
    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->object_count; j++)
            if (r->tables[i]->objects[j].catalog == sequence->catalog &&
                r->tables[i]->objects[j].oid == sequence->oid)
                return true;
    return false;
}

/* A sequence of its own, or another table's, outlives the tables that take their numbers from it. */
static bool is_sequence_there(struct creation *c, const struct schema_entry *entry)
{
    static const char sql[] =
        "SELECT oid FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1) AND relkind = 'S'";
    const struct restore *r = c->restore;

    if (strcmp(entry->what, "SEQUENCE") != 0 || comes_with_table(r, entry))
        return false;
    for (size_t i = 0; i < manifest_sequences(r->manifest); i++) {
        const struct manifest_sequence *s = &r->manifest->sequences[i];
        const char *name;
        char *found = NULL;
        bool there;

        if (s->oid != entry->oid)
            continue;
        name = preflight_qualified(r->arena, s->schema, s->name);
        if (name == NULL || pg_query_one(r->control, sql, 1, &name, &found, NULL) != LARDER_OK)
            return false;
        there = found != NULL;
        free(found);
        return there;
    }
    return false;
}

/* Whether one failed definition may be left out; says so in the findings where that is a loss. */
static bool can_leave_out(struct creation *c, const struct schema_block *block, const char *state,
                          const struct larder_error *why)
{
    struct restore *r = c->restore;
    bool refused = strcmp(state, NO_PRIVILEGE) == 0;

    if (strcmp(block->entry->what, "TABLE") == 0)
        return false;
    if (may_be_there(state) || (refused && is_there(c, block->entry)) ||
        ((refused || strcmp(state, RELATION_IS_THERE) == 0) &&
         is_sequence_there(c, block->entry))) {
        run_message(r->run, LARDER_NOTE, "left as it is in the target: %s", block->entry->text);
        return true;
    }
    if (!block->entry->rest && !block->entry->optional &&
        (r->options->externals == LARDER_EXTERNALS_ERROR || !lacks_something(state)))
        return false;
    findings_add(&r->proof->findings, r->arena, "left out", block->entry->text, "%s (%s)",
                 block->entry->text, why->message);
    return true;
}

/* After a definition has failed. */
static enum larder_status leave_out(struct creation *c, const struct schema_block *block,
                                    struct larder_error *error)
{
    struct pg *pg = c->restore->control;
    struct larder_error why = *error;
    char state[SQLSTATE_BYTES];

    snprintf(state, sizeof(state), "%s", pg_sqlstate(pg));
    if (pg_is_broken(pg) ||
        pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_block; RELEASE SAVEPOINT larder_block", error) !=
            LARDER_OK ||
        !can_leave_out(c, block, state, &why)) {
        *error = why;
        return larder_context(error, "could not create %s", block->entry->text);
    }
    block->entry->left_out = true;
    return LARDER_OK;
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
        if (status == LARDER_OK)
            status = pg_exec(pg, "RELEASE SAVEPOINT larder_block", error);
        else
            status = leave_out(c, block, error);
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

/* Of schemas, and of functions that were made from their definitions: what follows these, where not everybody may call them. */
static void put_stub_grants(const struct restore *r, struct buffer *out)
{
    for (size_t i = 0; i < r->to_make_count; i++) {
        const char *grants = NULL, *definition = r->to_make[i].definition;

        if (strcmp(r->to_make[i].kind, "schema") == 0)
            stub_sql_grant(out, &r->to_make[i]);
        if (strcmp(r->to_make[i].kind, "function") != 0 || definition == NULL)
            continue;
        for (const char *at = strstr(definition, FUNCTION_GRANTS); at != NULL;
             at = strstr(at + 1, FUNCTION_GRANTS))
            grants = at;
        if (grants != NULL)
            buffer_printf(out, "%s;\n", grants + 2);
    }
}

enum larder_status restore_close_made(struct pg *pg, struct larder_error *error)
{
    char *sql;
    enum larder_status status = pg_query_one(pg, closing_sql, 0, NULL, &sql, error);

    if (status == LARDER_OK && sql != NULL)
        status = pg_exec(pg, sql, error);
    free(sql);
    return status;
}

static enum larder_status close_to_others(struct creation *c, struct larder_error *error)
{
    struct restore *r = c->restore;
    struct pg *pg = r->control;
    enum larder_status status = restore_close_made(pg, error);

    if (status == LARDER_OK)
        status = schema_sql(&r->schema, SCHEMA_GRANT, &c->grants, error);
    put_stub_grants(r, &c->grants);
    if (status == LARDER_OK && c->grants.failed)
        status = larder_fail_memory(error);
    if (status == LARDER_OK && c->grants.length > 0)
        status = pg_exec(pg, buffer_text(&c->grants), error);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not set the tables' privileges");
}

enum larder_status restore_create(struct restore *r, struct larder_error *error)
{
    struct creation c = {.restore = r};
    enum larder_status status = prepare(&c, error);
    bool may_be_there;

    if (status == LARDER_OK)
        status = create_objects(&c, error);
    /* Before grants: they write the rows of objects that were there before, too. */
    if (status == LARDER_OK)
        status = restore_mark(r, error);
    if (status == LARDER_OK)
        status = close_to_others(&c, error);
    may_be_there = status == LARDER_OK;
    if (status == LARDER_OK)
        status = session_commit(r->control, error);
    else
        session_rollback(r->control);
    /* Of a COMMIT whose answer was lost nobody knows. */
    r->created = status == LARDER_OK || (may_be_there && pg_is_broken(r->control));
    buffer_free(&c.before);
    buffer_free(&c.grants);
    return status;
}
