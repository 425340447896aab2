#include <stdlib.h>
#include <string.h>

#include "engine/restore/preflight.h"
#include "engine/run/run.h"
#include "formats/sql_split.h"
#include "formats/sql_text.h"

/* Whether what stands before a word is one that a role follows; in a list of roles it is a comma. */
static bool precedes_role(const char *sql, const char *at)
{
    static const char *const words[] = {"TO ", "FROM ", "ROLE ", "AUTHORIZATION ", ", "};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i]);

        if ((size_t)(at - sql) >= length && strncmp(at - length, words[i], length) == 0)
            return true;
    }
    return false;
}

/* Whether the SQL names a role. Where something else of that name stands in such a place, one role too many is asked for. */
static bool mentions(const char *sql, const char *role)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";
    struct buffer quoted = {0};
    size_t length = strlen(role);
    bool found;

    sql_identifier(&quoted, role);
    found = strstr(sql, buffer_text(&quoted)) != NULL;
    buffer_free(&quoted);
    for (const char *at = strstr(sql, role); at != NULL && !found; at = strstr(at + 1, role))
        found =
            precedes_role(sql, at) && (at[length] == '\0' || strchr(letters, at[length]) == NULL);
    return found;
}

/* What is made in these passes may belong to roles, or be granted to them. */
static const enum schema_pass made_in[] = {SCHEMA_CREATE, SCHEMA_GRANT, SCHEMA_LAST, SCHEMA_REST};

enum larder_status preflight_roles(struct restore *r, struct larder_error *error)
{
    const struct manifest *m = r->manifest;
    const char **names = arena_alloc(r->arena, m->external_count, sizeof(*names));
    bool *exists = arena_alloc(r->arena, m->external_count, sizeof(*exists));
    struct buffer sql = {0};
    size_t count = 0;
    enum larder_status status =
        names == NULL || exists == NULL ? larder_fail_memory(error) : LARDER_OK;

    /* The archive's roles are those of whole schemas. */
    for (size_t i = 0; status == LARDER_OK && i < sizeof(made_in) / sizeof(made_in[0]); i++)
        status = schema_sql(&r->schema, made_in[i], &sql, error);
    for (size_t i = 0; i < r->to_make_count; i++)
        if (r->to_make[i].definition != NULL && strcmp(r->to_make[i].kind, "schema") != 0)
            buffer_puts(&sql, r->to_make[i].definition);
    for (size_t i = 0; status == LARDER_OK && i < m->external_count; i++)
        if (strcmp(m->externals[i].kind, "role") == 0 &&
            mentions(buffer_text(&sql), m->externals[i].name))
            names[count++] = m->externals[i].name;
    if (status == LARDER_OK)
        status = preflight_ask(r->control,
                               "EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = u.item)",
                               names, count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++) {
        if (exists[i])
            continue;
        if (r->options->create_roles)
            r->to_make[r->to_make_count++] = (struct manifest_external){
                .kind = "role", .name = names[i], .definition = r->options->role_comment};
        else
            findings_add(&r->proof->findings, r->arena, "role", names[i],
                         "role \"%s\" does not exist in the target; --create-roles creates it, "
                         "without login",
                         names[i]);
    }
    buffer_free(&sql);
    return status;
}

enum larder_status preflight_maintain(struct restore *r, struct larder_error *error)
{
    static const enum schema_pass passes[] = {SCHEMA_GRANT, SCHEMA_REST};
    enum larder_status status = LARDER_OK;

    if (pg_server_version(r->control) >= 170000 ||
        strtol(r->manifest->server_version, NULL, 10) < 17)
        return LARDER_OK;
    for (size_t i = 0; status == LARDER_OK && i < sizeof(passes) / sizeof(passes[0]); i++) {
        struct schema_block *blocks;
        size_t count;

        status = schema_blocks(&r->schema, passes[i], r->arena, &blocks, &count, error);
        for (size_t j = 0; status == LARDER_OK && j < count; j++)
            if (schema_names_maintain(blocks[j].sql))
                findings_add(&r->proof->findings, r->arena, "left out", blocks[j].entry->text,
                             "%s: MAINTAIN, which servers before 17 lack", blocks[j].entry->text);
    }
    r->schema.no_maintain = true;
    return status;
}

/* What the restoring role may do. */
struct abilities {
    const char *role;
    bool superuser, create_role, create_schema, bypass; /* bypass: row level security */
};

static enum larder_status read_abilities(struct restore *r, struct abilities *able,
                                         struct larder_error *error)
{
    PGresult *result = NULL;
    enum larder_status status =
        pg_query(r->control,
                 "SELECT rolname, rolsuper, rolcreaterole, "
                 "pg_catalog.has_database_privilege(current_database(), 'CREATE'), rolbypassrls "
                 "FROM pg_catalog.pg_roles WHERE rolname = current_user",
                 0, NULL, &result, error);

    if (status == LARDER_OK && PQntuples(result) == 1)
        *able = (struct abilities){.role = arena_strdup(r->arena, pg_value(result, 0, 0)),
                                   .superuser = pg_value(result, 0, 1)[0] == 't',
                                   .create_role = pg_value(result, 0, 2)[0] == 't',
                                   .create_schema = pg_value(result, 0, 3)[0] == 't',
                                   .bypass = pg_value(result, 0, 4)[0] == 't'};
    PQclear(result);
    return status;
}

/* Schemas that are there, and that tables are to be made in. */
static enum larder_status check_schemas(struct restore *r, const char *role,
                                        struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->table_count, sizeof(*names));
    bool *closed = arena_alloc(r->arena, r->table_count, sizeof(*closed));
    size_t count = 0;
    enum larder_status status;

    if (names == NULL || closed == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++) {
        bool known = false;

        for (size_t j = 0; j < count && !known; j++)
            known = strcmp(names[j], r->tables[i]->schema) == 0;
        if (!known)
            names[count++] = r->tables[i]->schema;
    }
    status = preflight_ask(r->control,
                           "EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = u.item "
                           "AND NOT pg_catalog.has_schema_privilege(n.oid, 'CREATE'))",
                           names, count, closed, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        if (closed[i])
            findings_add(&r->proof->findings, r->arena, "privilege", names[i],
                         "role \"%s\" may not create tables in schema \"%s\" (GRANT CREATE ON "
                         "SCHEMA)",
                         role, names[i]);
    return status;
}

/* Tables that are there, and that partitions are joined to or tables inherit from: only their owner may let them. */
static enum larder_status check_parents(struct restore *r, const char *role,
                                        struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->child_count, sizeof(*names));
    bool *closed = arena_alloc(r->arena, r->child_count, sizeof(*closed));
    enum larder_status status;

    for (size_t i = 0; names != NULL && i < r->child_count; i++)
        names[i] = preflight_parent(r, i);
    if (names == NULL || closed == NULL || arena_failed(r->arena))
        return larder_fail_memory(error);
    status = preflight_ask(r->control,
                           "EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = "
                           "pg_catalog.to_regclass(u.item) "
                           "AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'))",
                           names, r->child_count, closed, error);
    for (size_t i = 0; status == LARDER_OK && i < r->child_count; i++)
        if (closed[i])
            findings_add(&r->proof->findings, r->arena, "privilege", names[i],
                         "role \"%s\" may not make \"%s.%s\" a partition or an heir of %s: it "
                         "does not own that one",
                         role, r->children[i]->schema, r->children[i]->name, names[i]);
    return status;
}

static enum larder_status check_extensions(struct restore *r, const char *role,
                                           struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->to_make_count, sizeof(*names));
    bool *closed = arena_alloc(r->arena, r->to_make_count, sizeof(*closed));
    size_t count = 0;
    enum larder_status status;

    if (names == NULL || closed == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->to_make_count; i++)
        if (strcmp(r->to_make[i].kind, "extension") == 0)
            names[count++] = r->to_make[i].name;
    status = preflight_ask(
        r->control,
        "EXISTS (SELECT FROM pg_catalog.pg_available_extension_versions v "
        "JOIN pg_catalog.pg_available_extensions e ON e.name = v.name AND e.default_version = "
        "v.version WHERE v.name = u.item AND v.superuser AND NOT v.trusted)",
        names, count, closed, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        if (closed[i])
            findings_add(&r->proof->findings, r->arena, "privilege", names[i],
                         "role \"%s\" may not create extension \"%s\": it takes a superuser", role,
                         names[i]);
    return status;
}

/* The distinct owners of what a pass makes. */
static enum larder_status add_owners(struct restore *r, enum schema_pass pass, const char **owners,
                                     size_t *count, struct larder_error *error)
{
    struct schema_block *blocks;
    size_t block_count;
    enum larder_status status =
        schema_blocks(&r->schema, pass, r->arena, &blocks, &block_count, error);

    for (size_t i = 0; status == LARDER_OK && i < block_count; i++) {
        const char *owner = schema_owner(&blocks[i], r->arena);
        bool known = owner == NULL;

        for (size_t j = 0; j < *count && !known; j++)
            known = strcmp(owners[j], owner) == 0;
        if (!known)
            owners[(*count)++] = owner;
    }
    return status;
}

/* One who is no superuser gives a table only to a role that it is a member of. */
static enum larder_status check_owners(struct restore *r, const char *role,
                                       struct larder_error *error)
{
    const char **owners = arena_alloc(r->arena, r->schema.count + 1, sizeof(*owners));
    bool *closed = arena_alloc(r->arena, r->schema.count + 1, sizeof(*closed));
    size_t count = 0;
    enum larder_status status =
        owners == NULL || closed == NULL ? larder_fail_memory(error) : LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < sizeof(made_in) / sizeof(made_in[0]); i++)
        status = add_owners(r, made_in[i], owners, &count, error);
    if (status != LARDER_OK)
        return status;
    status =
        preflight_ask(r->control,
                      pg_server_version(r->control) >= 160000
                          ? "EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.rolname = u.item "
                            "AND NOT pg_catalog.pg_has_role(o.oid, 'SET'))"
                          : "EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.rolname = u.item "
                            "AND NOT pg_catalog.pg_has_role(o.oid, 'MEMBER'))",
                      owners, count, closed, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++) {
        bool made = false;

        for (size_t j = 0; j < r->to_make_count && !made; j++)
            made = strcmp(r->to_make[j].kind, "role") == 0 &&
                   strcmp(r->to_make[j].name, owners[i]) == 0;
        if (closed[i] || made)
            findings_add(&r->proof->findings, r->arena, "owner", owners[i],
                         "role \"%s\" may not make role \"%s\" the owner of what is restored; "
                         "--no-owner leaves it with \"%s\", or GRANT %s TO %s",
                         role, owners[i], role, owners[i], role);
    }
    return status;
}

static bool forces_row_security(const char *sql)
{
    static const char end[] = " FORCE ROW LEVEL SECURITY";
    size_t length = strlen(sql), size = strlen(end);
    struct sql_statement statement;

    while (sql_split_next(&sql, &length, &statement))
        if (statement.length > size && strncmp(statement.text, "ALTER TABLE ", 12) == 0 &&
            memcmp(statement.text + statement.length - size, end, size) == 0)
            return true;
    return false;
}

/* The table among those that are made; NULL where it is none that has rows. */
static const struct manifest_table *find_made(const struct restore *r, uint32_t oid)
{
    for (size_t i = 0; i < r->table_count; i++)
        if (r->tables[i]->oid == oid && manifest_has_rows(r->tables[i]))
            return r->tables[i];
    return NULL;
}

/* COPY goes into no table whose policies hold for its owner, too. */
static enum larder_status check_forced(struct restore *r, const char *role,
                                       struct larder_error *error)
{
    struct schema_block *blocks;
    size_t count;
    enum larder_status status =
        schema_blocks(&r->schema, SCHEMA_CREATE, r->arena, &blocks, &count, error);

    for (size_t i = 0; status == LARDER_OK && i < count; i++) {
        const struct manifest_table *table = NULL;
        bool enabled = false;

        if (strcmp(blocks[i].entry->what, "TABLE") == 0 && forces_row_security(blocks[i].sql))
            table = find_made(r, blocks[i].entry->oid);
        for (size_t j = 0; table != NULL && j < count && !enabled; j++)
            enabled = strcmp(blocks[j].entry->what, "ROW SECURITY") == 0 &&
                      schema_table_of(&r->schema, blocks[j].entry) == table->oid;
        if (enabled)
            findings_add(&r->proof->findings, r->arena, "row level security", table->name,
                         "role \"%s\" may not load table \"%s.%s\", whose row level security is "
                         "forced on its owner: it takes BYPASSRLS",
                         role, table->schema, table->name);
    }
    return status;
}

enum larder_status preflight_privileges(struct restore *r, struct larder_error *error)
{
    struct larder_findings *findings = &r->proof->findings;
    struct abilities able = {0};
    enum larder_status status = read_abilities(r, &able, error);

    if (status != LARDER_OK || able.superuser)
        return status;
    if (!able.create_schema)
        findings_add(findings, r->arena, "privilege", r->target.database,
                     "role \"%s\" may not create schemas in database \"%s\" (GRANT CREATE ON "
                     "DATABASE)",
                     able.role, r->target.database);
    for (size_t i = 0; !able.create_role && i < r->to_make_count; i++)
        if (strcmp(r->to_make[i].kind, "role") == 0)
            findings_add(findings, r->arena, "privilege", r->to_make[i].name,
                         "role \"%s\" may not create role \"%s\": it lacks CREATEROLE", able.role,
                         r->to_make[i].name);
    status = check_schemas(r, able.role, error);
    if (status == LARDER_OK)
        status = check_parents(r, able.role, error);
    if (status == LARDER_OK)
        status = check_extensions(r, able.role, error);
    if (status == LARDER_OK && !able.bypass)
        status = check_forced(r, able.role, error);
    if (status == LARDER_OK && !r->options->no_owner)
        status = check_owners(r, able.role, error);
    return status;
}
