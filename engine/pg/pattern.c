#include "engine/pg/pattern.h"

#include <ctype.h>
#include <string.h>

#include "formats/buffer.h"

/* One half of a pattern, up to a dot outside quotes or the end; `at` is moved there. */
static bool parse_half(const char **at, struct buffer *regex, bool *any)
{
    bool quoted = false;
    size_t before;

    buffer_puts(regex, "^(");
    before = regex->length;
    for (; **at != '\0' && (quoted || **at != '.'); (*at)++) {
        char c = **at;

        if (c == '"' && quoted && (*at)[1] == '"') {
            buffer_puts(regex, "\"");
            (*at)++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == '*') {
            buffer_puts(regex, ".*");
            *any = true;
        } else if (!quoted && c == '?') {
            buffer_puts(regex, ".");
            *any = true;
        } else {
            if (!quoted && (unsigned char)c < 128)
                c = (char)tolower((unsigned char)c);
            if (strchr("\\^$.|?*+()[]{}", c) != NULL)
                buffer_puts(regex, "\\");
            buffer_append(regex, &c, 1);
        }
    }
    buffer_puts(regex, ")$");
    return !quoted && regex->length > before + 2;
}

enum larder_status pattern_parse(const char *text, struct arena *arena, struct pattern *pattern,
                                 struct larder_error *error)
{
    struct buffer first = {0}, second = {0};
    const char *at = text;
    bool any_first = false, any_second = false, ok;

    *pattern = (struct pattern){.text = arena_strdup(arena, text), .leave_out = text[0] == '!'};
    if (pattern->leave_out)
        at++;
    ok = parse_half(&at, &first, &any_first);
    if (ok && *at == '.') {
        at++;
        ok = parse_half(&at, &second, &any_second) && *at == '\0';
        pattern->schema = arena_strdup(arena, buffer_text(&first));
        pattern->name = arena_strdup(arena, buffer_text(&second));
        pattern->any_schema = any_first;
    } else {
        pattern->schema = "^(public)$";
        pattern->name = arena_strdup(arena, buffer_text(&first));
    }
    pattern->any = any_first || any_second;
    ok = ok && !first.failed && !second.failed;
    buffer_free(&first);
    buffer_free(&second);
    if (!ok) {
        larder_fail(error, LARDER_USAGE, "\"%s\" is no name of a table, and no pattern", text);
        larder_hint(error, "Write name, schema.name, schema.* or \"Name With Capitals\".");
        return LARDER_USAGE;
    }
    return LARDER_OK;
}
