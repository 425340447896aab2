#include <stdlib.h>
#include <string.h>

#include "engine/pg/catalog.h"
#include "engine/pg/catalog_query.h"
#include "engine/pg/pattern.h"
#include "engine/run/run.h"

#define FOREIGN_TABLE "a foreign table, whose rows are on another server"

/* A table counts as readable where all of it is. */
static const char resolve_sql[] =
    "WITH " MATCHED "SELECT m.i, c.oid, c.relkind, "
    "pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
    "AND pg_catalog.has_table_privilege(c.oid, 'SELECT') "
    "AND NOT pg_catalog.row_security_active(c.oid), c.relpersistence, "
    "n.nspname LIKE 'pg\\_%' OR n.nspname = 'information_schema', e.extname "
    "FROM matched m JOIN pg_catalog.pg_class c ON c.oid = m.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_catalog.pg_depend d ON d.classid = 1259 AND d.objid = c.oid AND d.objsubid = 0 "
    "AND d.refclassid = 3079 AND d.deptype = 'e' "
    "LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid "
    "WHERE c.relkind NOT IN ('c', 't') "
    "ORDER BY m.i, n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

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
                                struct arena *arena, PGresult **result, struct larder_error *error)
{
    size_t *places = arena_alloc(arena, count, sizeof(*places));

    if (places == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++)
        places[i] = i;
    return catalog_query_patterns(pg, resolve_sql, patterns, places, count, result, error);
}

/* Why something that was named is none of the tables that an archive holds; NULL where it is one. */
static const char *why_not_table(struct arena *arena, const PGresult *matches, int row)
{
    if (catalog_flag(matches, row, 5))
        return "a table of the system, which belongs to no database's contents";
    if (pg_value(matches, row, 4)[0] == 't')
        return "a temporary table, which ends with its session";
    if (!PQgetisnull(matches, row, 6))
        return arena_printf(arena,
                            "a table of the extension \"%s\", which makes and fills it itself",
                            pg_value(matches, row, 6));
    switch (pg_value(matches, row, 2)[0]) {
    case 'r':
    case 'p':
        return NULL;
    case 'v':
        return "a view, which has no rows of its own";
    case 'm':
        return "a materialised view, whose rows are computed from its tables";
    case 'f':
        return FOREIGN_TABLE;
    case 'S':
        return "a sequence, which goes along with the table that uses it";
    default:
        return "an index, which goes along with its table";
    }
}

/* OIDs to look up among: sorted once they are all there. */
struct oids {
    uint32_t *items;
    size_t count;
};

static int by_oid(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void oids_sort(struct oids *oids)
{
    qsort(oids->items, oids->count, sizeof(*oids->items), by_oid);
}

static bool oids_have(const struct oids *oids, uint32_t oid)
{
    return oids->count > 0 &&
           bsearch(&oid, oids->items, oids->count, sizeof(*oids->items), by_oid) != NULL;
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

/* What the names brought: the tables that are taken and left out, and what has to be said of others. */
struct choice {
    const struct pattern *patterns;
    size_t count;
    struct arena *arena;
    bool *matched; /* of each pattern */
    bool everything;
    struct oids taken, left_out;
    struct catalog_tables *tables;
    struct larder_findings *findings;
};

static void take_match(struct choice *c, const PGresult *matches, int row)
{
    size_t i = catalog_number(matches, row, 0);
    const struct pattern *pattern = &c->patterns[i];
    const char *why_not = why_not_table(c->arena, matches, row);

    if (pattern->any && why_not != NULL && !pattern->leave_out)
        return;
    c->matched[i] = true;
    if (pattern->leave_out)
        c->left_out.items[c->left_out.count++] = catalog_oid(matches, row, 1);
    else if (why_not != NULL)
        findings_add(c->findings, c->arena, "table", pattern->text, "\"%s\" is %s", pattern->text,
                     why_not);
    else if (c->everything && !pattern->any && !catalog_flag(matches, row, 3))
        c->tables->skipped[c->tables->skipped_count++] = pattern->text;
    else
        c->taken.items[c->taken.count++] = catalog_oid(matches, row, 1);
}

static enum larder_status take_matches(struct choice *c, const PGresult *matches,
                                       struct larder_error *error)
{
    size_t rows = (size_t)PQntuples(matches);
    enum larder_status status = catalog_check_places(matches, c->count, false, error);

    if (status != LARDER_OK)
        return status;
    c->matched = arena_alloc(c->arena, c->count, sizeof(*c->matched));
    c->taken.items = arena_alloc(c->arena, rows, sizeof(uint32_t));
    c->left_out.items = arena_alloc(c->arena, rows, sizeof(uint32_t));
    c->tables->skipped = arena_alloc(c->arena, rows, sizeof(*c->tables->skipped));
    if (arena_failed(c->arena))
        return larder_fail_memory(error);
    for (int row = 0; row < PQntuples(matches); row++)
        take_match(c, matches, row);
    for (size_t i = 0; i < c->count; i++) {
        const struct pattern *pattern = &c->patterns[i];

        if (!c->matched[i] && (!c->everything || pattern->any) && !pattern->leave_out)
            findings_add(c->findings, c->arena, "table", pattern->text,
                         pattern->any ? "no table matches \"%s\"" : "table \"%s\" does not exist",
                         pattern->text);
    }
    return LARDER_OK;
}

struct found {
    uint32_t oid, named;
    size_t place, depth;
    const char *schema, *name;
};

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    order = strcmp(x->schema, y->schema);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* The descendants of OIDs, which are among them. */
static enum larder_status query_descendants(struct pg *pg, const struct oids *oids,
                                            PGresult **result, struct larder_error *error)
{
    return catalog_query_oids(pg, descend_sql, oids->items, oids->count, result, error);
}

/* What is left out takes its descendants along. */
static enum larder_status descend_left_out(struct pg *pg, struct choice *c,
                                           struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status;

    if (c->left_out.count == 0)
        return LARDER_OK;
    status = query_descendants(pg, &c->left_out, &result, error);
    if (status != LARDER_OK)
        return status;
    c->left_out.count = (size_t)PQntuples(result);
    c->left_out.items = arena_alloc(c->arena, c->left_out.count, sizeof(uint32_t));
    for (int row = 0; c->left_out.items != NULL && row < PQntuples(result); row++)
        c->left_out.items[row] = catalog_oid(result, row, 0);
    PQclear(result);
    if (c->left_out.items == NULL)
        return larder_fail_memory(error);
    oids_sort(&c->left_out);
    return LARDER_OK;
}

static void drop_left_out(struct choice *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->taken.count; i++)
        if (!oids_have(&c->left_out, c->taken.items[i]))
            c->taken.items[kept++] = c->taken.items[i];
    c->taken.count = kept;
}

/* Whether every table that was taken is still among those that were found again. */
static bool has_all(struct choice *c, const PGresult *result)
{
    struct oids again = {.items =
                             arena_alloc(c->arena, (size_t)PQntuples(result), sizeof(uint32_t)),
                         .count = (size_t)PQntuples(result)};

    if (again.items == NULL)
        return false;
    for (size_t i = 0; i < again.count; i++)
        again.items[i] = catalog_oid(result, (int)i, 0);
    oids_sort(&again);
    for (size_t i = 0; i < c->taken.count; i++)
        if (!oids_have(&again, c->taken.items[i]))
            return false;
    return true;
}

/* In the order of the names, then parents first, then by name. */
static size_t take_found(struct choice *c, const PGresult *result, struct found *found)
{
    size_t count = 0;

    for (int row = 0; row < PQntuples(result); row++) {
        const char *schema = arena_strdup(c->arena, pg_value(result, row, 4));
        const char *name = arena_strdup(c->arena, pg_value(result, row, 5));

        if (oids_have(&c->left_out, catalog_oid(result, row, 0)))
            continue;
        if (pg_value(result, row, 3)[0] == 'f') {
            findings_add(c->findings, c->arena, "table", name,
                         "\"%s.%s\", which belongs to a table of the list, is " FOREIGN_TABLE
                         "; \"!%s.%s\" leaves it out",
                         schema, name, schema, name);
            continue;
        }
        found[count++] = (struct found){.oid = catalog_oid(result, row, 0),
                                        .named = catalog_oid(result, row, 1),
                                        .place = catalog_number(result, row, 2),
                                        .depth = catalog_number(result, row, 6),
                                        .schema = schema,
                                        .name = name};
    }
    qsort(found, count, sizeof(*found), by_place);
    return count;
}

static enum larder_status descend(struct pg *pg, struct choice *c, struct larder_error *error)
{
    struct catalog_tables *tables = c->tables;
    struct found *found;
    PGresult *result = NULL;
    enum larder_status status = query_descendants(pg, &c->taken, &result, error);

    if (status != LARDER_OK)
        return status;
    found = arena_alloc(c->arena, (size_t)PQntuples(result), sizeof(*found));
    tables->oids = arena_alloc(c->arena, (size_t)PQntuples(result), sizeof(*tables->oids));
    tables->named = arena_alloc(c->arena, (size_t)PQntuples(result), sizeof(*tables->named));
    if (!arena_failed(c->arena)) {
        tables->count = take_found(c, result, found);
        tables->changed = !has_all(c, result);
    }
    PQclear(result);
    if (arena_failed(c->arena))
        return larder_fail_memory(error);
    for (size_t i = 0; i < tables->count; i++) {
        tables->oids[i] = found[i].oid;
        tables->named[i] = found[i].named;
    }
    return LARDER_OK;
}

enum larder_status catalog_resolve(struct pg *pg, const char *const *names, size_t count,
                                   struct arena *arena, struct catalog_tables *tables,
                                   struct larder_findings *findings, struct larder_error *error)
{
    struct choice choice = {.count = count, .arena = arena, .tables = tables, .findings = findings};
    struct pattern *patterns;
    PGresult *matches = NULL;
    enum larder_status status = parse_all(names, count, arena, &patterns, error);

    *tables = (struct catalog_tables){0};
    if (status == LARDER_OK)
        status = match(pg, patterns, count, arena, &matches, error);
    if (status != LARDER_OK)
        return status;
    choice.patterns = patterns;
    choice.everything = names_everything(patterns, count);
    status = take_matches(&choice, matches, error);
    PQclear(matches);
    if (status == LARDER_OK)
        status = descend_left_out(pg, &choice, error);
    if (status != LARDER_OK)
        return status;
    drop_left_out(&choice);
    return descend(pg, &choice, error);
}
