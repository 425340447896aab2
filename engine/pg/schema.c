#include "engine/pg/schema.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/run/process.h"
#include "engine/run/run.h"

enum {
    CATALOG_CLASS = 1259,
    CATALOG_FUNCTION = 1255,
    OID_PUBLIC = 2200, /* of the schema, in every database */
};

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
    {"FK CONSTRAINT", SCHEMA_LAST},
    {"INDEX", SCHEMA_INDEX},
    {"INDEX ATTACH", SCHEMA_LAST}, /* needs the indexes of two tables */
    {"POLICY", SCHEMA_CREATE},
    {"PUBLICATION", SCHEMA_LAST},
    {"PUBLICATION TABLE", SCHEMA_LAST},
    {"ROW SECURITY", SCHEMA_CREATE},
    {"RULE", SCHEMA_LAST},
    {"SCHEMA", SCHEMA_CREATE},
    {"SECURITY LABEL", SCHEMA_CREATE},
    {"SEQUENCE", SCHEMA_CREATE},
    {"SEQUENCE OWNED BY", SCHEMA_CREATE},
    {"STATISTICS", SCHEMA_LAST},
    {"TABLE", SCHEMA_CREATE},
    {"TABLE ATTACH", SCHEMA_CREATE},
    {"TRIGGER", SCHEMA_LAST},
    {"VIEW", SCHEMA_CREATE},
    {"MATERIALIZED VIEW", SCHEMA_CREATE},
};

static bool is(const struct schema_entry *entry, const char *what)
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
        } else if (strncmp(line, ";\tdepends on:", 13) == 0 && schema->count > 0) {
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

enum larder_status schema_open(struct schema *schema, const struct tool *restore,
                               const uint8_t *dump, size_t length, const struct larder_run *run,
                               int stop_fd, struct arena *arena, struct larder_error *error)
{
    const char *arguments[] = {restore->path, "--list", "--verbose", NULL};
    struct process process = {.arguments = arguments, .input = dump, .input_length = length};
    struct buffer list = {0};
    enum larder_status status;

    *schema = (struct schema){.restore = *restore, .dump = dump, .dump_length = length};
    status = process_run(&process, run, stop_fd, &list, error);
    if (status == LARDER_OK) {
        buffer_text(&list);
        status = list.failed ? larder_fail_memory(error)
                             : parse_list(schema, (char *)list.bytes, arena, error);
    }
    buffer_free(&list);
    return status == LARDER_OK ? LARDER_OK
                               : larder_context(error, "could not read the archived schema");
}

static struct schema_entry *find(const struct schema *schema, int id)
{
    return id >= 0 && id < schema->id_limit ? schema->by_id[id] : NULL;
}

static bool is_relation(const struct schema_entry *entry)
{
    return is(entry, "TABLE") || is(entry, "VIEW") || is(entry, "MATERIALIZED VIEW");
}

/* Entries that follow what they stand on, and are never wanted for themselves. */
static bool is_attachment(const struct schema_entry *entry)
{
    return is(entry, "COMMENT") || is(entry, "ACL") || is(entry, "SECURITY LABEL") ||
           is(entry, "SEQUENCE OWNED BY") || is(entry, "TABLE ATTACH") || is(entry, "INDEX ATTACH");
}

/* Whether an entry can be created: no relation that is not selected is among what it needs. To be asked once tables are. */
static bool can_be_had(const struct schema *schema, struct schema_entry *entry)
{
    if (entry->selected || entry->stand_in)
        return true;
    if (entry->had != 0)
        return entry->had == 'y';
    entry->had = is_relation(entry) ? 'n' : 'y'; /* for now: what it needs may need it, too */
    for (size_t i = 0; entry->had == 'y' && i < entry->depend_count; i++) {
        struct schema_entry *needed = find(schema, entry->depends[i]);

        if (needed != NULL && !can_be_had(schema, needed))
            entry->had = 'n';
    }
    return entry->had == 'y';
}

bool schema_is_left_out(const struct schema *schema, const struct schema_entry *entry)
{
    if (entry->left_out)
        return true;
    for (size_t i = 0; is_attachment(entry) && i < entry->depend_count; i++) {
        const struct schema_entry *on = find(schema, entry->depends[i]);

        if (on != NULL && on->left_out)
            return true;
    }
    return false;
}

/* The keys and indexes of a stand-in are its own. */
static bool is_of_stand_in(const struct schema *schema, const struct schema_entry *entry)
{
    if (entry->stand_in)
        return true;
    for (size_t i = 0; entry->pass == SCHEMA_INDEX && i < entry->depend_count; i++) {
        const struct schema_entry *on = find(schema, entry->depends[i]);

        if (on != NULL && on->stand_in)
            return true;
    }
    return false;
}

static void take(const struct schema *schema, struct schema_entry *entry)
{
    if (entry->selected || is_of_stand_in(schema, entry))
        return;
    entry->selected = true;
    for (size_t i = 0; i < entry->depend_count; i++) {
        struct schema_entry *needed = find(schema, entry->depends[i]);

        if (needed != NULL)
            take(schema, needed);
    }
}

/* Keys and indexes are built side by side, so what is said of them comes when all are there. */
static enum schema_pass pass_of_comment(enum schema_pass on)
{
    return on == SCHEMA_INDEX || on == SCHEMA_LAST ? SCHEMA_LAST : SCHEMA_CREATE;
}

static void take_attachments(struct schema *schema)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < schema->count; i++) {
            struct schema_entry *entry = &schema->entries[i];
            bool whole = entry->depend_count > 0, any = false, beside_stand_in = false;

            if (entry->selected || !is_attachment(entry))
                continue;
            for (size_t j = 0; j < entry->depend_count && whole; j++) {
                const struct schema_entry *on = find(schema, entry->depends[j]);

                whole = on != NULL && (on->selected || on->stand_in);
                any = any || (on != NULL && on->selected);
                beside_stand_in = beside_stand_in || (on != NULL && on->stand_in);
                if (whole && (is(entry, "COMMENT") || is(entry, "SECURITY LABEL")))
                    entry->pass = pass_of_comment(on->pass);
            }
            if (!whole || !any)
                continue;
            more = entry->selected = true;
            /* To a table that is there already a partition is added when it has its own indexes. */
            if (beside_stand_in)
                entry->pass = SCHEMA_LAST;
        }
    }
}

struct key {
    uint32_t catalog, oid;
};

static int by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->catalog != y->catalog)
        return x->catalog < y->catalog ? -1 : 1;
    return x->oid < y->oid ? -1 : x->oid > y->oid;
}

/* The entries that are the tables' own, sorted. */
static struct key *own_keys(const struct manifest_table *const *tables, size_t count,
                            struct arena *arena, size_t *key_count)
{
    size_t n = 0;
    struct key *keys;

    for (size_t i = 0; i < count; i++)
        n += 2 + tables[i]->object_count;
    keys = arena_alloc(arena, n, sizeof(*keys));
    n = 0;
    for (size_t i = 0; keys != NULL && i < count; i++) {
        keys[n++] = (struct key){CATALOG_CLASS, tables[i]->oid};
        keys[n++] = (struct key){0, tables[i]->oid}; /* how pg_dump marks ROW SECURITY */
        for (size_t j = 0; j < tables[i]->object_count; j++)
            keys[n++] = (struct key){tables[i]->objects[j].catalog, tables[i]->objects[j].oid};
    }
    if (keys != NULL)
        qsort(keys, n, sizeof(*keys), by_key);
    *key_count = n;
    return keys;
}

static bool is_among(const uint32_t *oids, size_t count, uint32_t oid)
{
    for (size_t i = 0; i < count; i++)
        if (oids[i] == oid)
            return true;
    return false;
}

/* Where a table is, those are that it is a partition of. */
static void stand_in_ancestors(struct schema *schema)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < schema->count; i++) {
            const struct schema_entry *entry = &schema->entries[i];

            for (size_t j = 0; entry->stand_in && j < entry->depend_count; j++) {
                struct schema_entry *on = find(schema, entry->depends[j]);

                if (on != NULL && is(on, "TABLE") && !on->stand_in)
                    more = on->stand_in = true;
            }
        }
    }
}

enum larder_status schema_select(struct schema *schema, const struct manifest_table *const *tables,
                                 size_t count, const uint32_t *left_out, size_t left_out_count,
                                 const uint32_t *stand_ins, size_t stand_in_count,
                                 struct arena *arena, struct larder_findings *findings,
                                 struct larder_error *error)
{
    size_t key_count;
    struct key *keys = own_keys(tables, count, arena, &key_count);

    if (keys == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < schema->count; i++) {
        schema->entries[i].selected = schema->entries[i].left_out = false;
        schema->entries[i].had = 0;
        schema->entries[i].stand_in = schema->entries[i].catalog == CATALOG_CLASS &&
                                      is_among(stand_ins, stand_in_count, schema->entries[i].oid);
    }
    stand_in_ancestors(schema);
    /* The tables first, so that what needs two of them finds both. */
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < schema->count; i++) {
            struct schema_entry *entry = &schema->entries[i];
            struct key key = {entry->catalog, entry->oid};

            if (entry->oid == 0 || is_relation(entry) != (round == 0) ||
                bsearch(&key, keys, key_count, sizeof(key), by_key) == NULL ||
                is_among(left_out, left_out_count, entry->oid))
                continue;
            if (round == 0 || can_be_had(schema, entry))
                take(schema, entry);
            else
                entry->left_out = true;
            if (entry->left_out)
                findings_add(findings, arena, "left out", entry->text,
                             "%s needs a table or view that is not restored", entry->text);
        }
    schema_close_policies(schema, arena, findings);
    for (size_t i = 0; i < schema->count; i++)
        if (schema->entries[i].catalog == CATALOG_FUNCTION &&
            can_be_had(schema, &schema->entries[i]))
            take(schema, &schema->entries[i]);
    take_attachments(schema);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* A schema may be there already; pg_dump's own CREATE SCHEMA would fail. */
static void append_with_schemas(struct buffer *out, const char *sql, size_t length)
{
    static const char head[] = "; Type: SCHEMA; Schema: -; Owner: ",
                      create[] = "\n--\n\nCREATE SCHEMA ";
    const char *end = sql + length, *at = sql;

    while ((at = memmem(at, (size_t)(end - at), head, strlen(head))) != NULL) {
        const char *line = memchr(at, '\n', (size_t)(end - at));

        at += strlen(head);
        if (line == NULL || (size_t)(end - line) < strlen(create) ||
            memcmp(line, create, strlen(create)) != 0)
            continue;
        buffer_append(out, sql, (size_t)(line - sql) + strlen(create));
        buffer_puts(out, "IF NOT EXISTS ");
        at = sql = line + strlen(create);
    }
    buffer_append(out, sql, (size_t)(end - sql));
}

/* What pg_restore puts around the entries is cut off: its settings, and psql's \restrict. */
static void append_entries(struct buffer *out, const char *sql)
{
    static const char first[] = "\n--\n-- Name: ";
    static const char last[] = "\n--\n-- PostgreSQL database dump complete\n--\n";
    const char *begin = strstr(sql, first), *end = NULL;

    for (const char *at = sql; (at = strstr(at, last)) != NULL; at++)
        end = at;
    if (begin == NULL || end == NULL || end < begin)
        return;
    append_with_schemas(out, begin + 1, (size_t)(end - begin));
}

/*
 * Schemas are made by us, where they are missing; what is said of them follows, but not of
 * "public", which every database has in its own way.
 */
static bool is_wanted(const struct schema *schema, const struct schema_entry *entry,
                      enum schema_pass pass)
{
    const struct schema_entry *on =
        entry->depend_count == 1 && is_attachment(entry) ? find(schema, entry->depends[0]) : entry;

    if (!entry->selected || schema_is_left_out(schema, entry) || entry->pass != pass)
        return false;
    return on == NULL || !is(on, "SCHEMA") || on->oid != OID_PUBLIC;
}

enum larder_status schema_sql(const struct schema *schema, enum schema_pass pass,
                              const struct larder_run *run, int stop_fd, struct buffer *out,
                              struct larder_error *error)
{
    char list_path[64];
    const char *arguments[] = {schema->restore.path, "--use-list", list_path, "--file", "-", NULL};
    struct process process = {
        .arguments = arguments, .input = schema->dump, .input_length = schema->dump_length};
    struct buffer list = {0}, sql = {0};
    enum larder_status status = LARDER_OK;
    size_t wanted = 0;
    int fd = -1;

    for (size_t i = 0; i < schema->count; i++)
        if (is_wanted(schema, &schema->entries[i], pass)) {
            buffer_printf(&list, "%d;\n", schema->entries[i].id);
            wanted++;
        }
    if (wanted == 0)
        goto done;
    /* Memory with a file's name, without close-on-exec: pg_restore opens it by that name. */
    fd = memfd_create("larder-list", 0);
    if (fd < 0 || list.failed || write(fd, list.bytes, list.length) != (ssize_t)list.length) {
        status =
            larder_fail_errno(error, LARDER_FAILED, errno, "could not pass a list to pg_restore");
        goto done;
    }
    snprintf(list_path, sizeof(list_path), "/dev/fd/%d", fd);
    status = process_run(&process, run, stop_fd, &sql, error);
    if (status != LARDER_OK) {
        larder_context(error, "could not read the archived schema");
        goto done;
    }
    append_entries(out, buffer_text(&sql));
    if (sql.failed || out->failed)
        status = larder_fail_memory(error);
done:
    if (fd >= 0)
        close(fd);
    buffer_free(&list);
    buffer_free(&sql);
    return status;
}

static const char block_head[] = "--\n-- Name: ";

/* Cuts the text where entries begin; gives how many there are. */
static size_t cut_blocks(char *text, const char **blocks, size_t most)
{
    size_t count = 0;

    for (char *at = strstr(text, block_head); at != NULL;) {
        char *next = strstr(at + 1, block_head);

        if (count < most)
            blocks[count] = at;
        count++;
        if (next != NULL && next[-1] != '\n')
            break; /* inside of a line: no head of ours, so the count will not fit */
        if (next != NULL)
            next[-1] = '\0';
        at = next;
    }
    return count;
}

enum larder_status schema_blocks(const struct schema *schema, enum schema_pass pass,
                                 const struct larder_run *run, int stop_fd, struct arena *arena,
                                 struct schema_block **blocks, size_t *count,
                                 struct larder_error *error)
{
    struct buffer sql = {0};
    const char **texts = arena_alloc(arena, schema->count, sizeof(*texts));
    enum larder_status status = schema_sql(schema, pass, run, stop_fd, &sql, error);
    size_t wanted = 0;

    *count = 0;
    *blocks = arena_alloc(arena, schema->count + 1, sizeof(**blocks));
    if (status == LARDER_OK && (texts == NULL || *blocks == NULL))
        status = larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < schema->count; i++)
        if (is_wanted(schema, &schema->entries[i], pass))
            (*blocks)[wanted++].entry = &schema->entries[i];
    if (status == LARDER_OK && wanted > 0) {
        char *text = arena_strdup(arena, buffer_text(&sql));

        if (cut_blocks(text, texts, schema->count) == wanted) {
            *count = wanted;
            for (size_t i = 0; i < wanted; i++)
                (*blocks)[i].sql = texts[i];
        } else {
            /* A definition that contains what looks like a head: all of it is one block. */
            *count = 1;
            (*blocks)[0].sql = arena_strdup(arena, buffer_text(&sql));
        }
        if (arena_failed(arena))
            status = larder_fail_memory(error);
    }
    buffer_free(&sql);
    return status;
}

uint32_t schema_table_of(const struct schema *schema, const struct schema_entry *entry)
{
    for (size_t i = 0; i < entry->depend_count; i++) {
        const struct schema_entry *on = find(schema, entry->depends[i]);

        if (on != NULL && is(on, "TABLE"))
            return on->oid;
    }
    return 0;
}

bool schema_has(const struct schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (entry->catalog == CATALOG_CLASS && entry->oid == oid)
            return entry->selected && !entry->left_out;
    }
    return false;
}

void schema_close_policies(struct schema *schema, struct arena *arena,
                           struct larder_findings *findings)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *out = &schema->entries[i];

        if (!is(out, "POLICY") || !out->left_out)
            continue;
        for (size_t j = 0; j < schema->count; j++) {
            struct schema_entry *entry = &schema->entries[j];

            if (!is(entry, "POLICY") || entry->left_out || !entry->selected ||
                schema_table_of(schema, entry) != schema_table_of(schema, out))
                continue;
            entry->left_out = true;
            findings_add(
                findings, arena, "left out", entry->text,
                "%s: another policy of its table is left out, and the others alone could show more",
                entry->text);
        }
    }
}

uint32_t schema_parent_of(const struct schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->entries[i].catalog == CATALOG_CLASS && schema->entries[i].oid == oid)
            return schema_table_of(schema, &schema->entries[i]);
    return 0;
}
