#include <string.h>

#include "formats/buffer.h"
#include "formats/config_parts.h"

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

/* Appends what `${...}` at `text` stands for; `*text` moves behind it. */
static enum larder_status expand_one(const char **text, const struct config_variables *variables,
                                     struct arena *arena, struct buffer *out,
                                     struct larder_error *error)
{
    const char *name = *text + 2, *close = strchr(name, '}'), *rest, *value;
    size_t length = strspn(name, name_bytes);

    rest = name + length;
    if (close == NULL)
        return larder_fail(error, LARDER_USAGE, "a variable, ${NAME}, lacks its }");
    if (length == 0 || (*name >= '0' && *name <= '9') ||
        (rest != close && strncmp(rest, ":-", 2) != 0))
        return larder_fail(error, LARDER_USAGE,
                           "a variable is written ${NAME} or ${NAME:-default}");
    name = arena_printf(arena, "%.*s", (int)length, name);
    value = variables->look_up(variables->arg, name);
    *text = close + 1;
    if (rest != close && (value == NULL || value[0] == '\0')) {
        buffer_append(out, rest + 2, (size_t)(close - rest) - 2);
        return LARDER_OK;
    }
    if (value == NULL) {
        larder_fail(error, LARDER_USAGE, "the variable %s is not set", name);
        larder_hint(error, "Set it, or give it a default: ${%s:-default}.", name);
        return LARDER_USAGE;
    }
    buffer_puts(out, value);
    return LARDER_OK;
}

static enum larder_status expand_all(const char *value, const struct config_variables *variables,
                                     struct arena *arena, struct buffer *out,
                                     struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && *value != '\0') {
        size_t plain = strcspn(value, "$");

        buffer_append(out, value, plain);
        value += plain;
        if (value[0] == '$' && value[1] == '{') {
            status = expand_one(&value, variables, arena, out, error);
        } else if (value[0] == '$' && value[1] == '$') {
            buffer_puts(out, "$");
            value += 2;
        } else if (value[0] == '$') {
            larder_fail(error, LARDER_USAGE, "a single $ means nothing");
            larder_hint(error, "Write ${NAME} for a variable, and $$ for a dollar sign.");
            status = LARDER_USAGE;
        }
    }
    return status;
}

enum larder_status config_expand(const char *value, const struct config_variables *variables,
                                 struct arena *arena, const char **expanded,
                                 struct larder_error *error)
{
    struct buffer out = {0};
    enum larder_status status = expand_all(value, variables, arena, &out, error);

    *expanded = arena_take(arena, &out);
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}
