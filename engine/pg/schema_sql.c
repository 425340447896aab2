#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/pg/schema_parts.h"
#include "engine/run/process.h"

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

bool schema_is_setting(const char *line)
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
        if (schema_is_setting(line))
            first = line;
        else if (line[0] != '\n')
            break;
    }
    return first;
}

/* Where what pg_restore puts behind the entries begins; NULL where it is not there. */
static const char *end_of_entries(const char *sql)
{
    static const char last[] = "\n--\n-- PostgreSQL database dump complete\n--\n";
    const char *end = NULL;

    for (const char *at = sql; (at = strstr(at, last)) != NULL; at++)
        end = at + 1;
    return end;
}

/* What pg_restore puts around the entries is cut off: its settings, and psql's \restrict. False where it has not come to its end. */
static bool append_entries(struct buffer *out, const char *sql)
{
    static const char first[] = "\n--\n-- Name: ";
    const char *begin = strstr(sql, first), *end = end_of_entries(sql);

    if (end == NULL)
        return false;
    if (begin == NULL || end < begin)
        return true;
    begin = settings_before(sql, begin + 1);
    append_with_schemas(out, begin, (size_t)(end - begin));
    return true;
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

/* From what schema_take_sql() has cut. */
static void append_pieces(const struct schema *schema, enum schema_pass pass, struct buffer *out)
{
    const char *settings = "";

    for (int order = 0; order < RESTORE_PASSES; order++)
        for (size_t i = 0; i < schema->count; i++) {
            const struct schema_piece *piece = &schema->pieces[i];

            if (!is_wanted(schema, &schema->entries[i], pass) ||
                restore_pass(&schema->entries[i]) != order)
                continue;
            if (piece->settings != settings && order == 0) /* privileges are stored nowhere */
                buffer_puts(out, piece->settings);
            settings = piece->settings;
            append_with_schemas(out, piece->at, piece->length);
        }
}

/* Runs pg_restore; `list`: the entries that are wanted, one a line, or NULL for all of them. */
static enum larder_status run_restore(const struct schema *schema, const struct buffer *list,
                                      const struct larder_run *run, int stop_fd, struct buffer *sql,
                                      struct larder_error *error)
{
    char list_path[64];
    const char *arguments[8] = {schema->restore.path, "--file", "-"};
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
    status = process_run(&process, run, stop_fd, sql, error);
done:
    if (fd >= 0)
        close(fd);
    return status;
}

/* The SQL of all entries, once for all passes. */
static enum larder_status take_all(struct schema *schema, const struct larder_run *run, int stop_fd,
                                   struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status = run_restore(schema, NULL, run, stop_fd, &sql, error);
    const char *text = status == LARDER_OK ? arena_strdup(schema->arena, buffer_text(&sql)) : NULL;

    if (status == LARDER_OK && (sql.failed || text == NULL))
        status = larder_fail_memory(error);
    if (status == LARDER_OK)
        schema_take_sql(schema, text);
    buffer_free(&sql);
    return status;
}

/* Where it cannot be told apart. */
static enum larder_status append_by_list(const struct schema *schema, enum schema_pass pass,
                                         const struct larder_run *run, int stop_fd,
                                         struct buffer *out, struct larder_error *error)
{
    struct buffer list = {0}, sql = {0};
    enum larder_status status;

    for (size_t i = 0; i < schema->count; i++)
        if (is_wanted(schema, &schema->entries[i], pass))
            buffer_printf(&list, "%d;\n", schema->entries[i].id);
    if (list.length == 0 && !list.failed)
        return LARDER_OK;
    status = run_restore(schema, &list, run, stop_fd, &sql, error);
    if (status == LARDER_OK && sql.failed)
        status = larder_fail_memory(error);
    else if (status == LARDER_OK && !append_entries(out, buffer_text(&sql)))
        status = larder_fail(error, LARDER_FAILED, "what \"%s\" writes is no SQL of it",
                             schema->restore.path);
    buffer_free(&list);
    buffer_free(&sql);
    return status;
}

enum larder_status schema_sql(struct schema *schema, enum schema_pass pass,
                              const struct larder_run *run, int stop_fd, struct buffer *out,
                              struct larder_error *error)
{
    size_t place = out->length;
    enum larder_status status = schema->taken ? LARDER_OK : take_all(schema, run, stop_fd, error);

    if (status == LARDER_OK && schema->pieces != NULL)
        append_pieces(schema, pass, out);
    else if (status == LARDER_OK)
        status = append_by_list(schema, pass, run, stop_fd, out, error);
    if (status != LARDER_OK)
        return larder_context(error, "could not read the archived schema");
    schema_cut(schema, out, place);
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}

void schema_omit_tablespaces(struct schema *schema)
{
    schema->no_tablespaces = true;
    schema->taken = false;
    schema->pieces = NULL;
}

static const char block_head[] = "--\n-- Name: ";

/* The part of a head between two marks; gives what follows the second. */
static const char *head_part(const char *at, const char *end, const char *mark, const char **part,
                             int *length)
{
    const char *last = NULL;

    for (const char *m = strstr(at, mark); m != NULL && m < end; m = strstr(m + 1, mark))
        last = m;
    if (last == NULL)
        return NULL;
    *part = at;
    *length = (int)(last - at);
    return last + strlen(mark);
}

/* Whether what looks like a head is that of the entry: "-- Name: N; Type: T; Schema: S; Owner: O" in SQL is "T S N O" in the list. */
static bool is_head_of(const char *head, const struct schema_entry *entry)
{
    const char *at = head + strlen(block_head), *end = at + strcspn(at, "\n"), *name, *type, *nsp;
    int name_length, type_length, nsp_length;
    struct buffer line = {0};
    bool same;

    at = head_part(at, end, "; Type: ", &name, &name_length);
    at = at == NULL ? NULL : head_part(at, end, "; Schema: ", &type, &type_length);
    at = at == NULL ? NULL : head_part(at, end, "; Owner: ", &nsp, &nsp_length);
    if (at == NULL)
        return false;
    buffer_printf(&line, " %.*s %.*s %.*s ", type_length, type, nsp_length, nsp, name_length, name);
    /* The list's line has the owner behind it. */
    same = !line.failed && strncmp(entry->text, buffer_text(&line) + 1, line.length - 1) == 0;
    buffer_free(&line);
    return same;
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

        if (schema_is_setting(line) &&
            strncmp(line, setting_tablespace, strlen(setting_tablespace)) == 0)
            settings->tablespace = copy;
        else if (schema_is_setting(line))
            settings->method = copy;
    }
    settings->both = arena_printf(arena, "%s%s", settings->tablespace, settings->method);
}

/*
 * Cuts the text where the entries begin, in their order; gives how many it found. What only looks like a head belongs to the entry
 * before it; where `strict`, all is refused then.
 */
static size_t cut(const char *text, const char *end, struct schema_entry *const *entries,
                  size_t count, bool strict, struct arena *arena, struct schema_piece *pieces)
{
    struct settings settings = {"", "", ""};
    size_t found = 0;

    for (const char *at = strstr(text, block_head); at != NULL && at < end;
         at = strstr(at + 1, block_head)) {
        const char *before = settings_before(text, at);

        if (found == count || !is_head_of(at, entries[found])) {
            if (strict)
                return 0;
            continue;
        }
        if (found > 0)
            pieces[found - 1].length = (size_t)(before - pieces[found - 1].at);
        note_settings(arena, before, at, &settings);
        pieces[found++] = (struct schema_piece){
            .settings = settings.both, .at = at, .length = (size_t)(end - at)};
    }
    return found;
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

void schema_take_sql(struct schema *schema, const char *text)
{
    struct arena *arena = schema->arena;
    bool *wanted = arena_alloc(arena, schema->count + 1, sizeof(*wanted));
    struct schema_piece *cuts = arena_alloc(arena, schema->count + 1, sizeof(*cuts)),
                        *pieces = arena_alloc(arena, schema->count + 1, sizeof(*pieces));
    struct schema_entry **entries;
    const char *end = end_of_entries(text);
    size_t count;

    schema->taken = true;
    for (size_t i = 0; wanted != NULL && i < schema->count; i++)
        wanted[i] = is_written(&schema->entries[i]);
    entries = wanted == NULL ? NULL : in_order(schema, wanted, arena, &count);
    if (entries == NULL || cuts == NULL || pieces == NULL || end == NULL ||
        cut(text, end, entries, count, true, arena, cuts) != count)
        return;
    for (size_t i = 0; i < count; i++)
        pieces[entries[i] - schema->entries] = cuts[i];
    schema->pieces = pieces;
}

enum larder_status schema_blocks(struct schema *schema, enum schema_pass pass,
                                 const struct larder_run *run, int stop_fd, struct arena *arena,
                                 struct schema_block **blocks, size_t *count,
                                 struct larder_error *error)
{
    struct buffer sql = {0};
    enum larder_status status = schema_sql(schema, pass, run, stop_fd, &sql, error);
    bool *wanted = arena_alloc(arena, schema->count + 1, sizeof(*wanted));
    struct schema_piece *pieces = arena_alloc(arena, schema->count + 1, sizeof(*pieces));
    struct schema_entry **entries = NULL;
    const char *text = buffer_text(&sql);

    *count = 0;
    *blocks = arena_alloc(arena, schema->count + 1, sizeof(**blocks));
    for (size_t i = 0; wanted != NULL && i < schema->count; i++)
        wanted[i] = is_wanted(schema, &schema->entries[i], pass);
    if (wanted != NULL)
        entries = in_order(schema, wanted, arena, count);
    if (status == LARDER_OK && !arena_failed(arena) && *count > 0) {
        bool known =
            cut(text, text + strlen(text), entries, *count, false, arena, pieces) == *count;

        if (!known) { /* An order that is not known: all of it is one block. */
            *count = 1;
            pieces[0] = (struct schema_piece){.settings = "", .at = text, .length = strlen(text)};
        }
        for (size_t i = 0; i < *count; i++)
            (*blocks)[i] = (struct schema_block){entries[i],
                                                 arena_printf(arena, "%s%.*s", pieces[i].settings,
                                                              (int)pieces[i].length, pieces[i].at)};
    }
    if (status == LARDER_OK && arena_failed(arena))
        status = larder_fail_memory(error);
    buffer_free(&sql);
    return status;
}
