#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/hooks/parts.h"
#include "formats/json_memory.h"
#include "formats/json_text.h"
#include "formats/json_times.h"
#include "formats/names.h"

enum { FACTS = 13, WARNINGS_BYTES = 8192, HOST_BYTES = 256 };

const char *hook_event_name(enum larder_event_kind kind)
{
    static const char *const names[] = {"start", "success", "failure", "stale"};

    return names[kind];
}

/* A remote that rclone is given on the fly holds its keys, and a URL may hold a user and a password. */
static const char *without_secrets(const char *archive, struct arena *arena)
{
    const char *host = archive == NULL ? NULL : strstr(archive, "://"), *at;

    if (archive != NULL && strncmp(archive, "rclone:", 7) == 0 &&
        (archive[7] == ':' || archive[7 + strcspn(archive + 7, ",:")] == ','))
        return arena_printf(arena, "rclone:(hidden)/%s", names_base(archive));
    at = host == NULL ? NULL : memchr(host + 3, '@', strcspn(host + 3, "/"));
    if (at == NULL)
        return archive;
    return arena_printf(arena, "%.*s%s", (int)(host - archive) + 3, archive, at + 1);
}

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

static const char *join_warnings(const struct larder_event *event, struct arena *arena)
{
    struct buffer all = {0};
    const char *text;

    for (size_t i = 0; i < event->warning_count && all.length < WARNINGS_BYTES; i++)
        buffer_printf(&all, "%s%s", i > 0 ? "\n" : "", event->warnings[i]);
    text = arena_printf(arena, "LARDER_WARNINGS=%.*s", WARNINGS_BYTES, buffer_text(&all));
    buffer_free(&all);
    return text;
}

const char *const *hook_event_environment(const struct larder_event *e, struct arena *arena)
{
    const char **facts = arena_alloc(arena, FACTS + 1, sizeof(*facts));
    size_t n = 0;

    if (facts == NULL)
        return NULL;
    facts[n++] = arena_printf(arena, "LARDER_EVENT=%s", hook_event_name(e->kind));
    facts[n++] = arena_printf(arena, "LARDER_COMMAND=%s", e->command);
    facts[n++] = arena_printf(arena, "LARDER_PRESET=%s", text_of(e->preset));
    facts[n++] = arena_printf(arena, "LARDER_SOURCE=%s", text_of(e->source));
    facts[n++] = arena_printf(arena, "LARDER_BACKUP=%s", text_of(e->backup_name));
    facts[n++] =
        arena_printf(arena, "LARDER_ARCHIVE=%s", text_of(without_secrets(e->archive, arena)));
    facts[n++] = arena_printf(arena, "LARDER_EXIT=%d", e->exit);
    facts[n++] = arena_printf(arena, "LARDER_MESSAGE=%s", text_of(e->message));
    facts[n++] = arena_printf(arena, "LARDER_ROWS=%" PRIu64, e->rows);
    facts[n++] = arena_printf(arena, "LARDER_BYTES=%" PRIu64, e->bytes);
    facts[n++] = arena_printf(arena, "LARDER_SECONDS=%.1f", e->seconds);
    facts[n++] = arena_printf(arena, "LARDER_VERSION=%s", LARDER_VERSION);
    facts[n++] = join_warnings(e, arena);
    return arena_failed(arena) ? NULL : facts;
}

static json_t *event_json(const struct larder_event *e, struct arena *arena)
{
    json_t *json = json_object(), *warnings = json_array();
    char host[HOST_BYTES] = "";

    gethostname(host, sizeof(host) - 1);
    for (size_t i = 0; i < e->warning_count; i++)
        json_array_append_new(warnings, json_text(e->warnings[i]));
    json_object_set_new(json, "event", json_string(hook_event_name(e->kind)));
    json_object_set_new(json, "command", json_text(e->command));
    json_object_set_new(json, "preset", json_text(e->preset));
    json_object_set_new(json, "source", json_text(e->source));
    json_object_set_new(json, "backup_name", json_text(e->backup_name));
    json_object_set_new(json, "archive", json_text(without_secrets(e->archive, arena)));
    json_object_set_new(json, "exit", json_integer(e->exit));
    json_object_set_new(json, "message", json_text(e->message));
    json_object_set_new(json, "rows", json_integer((json_int_t)e->rows));
    json_object_set_new(json, "bytes", json_integer((json_int_t)e->bytes));
    json_object_set_new(json, "seconds", json_real(e->seconds));
    json_object_set_new(json, "warnings", warnings);
    json_object_set_new(json, "host", json_text(host));
    json_object_set_new(json, "at", json_time(time(NULL)));
    json_object_set_new(json, "larder_version", json_string(LARDER_VERSION));
    return json;
}

enum larder_status hook_event_json(const struct larder_event *event, struct buffer *out,
                                   struct larder_error *error)
{
    struct arena *arena = arena_new();
    json_t *json = arena == NULL ? NULL : event_json(event, arena);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

    json_decref(json);
    arena_free(arena);
    if (text == NULL)
        return larder_fail_memory(error);
    buffer_puts(out, text);
    json_memory_free(text);
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}
