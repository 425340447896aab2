#include "formats/aws_profile.h"

#include <string.h>

struct piece {
    const char *text;
    size_t length;
};

static struct piece trimmed(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
        length--;
    while (length > 0 && strchr(" \t\r", *text) != NULL) {
        text++;
        length--;
    }
    return (struct piece){text, length};
}

static bool is(struct piece piece, const char *text)
{
    return strlen(text) == piece.length && memcmp(piece.text, text, piece.length) == 0;
}

static bool begins(struct piece piece, const char *text)
{
    return piece.length >= strlen(text) && memcmp(piece.text, text, strlen(text)) == 0;
}

/* Whether a line opens the section `name`. */
static bool opens(struct piece line, const char *name)
{
    static const char word[] = "profile";
    struct piece inside;

    if (line.text[line.length - 1] != ']')
        return false;
    inside = trimmed(line.text + 1, line.length - 2);
    if (is(inside, name))
        return true;
    if (!begins(inside, word))
        return false;
    return is(trimmed(inside.text + strlen(word), inside.length - strlen(word)), name);
}

static void take(struct piece key, struct piece value, struct arena *arena,
                 struct aws_profile *profile)
{
    const struct {
        const char *key;
        const char **field;
    } fields[] = {
        {"aws_access_key_id", &profile->access_key_id},
        {"aws_secret_access_key", &profile->secret_access_key},
        {"aws_session_token", &profile->session_token},
        {"region", &profile->region},
        {"endpoint_url", &profile->endpoint_url},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (is(key, fields[i].key))
            *fields[i].field = arena_printf(arena, "%.*s", (int)value.length, value.text);
    if (is(key, "credential_process") || is(key, "role_arn") || begins(key, "sso_"))
        profile->elsewhere = true;
}

void aws_profile_read(const char *text, size_t length, const char *name, struct arena *arena,
                      struct aws_profile *profile)
{
    const char *end = text + length;
    bool inside = false;

    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        const char *stop = feed == NULL ? end : feed, *equals;
        struct piece line = trimmed(text, (size_t)(stop - text));
        bool indented = line.text != text;

        text = stop + 1;
        if (line.length == 0 || indented || *line.text == '#' || *line.text == ';')
            continue;
        if (*line.text == '[') {
            inside = line.length > 2 && opens(line, name);
            profile->found = profile->found || inside;
            continue;
        }
        equals = memchr(line.text, '=', line.length);
        if (inside && equals != NULL)
            take(trimmed(line.text, (size_t)(equals - line.text)),
                 trimmed(equals + 1, (size_t)(line.text + line.length - equals) - 1), arena,
                 profile);
    }
}
