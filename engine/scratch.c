#include "engine/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "engine/pg/connection.h"
#include "engine/pg/embedded.h"
#include "engine/pg/session.h"
#include "engine/run/run.h"
#include "formats/arena.h"
#include "formats/buffer.h"
#include "formats/sql_text.h"

/*
 * Who makes a scratch database holds an advisory lock that bears its name; where nobody does, the
 * maker is gone. Before it is ours by its comment it lets nobody in, by which it is known until then.
 */

#define KEPT_COMMENT "made by larder for a drill, and kept as asked"

enum { NAME = 64 };

struct scratch {
    const struct larder_run *run;
    struct larder_run calm; /* the same, but that nothing stops it */
    struct arena *arena;
    struct embedded *embedded; /* NULL: somebody's server */
    struct larder_connect server, own;
    struct pg *lock; /* in a transaction that holds the locks */
    char name[NAME];
    bool created, keep, superuser;
    const char *version, *conninfo;
};

const struct larder_connect *scratch_connect(const struct scratch *s)
{
    return &s->own;
}

bool scratch_is_superuser(const struct scratch *s)
{
    return s->superuser;
}

const char *scratch_server(const struct scratch *s)
{
    return s->version;
}

const char *scratch_conninfo(const struct scratch *s)
{
    return s->conninfo;
}

static void make_name(char name[NAME])
{
    unsigned number = (unsigned)clock();
    time_t now = time(NULL);
    struct tm tm;
    char stamp[32];

    if (getrandom(&number, sizeof(number), 0) < 0)
        number ^= (unsigned)now;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%d_%H%M%S", &tm);
    snprintf(name, NAME, SCRATCH_PREFIX "%s_%08x", stamp, number);
}

/* Statements that take no transaction around them. */
static enum larder_status run_alone(struct pg *pg, const char *format, const char *name,
                                    const char *rest, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status;

    buffer_puts(&sql, format);
    sql_identifier(&sql, name);
    buffer_puts(&sql, rest);
    status = sql.failed ? larder_fail_memory(error) : pg_exec(pg, buffer_text(&sql), error);
    buffer_free(&sql);
    return status;
}

/* Drops what a query names, one after the other; where one cannot be dropped, the others still can. */
static void drop_all(struct scratch *s, struct pg *pg, const char *query, const char *drop,
                     const char *rest, const char *note)
{
    PGresult *names = NULL;

    if (pg_query(pg, query, 0, NULL, &names, NULL) != LARDER_OK)
        return;
    for (int i = 0; i < PQntuples(names); i++) {
        struct larder_error why = {0};
        const char *name = pg_value(names, i, 0);

        if (run_alone(pg, drop, name, rest, &why) == LARDER_OK && note != NULL)
            run_message(s->run, LARDER_NOTE, note, name);
        else if (why.status != LARDER_OK && note != NULL)
            run_message(s->run, LARDER_WARNING, "could not remove \"%s\": %s", name, why.message);
    }
    PQclear(names);
}

/* Databases whose makers are gone: ours by owner, name and comment. */
static void drop_left_databases(struct scratch *s, struct pg *pg)
{
    drop_all(
        s, pg,
        "SELECT d.datname FROM pg_catalog.pg_database d "
        "WHERE d.datname ~ '^" SCRATCH_PREFIX "[0-9]{8}_[0-9]{6}_[0-9a-f]{8}$' "
        "AND d.datdba = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) "
        "AND (NOT d.datallowconn OR "
        "pg_catalog.shobj_description(d.oid, 'pg_database') = '" SCRATCH_COMMENT "') "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' "
        "AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) "
        "= pg_catalog.hashtextextended(d.datname, 0))",
        "DROP DATABASE IF EXISTS ", " WITH (FORCE)",
        "removed \"%s\", which a drill that was killed has left");
}

/* Roles that were made for drills, when no drill runs: another one's database may need them. */
static void drop_left_roles(struct pg *pg)
{
    char *alone = NULL;
    struct larder_error why = {0};
    enum larder_status status = session_begin_plain(pg, &why);

    if (status == LARDER_OK)
        status = pg_query_one(pg,
                              "SELECT pg_catalog.pg_try_advisory_xact_lock("
                              "pg_catalog.hashtextextended('larder drills', 0))",
                              0, NULL, &alone, &why);
    if (status == LARDER_OK && alone != NULL && alone[0] == 't') {
        PGresult *names = NULL;

        status =
            pg_query(pg,
                     "SELECT r.rolname FROM pg_catalog.pg_roles r WHERE NOT r.rolcanlogin AND "
                     "pg_catalog.shobj_description(r.oid, 'pg_authid') = '" SCRATCH_COMMENT "'",
                     0, NULL, &names, &why);
        for (int i = 0; status == LARDER_OK && i < PQntuples(names); i++) {
            if (pg_exec(pg, "SAVEPOINT larder_role", NULL) == LARDER_OK &&
                run_alone(pg, "DROP ROLE ", pg_value(names, i, 0), "", NULL) != LARDER_OK)
                pg_exec(pg, "ROLLBACK TO SAVEPOINT larder_role",
                        NULL); /* somebody has come to need it */
        }
        PQclear(names);
    }
    free(alone);
    if (status == LARDER_OK)
        session_commit(pg, NULL);
    else
        session_rollback(pg);
}

/* What there is to know of server and role. */
static enum larder_status look(struct scratch *s, struct pg *pg, struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status =
        pg_query(pg,
                 "SELECT r.rolsuper, r.rolsuper OR r.rolcreatedb, r.rolname, "
                 "pg_catalog.pg_is_in_recovery() "
                 "FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
                 0, NULL, &result, error);
    int version = pg_server_version(pg);

    if (status != LARDER_OK)
        return status;
    s->superuser = PQntuples(result) > 0 && pg_value(result, 0, 0)[0] == 't';
    s->version = arena_printf(s->arena, "%d.%d%s", version / 10000, version % 10000,
                              s->embedded != NULL ? ", embedded" : "");
    if (PQntuples(result) > 0 && pg_value(result, 0, 3)[0] == 't') {
        status =
            larder_fail(error, LARDER_FAILED, "the server is a standby, which takes no changes");
        larder_hint(error, "Name another server, or let larder start one: --embedded.");
    } else if (PQntuples(result) > 0 && pg_value(result, 0, 1)[0] != 't') {
        status = larder_fail(error, LARDER_FAILED, "role \"%s\" may not create databases",
                             pg_value(result, 0, 2));
        larder_hint(error, "ALTER ROLE ... CREATEDB, or let larder start a server: --embedded.");
    }
    PQclear(result);
    return status;
}

static enum larder_status take_locks(struct scratch *s, struct larder_error *error)
{
    const char *name = s->name;
    PGresult *result = NULL;
    enum larder_status status =
        pg_connect(&s->server, &s->calm, -1, PG_CONNECT_SECONDS, &s->lock, error);

    if (status == LARDER_OK)
        status = session_begin_plain(s->lock, error);
    if (status == LARDER_OK)
        status = pg_query(s->lock,
                          "SELECT pg_catalog.pg_advisory_xact_lock_shared("
                          "pg_catalog.hashtextextended('larder drills', 0)), "
                          "pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))",
                          1, &name, &result, error);
    PQclear(result);
    return status;
}

/* The server's own locale where it fits the encoding, since patterns may depend on it. */
static enum larder_status create(struct scratch *s, struct pg *pg, const char *encoding,
                                 struct larder_error *error)
{
    const char *rest = arena_printf(
        s->arena, " TEMPLATE template0 ENCODING '%s' ALLOW_CONNECTIONS false", encoding);
    enum larder_status status = run_alone(pg, "CREATE DATABASE ", s->name, rest, error);

    if (status == LARDER_FAILED && strcmp(pg_sqlstate(pg), "22023") == 0)
        status = run_alone(pg, "CREATE DATABASE ", s->name,
                           arena_printf(s->arena, "%s LC_COLLATE 'C' LC_CTYPE 'C'", rest), error);
    s->created = status == LARDER_OK;
    if (status == LARDER_OK)
        status = run_alone(pg, "REVOKE ALL ON DATABASE ", s->name, " FROM PUBLIC", error);
    if (status == LARDER_OK)
        status = run_alone(pg, "COMMENT ON DATABASE ", s->name, " IS '" SCRATCH_COMMENT "'", error);
    if (status == LARDER_OK)
        status = run_alone(pg, "ALTER DATABASE ", s->name, " ALLOW_CONNECTIONS true", error);
    return status;
}

static enum larder_status make_database(struct scratch *s, const char *encoding,
                                        struct larder_error *error)
{
    struct pg *pg = NULL;
    enum larder_status status = pg_connect(&s->server, s->run, -1, PG_CONNECT_SECONDS, &pg, error);

    if (status == LARDER_OK)
        status = session_untimed(pg, error);
    if (status == LARDER_OK)
        status = look(s, pg, error);
    if (status == LARDER_OK) {
        drop_left_databases(s, pg);
        drop_left_roles(pg);
        make_name(s->name);
        status = take_locks(s, error);
    }
    if (status == LARDER_OK) {
        status = create(s, pg, encoding, error);
        if (status != LARDER_OK)
            larder_context(error, "could not make a database for the drill");
    }
    if (status == LARDER_OK)
        s->conninfo =
            arena_printf(s->arena, "host=%s port=%s user=%s dbname=%s", PQhost(pg_libpq(pg)),
                         PQport(pg_libpq(pg)), PQuser(pg_libpq(pg)), s->name);
    pg_close(pg);
    return status;
}

enum larder_status scratch_begin(const struct scratch_options *options,
                                 const struct larder_run *run, struct scratch **scratch,
                                 struct larder_error *error)
{
    struct scratch *s = calloc(1, sizeof(*s));
    enum larder_status status = LARDER_OK;

    *scratch = s;
    if (s == NULL)
        return larder_fail_memory(error);
    s->run = run;
    s->calm = (struct larder_run){.message = run->message, .arg = run->arg};
    s->keep = options->keep;
    s->arena = arena_new();
    if (s->arena == NULL)
        return larder_fail_memory(error);
    if (options->server == NULL) {
        status = embedded_start(options->major, options->encoding, options->keep, run, &s->embedded,
                                error);
        if (status == LARDER_OK)
            s->server = *embedded_connect(s->embedded);
    } else {
        s->server = *options->server;
        if (!pg_names_database(&s->server))
            s->server.database = "postgres";
    }
    if (status == LARDER_OK)
        status = make_database(s, options->encoding, error);
    s->own = s->server;
    s->own.database = s->name;
    if (status == LARDER_OK && arena_failed(s->arena))
        status = larder_fail_memory(error);
    return status;
}

/* On a connection of its own, since whatever stopped the run may have hit the others. */
static void remove_database(struct scratch *s)
{
    struct larder_error why = {0};
    struct pg *pg = NULL;
    enum larder_status status = pg_connect(&s->server, &s->calm, -1, PG_CONNECT_SECONDS, &pg, &why);

    if (status == LARDER_OK)
        status = session_untimed(pg, &why);
    if (status == LARDER_OK && s->created && s->keep)
        status = run_alone(pg, "COMMENT ON DATABASE ", s->name, " IS '" KEPT_COMMENT "'", &why);
    else if (status == LARDER_OK && s->created)
        status = run_alone(pg, "DROP DATABASE IF EXISTS ", s->name, " WITH (FORCE)", &why);
    session_rollback(s->lock);
    if (status == LARDER_OK)
        drop_left_databases(s, pg); /* again: the server may notice only now that a maker is gone */
    if (status == LARDER_OK && !s->keep)
        drop_left_roles(pg);
    pg_close(pg);
    if (status != LARDER_OK)
        run_message(s->run, LARDER_WARNING,
                    "the database \"%s\" could not be removed; the next drill there does it: %s",
                    s->name, why.message);
}

void scratch_end(struct scratch *s)
{
    if (s == NULL)
        return;
    if (s->created && (s->embedded == NULL || s->keep))
        remove_database(s);
    pg_close(s->lock);
    embedded_stop(s->embedded);
    arena_free(s->arena);
    free(s);
}
