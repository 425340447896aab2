#include "engine/pg/pattern.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "formats/buffer.h"

/* One half of a pattern: the regular expression, and the same as a plain name. */
struct half {
    struct buffer regex, name;
    bool any;
};

static void put_itself(struct half *half, char c)
{
    if (strchr("\\^$.|?*+()[]{}", c) != NULL)
        buffer_puts(&half->regex, "\\");
    buffer_append(&half->regex, &c, 1);
    buffer_append(&half->name, &c, 1);
}

/* A character outside of quotes, where those of regular expressions keep their meaning. */
static void put_unquoted(struct half *half, const char *at)
{
    char c = (unsigned char)*at < 128 ? (char)tolower((unsigned char)*at) : *at;

    if (c == '$' || (c == '[' && at[1] == ']') || strchr("\\^|?*+()[]{}", c) == NULL) {
        put_itself(half, c);
        return;
    }
    half->any = true;
    if (c == '*')
        buffer_puts(&half->regex, ".*");
    else if (c == '?')
        buffer_puts(&half->regex, ".");
    else
        buffer_append(&half->regex, &c, 1);
}

/* Up to a dot outside quotes or the end; `at` is moved there. */
static bool parse_half(const char **at, struct half *half)
{
    bool quoted = false;
    size_t before;

    buffer_puts(&half->regex, "^(");
    before = half->regex.length;
    for (; **at != '\0' && (quoted || **at != '.'); (*at)++) {
        if (**at == '"' && quoted && (*at)[1] == '"')
            put_itself(half, *(*at)++);
        else if (**at == '"')
            quoted = !quoted;
        else if (quoted)
            put_itself(half, **at);
        else
            put_unquoted(half, *at);
    }
    buffer_puts(&half->regex, ")$");
    return !quoted && half->regex.length > before + 2 && !half->regex.failed && !half->name.failed;
}

static bool parse(const char *at, struct arena *arena, struct pattern *pattern)
{
    struct half first = {0}, second = {0};
    struct half *name = &first;
    bool ok = parse_half(&at, &first);

    pattern->schema = "^(public)$";
    pattern->schema_name = "public";
    if (ok && *at == '.') {
        at++;
        ok = parse_half(&at, &second) && *at == '\0';
        pattern->schema = arena_take(arena, &first.regex);
        pattern->schema_name = arena_take(arena, &first.name);
        pattern->any_schema = first.any;
        name = &second;
    }
    pattern->name = arena_take(arena, &name->regex);
    pattern->table_name = arena_take(arena, &name->name);
    pattern->any = first.any || second.any;
    return ok;
}

enum larder_status pattern_parse(const char *text, struct arena *arena, struct pattern *pattern,
                                 struct larder_error *error)
{
    *pattern = (struct pattern){.text = arena_strdup(arena, text), .leave_out = text[0] == '!'};
    if (parse(pattern->leave_out ? text + 1 : text, arena, pattern))
        return LARDER_OK;
    if (arena_failed(arena))
        return larder_fail_memory(error);
    larder_fail(error, LARDER_USAGE, "\"%s\" is no name of a table, and no pattern", text);
    larder_hint(error,
                "Write name, schema.name, schema.* or, in a shell, '\"Name With Capitals\"'.");
    return LARDER_USAGE;
}

static bool matches(const char *expression, const char *text)
{
    regex_t regex;
    bool matched;

    if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    matched = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matched;
}

bool pattern_matches(const struct pattern *pattern, const char *schema, const char *name)
{
    return matches(pattern->schema, schema) && matches(pattern->name, name);
}
