#include "engine/cli/settings.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/config.h"
#include "engine/hooks/parts.h"
#include "engine/pg/conninfo.h"
#include "formats/arena.h"
#include "formats/json_text.h"

static const char hidden[] = "(hidden)";

/* Where a key was written in place of a path or a recipient, it must not be shown. */
static json_t *shown(const char *text)
{
    return json_text(strcasestr(text, "AGE-SECRET-KEY") != NULL ? hidden : text);
}

/* A URL may hold a user and a password, and rclone's remotes that are made on the fly their keys. */
static json_t *shown_store(const char *url, struct arena *arena)
{
    const char *host = strstr(url, "://"), *at;

    if (strncmp(url, "rclone::", 8) == 0)
        return json_text(arena_printf(arena, "rclone::%s", hidden));
    if (strncmp(url, "rclone:", 7) == 0 && url[7 + strcspn(url + 7, ",:")] == ',')
        return json_text(arena_printf(arena, "%.*s,%s", (int)strcspn(url, ","), url, hidden));
    at = host == NULL ? NULL : memchr(host + 3, '@', strcspn(host + 3, "/"));
    if (at == NULL)
        return json_text(url);
    return json_text(arena_printf(arena, "%.*s%s%s", (int)(host - url) + 3, url, hidden, at));
}

/* What is NULL is not set. */
static void set(json_t *section, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(section, key, value);
}

static json_t *shown_conninfo(const char *conninfo, struct arena *arena)
{
    return conninfo == NULL ? NULL : json_text(conninfo_without_password(conninfo, arena));
}

static json_t *number(int value)
{
    return value == 0 ? NULL : json_integer(value);
}

static json_t *list(const char *const *items, size_t count)
{
    json_t *array = count == 0 ? NULL : json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, shown(items[i]));
    return array;
}

static json_t *source_section(const struct cli_values *v, struct arena *arena)
{
    struct larder_connect source = config_source(v);
    json_t *section = json_object();

    set(section, "conninfo", shown_conninfo(source.dbname, arena));
    set(section, "host", source.host == NULL ? NULL : json_text(source.host));
    set(section, "port", source.port == NULL ? NULL : json_text(source.port));
    set(section, "user", source.user == NULL ? NULL : json_text(source.user));
    set(section, "name", v->source_name == NULL ? NULL : json_text(v->source_name));
    set(section, "schema_from", shown_conninfo(v->schema_from, arena));
    set(section, "record_to", shown_conninfo(v->record_to, arena));
    set(section, "record", json_string(v->no_record ? "no" : "yes"));
    set(section, "lanes", number(v->lanes));
    if (v->level != 0)
        set(section, "compression", json_string(arena_printf(arena, "zstd:%d", v->level)));
    set(section, "lock_timeout", number(v->lock_timeout));
    if (v->references != LARDER_REFERENCES_NOT)
        set(section, "follow_references",
            json_string(v->references == LARDER_REFERENCES_ROWS ? "rows" : "keys"));
    return section;
}

static json_t *store_section(const struct cli_values *v, struct arena *arena)
{
    json_t *section = json_object();

    set(section, "url", v->store == NULL ? NULL : shown_store(v->store, arena));
    set(section, "endpoint",
        v->config.endpoint == NULL ? NULL : shown_store(v->config.endpoint, arena));
    set(section, "region", v->config.region == NULL ? NULL : json_text(v->config.region));
    set(section, "profile", v->config.profile == NULL ? NULL : json_text(v->config.profile));
    set(section, "lock", json_string(v->config.lock ? "yes" : "no"));
    set(section, "keep_min", number(v->config.keep_min));
    return section;
}

static json_t *encryption_section(const struct cli_values *v)
{
    const struct larder_config *c = &v->config;
    json_t *section = json_object();

    set(section, "recipients", list(c->recipients, c->recipient_count));
    set(section, "recipients_file", list(c->recipient_files, c->recipient_file_count));
    set(section, "passphrase_file", c->passphrase_file == NULL ? NULL : shown(c->passphrase_file));
    set(section, "identity", list(v->identity_files.items, v->identity_files.count));
    return section;
}

/* A webhook's path is as good as a password, and so may an argument be. */
static json_t *shown_url(const char *url, struct arena *arena)
{
    const char *host = url == NULL ? NULL : strstr(url, "://");

    return host == NULL ? NULL
                        : json_text(arena_printf(arena, "%.*s%s/%s", (int)(host - url) + 3, url,
                                                 hook_host(url, arena), hidden));
}

static json_t *shown_command(const char *const *words, size_t count, struct arena *arena)
{
    if (count == 0)
        return NULL;
    return json_text(count == 1 ? words[0] : arena_printf(arena, "%s %s", words[0], hidden));
}

static json_t *hooks_section(const struct larder_hooks *h, struct arena *arena)
{
    json_t *section = json_object();

    set(section, "on_success", shown_command(h->on_success, h->on_success_count, arena));
    set(section, "on_failure", shown_command(h->on_failure, h->on_failure_count, arena));
    set(section, "on_stale", shown_command(h->on_stale, h->on_stale_count, arena));
    set(section, "webhook", shown_url(h->webhook, arena));
    set(section, "ping", shown_url(h->ping, arena));
    set(section, "timeout", number(h->timeout));
    return section;
}

static json_t *preset_section(const struct larder_preset *preset, struct arena *arena)
{
    json_t *section = json_object();

    set(section, "tables", list(preset->tables, preset->table_count));
    set(section, "keep_days", number(preset->keep_days));
    if (preset->shrink_alarm == LARDER_SHRINK_NEVER)
        set(section, "shrink_alarm", json_string("never"));
    else
        set(section, "shrink_alarm", number(preset->shrink_alarm));
    if (preset->every != 0)
        set(section, "every", json_string(arena_printf(arena, "%ld minutes", preset->every / 60)));
    set(section, "copy_format",
        preset->copy_format == NULL ? NULL : json_text(preset->copy_format));
    return section;
}

json_t *settings_json(const struct cli_values *v)
{
    struct arena *arena = arena_new();
    json_t *sections = json_object();

    if (arena == NULL || sections == NULL) {
        arena_free(arena);
        return sections;
    }
    json_object_set_new(sections, "source", source_section(v, arena));
    json_object_set_new(sections, "store", store_section(v, arena));
    json_object_set_new(sections, "encryption", encryption_section(v));
    json_object_set_new(sections, "hooks", hooks_section(&v->config.hooks, arena));
    for (size_t i = 0; i < v->config.presets.count; i++) {
        const struct larder_preset *preset = &v->config.presets.items[i];

        json_object_set_new(sections, arena_printf(arena, "preset %s", preset->name),
                            preset_section(preset, arena));
    }
    arena_free(arena);
    return json_pack("{s:o, s:o}", "file", json_text(v->config.file), "settings", sections);
}

static void print_value(const json_t *value)
{
    if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        printf("%s", json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        printf("%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(value, i)));
    printf("\n");
}

static void print_section(const char *name, json_t *section)
{
    if (json_object_size(section) > 0)
        printf("[%s]\n", name);
    for (void *at = json_object_iter(section); at != NULL;
         at = json_object_iter_next(section, at)) {
        printf("%-15s = ", json_object_iter_key(at));
        print_value(json_object_iter_value(at));
    }
}

void settings_print(const struct cli_values *v)
{
    json_t *all = settings_json(v), *sections = json_object_get(all, "settings");

    printf("# %s\n", v->config.file != NULL ? v->config.file : "no configuration file");
    for (void *at = json_object_iter(sections); at != NULL;
         at = json_object_iter_next(sections, at))
        print_section(json_object_iter_key(at), json_object_iter_value(at));
    printf("\n");
    json_decref(all);
}
