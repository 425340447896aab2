#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "engine/restore/preflight.h"
#include "engine/run/run.h"

/* Tablespaces, or table access methods, that one archive names. */
enum { MOST_SETTINGS = 100 };

/* A table whose rows are in binary format; NULL where there is none. */
static const struct manifest_table *find_binary(const struct restore *r)
{
    for (size_t i = 0; i < r->table_count + r->merge_count; i++)
        if (r->tables[i]->copy_format == COPY_BINARY && r->tables[i]->rows > 0)
            return r->tables[i];
    return NULL;
}

/* A newer server's binary form may mean something else to an older one, which would not notice. */
static enum larder_status refuse_binary(const struct restore *r, struct larder_error *error)
{
    const struct manifest_table *table = find_binary(r);

    if (table == NULL)
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE,
                "table \"%s.%s\" was archived in binary format by a server of version %s; one "
                "of version %s could read other values out of it",
                table->schema, table->name, r->manifest->server_version, r->target.version);
    larder_hint(error, "An archive made with --copy-format text can be restored into an older "
                       "server, with --allow-older.");
    return LARDER_USAGE;
}

/* Encodings and versions. */
static void compare_servers(struct restore *r)
{
    struct larder_findings *findings = &r->proof->findings;
    const char *from = r->manifest->server_encoding, *to = r->target.encoding;
    long source = strtol(r->manifest->server_version, NULL, 10);
    long target = strtol(r->target.version, NULL, 10);

    if (strcmp(from, to) != 0 && (strcmp(from, "SQL_ASCII") == 0 || strcmp(to, "SQL_ASCII") == 0))
        findings_add(findings, r->arena, "encoding", to,
                     "the archive's encoding is %s, the target's %s: text could not be converted; "
                     "create the target with ENCODING '%s'",
                     from, to, from);
    if (target < source && !r->options->allow_older)
        findings_add(findings, r->arena, "version", r->target.version,
                     "the target's server is of version %s, older than the source's %s: values may "
                     "not mean the same there%s",
                     r->target.version, r->manifest->server_version,
                     find_binary(r) == NULL ? "; --allow-older tries it" : "");
    if (r->target.is_standby)
        findings_add(findings, r->arena, "standby", r->target.database,
                     "the target's server is a standby, which takes no changes");
}

static void compare_with_source(struct restore *r)
{
    const struct manifest *m = r->manifest;

    if (m->system_identifier == NULL || r->target.system_identifier == NULL ||
        strcmp(m->system_identifier, r->target.system_identifier) != 0 ||
        strcmp(m->database, r->target.database) != 0)
        return;
    if (r->options->into_source != NULL && strcmp(r->options->into_source, m->database) == 0)
        return;
    findings_add(
        &r->proof->findings, r->arena, "source", m->database,
        "the target is the database that the archive was taken from; --into-source %s allows it",
        m->database);
}

enum larder_status preflight_servers(struct restore *r, struct larder_error *error)
{
    enum larder_status status = catalog_server(r->control, r->arena, &r->target, error);

    if (status != LARDER_OK)
        return status;
    compare_servers(r);
    compare_with_source(r);
    return strtol(r->target.version, NULL, 10) < strtol(r->manifest->server_version, NULL, 10)
               ? refuse_binary(r, error)
               : LARDER_OK;
}

/* Adds what settings set to the values, where they have not got it: "SET NAME = VALUE;", each on a line. */
static void add_value(struct restore *r, const char *settings, const char *name,
                      const char **values, size_t *count)
{
    const char *set = arena_printf(r->arena, "SET %s = ", name), *value = strstr(settings, set);
    bool known;

    if (value == NULL || value[strlen(set)] == '\'')
        return;
    value = arena_printf(r->arena, "%.*s", (int)strcspn(value + strlen(set), ";\n"),
                         value + strlen(set));
    known = value == NULL || *count == MOST_SETTINGS;
    for (size_t i = 0; i < *count && !known; i++)
        known = strcmp(values[i], value) == 0;
    if (!known)
        values[(*count)++] = value;
}

/* Which of the values the target lacks remain. */
static enum larder_status keep_missing(struct restore *r, const char *expression,
                                       const char **values, size_t *count,
                                       struct larder_error *error)
{
    bool exists[MOST_SETTINGS];
    size_t kept = 0;
    enum larder_status status =
        preflight_ask(r->control, expression, values, *count, exists, error);

    for (size_t i = 0; status == LARDER_OK && i < *count; i++)
        if (!exists[i])
            values[kept++] = values[i];
    *count = kept;
    return status;
}

enum larder_status preflight_storage(struct restore *r, struct larder_error *error)
{
    static const enum schema_pass passes[] = {SCHEMA_CREATE, SCHEMA_INDEX, SCHEMA_REST};
    const char *spaces[MOST_SETTINGS], *methods[MOST_SETTINGS];
    size_t space_count = 0, method_count = 0;
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; status == LARDER_OK && i < sizeof(passes) / sizeof(passes[0]); i++) {
        struct schema_block *blocks;
        size_t count;

        status = schema_blocks(&r->schema, passes[i], r->arena, &blocks, &count, error);
        for (size_t j = 0; status == LARDER_OK && j < count; j++) {
            add_value(r, blocks[j].settings, "default_tablespace", spaces, &space_count);
            add_value(r, blocks[j].settings, "default_table_access_method", methods, &method_count);
        }
    }
    if (status == LARDER_OK)
        status = keep_missing(r,
                              "EXISTS (SELECT FROM pg_catalog.pg_tablespace "
                              "WHERE pg_catalog.quote_ident(spcname) = u.item)",
                              spaces, &space_count, error);
    if (status == LARDER_OK)
        status = keep_missing(r,
                              "EXISTS (SELECT FROM pg_catalog.pg_am "
                              "WHERE pg_catalog.quote_ident(amname) = u.item)",
                              methods, &method_count, error);
    if (space_count > 0)
        schema_omit_tablespaces(&r->schema);
    for (size_t i = 0; status == LARDER_OK && i < space_count; i++)
        run_message(r->run, LARDER_WARNING,
                    "tablespace %s does not exist in the target: everything is placed in the "
                    "database's own",
                    spaces[i]);
    for (size_t i = 0; status == LARDER_OK && i < method_count; i++)
        findings_add(&r->proof->findings, r->arena, "access method", methods[i],
                     "table access method %s does not exist in the target", methods[i]);
    return status;
}

/* Whether the server is on this machine: reached through a socket's file or the loopback interface. */
static bool is_local(struct pg *pg)
{
    const char *address = PQhostaddr(pg_libpq(pg)), *host = PQhost(pg_libpq(pg));

    return (host != NULL && host[0] == '/') ||
           (address != NULL && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0));
}

enum larder_status preflight_space(struct restore *r, struct larder_error *error)
{
    uint64_t wanted = 0, room;
    struct statvfs volume;
    char *folder = NULL;
    enum larder_status status = pg_query_one(
        r->control,
        "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory' AND EXISTS "
        "(SELECT FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = "
        "d.dattablespace WHERE d.datname = current_database() AND t.spcname = 'pg_default')",
        0, NULL, &folder, error);
    bool known = status == LARDER_OK && folder != NULL && is_local(r->control) &&
                 statvfs(folder, &volume) == 0;

    free(folder);
    if (!known)
        return status;
    for (size_t i = 0; i < r->table_count + r->merge_count; i++)
        wanted += r->tables[i]->raw_bytes;
    room = (uint64_t)volume.f_bavail * volume.f_frsize;
    if (room < wanted)
        findings_add(&r->proof->findings, r->arena, "space", r->target.database,
                     "the target's server has room for %llu MB, and the rows alone are %llu MB",
                     (unsigned long long)(room / 1000000), (unsigned long long)(wanted / 1000000));
    return LARDER_OK;
}
