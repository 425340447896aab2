#include "engine/pg/array.h"

#include <inttypes.h>
#include <string.h>

void array_add(struct buffer *array, const char *element)
{
    buffer_puts(array, array->length == 0 ? "{\"" : ",\"");
    for (const char *c = element; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buffer_puts(array, "\\");
        buffer_append(array, c, 1);
    }
    buffer_puts(array, "\"");
}

void array_add_number(struct buffer *array, uint64_t number)
{
    buffer_printf(array, "%s%" PRIu64, array->length == 0 ? "{" : ",", number);
}

const char *array_finish(struct buffer *array)
{
    buffer_puts(array, array->length == 0 ? "{}" : "}");
    return buffer_text(array);
}

const char *array_of_oids(struct buffer *array, const uint32_t *oids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        array_add_number(array, oids[i]);
    return array_finish(array);
}

/* Reads one element into `out`, which has room for all of the text, and says where it ends. */
static const char *read_element(const char *at, char *out)
{
    if (*at != '"') {
        while (*at != ',' && *at != '}' && *at != '\0')
            *out++ = *at++;
        *out = '\0';
        return at;
    }
    for (at++; *at != '"' && *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        *out++ = *at;
    }
    *out = '\0';
    return *at == '"' ? at + 1 : at;
}

const char **array_split(struct arena *arena, const char *text, size_t *count)
{
    size_t most = 1;
    const char **elements;
    char *element;

    *count = 0;
    for (const char *c = text; *c != '\0'; c++)
        most += *c == ',' ? 1 : 0;
    elements = arena_alloc(arena, most, sizeof(*elements));
    element = arena_alloc(arena, strlen(text) + 1, 1);
    if (elements == NULL || element == NULL || text[0] != '{')
        return NULL;
    if (strcmp(text, "{}") == 0)
        return elements;
    for (text++; *count < most;) {
        text = read_element(text, element);
        elements[(*count)++] = arena_strdup(arena, element);
        if (*text != ',')
            break;
        text++;
    }
    return *text == '}' ? elements : NULL;
}
