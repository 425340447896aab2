#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/pg/schema_parts.h"
#include "engine/run/process.h"

static const char setting_tablespace[] = "SET default_tablespace = ",
                  setting_method[] = "SET default_table_access_method = ";

/* The line before a line; NULL before the first. */
static const char *line_before(const char *text, const char *line)
{
    if (line == text)
        return NULL;
    for (line--; line > text && line[-1] != '\n';)
        line--;
    return line;
}

/*
 * Whether a line sets where or how what follows is stored, in just the form that pg_restore gives it: '', a name, or "a name"; and nothing
 * behind it. The last line of an entry may begin like one, where a comment has several, but then it ends with a quote that has no beginning.
 */
static bool is_setting(const char *line)
{
    static const char small[] = "abcdefghijklmnopqrstuvwxyz_", more[] = "0123456789";
    size_t length;

    if (strncmp(line, setting_tablespace, strlen(setting_tablespace)) == 0)
        line += strlen(setting_tablespace);
    else if (strncmp(line, setting_method, strlen(setting_method)) == 0)
        line += strlen(setting_method);
    else
        return false;
    if (strncmp(line, "'';\n", 4) == 0)
        return true;
    if (*line == '"') {
        for (line++; *line != '\0' && *line != '\n'; line += *line == '"' ? 2 : 1)
            if (*line == '"' && line[1] != '"')
                return strncmp(line, "\";\n", 3) == 0;
        return false;
    }
    length = strspn(line, small);
    while (length > 0 && strspn(line + length, small) + strspn(line + length, more) > 0)
        length += strspn(line + length, small) + strspn(line + length, more);
    return length > 0 && strncmp(line + length, ";\n", 2) == 0;
}

/* The first of the settings, and empty lines, that stand right before a head: where and how the entries from there on are stored. */
static const char *settings_before(const char *text, const char *head)
{
    const char *first = head;

    for (const char *line = line_before(text, head); line != NULL; line = line_before(text, line)) {
        if (is_setting(line))
            first = line;
        else if (line[0] != '\n')
            break;
    }
    return first;
}

/* Where what pg_restore puts behind the entries begins, with the time at which it says that it is done; NULL where it is not there. */
static const char *end_of_entries(const char *sql)
{
    static const char last[] = "\n--\n-- PostgreSQL database dump complete\n--\n",
                      completed[] = "-- Completed on ";
    const char *end = NULL, *line;

    for (const char *at = sql; (at = strstr(at, last)) != NULL; at++)
        end = at + 1;
    line = end == NULL ? NULL : line_before(sql, end);
    while (line != NULL && line[0] == '\n')
        line = line_before(sql, line);
    return line != NULL && strncmp(line, completed, strlen(completed)) == 0 ? line : end;
}

/* The settings of the dump are written before everything else, and what is about the database itself only where that was asked for. */
static bool is_written(const struct schema_entry *entry)
{
    static const char *const of_database[] = {"ACL - DATABASE ", "COMMENT - DATABASE ",
                                              "SECURITY LABEL - DATABASE "};

    for (size_t i = 0; i < sizeof(of_database) / sizeof(of_database[0]); i++)
        if (strncmp(entry->text, of_database[i], strlen(of_database[i])) == 0)
            return false;
    return !schema_is(entry, "DATABASE") && !schema_is(entry, "ENCODING") &&
           !schema_is(entry, "STDSTRINGS") && !schema_is(entry, "SEARCHPATH");
}

/*
 * Schemas are made by us, where they are missing; what is said of them follows, but not of
 * "public", which every database has in its own way.
 */
static bool is_wanted(const struct schema *schema, const struct schema_entry *entry,
                      enum schema_pass pass)
{
    const struct schema_entry *on = entry->depend_count == 1 && schema_is_attachment(entry)
                                        ? schema_find(schema, entry->depends[0])
                                        : entry;

    if (!entry->selected || schema_is_left_out(schema, entry) || entry->pass != pass)
        return false;
    if (!is_written(entry))
        return false;
    return on == NULL || !schema_is(on, "SCHEMA") || on->oid != SCHEMA_PUBLIC;
}

enum { RESTORE_PASSES = 3 };

/* What pg_restore puts behind everything else: privileges, and then what must not see what comes before it. */
static int restore_pass(const struct schema_entry *entry)
{
    if (schema_is(entry, "ACL") || schema_is(entry, "DEFAULT ACL"))
        return 1;
    return schema_is(entry, "EVENT TRIGGER") ? 2 : 0;
}

/* An entry's SQL, from its head on. A schema may be there already; pg_dump's own CREATE SCHEMA would fail. */
static void append_entry(const struct schema *schema, size_t i, struct buffer *out)
{
    static const char create[] = "\n--\n\nCREATE SCHEMA ";
    const struct schema_piece *piece = &schema->pieces[i];
    const char *at = piece->at, *end = at + piece->length;

    if (schema_put_guarded(schema, &schema->entries[i], out))
        return;
    buffer_puts(out, "--\n");
    if (schema_is(&schema->entries[i], "SCHEMA")) {
        const char *name = memmem(at, piece->length, create, strlen(create));

        if (name != NULL) {
            name += strlen(create);
            buffer_printf(out, "%.*sIF NOT EXISTS ", (int)(name - at), at);
            at = name;
        }
    }
    buffer_append(out, at, (size_t)(end - at));
}

/* Runs pg_restore; `list`: the entries that are wanted, one a line, or NULL for all of them. */
static enum larder_status run_restore(const struct schema *schema, const struct buffer *list,
                                      struct buffer *sql, struct larder_error *error)
{
    char list_path[64];
    const char *arguments[8] = {schema->restore.path, "--verbose", "--file=-"};
    struct process process = {
        .arguments = arguments, .input = schema->dump, .input_length = schema->dump_length};
    enum larder_status status;
    size_t count = 3;
    int fd = -1;

    if (schema->no_owner)
        arguments[count++] = "--no-owner";
    if (schema->no_tablespaces)
        arguments[count++] = "--no-tablespaces";
    if (list != NULL) {
        /* Memory with a file's name, without close-on-exec: pg_restore opens it by that name. */
        fd = memfd_create("larder-list", 0);
        if (fd < 0 || list->failed ||
            write(fd, list->bytes, list->length) != (ssize_t)list->length) {
            status = larder_fail_errno(error, LARDER_FAILED, errno,
                                       "could not pass a list to pg_restore");
            goto done;
        }
        snprintf(list_path, sizeof(list_path), "/dev/fd/%d", fd);
        arguments[count++] = "--use-list";
        arguments[count++] = list_path;
    }
    status = process_run(&process, schema->run, schema->stop_fd, sql, error);
done:
    if (fd >= 0)
        close(fd);
    return status;
}

/* The settings that entries are written under: each gets them, since others may be left out, or run elsewhere. */
struct settings {
    const char *tablespace, *method, *both;
};

/* Takes over the settings between two places, line by line. */
static void note_settings(struct arena *arena, const char *from, const char *to,
                          struct settings *settings)
{
    if (from == to)
        return;
    for (const char *line = from; line < to; line += strcspn(line, "\n") + 1) {
        const char *copy = arena_printf(arena, "%.*s\n", (int)strcspn(line, "\n"), line);

        if (is_setting(line) && strncmp(line, setting_tablespace, strlen(setting_tablespace)) == 0)
            settings->tablespace = copy;
        else if (is_setting(line))
            settings->method = copy;
    }
    settings->both = arena_printf(arena, "%s%s", settings->tablespace, settings->method);
}

static const char head[] = "\n--\n-- TOC entry ", name_line[] = "\n-- Name: ";

/* The entry whose head this is, "215 (class 1259 OID 16385)"; NULL where it is none of the schema's. */
static struct schema_entry *entry_of(const struct schema *schema, const char *at)
{
    unsigned long id = strtoul(at, NULL, 10);
    struct schema_entry *entry = id <= INT_MAX ? schema_find(schema, (int)id) : NULL;
    char whole[64];

    if (entry == NULL)
        return NULL;
    snprintf(whole, sizeof(whole), "%d (class %u OID %u)\n", entry->id, entry->catalog, entry->oid);
    return strncmp(at, whole, strlen(whole)) == 0 ? entry : NULL;
}

/* Takes the piece that begins with a head and goes to an end; false where there is no more of the head. */
static bool set_piece(struct schema *schema, const struct schema_entry *entry, const char *at,
                      const char *end, const char *settings)
{
    const char *name = strstr(at + strlen(head), name_line);

    if (name == NULL || name >= end)
        return false;
    schema->pieces[entry - schema->entries] = (struct schema_piece){
        .settings = restore_pass(entry) == 0 ? settings : "", /* privileges are stored nowhere */
        .at = name + 1,
        .length = (size_t)(end - name - 1)};
    return true;
}

/* In the order in which pg_restore writes them. */
static struct schema_entry **in_order(const struct schema *schema, const bool *wanted,
                                      struct arena *arena, size_t *count)
{
    struct schema_entry **entries =
        arena_alloc(arena, schema->count + 1, sizeof(struct schema_entry *));

    *count = 0;
    for (int order = 0; entries != NULL && order < RESTORE_PASSES; order++)
        for (size_t i = 0; i < schema->count; i++)
            if (wanted[i] && restore_pass(&schema->entries[i]) == order)
                entries[(*count)++] = &schema->entries[i];
    return entries;
}

/*
 * Cuts the text where the entries begin. False where it is not just these, in their order: then the head of one stands in a function's body,
 * or the like, too.
 */
static bool cut(struct schema *schema, const char *text, struct schema_entry *const *entries,
                size_t count)
{
    struct settings settings = {"", "", ""};
    const char *end = end_of_entries(text), *begun = NULL;
    size_t found = 0;

    for (const char *at = strstr(text, head); at != NULL && end != NULL && at < end;
         at = strstr(at + 1, head)) {
        const struct schema_entry *entry = entry_of(schema, at + strlen(head));
        const char *before = settings_before(text, at + 1);

        if (entry == NULL)
            continue;
        if (found == count || entry != entries[found] ||
            (found > 0 && !set_piece(schema, entries[found - 1], begun, before, settings.both)))
            return false;
        note_settings(schema->arena, before, at + 1, &settings);
        begun = at;
        found++;
    }
    return end != NULL && found == count &&
           (count == 0 || set_piece(schema, entries[count - 1], begun, end, settings.both));
}

void schema_take_sql(struct schema *schema, const char *text)
{
    struct arena *arena = schema->arena;
    bool *wanted = arena_alloc(arena, schema->count + 1, sizeof(*wanted));
    struct schema_entry **entries = NULL;
    size_t count = 0;

    schema->pieces = arena_alloc(arena, schema->count + 1, sizeof(*schema->pieces));
    for (size_t i = 0; wanted != NULL && i < schema->count; i++)
        wanted[i] = is_written(&schema->entries[i]);
    if (wanted != NULL)
        entries = in_order(schema, wanted, arena, &count);
    schema->taken = entries != NULL && schema->pieces != NULL && cut(schema, text, entries, count);
}

/* In the arena; `list` as above. */
static enum larder_status read_sql(const struct schema *schema, const struct buffer *list,
                                   const char **text, struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status = run_restore(schema, list, &sql, error);

    *text = arena_take(schema->arena, &sql);
    if (status == LARDER_OK && arena_failed(schema->arena))
        status = larder_fail_memory(error);
    if (status == LARDER_OK && end_of_entries(*text) == NULL)
        status = larder_fail(error, LARDER_FAILED, "what \"%s\" writes is no SQL of it",
                             schema->restore.path);
    return status;
}

/* An entry alone: whatever stands behind its head is its own. */
static enum larder_status take_one(struct schema *schema, const struct schema_entry *entry,
                                   struct larder_error *error)
{
    struct settings settings = {"", "", ""};
    struct buffer list = {0};
    const char *text, *at;
    enum larder_status status;

    buffer_printf(&list, "%d;\n", entry->id);
    status = read_sql(schema, &list, &text, error);
    buffer_free(&list);
    if (status != LARDER_OK)
        return status;
    at = strstr(text, head);
    if (at != NULL)
        note_settings(schema->arena, settings_before(text, at + 1), at + 1, &settings);
    if (at == NULL || !set_piece(schema, entry, at, end_of_entries(text), settings.both))
        return larder_fail(error, LARDER_FAILED, "\"%s\" writes no SQL of %s", schema->restore.path,
                           entry->text);
    return LARDER_OK;
}

/* Takes the SQL of all entries: at once, and where they cannot be told apart in that one by one. */
static enum larder_status take(struct schema *schema, struct larder_error *error)
{
    const char *text;
    enum larder_status status = read_sql(schema, NULL, &text, error);

    if (status == LARDER_OK)
        schema_take_sql(schema, text);
    if (status == LARDER_OK && schema->pieces == NULL)
        status = larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && !schema->taken && i < schema->count; i++)
        if (is_written(&schema->entries[i]))
            status = take_one(schema, &schema->entries[i], error);
    schema->taken = status == LARDER_OK;
    return status == LARDER_OK ? LARDER_OK
                               : larder_context(error, "could not read the archived schema");
}

void schema_omit_tablespaces(struct schema *schema)
{
    schema->no_tablespaces = true;
    schema->taken = false;
}

/* The entries of a pass that are to be made. */
static enum larder_status choose(struct schema *schema, enum schema_pass pass, struct arena *arena,
                                 struct schema_entry ***entries, size_t *count,
                                 struct larder_error *error)
{
    enum larder_status status = schema->taken ? LARDER_OK : take(schema, error);
    bool *wanted = arena_alloc(arena, schema->count + 1, sizeof(*wanted));

    *count = 0;
    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; wanted != NULL && i < schema->count; i++)
        wanted[i] = is_wanted(schema, &schema->entries[i], pass);
    *entries = wanted == NULL ? NULL : in_order(schema, wanted, arena, count);
    return *entries != NULL && schema_order(schema, *entries, *count, arena)
               ? LARDER_OK
               : larder_fail_memory(error);
}

enum larder_status schema_sql(struct schema *schema, enum schema_pass pass, struct buffer *out,
                              struct larder_error *error)
{
    struct arena *arena = arena_new();
    const char *settings = "";
    struct schema_entry **entries;
    size_t place = out->length, count;
    enum larder_status status = arena == NULL
                                    ? larder_fail_memory(error)
                                    : choose(schema, pass, arena, &entries, &count, error);

    for (size_t i = 0; status == LARDER_OK && i < count; i++) {
        size_t number = (size_t)(entries[i] - schema->entries);
        const char *own = schema->pieces[number].settings;

        if (own != settings)
            buffer_puts(out, own);
        settings = own;
        append_entry(schema, number, out);
    }
    arena_free(arena);
    schema_cut(schema, out, place);
    return status == LARDER_OK && out->failed ? larder_fail_memory(error) : status;
}

enum larder_status schema_blocks(struct schema *schema, enum schema_pass pass, struct arena *arena,
                                 struct schema_block **blocks, size_t *count,
                                 struct larder_error *error)
{
    struct schema_entry **entries;
    enum larder_status status = choose(schema, pass, arena, &entries, count, error);

    *blocks = arena_alloc(arena, *count + 1, sizeof(**blocks));
    for (size_t i = 0; status == LARDER_OK && *blocks != NULL && i < *count; i++) {
        size_t number = (size_t)(entries[i] - schema->entries);
        struct buffer sql = {0};

        append_entry(schema, number, &sql);
        schema_cut(schema, &sql, 0);
        (*blocks)[i] = (struct schema_block){
            entries[i], schema->pieces[number].settings,
            arena_printf(arena, "%s%s", schema->pieces[number].settings, buffer_text(&sql))};
        if (sql.failed)
            status = larder_fail_memory(error);
        buffer_free(&sql);
    }
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

const char *schema_owner(const struct schema_block *block, struct arena *arena)
{
    static const char mark[] = "; Owner: ";
    const char *at = block->sql + strlen(block->settings) + strlen("--\n"),
               *end = at + strcspn(at, "\n"), *owner = NULL;

    for (at = strstr(at, mark); at != NULL && at < end; at = strstr(at + 1, mark))
        owner = at + strlen(mark);
    return owner == NULL || *owner == '-' ? NULL
                                          : arena_printf(arena, "%.*s", (int)(end - owner), owner);
}
