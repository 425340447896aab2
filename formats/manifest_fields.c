#include "formats/manifest_fields.h"

#include <string.h>

#include "formats/times.h"

enum { NAME_BYTES = 255 };

void field_wrong(struct reading *r, const char *key)
{
    if (r->wrong == NULL)
        r->wrong = key;
}

void *field_room(struct reading *r, const char *key, size_t count, size_t size)
{
    void *array = arena_alloc(r->manifest->arena, count, size);

    if (array == NULL) {
        r->no_memory = true;
        field_wrong(r, key);
    }
    return array;
}

const char *field_text_or_null(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_null(value))
        return NULL;
    if (!json_is_string(value)) {
        field_wrong(r, key);
        return NULL;
    }
    return arena_strdup(r->manifest->arena, json_string_value(value));
}

const char *field_text(struct reading *r, const json_t *object, const char *key)
{
    const char *text = field_text_or_null(r, object, key);

    if (text == NULL) {
        field_wrong(r, key);
        return "";
    }
    return text;
}

const char *field_name(struct reading *r, const json_t *object, const char *key)
{
    const char *name = field_text(r, object, key);

    if (name[0] == '\0' || strlen(name) > NAME_BYTES)
        field_wrong(r, key);
    return name;
}

int64_t field_integer(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value)) {
        field_wrong(r, key);
        return 0;
    }
    return json_integer_value(value);
}

uint64_t field_size(struct reading *r, const json_t *object, const char *key)
{
    int64_t value = field_integer(r, object, key);

    if (value < 0) {
        field_wrong(r, key);
        return 0;
    }
    return (uint64_t)value;
}

uint32_t field_oid(struct reading *r, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT32_MAX) {
        field_wrong(r, "oid");
        return 0;
    }
    return (uint32_t)json_integer_value(value);
}

bool field_flag(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        field_wrong(r, key);
    return json_is_true(value);
}

time_t field_time(struct reading *r, const json_t *object, const char *key)
{
    time_t time = 0;

    if (!times_from_text(field_text(r, object, key), &time))
        field_wrong(r, key);
    return time;
}

void field_digest(struct reading *r, const json_t *object, uint8_t digest[SHA256_BYTES])
{
    if (!sha256_from_hex(field_text(r, object, "sha256"), digest))
        field_wrong(r, "sha256");
}

size_t field_array(struct reading *r, const json_t *object, const char *key, size_t most,
                   const json_t **array)
{
    *array = json_object_get(object, key);
    if (!json_is_array(*array) || json_array_size(*array) > most) {
        field_wrong(r, key);
        return 0;
    }
    return json_array_size(*array);
}
