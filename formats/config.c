#include "formats/config.h"

#include <ini.h>
#include <stdint.h>
#include <string.h>

#include "formats/config_parts.h"
#include "formats/names.h"

struct reading {
    const char *file, *folder;
    const char *next, *end; /* what inih has not asked for yet */
    int line;               /* of what it has */
    const struct config_variables *variables;
    struct arena *arena;
    struct larder_config *config;
    struct larder_error *error;
    enum larder_status status; /* the first failure ends it */

    const char *section; /* NULL before the first */
    int section_line;
    void *object; /* what the section's keys set */
    bool section_seen[CONFIG_KEYS_MAX], key_seen[CONFIG_KEYS_MAX];
    bool indented; /* the line goes on with the list */
    const struct config_key *key;
    const struct config_key *list; /* that an indented line goes on with; NULL: none */
    int list_line;
    struct larder_preset *presets;
    size_t preset_count, preset_room;
};

/* Says where, of a failure that is in `error` already. */
static bool refuse_at(struct reading *r, int line)
{
    if (r->status == LARDER_OK)
        r->status = larder_context(r->error, "%s:%d", r->file, line);
    return false;
}

static bool refuse(struct reading *r)
{
    return refuse_at(r, r->line);
}

static bool refuse_text(struct reading *r, const char *message, const char *hint)
{
    larder_fail(r->error, LARDER_USAGE, "%s", message);
    if (hint != NULL)
        larder_hint(r->error, "%s", hint);
    return refuse(r);
}

/* What may only be known once the last line of a list is there. */
static bool end_list(struct reading *r)
{
    if (r->list == NULL)
        return true;
    if (config_list_length(r->list, r->object) == 0) {
        larder_fail(r->error, LARDER_USAGE, "\"%s\" has no value", r->list->name);
        return refuse_at(r, r->list_line);
    }
    r->list = NULL;
    return true;
}

static bool end_section(struct reading *r)
{
    struct larder_preset *preset = r->object;

    if (!end_list(r))
        return false;
    if (r->section == NULL || strcmp(r->section, CONFIG_PRESET) != 0 || preset->table_count > 0)
        return true;
    larder_fail(r->error, LARDER_USAGE, "the preset \"%s\" has no \"tables\"", preset->name);
    return refuse_at(r, r->section_line);
}

static bool may_be_named(const char *name)
{
    return names_is_preset(name) && strcmp(name, "adhoc") != 0 && strcmp(name, "copy") != 0;
}

static bool begin_preset(struct reading *r, const char *name)
{
    struct larder_preset *presets;

    if (!may_be_named(name)) {
        larder_fail(r->error, LARDER_USAGE, "\"%s\" is no name for a preset", name);
        larder_hint(r->error,
                    "[preset NAME], of small letters, digits and _, and not adhoc or copy.");
        return refuse(r);
    }
    for (size_t i = 0; i < r->preset_count; i++)
        if (strcmp(r->presets[i].name, name) == 0) {
            larder_fail(r->error, LARDER_USAGE, "there is a [preset %s] already", name);
            return refuse(r);
        }
    presets = arena_grow(r->arena, r->presets, r->preset_count, &r->preset_room, sizeof(*presets));
    if (presets == NULL) {
        larder_fail_memory(r->error);
        return refuse(r);
    }
    r->presets = presets;
    r->presets[r->preset_count].name = name;
    r->object = &r->presets[r->preset_count++];
    return true;
}

static bool begin_plain(struct reading *r, const char *name)
{
    size_t place = 0;

    if (!config_find_section(name, r->error))
        return refuse(r);
    while (strcmp(config_keys[place].section, name) != 0)
        place++;
    if (r->section_seen[place]) {
        larder_fail(r->error, LARDER_USAGE, "there is a section [%s] already", name);
        return refuse(r);
    }
    r->section_seen[place] = true;
    r->object = r->config;
    return true;
}

/* `line` begins with a bracket, and has no blanks at its end. */
static bool begin_section(struct reading *r, const char *line, size_t length)
{
    const char *name;
    size_t word = strlen(CONFIG_PRESET), blanks;
    bool ok;

    if (line[length - 1] != ']' || memchr(line, ']', length - 1) != NULL)
        return refuse_text(r, "a line that begins with [ is a [section], and nothing stands behind",
                           NULL);
    if (!end_section(r))
        return false;
    name = arena_printf(r->arena, "%.*s", (int)length - 2, line + 1);
    blanks = strncmp(name, CONFIG_PRESET, word) == 0 ? strspn(name + word, " \t") : 0;
    if (blanks > 0 || strcmp(name, CONFIG_PRESET) == 0) {
        ok = begin_preset(r, name + word + blanks);
        name = CONFIG_PRESET;
    } else {
        ok = begin_plain(r, name);
    }
    r->section = name;
    r->section_line = r->line;
    memset(r->key_seen, 0, sizeof(r->key_seen));
    return ok;
}

/* What some readers of such files take for a comment, and others for a part of the value. */
static bool has_comment(const char *line, size_t length)
{
    for (size_t i = 1; i < length; i++)
        if ((line[i] == ';' || line[i] == '#') && (line[i - 1] == ' ' || line[i - 1] == '\t'))
            return true;
    return false;
}

static bool is_key_line(const struct reading *r, const char *text)
{
    size_t length = strcspn(text, " \t=");
    const char *name = arena_printf(r->arena, "%.*s", (int)length, text);

    return text[length + strspn(text + length, " \t")] == '=' && r->section != NULL &&
           config_find_key(r->section, name, NULL) != NULL;
}

/* A line of text that is neither blank nor a comment. `text` is where it begins behind blanks. */
static bool check_content(struct reading *r, const char *line, size_t length, const char *text)
{
    bool indented = text != line;

    r->indented = indented;
    if (line[0] == '[')
        return begin_section(r, line, length);
    if (indented && (r->list == NULL || *text == '[' || is_key_line(r, text)))
        return refuse_text(r, "the line is indented, as those are that a list goes on over",
                           "Sections and keys begin at the start of the line.");
    if (has_comment(line, length))
        return refuse_text(
            r, "a comment, or what may be taken for one, stands behind a value",
            "Comments have lines of their own; a value with \" ;\" or \" #\" in it may "
            "come out of a ${VARIABLE}.");
    if (!indented && line[strcspn(line, "=:")] != '=')
        return refuse_text(r, "the line is neither [SECTION] nor KEY = VALUE", NULL);
    if (!indented && r->section == NULL)
        return refuse_text(r, "a key stands before the first [section]", NULL);
    return true;
}

/* Everything that inih would not say. `line` ends with a zero byte; its own end is not in it. */
static bool check_line(struct reading *r, const char *line, size_t length)
{
    const char *text = line + strspn(line, " \t");

    if (strlen(line) != length)
        return refuse_text(r, "there is a NUL byte, which belongs to no text", NULL);
    for (const char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' && *c != '\t')
            return refuse_text(r, "there is a control character in the line", NULL);
    if (*text == '\0' || *text == '#' || *text == ';')
        return true;
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    return check_content(r, line, length, text);
}

/* inih's reader: a line into `room`, as fgets() gives it. */
static char *read_line(char *room, int size, void *arg)
{
    struct reading *r = arg;
    const char *feed;
    size_t length;

    if (r->status != LARDER_OK || r->next == r->end)
        return NULL;
    r->line++;
    feed = memchr(r->next, '\n', (size_t)(r->end - r->next));
    length = (size_t)((feed == NULL ? r->end : feed) - r->next);
    if (length > 0 && r->next[length - 1] == '\r')
        length--;
    if (length > CONFIG_MAX_LINE || length + 3 > (size_t)size) {
        larder_fail(r->error, LARDER_USAGE, "the line has %zu bytes, and %d are the most", length,
                    CONFIG_MAX_LINE);
        larder_hint(r->error, "Lists go on over indented lines; a long value may come out of a "
                              "${VARIABLE}, or a service file.");
        refuse(r);
        return NULL;
    }
    memcpy(room, r->next, length);
    room[length] = '\0';
    r->next = feed == NULL ? r->end : feed + 1;
    if (!check_line(r, room, length))
        return NULL;
    room[length] = '\n';
    room[length + 1] = '\0';
    return room;
}

static bool take_value(struct reading *r, const struct config_key *key, const char *value)
{
    const char *expanded;
    enum larder_status status = config_expand(value, r->variables, r->arena, &expanded, r->error);

    /* A list may begin on the next line. */
    if (status == LARDER_OK && expanded[0] == '\0' && (value[0] != '\0' || r->list == NULL))
        status = larder_fail(r->error, LARDER_USAGE, "\"%s\" has no value", key->name);
    if (status == LARDER_OK && expanded[0] != '\0')
        status = config_set(key, expanded, r->folder, r->object, r->arena, r->error);
    return status == LARDER_OK ? true : refuse(r);
}

static bool begin_key(struct reading *r, const char *name)
{
    const struct config_key *key;

    if (!end_list(r))
        return false;
    key = config_find_key(r->section, name, r->error);
    if (key == NULL)
        return refuse(r);
    if (r->key_seen[key - config_keys]) {
        larder_fail(r->error, LARDER_USAGE, "\"%s\" is given twice in this section", name);
        return refuse(r);
    }
    r->key_seen[key - config_keys] = true;
    r->key = key;
    r->list = config_is_list(key) ? key : NULL;
    r->list_line = r->line;
    return true;
}

/* inih's handler. The section was seen in read_line, since inih tells of none that has no keys. */
static int take_key(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *r = arg;

    (void)section;
    if (r->status != LARDER_OK || (!r->indented && !begin_key(r, name)))
        return 0;
    return take_value(r, r->key, value);
}

static enum larder_status read_all(struct reading *r)
{
    static const char mark[] = "\xEF\xBB\xBF";
    int failed;

    if ((size_t)(r->end - r->next) >= strlen(mark) && memcmp(r->next, mark, strlen(mark)) == 0)
        r->next += strlen(mark);
    failed = ini_parse_stream(read_line, r, take_key, r);
    if (r->status == LARDER_OK && failed < 0)
        return larder_fail_memory(r->error);
    if (r->status == LARDER_OK && failed > 0)
        refuse_text(r, "the line is neither [SECTION] nor KEY = VALUE", NULL);
    if (r->status == LARDER_OK)
        end_section(r);
    return r->status;
}

enum larder_status config_read(const char *file, const char *text, size_t length,
                               const struct config_variables *variables, struct arena *arena,
                               struct larder_config *config, struct larder_error *error)
{
    const char *slash = strrchr(file, '/');
    struct larder_error unwanted = {0};
    struct reading r = {.file = file,
                        .next = text,
                        .end = text + length,
                        .variables = variables,
                        .arena = arena,
                        .config = config,
                        .error = error == NULL ? &unwanted : error};
    enum larder_status status;

    if (length > CONFIG_MAX_BYTES)
        return larder_fail(error, LARDER_USAGE, "%s: the file has more than %d bytes", file,
                           CONFIG_MAX_BYTES);
    r.folder = arena_printf(arena, "%.*s", slash == NULL ? 0 : (int)(slash - file) + 1, file);
    status = read_all(&r);
    config->presets = (struct larder_presets){.items = r.presets, .count = r.preset_count};
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}
