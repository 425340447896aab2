#include <string.h>

#include "engine/restore/preflight.h"
#include "engine/run/run.h"
#include "formats/sql_text.h"

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

static bool names_column(const struct manifest_reference *reference, const char *column)
{
    for (size_t i = 0; i < reference->column_count; i++)
        if (strcmp(reference->referenced_columns[i], column) == 0)
            return true;
    return false;
}

/* A column that a key refers to which is restored. */
static bool is_key(const struct restore *r, const struct manifest_table *table, const char *column)
{
    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++) {
            const struct manifest_reference *reference = &r->tables[i]->references[j];

            if (manifest_refers_to(reference, table->schema, table->name) &&
                names_column(reference, column))
                return true;
        }
    return false;
}

static void put_unique(struct buffer *sql, const struct manifest_reference *reference)
{
    buffer_puts(sql, ", UNIQUE (");
    for (size_t i = 0; i < reference->column_count; i++) {
        buffer_puts(sql, i == 0 ? "" : ", ");
        sql_identifier(sql, reference->referenced_columns[i]);
    }
    buffer_puts(sql, reference->period ? " WITHOUT OVERLAPS)" : ")");
}

/* The keys of a table that is in the archive, but not among those that are restored. */
static const char *stub_of(struct restore *r, const struct manifest_table *table)
{
    struct buffer sql = {0};
    const char *before = " (";

    buffer_puts(&sql, "CREATE TABLE ");
    sql_qualified(&sql, table->schema, table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_key(r, table, table->columns[i].name))
            continue;
        buffer_puts(&sql, before);
        sql_identifier(&sql, table->columns[i].name);
        buffer_printf(&sql, " %s", table->columns[i].type);
        before = ", ";
    }
    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++)
            if (manifest_refers_to(&r->tables[i]->references[j], table->schema, table->name))
                put_unique(&sql, &r->tables[i]->references[j]);
    buffer_puts(&sql, ")");
    return arena_take(r->arena, &sql);
}

/* A table that a foreign key refers to, and that is not restored. */
static struct manifest_external need_of(struct restore *r, const struct manifest_table *referring,
                                        const struct manifest_reference *reference)
{
    const struct manifest_table *table =
        manifest_find(r->manifest, reference->schema, reference->name);
    const struct manifest_external *known = find_external(r, reference);

    return (struct manifest_external){
        "table",
        reference->schema,
        reference->name,
        known != NULL ? known->definition : table != NULL ? stub_of(r, table) : NULL,
        referring->name,
        known != NULL ? known->oid : table != NULL ? table->oid : 0};
}

/* Takes the quotation marks out: users are written as the server writes names. */
static const char *unquote(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (*from != '"')
            *to++ = *from;
    if (*to != '\0')
        *to = '\0';
    return text;
}

/* The names of the tables that are restored; NULL where memory is short. */
static const char **list_names(struct restore *r)
{
    const char **names = arena_alloc(r->arena, r->table_count, sizeof(*names));

    for (size_t i = 0; names != NULL && i < r->table_count; i++)
        names[i] =
            unquote(arena_printf(r->arena, "%s.%s", r->tables[i]->schema, r->tables[i]->name));
    return arena_failed(r->arena) ? NULL : names;
}

/* Whether one of the names is among those that use something. */
static bool is_used(struct arena *arena, const struct manifest_external *external,
                    const char *const *names, size_t count)
{
    const char *users =
        external->used_by == NULL ? "" : unquote(arena_strdup(arena, external->used_by));

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);

        for (const char *at = strstr(users, names[i]); at != NULL; at = strstr(at + 1, names[i]))
            if ((at == users || at[-1] == ' ') && (at[length] == ',' || at[length] == '\0'))
                return true;
    }
    return false;
}

static bool is_listed(const struct manifest_external *needs, size_t count, const char *schema,
                      const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(needs[i].kind, "table") == 0 && strcmp(needs[i].schema, schema) == 0 &&
            strcmp(needs[i].name, name) == 0)
            return true;
    return false;
}

/* What the tables to be restored need from outside of them: externals, and tables that only foreign
 * keys refer to. */
static struct manifest_external *list_needs(struct restore *r, size_t *count)
{
    size_t most = r->manifest->external_count;
    const char **names = list_names(r);
    struct manifest_external *needs;

    for (size_t i = 0; i < r->table_count; i++)
        most += r->tables[i]->reference_count;
    needs = arena_alloc(r->arena, most, sizeof(*needs));
    *count = 0;
    if (names == NULL || needs == NULL)
        return NULL;
    for (size_t i = 0; i < r->manifest->external_count; i++) {
        const struct manifest_external *external = &r->manifest->externals[i];

        if (strcmp(external->kind, "table") != 0 ||
            (is_used(r->arena, external, names, r->table_count) &&
             !is_listed(needs, *count, external->schema, external->name)))
            needs[(*count)++] = *external;
    }
    for (size_t i = 0; i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++) {
            const struct manifest_reference *reference = &r->tables[i]->references[j];

            if (!preflight_is_selected(r, reference->schema, reference->name) &&
                !is_listed(needs, *count, reference->schema, reference->name))
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

            if (!manifest_refers_to(reference, need->schema, need->name))
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

    if (r->options->externals == LARDER_EXTERNALS_STUB && available) {
        r->to_make[r->to_make_count++] = *need;
    } else if (strcmp(need->kind, "schema") == 0) {
        return; /* what is in it is listed */
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

enum larder_status preflight_needs(struct restore *r, struct larder_error *error)
{
    static const struct {
        const char *kind, *exists;
    } kinds[] = {
        {"schema", "EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = u.item)"},
        {"extension", "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = u.item)"},
        /* Not to_regprocedure(), which fails where a type of an argument is in a schema that is missing. */
        {"function", "u.item IN (SELECT pg_catalog.format('%I.%I(%s)', n.nspname, f.proname, "
                     "pg_catalog.oidvectortypes(f.proargtypes)) FROM pg_catalog.pg_proc f "
                     "JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace "
                     "WHERE n.nspname <> 'pg_catalog')"},
        {"table", PREFLIGHT_TABLE},
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
    r->outside = arena_alloc(r->arena, need_count, sizeof(*r->outside));
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
                             ? preflight_qualified(r->arena, needs[i].schema, needs[i].name)
                             : needs[i].name;
        }
        if (n == 0)
            continue;
        status = preflight_ask(r->control, kinds[k].exists, names, n, exists, error);
        for (size_t i = 0; i < n; i++)
            available[i] = true;
        if (status == LARDER_OK && strcmp(kinds[k].kind, "extension") == 0)
            status = preflight_ask(
                r->control,
                "EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = u.item)",
                names, n, available, error);
        for (size_t i = 0; status == LARDER_OK && i < n; i++)
            if (!exists[i])
                decide(r, &needs[places[i]], available[i]);
            else if (strcmp(kinds[k].kind, "table") == 0 && needs[places[i]].oid != 0 &&
                     r->options->externals != LARDER_EXTERNALS_SKIP)
                r->outside[r->outside_count++] = needs[places[i]].oid;
    }
    return status;
}
