#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pg/array.h"
#include "engine/pg/pattern.h"
#include "engine/pg/session.h"
#include "engine/restore_parts.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

static bool matches(const char *expression, const char *text)
{
    regex_t regex;
    bool matched;

    if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    matched = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matched;
}

/* The tables that a pattern means, with their descendants. */
static bool find_matches(const struct manifest *manifest, const struct pattern *pattern,
                         const size_t *parents, bool *matched)
{
    bool any = false;

    for (size_t i = 0; i < manifest->table_count; i++) {
        matched[i] = matches(pattern->schema, manifest->tables[i].schema) &&
                     matches(pattern->name, manifest->tables[i].name);
        any = any || matched[i];
    }
    for (size_t i = 0; any && i < manifest->table_count; i++)
        for (size_t at = i, steps = 0; !matched[i] && parents[at] != at && steps < 1000; steps++) {
            at = parents[at];
            matched[i] = matched[at];
        }
    return any;
}

/* The patterns in their order: each adds tables, or takes some away. Where the first takes away, all were there. */
static enum larder_status mark_all(struct restore *r, bool *wanted, struct larder_error *error)
{
    const struct manifest *manifest = r->manifest;
    bool *matched = arena_alloc(r->arena, manifest->table_count, sizeof(*matched));
    const size_t *parents = manifest_parents(manifest, r->arena);

    if (matched == NULL || parents == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->options->table_count; i++) {
        struct pattern pattern;
        enum larder_status status = pattern_parse(r->options->tables[i], r->arena, &pattern, error);

        if (status != LARDER_OK)
            return status;
        if (!find_matches(manifest, &pattern, parents, matched))
            findings_add(&r->proof->findings, r->arena, "table", pattern.text,
                         "the archive has no table \"%s\"", pattern.text);
        for (size_t j = 0; j < manifest->table_count; j++)
            wanted[j] =
                matched[j] ? !pattern.leave_out : wanted[j] || (i == 0 && pattern.leave_out);
    }
    return LARDER_OK;
}

enum larder_status restore_select(struct restore *r, struct larder_error *error)
{
    const struct manifest *manifest = r->manifest;
    bool *wanted = arena_alloc(r->arena, manifest->table_count, sizeof(*wanted));
    enum larder_status status = LARDER_OK;

    r->tables = arena_alloc(r->arena, manifest->table_count, sizeof(struct manifest_table *));
    if (wanted == NULL || r->tables == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < manifest->table_count; i++)
        wanted[i] = r->options->table_count == 0;
    status = mark_all(r, wanted, error);
    for (size_t i = 0; status == LARDER_OK && i < manifest->table_count; i++)
        if (wanted[i])
            r->tables[r->table_count++] = &manifest->tables[i];
    if (status == LARDER_OK && r->proof->findings.count > 0) {
        larder_fail(error, LARDER_USAGE, "%s", r->proof->findings.items[0].message);
        larder_hint(error, "`larder verify` lists the tables of an archive.");
        return LARDER_USAGE;
    }
    return status;
}

/* Asks, for a list of texts, which of them an expression over u.item is true for; flags come back
 * in their order. */
static enum larder_status ask(struct pg *pg, const char *expression, const char *const *items,
                              size_t count, bool *answers, struct larder_error *error)
{
    struct buffer sql = {0}, array = {0};
    const char *value;
    PGresult *result = NULL;
    enum larder_status status;

    for (size_t i = 0; i < count; i++)
        array_add(&array, items[i]);
    value = array_finish(&array);
    buffer_printf(
        &sql,
        "SELECT %s FROM unnest($1::text[]) WITH ORDINALITY AS u(item, place) ORDER BY u.place",
        expression);
    status = sql.failed || array.failed
                 ? larder_fail_memory(error)
                 : pg_query(pg, buffer_text(&sql), 1, &value, &result, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        answers[i] = PQgetvalue(result, (int)i, 0)[0] == 't';
    PQclear(result);
    buffer_free(&sql);
    buffer_free(&array);
    return status;
}

static const char *qualified(struct arena *arena, const char *schema, const char *name)
{
    struct buffer text = {0};
    const char *copy;

    sql_qualified(&text, schema, name);
    copy = arena_strdup(arena, buffer_text(&text));
    buffer_free(&text);
    return copy;
}

#define EXISTS_TABLE "pg_catalog.to_regclass(u.item) IS NOT NULL"

static enum larder_status find_existing(struct restore *r, struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->table_count, sizeof(*names));
    bool *exists = arena_alloc(r->arena, r->table_count, sizeof(*exists));
    enum larder_status status;

    if (names == NULL || exists == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++)
        names[i] = qualified(r->arena, r->tables[i]->schema, r->tables[i]->name);
    status = ask(r->control, EXISTS_TABLE, names, r->table_count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < r->table_count; i++)
        if (exists[i])
            findings_add(&r->proof->findings, r->arena, "existing table", names[i],
                         "table %s exists in the target already; restore into an empty database, "
                         "or leave it out with -t",
                         names[i]);
    return status;
}

static bool is_selected(const struct restore *r, const char *schema, const char *name)
{
    for (size_t i = 0; i < r->table_count; i++)
        if (strcmp(r->tables[i]->schema, schema) == 0 && strcmp(r->tables[i]->name, name) == 0)
            return true;
    return false;
}

static const struct manifest_external *find_external(const struct restore *r,
                                                     const struct manifest_reference *reference)
{
    for (size_t i = 0; i < r->manifest->external_count; i++) {
        const struct manifest_external *e = &r->manifest->externals[i];

        if (strcmp(e->kind, "table") == 0 && e->schema != NULL &&
            strcmp(e->schema, reference->schema) == 0 && strcmp(e->name, reference->name) == 0)
            return e;
    }
    return NULL;
}

/* The keys of a table that is in the archive, but not among those that are restored. */
static const char *stub_of(struct restore *r, const struct manifest_reference *reference)
{
    const struct manifest_table *table =
        manifest_find(r->manifest, reference->schema, reference->name);
    struct buffer sql = {0};
    const char *text;

    buffer_puts(&sql, "CREATE TABLE ");
    sql_qualified(&sql, reference->schema, reference->name);
    for (size_t i = 0; i < reference->column_count; i++) {
        const char *type = "text";

        for (size_t j = 0; table != NULL && j < table->column_count; j++)
            if (strcmp(table->columns[j].name, reference->referenced_columns[i]) == 0)
                type = table->columns[j].type;
        buffer_puts(&sql, i == 0 ? " (" : ", ");
        sql_identifier(&sql, reference->referenced_columns[i]);
        buffer_printf(&sql, " %s", type);
    }
    buffer_puts(&sql, ", UNIQUE (");
    for (size_t i = 0; i < reference->column_count; i++) {
        buffer_puts(&sql, i == 0 ? "" : ", ");
        sql_identifier(&sql, reference->referenced_columns[i]);
    }
    buffer_puts(&sql, "))");
    text = arena_strdup(r->arena, buffer_text(&sql));
    buffer_free(&sql);
    return text;
}

/* A table that a foreign key refers to, and that is not restored. */
static struct manifest_external need_of(struct restore *r, const struct manifest_table *referring,
                                        const struct manifest_reference *reference)
{
    const struct manifest_table *table =
        manifest_find(r->manifest, reference->schema, reference->name);
    const struct manifest_external *known = find_external(r, reference);

    return (struct manifest_external){
        "table",         reference->schema,
        reference->name, known != NULL ? known->definition : stub_of(r, reference),
        referring->name, known != NULL ? known->oid : table != NULL ? table->oid : 0};
}

/* What the tables to be restored need from outside of them: externals, and tables that only foreign
 * keys refer to. */
static struct manifest_external *list_needs(struct restore *r, size_t *count)
{
    size_t most = r->manifest->external_count;
    struct manifest_external *needs;

    for (size_t i = 0; i < r->table_count; i++)
        most += r->tables[i]->reference_count;
    needs = arena_alloc(r->arena, most, sizeof(*needs));
    *count = 0;
    if (needs == NULL)
        return NULL;
    for (size_t i = 0; i < r->manifest->external_count; i++)
        if (strcmp(r->manifest->externals[i].kind, "table") != 0)
            needs[(*count)++] = r->manifest->externals[i];
    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++) {
            const struct manifest_reference *reference = &r->tables[i]->references[j];
            bool known = is_selected(r, reference->schema, reference->name);

            for (size_t k = 0; k < *count && !known; k++)
                known = strcmp(needs[k].kind, "table") == 0 &&
                        strcmp(needs[k].schema, reference->schema) == 0 &&
                        strcmp(needs[k].name, reference->name) == 0;
            if (!known)
                needs[(*count)++] = need_of(r, r->tables[i], reference);
        }
    return needs;
}

/* Leaves out the foreign keys that refer to a table that is not there and is not to be made. */
static void leave_out_references(struct restore *r, const struct manifest_external *need)
{
    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++) {
            const struct manifest_reference *reference = &r->tables[i]->references[j];

            if (strcmp(reference->schema, need->schema) != 0 ||
                strcmp(reference->name, need->name) != 0)
                continue;
            r->left_out[r->left_out_count++] = reference->oid;
            findings_add(&r->proof->findings, r->arena, "left out", reference->constraint,
                         "foreign key \"%s\" of table \"%s.%s\" is left out: it refers to "
                         "\"%s.%s\", which the target lacks",
                         reference->constraint, r->tables[i]->schema, r->tables[i]->name,
                         need->schema, need->name);
        }
}

/* What is to be done about something that the target lacks. */
static void decide(struct restore *r, const struct manifest_external *need, bool available)
{
    struct larder_findings *findings = &r->proof->findings;
    bool is_role = strcmp(need->kind, "role") == 0;

    if (is_role ? r->options->create_roles
                : r->options->externals == LARDER_EXTERNALS_STUB && available) {
        r->to_make[r->to_make_count++] = *need;
    } else if (is_role) {
        findings_add(
            findings, r->arena, "role", need->name,
            "role \"%s\" does not exist in the target; --create-roles creates it, without login",
            need->name);
    } else if (!available && r->options->externals != LARDER_EXTERNALS_SKIP) {
        findings_add(
            findings, r->arena, need->kind, need->name,
            "extension \"%s\" is not available on the target's server; install its package",
            need->name);
    } else if (r->options->externals == LARDER_EXTERNALS_ERROR) {
        findings_add(findings, r->arena, need->kind, need->name,
                     "%s %s%s%s does not exist in the target; --externals stub makes a stand-in, "
                     "--externals skip leaves out what needs it",
                     need->kind, strcmp(need->kind, "table") == 0 ? need->schema : "",
                     strcmp(need->kind, "table") == 0 ? "." : "", need->name);
    } else if (strcmp(need->kind, "table") == 0) {
        leave_out_references(r, need);
    }
}

static enum larder_status find_missing(struct restore *r, struct larder_error *error)
{
    static const struct {
        const char *kind, *exists;
    } kinds[] = {
        {"role", "EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = u.item)"},
        {"extension", "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = u.item)"},
        {"function", "pg_catalog.to_regprocedure(u.item) IS NOT NULL"},
        {"table", EXISTS_TABLE},
    };
    size_t need_count, references = 0;
    struct manifest_external *needs = list_needs(r, &need_count);
    const char **names = arena_alloc(r->arena, need_count, sizeof(*names));
    size_t *places = arena_alloc(r->arena, need_count, sizeof(*places));
    bool *exists = arena_alloc(r->arena, need_count, sizeof(*exists));
    bool *available = arena_alloc(r->arena, need_count, sizeof(*available));
    enum larder_status status = LARDER_OK;

    for (size_t i = 0; i < r->table_count; i++)
        references += r->tables[i]->reference_count;
    r->to_make = arena_alloc(r->arena, need_count, sizeof(*r->to_make));
    r->left_out = arena_alloc(r->arena, references, sizeof(*r->left_out));
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    for (size_t k = 0; status == LARDER_OK && k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        size_t n = 0;

        for (size_t i = 0; i < need_count; i++) {
            if (strcmp(needs[i].kind, kinds[k].kind) != 0)
                continue;
            places[n] = i;
            names[n++] = strcmp(needs[i].kind, "table") == 0
                             ? qualified(r->arena, needs[i].schema, needs[i].name)
                             : needs[i].name;
        }
        if (n == 0)
            continue;
        status = ask(r->control, kinds[k].exists, names, n, exists, error);
        for (size_t i = 0; i < n; i++)
            available[i] = true;
        if (status == LARDER_OK && strcmp(kinds[k].kind, "extension") == 0)
            status =
                ask(r->control,
                    "EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = u.item)",
                    names, n, available, error);
        for (size_t i = 0; status == LARDER_OK && i < n; i++)
            if (!exists[i])
                decide(r, &needs[places[i]], available[i]);
    }
    return status;
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
    if (target < source)
        findings_add(findings, r->arena, "version", r->target.version,
                     "the target's server is of version %s, older than the source's %s: values may "
                     "not mean the same there",
                     r->target.version, r->manifest->server_version);
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

/* A partition may be restored alone, to where its parent is. */
static enum larder_status find_parents(struct restore *r, struct larder_error *error)
{
    const char **names = arena_alloc(r->arena, r->table_count, sizeof(*names));
    uint32_t *oids = arena_alloc(r->arena, r->table_count, sizeof(*oids));
    bool *exists = arena_alloc(r->arena, r->table_count, sizeof(*exists));
    enum larder_status status;
    size_t count = 0;

    r->parents = arena_alloc(r->arena, r->table_count, sizeof(*r->parents));
    if (arena_failed(r->arena))
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->table_count; i++) {
        const struct manifest_table *table = r->tables[i];

        if (table->parent_name == NULL || is_selected(r, table->parent_schema, table->parent_name))
            continue;
        names[count] = qualified(r->arena, table->parent_schema, table->parent_name);
        oids[count++] = schema_parent_of(&r->schema, table->oid);
    }
    status = ask(r->control, EXISTS_TABLE, names, count, exists, error);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        if (exists[i] && oids[i] != 0)
            r->parents[r->parent_count++] = oids[i];
    return status;
}

enum larder_status restore_preflight(struct restore *r, struct larder_error *error)
{
    enum larder_status status = catalog_server(r->control, r->arena, &r->target, error);

    if (status != LARDER_OK)
        return status;
    compare_servers(r);
    compare_with_source(r);
    status = find_existing(r, error);
    if (status == LARDER_OK)
        status = find_parents(r, error);
    if (status == LARDER_OK)
        status = find_missing(r, error);
    return arena_failed(r->arena) ? larder_fail_memory(error) : status;
}
