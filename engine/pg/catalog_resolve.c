#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/catalog.h"
#include "engine/pg/pattern.h"
#include "engine/run/run.h"

/*
 * Schemas that a pattern for schemas never means: the system's, our own, and on Supabase those that
 * the platform owns. A name without a pattern reaches them all.
 */
static const char resolve_sql[] =
    "WITH wanted AS (SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::bool[]) AS w(i, nsp, rel, "
    "any_schema)), supabase AS (SELECT count(*) = 3 AS here "
    "FROM pg_catalog.pg_roles   WHERE rolname IN ('anon', 'authenticated', 'service_role')) SELECT w.i, c.oid, "
    "c.relkind, pg_catalog.has_table_privilege(c.oid, 'SELECT') "
    "FROM wanted w JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.~) w.nsp "
    "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname OPERATOR(pg_catalog.~) w.rel "
    "CROSS JOIN supabase s WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't' AND NOT "
    "(w.any_schema AND (n.nspname LIKE 'pg\\_%' OR n.nspname IN ('information_schema', 'backups')   OR (s.here AND "
    "n.nspname IN ('auth', 'storage', 'realtime', '_realtime', 'vault', 'graphql',     'graphql_public', "
    "'extensions', 'pgbouncer', 'pgsodium', 'pgsodium_masks', 'supabase_functions',     'supabase_migrations', "
    "'_analytics', '_supavisor', 'cron', 'net')))) AND NOT (w.any_schema AND EXISTS (SELECT "
    "FROM pg_catalog.pg_depend d WHERE d.classid = 1259   AND d.objid = c.oid AND d.deptype = 'e')) "
    "ORDER BY w.i, n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

/* All descendants, each with the named table nearest in the list. */
static const char descend_sql[] =
    "WITH RECURSIVE tree(named, oid, place, depth) AS (  SELECT o, o, i, 0 "
    "FROM unnest($1::oid[]) WITH ORDINALITY AS u(o, i)   "
    "UNION ALL   SELECT t.named, h.inhrelid, t.place, t.depth + 1 "
    "FROM tree t   JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid   "
    "JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't') "
    "SELECT DISTINCT ON (t.oid) t.oid, t.named, t.place, c.relkind, n.nspname, c.relname, t.depth "
    "FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "ORDER BY t.oid, t.depth DESC, t.place";

static enum larder_status parse_all(const char *const *names, size_t count, struct arena *arena,
                                    struct pattern **patterns, struct larder_error *error)
{
    enum larder_status status;

    *patterns = arena_alloc(arena, count, sizeof(**patterns));
    if (*patterns == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        status = pattern_parse(names[i], arena, &(*patterns)[i], error);
        if (status != LARDER_OK)
            return status;
    }
    return LARDER_OK;
}

static enum larder_status match(struct pg *pg, const struct pattern *patterns, size_t count,
                                PGresult **result, struct larder_error *error)
{
    struct buffer numbers = {0}, schemas = {0}, names = {0}, flags = {0};
    const char *values[4];
    enum larder_status status;

    for (size_t i = 0; i < count; i++) {
        array_add_number(&numbers, i);
        array_add(&schemas, patterns[i].schema);
        array_add(&names, patterns[i].name);
        array_add(&flags, patterns[i].any_schema ? "t" : "f");
    }
    values[0] = array_finish(&numbers);
    values[1] = array_finish(&schemas);
    values[2] = array_finish(&names);
    values[3] = array_finish(&flags);
    if (numbers.failed || schemas.failed || names.failed || flags.failed)
        status = larder_fail_memory(error);
    else
        status = pg_query(pg, resolve_sql, 4, values, result, error);
    buffer_free(&numbers);
    buffer_free(&schemas);
    buffer_free(&names);
    buffer_free(&flags);
    return status;
}

static const char *kind_in_words(char relkind)
{
    switch (relkind) {
    case 'v':
        return "a view, which has no rows of its own";
    case 'm':
        return "a materialised view, whose rows are computed from its tables";
    case 'f':
        return "a foreign table, whose rows are on another server";
    default:
        return "a sequence, which goes along with the table that owns it";
    }
}

static bool has_oid(const uint32_t *oids, size_t count, uint32_t oid)
{
    for (size_t i = 0; i < count; i++)
        if (oids[i] == oid)
            return true;
    return false;
}

static uint32_t oid_at(const PGresult *result, int row, int column)
{
    return (uint32_t)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

/* Beside a literal *.*, names stand for what is taken along where it is there and may be read
 * (auth.users). */
static bool names_everything(const struct pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(patterns[i].text, "*.*") == 0)
            return true;
    return false;
}

/* What one name brought: which of its matches are taken, and what has to be said of the others. */
static void take_matches(const PGresult *matches, const struct pattern *patterns, size_t count,
                         struct arena *arena, uint32_t *taken, size_t *taken_count,
                         uint32_t *left_out, size_t *left_out_count,
                         struct larder_findings *findings)
{
    bool *matched = arena_alloc(arena, count, sizeof(*matched));
    bool everything = names_everything(patterns, count);

    if (matched == NULL)
        return;
    for (int row = 0; row < PQntuples(matches); row++) {
        size_t i = strtoul(PQgetvalue(matches, row, 0), NULL, 10);
        char kind = PQgetvalue(matches, row, 2)[0];
        uint32_t oid = oid_at(matches, row, 1);
        bool is_table = kind == 'r' || kind == 'p';

        if (patterns[i].leave_out) {
            matched[i] = true;
            left_out[(*left_out_count)++] = oid;
        } else if (is_table) {
            matched[i] = true;
            if (!everything || patterns[i].any || PQgetvalue(matches, row, 3)[0] == 't')
                taken[(*taken_count)++] = oid;
        } else if (!patterns[i].any && kind != 'S') {
            matched[i] = true;
            findings_add(findings, arena, "table", patterns[i].text, "\"%s\" is %s",
                         patterns[i].text, kind_in_words(kind));
        }
    }
    for (size_t i = 0; i < count; i++)
        if (!matched[i] && (!everything || patterns[i].any) && !patterns[i].leave_out)
            findings_add(findings, arena, "table", patterns[i].text,
                         patterns[i].any ? "no table matches \"%s\""
                                         : "table \"%s\" does not exist",
                         patterns[i].text);
}

struct found {
    uint32_t oid, named;
    size_t place;
    int depth;
    const char *schema, *name;
};

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->depth != y->depth)
        return x->depth - y->depth;
    order = strcmp(x->schema, y->schema);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* Whether every table that was taken is still among those of the result. */
static bool has_all(const PGresult *result, const uint32_t *taken, size_t taken_count,
                    const uint32_t *left_out, size_t left_out_count)
{
    for (size_t i = 0; i < taken_count; i++) {
        bool found = has_oid(left_out, left_out_count, taken[i]);

        for (int row = 0; row < PQntuples(result) && !found; row++)
            found = oid_at(result, row, 0) == taken[i];
        if (!found)
            return false;
    }
    return true;
}

/* Takes the array of OIDs that has been put together, and frees it. */
static enum larder_status query_descendants(struct pg *pg, struct buffer *oids, PGresult **result,
                                            struct larder_error *error)
{
    const char *value = array_finish(oids);
    enum larder_status status = oids->failed ? larder_fail_memory(error)
                                             : pg_query(pg, descend_sql, 1, &value, result, error);

    buffer_free(oids);
    return status;
}

/* What is left out takes its descendants along. */
static enum larder_status descend_left_out(struct pg *pg, struct arena *arena, uint32_t **left_out,
                                           size_t *count, struct larder_error *error)
{
    struct buffer array = {0};
    PGresult *result = NULL;
    enum larder_status status;

    if (*count == 0)
        return LARDER_OK;
    for (size_t i = 0; i < *count; i++)
        array_add_number(&array, (*left_out)[i]);
    status = query_descendants(pg, &array, &result, error);
    if (status != LARDER_OK)
        return status;
    *count = (size_t)PQntuples(result);
    *left_out = arena_alloc(arena, *count, sizeof(**left_out));
    for (size_t i = 0; *left_out != NULL && i < *count; i++)
        (*left_out)[i] = oid_at(result, (int)i, 0);
    PQclear(result);
    return *left_out == NULL ? larder_fail_memory(error) : LARDER_OK;
}

static enum larder_status descend(struct pg *pg, const uint32_t *taken, size_t taken_count,
                                  const uint32_t *left_out, size_t left_out_count,
                                  struct arena *arena, struct catalog_tables *tables,
                                  struct larder_findings *findings, struct larder_error *error)
{
    struct buffer array = {0};
    PGresult *result = NULL;
    struct found *found;
    size_t count = 0;
    enum larder_status status;

    for (size_t i = 0; i < taken_count; i++)
        if (!has_oid(left_out, left_out_count, taken[i]))
            array_add_number(&array, taken[i]);
    status = query_descendants(pg, &array, &result, error);
    if (status != LARDER_OK)
        return status;
    found = arena_alloc(arena, (size_t)PQntuples(result), sizeof(*found));
    for (int row = 0; found != NULL && row < PQntuples(result); row++) {
        uint32_t oid = oid_at(result, row, 0);
        const char *schema = arena_strdup(arena, PQgetvalue(result, row, 4));
        const char *name = arena_strdup(arena, PQgetvalue(result, row, 5));

        if (has_oid(left_out, left_out_count, oid))
            continue;
        if (PQgetvalue(result, row, 3)[0] == 'f') {
            findings_add(findings, arena, "table", name,
                         "\"%s.%s\", which belongs to a table of the list, is %s", schema, name,
                         kind_in_words('f'));
            continue;
        }
        found[count++] = (struct found){oid,
                                        oid_at(result, row, 1),
                                        strtoul(PQgetvalue(result, row, 2), NULL, 10),
                                        (int)strtol(PQgetvalue(result, row, 6), NULL, 10),
                                        schema,
                                        name};
    }
    tables->changed = !has_all(result, taken, taken_count, left_out, left_out_count);
    PQclear(result);
    tables->oids = arena_alloc(arena, count, sizeof(*tables->oids));
    tables->named = arena_alloc(arena, count, sizeof(*tables->named));
    if (arena_failed(arena) || found == NULL)
        return larder_fail_memory(error);
    qsort(found, count, sizeof(*found), by_place);
    for (size_t i = 0; i < count; i++) {
        tables->oids[i] = found[i].oid;
        tables->named[i] = found[i].named;
    }
    tables->count = count;
    return LARDER_OK;
}

enum larder_status catalog_resolve(struct pg *pg, const char *const *names, size_t count,
                                   struct arena *arena, struct catalog_tables *tables,
                                   struct larder_findings *findings, struct larder_error *error)
{
    struct pattern *patterns;
    PGresult *matches = NULL;
    uint32_t *taken, *left_out;
    size_t taken_count = 0, left_out_count = 0;
    enum larder_status status = parse_all(names, count, arena, &patterns, error);

    if (status == LARDER_OK)
        status = match(pg, patterns, count, &matches, error);
    if (status != LARDER_OK)
        return status;
    taken = arena_alloc(arena, (size_t)PQntuples(matches), sizeof(*taken));
    left_out = arena_alloc(arena, (size_t)PQntuples(matches), sizeof(*left_out));
    if (taken == NULL || left_out == NULL) {
        PQclear(matches);
        return larder_fail_memory(error);
    }
    take_matches(matches, patterns, count, arena, taken, &taken_count, left_out, &left_out_count,
                 findings);
    PQclear(matches);
    status = descend_left_out(pg, arena, &left_out, &left_out_count, error);
    if (status != LARDER_OK)
        return status;
    return descend(pg, taken, taken_count, left_out, left_out_count, arena, tables, findings,
                   error);
}
