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
    const struct schema_entry *on = entry->depend_count == 1 && schema_is_attachment(entry)
                                        ? schema_find(schema, entry->depends[0])
                                        : entry;

    if (!entry->selected || schema_is_left_out(schema, entry) || entry->pass != pass)
        return false;
    return on == NULL || !schema_is(on, "SCHEMA") || on->oid != SCHEMA_PUBLIC;
}

enum larder_status schema_sql(const struct schema *schema, enum schema_pass pass,
                              const struct larder_run *run, int stop_fd, struct buffer *out,
                              struct larder_error *error)
{
    char list_path[64];
    const char *arguments[] = {
        schema->restore.path, "--use-list", list_path, "--file", "-", NULL, NULL};
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
    if (schema->no_owner)
        arguments[5] = "--no-owner";
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
