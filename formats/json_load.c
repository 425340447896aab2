#include "formats/json_load.h"

/* Each value but the first stands behind a comma or a bracket that opens, outside strings. */
bool json_is_within_limits(const uint8_t *bytes, size_t length)
{
    bool in_string = false;
    size_t depth = 0, values = 1;

    for (size_t i = 0; i < length; i++) {
        if (in_string && bytes[i] == '\\') {
            i++;
        } else if (bytes[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && (bytes[i] == '[' || bytes[i] == '{')) {
            values++;
            if (++depth > JSON_MAX_DEPTH)
                return false;
        } else if (!in_string && (bytes[i] == ']' || bytes[i] == '}') && depth > 0) {
            depth--;
        } else if (!in_string && bytes[i] == ',') {
            values++;
        }
    }
    return values <= JSON_MAX_VALUES;
}

json_t *json_load_object(const uint8_t *bytes, size_t length, size_t most)
{
    json_error_t why;
    json_t *json;

    if (length > most || !json_is_within_limits(bytes, length))
        return NULL;
    json = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}
