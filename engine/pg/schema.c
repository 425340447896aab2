#include "engine/pg/schema_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/process.h"

/* The kinds of entries that are told apart; the longest that fits counts. */
static const struct {
    const char *what;
    enum schema_pass pass;
} kinds[] = {
    {"ACL", SCHEMA_GRANT},
    {"DEFAULT ACL", SCHEMA_LAST},
    {"CHECK CONSTRAINT", SCHEMA_LAST},
    {"COMMENT", SCHEMA_CREATE},
    {"CONSTRAINT", SCHEMA_INDEX},
    {"DATABASE", SCHEMA_LAST},
    {"DEFAULT", SCHEMA_CREATE},
    {"DOMAIN", SCHEMA_CREATE},
    {"ENCODING", SCHEMA_CREATE},
    {"EVENT TRIGGER", SCHEMA_LAST},
    {"FK CONSTRAINT", SCHEMA_LAST},
    {"FOREIGN TABLE", SCHEMA_CREATE},
    {"INDEX", SCHEMA_INDEX},
    {"INDEX ATTACH", SCHEMA_LAST}, /* needs the indexes of two tables */
    {"POLICY", SCHEMA_CREATE},
    {"PUBLICATION", SCHEMA_LAST},
    {"PUBLICATION TABLE", SCHEMA_LAST},
    {"ROW SECURITY", SCHEMA_CREATE},
    {"RULE", SCHEMA_LAST},
    {"SCHEMA", SCHEMA_CREATE},
    {"SECURITY LABEL", SCHEMA_CREATE},
    {"SEARCHPATH", SCHEMA_CREATE},
    {"SEQUENCE", SCHEMA_CREATE},
    {"SEQUENCE OWNED BY", SCHEMA_CREATE},
    {"STATISTICS", SCHEMA_LAST},
    {"STDSTRINGS", SCHEMA_CREATE},
    {"TABLE", SCHEMA_CREATE},
    {"TABLE ATTACH", SCHEMA_CREATE},
    {"TRIGGER", SCHEMA_LAST},
    {"VIEW", SCHEMA_CREATE},
    {"MATERIALIZED VIEW", SCHEMA_CREATE},
};

bool schema_is(const struct schema_entry *entry, const char *what)
{
    return strcmp(entry->what, what) == 0;
}

static void set_kind(struct schema_entry *entry, const char *at)
{
    size_t longest = 0;

    entry->what = "";
    entry->pass = SCHEMA_CREATE;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].what);

        if (length > longest && strncmp(at, kinds[i].what, length) == 0 && at[length] == ' ') {
            longest = length;
            entry->what = kinds[i].what;
            entry->pass = kinds[i].pass;
        }
    }
}

/* "858; 1247 16413 TYPE public storage_location postgres" */
static bool parse_entry(const char *line, struct schema_entry *entry, struct arena *arena)
{
    char *at, *end;
    unsigned long id = strtoul(line, &at, 10), catalog, oid;

    if (at == line || *at != ';')
        return false;
    catalog = strtoul(at + 1, &end, 10);
    oid = strtoul(end, &at, 10);
    if (at == end || *at != ' ' || id > INT_MAX)
        return false;
    *entry =
        (struct schema_entry){.id = (int)id, .catalog = (uint32_t)catalog, .oid = (uint32_t)oid};
    entry->text = arena_strdup(arena, at + 1);
    set_kind(entry, at + 1);
    return true;
}

/* ";	depends on: 219 3494 " */
static void parse_depends(const char *line, struct schema_entry *entry, struct arena *arena)
{
    size_t most = 0;
    char *end;

    for (const char *c = line; *c != '\0'; c++)
        most += *c == ' ' ? 1 : 0;
    entry->depends = arena_alloc(arena, most + 1, sizeof(*entry->depends));
    for (line = strchr(line, ':') + 1; entry->depends != NULL; line = end) {
        long id = strtol(line, &end, 10);

        if (end == line)
            break;
        entry->depends[entry->depend_count++] = (int)id;
    }
}

static enum larder_status parse_list(struct schema *schema, char *list, struct arena *arena,
                                     struct larder_error *error)
{
    size_t lines = 0;
    char *rest = NULL;

    for (const char *c = list; *c != '\0'; c++)
        lines += *c == '\n' ? 1 : 0;
    schema->entries = arena_alloc(arena, lines + 1, sizeof(*schema->entries));
    if (schema->entries == NULL)
        return larder_fail_memory(error);
    for (char *line = strtok_r(list, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] != ';') {
            if (parse_entry(line, &schema->entries[schema->count], arena))
                schema->count++;
        } else if (schema->count == 0) {
            sscanf(line, "; Dumped by pg_dump version: %31s", schema->pg_dump_version);
        } else if (strncmp(line, ";\tdepends on:", 13) == 0) {
            parse_depends(line, &schema->entries[schema->count - 1], arena);
        }
    }
    for (size_t i = 0; i < schema->count; i++)
        if (schema->entries[i].id >= schema->id_limit)
            schema->id_limit = schema->entries[i].id + 1;
    schema->by_id = arena_alloc(arena, (size_t)schema->id_limit, sizeof(struct schema_entry *));
    for (size_t i = 0; schema->by_id != NULL && i < schema->count; i++)
        if (schema->entries[i].id >= 0)
            schema->by_id[schema->entries[i].id] = &schema->entries[i];
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status schema_open_listed(struct schema *schema, const struct tool *restore,
                                      const uint8_t *dump, size_t length,
                                      const struct larder_run *run, int stop_fd,
                                      struct buffer *list, struct arena *arena,
                                      struct larder_error *error)
{
    enum larder_status status;

    *schema = (struct schema){.restore = *restore,
                              .run = run,
                              .stop_fd = stop_fd,
                              .dump = dump,
                              .dump_length = length,
                              .arena = arena};
    buffer_text(list);
    if (list->failed)
        return larder_fail_memory(error);
    status = parse_list(schema, (char *)list->bytes, arena, error);
    if (status == LARDER_OK && schema->pg_dump_version[0] == '\0')
        return larder_fail(error, LARDER_FAILED, "what \"%s\" writes is no list of it",
                           restore->path);
    return status;
}

enum larder_status schema_open(struct schema *schema, const struct tool *restore,
                               const uint8_t *dump, size_t length, const struct larder_run *run,
                               struct arena *arena, struct larder_error *error)
{
    const char *arguments[] = {restore->path, "--list", "--verbose", NULL};
    struct process process = {.arguments = arguments, .input = dump, .input_length = length};
    struct buffer list = {0};
    enum larder_status status = process_run(&process, run, -1, &list, error);

    if (status == LARDER_OK)
        status = schema_open_listed(schema, restore, dump, length, run, -1, &list, arena, error);
    buffer_free(&list);
    return status == LARDER_OK ? LARDER_OK
                               : larder_context(error, "could not read the archived schema");
}

struct schema_entry *schema_find(const struct schema *schema, int id)
{
    return id >= 0 && id < schema->id_limit ? schema->by_id[id] : NULL;
}

bool schema_is_relation(const struct schema_entry *entry)
{
    return schema_is(entry, "TABLE") || schema_is(entry, "VIEW") ||
           schema_is(entry, "MATERIALIZED VIEW") || schema_is(entry, "FOREIGN TABLE");
}

bool schema_is_attachment(const struct schema_entry *entry)
{
    return schema_is(entry, "COMMENT") || schema_is(entry, "ACL") ||
           schema_is(entry, "SECURITY LABEL") || schema_is(entry, "SEQUENCE OWNED BY") ||
           schema_is(entry, "TABLE ATTACH") || schema_is(entry, "INDEX ATTACH") ||
           (schema_is(entry, "DEFAULT") &&
            entry->oid == 0); /* a parent's default that is none here */
}

/* How far two entries' texts agree behind what they are: "public recipes". */
static size_t shared_name(const struct schema_entry *a, const struct schema_entry *b)
{
    const char *x = a->text + strlen(a->what), *y = b->text + strlen(b->what);
    size_t length = 0;

    while (x[length] != '\0' && x[length] == y[length])
        length++;
    return length;
}

/* The next table, from place `*i` on, that an entry depends on; NULL where there is none. */
static const struct schema_entry *next_table(const struct schema *schema,
                                             const struct schema_entry *entry, size_t *i)
{
    while (*i < entry->depend_count) {
        const struct schema_entry *on = schema_find(schema, entry->depends[(*i)++]);

        if (on != NULL && schema_is(on, "TABLE"))
            return on;
    }
    return NULL;
}

const struct schema_entry *schema_find_table(const struct schema *schema,
                                             const struct schema_entry *entry)
{
    const struct schema_entry *found = NULL, *on;
    size_t i = 0;

    while ((on = next_table(schema, entry, &i)) != NULL)
        if (found == NULL || shared_name(on, entry) > shared_name(found, entry))
            found = on;
    return found;
}

uint32_t schema_table_of(const struct schema *schema, const struct schema_entry *entry)
{
    const struct schema_entry *table = schema_find_table(schema, entry);

    return table == NULL ? 0 : table->oid;
}

bool schema_has(const struct schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (entry->catalog == SCHEMA_CLASS && entry->oid == oid)
            return entry->selected && !entry->left_out;
    }
    return false;
}

bool schema_is_partition(const struct schema *schema, uint32_t oid)
{
    const struct schema_entry *on;

    for (size_t i = 0; i < schema->count; i++) {
        size_t place = 0;

        while (schema_is(&schema->entries[i], "TABLE ATTACH") &&
               (on = next_table(schema, &schema->entries[i], &place)) != NULL)
            if (on->oid == oid)
                return true;
    }
    return false;
}

uint32_t schema_parent_of(const struct schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->entries[i].catalog == SCHEMA_CLASS && schema->entries[i].oid == oid) {
            size_t place = 0;
            const struct schema_entry *parent = next_table(schema, &schema->entries[i], &place);

            return parent == NULL ? 0 : parent->oid;
        }
    return 0;
}
