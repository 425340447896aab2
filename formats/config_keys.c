#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "formats/buffer.h"
#include "formats/config_parts.h"
#include "formats/nearest.h"

#define IN_CONFIG(field) offsetof(struct larder_config, field), 0
#define LIST(field, counter)                                                                       \
    offsetof(struct larder_config, field), offsetof(struct larder_config, counter)
#define IN_PRESET(field) offsetof(struct larder_preset, field), 0

const struct config_key config_keys[] = {
    {"source", "conninfo", CONFIG_TEXT, IN_CONFIG(conninfo), 0, 0, true},
    {"source", "name", CONFIG_TEXT, IN_CONFIG(source_name), 0, 0, false},
    {"source", "schema_from", CONFIG_TEXT, IN_CONFIG(schema_from), 0, 0, true},
    {"source", "record_to", CONFIG_TEXT, IN_CONFIG(record_to), 0, 0, true},
    {"source", "record", CONFIG_NO, IN_CONFIG(no_record), 0, 0, false},
    {"source", "lanes", CONFIG_NUMBER, IN_CONFIG(lanes), 1, 64, false},
    {"source", "compression", CONFIG_LEVEL, IN_CONFIG(level), 1, 19, false},
    {"source", "lock_timeout", CONFIG_NUMBER, IN_CONFIG(lock_timeout), 1, 86400, false},
    {"source", "follow_references", CONFIG_REFERENCES, IN_CONFIG(follow_references), 0, 0, false},
    {"store", "url", CONFIG_PLACE, IN_CONFIG(store), 0, 0, false},
    {"store", "endpoint", CONFIG_TEXT, IN_CONFIG(endpoint), 0, 0, false},
    {"store", "region", CONFIG_TEXT, IN_CONFIG(region), 0, 0, false},
    {"store", "profile", CONFIG_TEXT, IN_CONFIG(profile), 0, 0, false},
    {"store", "lock", CONFIG_YES, IN_CONFIG(lock), 0, 0, false},
    {"store", "keep_min", CONFIG_NUMBER, IN_CONFIG(keep_min), 1, 10000, false},
    {"encryption", "recipients", CONFIG_WORDS, LIST(recipients, recipient_count), 0, 0, true},
    {"encryption", "recipients_file", CONFIG_PATHS, LIST(recipient_files, recipient_file_count), 0,
     0, false},
    {"encryption", "passphrase_file", CONFIG_PATH, IN_CONFIG(passphrase_file), 0, 0, false},
    {"encryption", "identity", CONFIG_PATHS, LIST(identity_files, identity_file_count), 0, 0, true},
    {"hooks", "on_success", CONFIG_COMMAND, LIST(hooks.on_success, hooks.on_success_count), 0, 0,
     true},
    {"hooks", "on_failure", CONFIG_COMMAND, LIST(hooks.on_failure, hooks.on_failure_count), 0, 0,
     true},
    {"hooks", "on_stale", CONFIG_COMMAND, LIST(hooks.on_stale, hooks.on_stale_count), 0, 0, true},
    {"hooks", "webhook", CONFIG_URL, IN_CONFIG(hooks.webhook), 0, 0, true},
    {"hooks", "ping", CONFIG_URL, IN_CONFIG(hooks.ping), 0, 0, true},
    {"hooks", "timeout", CONFIG_NUMBER, IN_CONFIG(hooks.timeout), 1, 3600, false},
    {CONFIG_PRESET, "tables", CONFIG_WORDS, offsetof(struct larder_preset, tables),
     offsetof(struct larder_preset, table_count), 0, 0, false},
    {CONFIG_PRESET, "keep_days", CONFIG_NUMBER, IN_PRESET(keep_days), 1, LARDER_KEEP_DAYS_MOST,
     false},
    {CONFIG_PRESET, "every", CONFIG_INTERVAL, IN_PRESET(every), 0, 0, false},
    {CONFIG_PRESET, "copy_format", CONFIG_FORMAT, IN_PRESET(copy_format), 0, 0, false},
    {CONFIG_PRESET, "shrink_alarm", CONFIG_PERCENT, IN_PRESET(shrink_alarm), 1, 100, false},
};
const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);
_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX, "room for all");

/* Says which of the names is meant, or where none is like it, which there are. */
static void hint_at(struct larder_error *error, const char *name, const char *const *names,
                    size_t count, const char *what)
{
    struct buffer all = {0};
    const char *meant = nearest(name, names, count);

    for (size_t i = 0; i < count; i++)
        buffer_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    if (meant != NULL)
        larder_hint(error, "Is \"%s\" meant?", meant);
    else
        larder_hint(error, "%s: %s.", what, buffer_text(&all));
    buffer_free(&all);
}

/* What others call it. */
static const char *usual_name(const char *name)
{
    static const struct {
        const char *other, *ours;
    } names[] = {
        {"dsn", "conninfo"},     {"database", "conninfo"},    {"dbname", "conninfo"},
        {"source_name", "name"}, {"jobs", "lanes"},           {"path", "url"},
        {"store", "url"},        {"recipient", "recipients"}, {"identity_file", "identity"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].other, name) == 0)
            return names[i].ours;
    return name;
}

const struct config_key *config_find_key(const char *section, const char *name,
                                         struct larder_error *error)
{
    const char *names[CONFIG_KEYS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) != 0)
            continue;
        if (strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
        names[count++] = config_keys[i].name;
    }
    larder_fail(error, LARDER_USAGE, "there is no key \"%s\" in [%s]", name, section);
    hint_at(error, usual_name(name), names, count, "The keys of this section are");
    return NULL;
}

bool config_find_section(const char *name, struct larder_error *error)
{
    const char *names[CONFIG_KEYS_MAX] = {0};
    size_t count = 0;

    for (size_t i = 0; i < config_key_count; i++)
        if (i == 0 || strcmp(config_keys[i - 1].section, config_keys[i].section) != 0)
            names[count++] = config_keys[i].section;
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    larder_fail(error, LARDER_USAGE, "there is no section [%s]", name);
    hint_at(error, name, names, count, "The sections are");
    return false;
}

bool config_is_list(const struct config_key *key)
{
    return key->type >= CONFIG_WORDS;
}

size_t config_list_length(const struct config_key *key, const void *object)
{
    size_t count;

    memcpy(&count, (const char *)object + key->count_offset, sizeof(count));
    return count;
}

/* A value that may be a secret, or stand where one was meant to be, is not repeated. */
static enum larder_status wrong(const struct config_key *key, const char *value, const char *wanted,
                                struct larder_error *error)
{
    if (key->may_be_secret)
        return larder_fail(error, LARDER_USAGE, "the value of \"%s\" is not %s", key->name, wanted);
    return larder_fail(error, LARDER_USAGE, "\"%s\" is not %s, which \"%s\" wants", value, wanted,
                       key->name);
}

static bool to_number(const char *text, long low, long high, long *number, const char **rest)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *number = strtol(text, &end, 10);
    *rest = end;
    return errno == 0 && *number >= low && *number <= high;
}

static enum larder_status set_number(const struct config_key *key, const char *value,
                                     const char *digits, int *field, struct larder_error *error)
{
    const char *rest;
    long number;

    if (!to_number(digits, key->low, key->high, &number, &rest) || *rest != '\0') {
        struct buffer wanted = {0};

        buffer_printf(&wanted, "a number from %d to %d", key->low, key->high);
        wrong(key, value, buffer_text(&wanted), error);
        buffer_free(&wanted);
        return LARDER_USAGE;
    }
    *field = (int)number;
    return LARDER_OK;
}

/* A number, or `never`. */
static enum larder_status set_percent(const struct config_key *key, const char *value, int *field,
                                      struct larder_error *error)
{
    const char *rest;
    long number;

    if (strcmp(value, "never") == 0) {
        *field = LARDER_SHRINK_NEVER;
        return LARDER_OK;
    }
    if (!to_number(value, key->low, key->high, &number, &rest) || *rest != '\0')
        return wrong(key, value, "a number from 1 to 100, or never", error);
    *field = (int)number;
    return LARDER_OK;
}

static enum larder_status set_bool(const struct config_key *key, const char *value, bool *field,
                                   struct larder_error *error)
{
    bool yes = strcmp(value, "yes") == 0;

    if (!yes && strcmp(value, "no") != 0)
        return wrong(key, value, "yes or no", error);
    *field = yes == (key->type == CONFIG_YES);
    return LARDER_OK;
}

/* A number and a unit, as SQL has them. */
static enum larder_status set_interval(const struct config_key *key, const char *value, long *field,
                                       struct larder_error *error)
{
    static const struct {
        const char *name;
        long seconds;
    } units[] = {
        {"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 604800}, {"month", 2592000},
    };
    const char *rest;
    long number;

    if (to_number(value, 1, 100000, &number, &rest)) {
        rest += strspn(rest, " \t");
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            size_t length = strlen(units[i].name);

            if (strncmp(rest, units[i].name, length) == 0 &&
                (rest[length] == '\0' || strcmp(rest + length, "s") == 0)) {
                *field = number * units[i].seconds;
                return LARDER_OK;
            }
        }
    }
    return wrong(key, value, "a number of minutes, hours, days, weeks or months", error);
}

static enum larder_status set_format(const struct config_key *key, const char *value,
                                     const char **field, struct larder_error *error)
{
    if (strcmp(value, "auto") != 0 && strcmp(value, "text") != 0 && strcmp(value, "binary") != 0)
        return wrong(key, value, "auto, text or binary", error);
    *field = value;
    return LARDER_OK;
}

static enum larder_status set_references(const struct config_key *key, const char *value,
                                         const char **field, struct larder_error *error)
{
    if (strcmp(value, "no") != 0 && strcmp(value, "keys") != 0 && strcmp(value, "rows") != 0)
        return wrong(key, value, "no, keys or rows", error);
    *field = value;
    return LARDER_OK;
}

/* Whether it begins with a scheme, or a name and a colon as rclone's remotes do. */
static bool is_url(const char *value)
{
    size_t length = strcspn(value, ":/");

    return length > 0 && value[length] == ':';
}

static enum larder_status set_path(const struct config_key *key, const char *value,
                                   const char *folder, struct arena *arena, const char **field,
                                   struct larder_error *error)
{
    if (strncasecmp(value, "AGE-SECRET-KEY-", strlen("AGE-SECRET-KEY-")) == 0)
        return larder_fail(error, LARDER_USAGE, "\"%s\" names a file, and is never a key itself",
                           key->name);
    if (value[0] == '~') {
        larder_fail(error, LARDER_USAGE, "\"~\" in \"%s\" stands for no folder", key->name);
        larder_hint(error, "Write ${HOME}, or ./~ for a folder of that name.");
        return LARDER_USAGE;
    }
    if (value[0] == '/' || folder[0] == '\0' || (key->type == CONFIG_PLACE && is_url(value)))
        *field = value;
    else
        *field = arena_printf(arena, "%s%s", folder, value);
    return LARDER_OK;
}

static enum larder_status add_item(const struct config_key *key, const char *item, void *object,
                                   struct arena *arena, struct larder_error *error)
{
    size_t count = config_list_length(key, object);
    const char **items = arena_alloc(arena, count + 1, sizeof(*items)), **old;

    if (items == NULL)
        return larder_fail_memory(error);
    memcpy(&old, (char *)object + key->offset, sizeof(old));
    if (count > 0)
        memcpy(items, old, count * sizeof(*items));
    items[count++] = item;
    memcpy((char *)object + key->offset, &items, sizeof(items));
    memcpy((char *)object + key->count_offset, &count, sizeof(count));
    return LARDER_OK;
}

/* The length of the word at `text`; a part of it in double quotes may hold anything. */
static size_t word_length(const char *text)
{
    size_t length = 0;
    bool quoted = false;

    while (text[length] != '\0' && (quoted || strchr(" \t\r\n,", text[length]) == NULL)) {
        quoted = quoted != (text[length] == '"');
        length++;
    }
    return length;
}

static enum larder_status add_words(const struct config_key *key, const char *value, void *object,
                                    struct arena *arena, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK) {
        size_t length;

        value += strspn(value, " \t\r\n,");
        length = word_length(value);
        if (length == 0)
            break;
        status =
            add_item(key, arena_printf(arena, "%.*s", (int)length, value), object, arena, error);
        value += length;
    }
    return status;
}

/*
 * Words are separated by blanks; what stands in double quotes is one, or part of one, and the quotes go. Nothing else means anything.
 * The first is a path where it has a slash.
 */
static enum larder_status add_command(const struct config_key *key, const char *value,
                                      const char *folder, void *object, struct arena *arena,
                                      struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && *(value += strspn(value, " \t\r\n")) != '\0') {
        char *word = arena_strdup(arena, value);
        bool quoted = false;
        size_t length = 0;

        if (arena_failed(arena))
            return larder_fail_memory(error);
        for (; *value != '\0' && (quoted || strchr(" \t\r\n", *value) == NULL); value++) {
            if (*value == '"')
                quoted = !quoted;
            else
                word[length++] = *value;
        }
        if (quoted)
            return wrong(key, value, "a command: a double quote is not closed", error);
        word[length] = '\0';
        if (config_list_length(key, object) == 0 && length == 0)
            return wrong(key, value, "a command: it has no name", error);
        if (config_list_length(key, object) == 0 && strchr(word, '/') != NULL) {
            const char *path;

            status = set_path(key, word, folder, arena, &path, error);
            if (status == LARDER_OK)
                status = add_item(key, path, object, arena, error);
        } else {
            status = add_item(key, word, object, arena, error);
        }
    }
    return status;
}

static enum larder_status set_url(const struct config_key *key, const char *value,
                                  const char **field, struct larder_error *error)
{
    const char *host = strstr(value, "://");

    if ((strncasecmp(value, "https://", 8) != 0 && strncasecmp(value, "http://", 7) != 0) ||
        host[3] == '\0' || host[3] == '/' || strpbrk(value, " \t") != NULL)
        return wrong(key, value, "a URL that begins with https:// or http://", error);
    *field = value;
    return LARDER_OK;
}

enum larder_status config_set(const struct config_key *key, const char *value, const char *folder,
                              void *object, struct arena *arena, struct larder_error *error)
{
    void *field = (char *)object + key->offset;
    const char *path;
    enum larder_status status;

    switch (key->type) {
    case CONFIG_PATH:
    case CONFIG_PLACE:
        return set_path(key, value, folder, arena, field, error);
    case CONFIG_NUMBER:
        return set_number(key, value, value, field, error);
    case CONFIG_LEVEL:
        if (strncmp(value, "zstd:", 5) != 0)
            return wrong(key, value, "zstd: and a number from 1 to 19", error);
        return set_number(key, value, value + 5, field, error);
    case CONFIG_PERCENT:
        return set_percent(key, value, field, error);
    case CONFIG_YES:
    case CONFIG_NO:
        return set_bool(key, value, field, error);
    case CONFIG_FORMAT:
        return set_format(key, value, field, error);
    case CONFIG_REFERENCES:
        return set_references(key, value, field, error);
    case CONFIG_INTERVAL:
        return set_interval(key, value, field, error);
    case CONFIG_URL:
        return set_url(key, value, field, error);
    case CONFIG_COMMAND:
        return add_command(key, value, folder, object, arena, error);
    case CONFIG_WORDS:
        return add_words(key, value, object, arena, error);
    case CONFIG_PATHS:
        status = set_path(key, value, folder, arena, &path, error);
        return status == LARDER_OK ? add_item(key, path, object, arena, error) : status;
    default:
        *(const char **)field = value;
        return LARDER_OK;
    }
}
