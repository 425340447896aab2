#include "formats/json_times.h"

#include "formats/times.h"

json_t *json_time(time_t time)
{
    char text[TIMES_TEXT];

    times_to_text(time, text);
    return json_string(text);
}

json_t *json_time_or_null(time_t time)
{
    return time == 0 ? json_null() : json_time(time);
}

bool json_get_time(const json_t *object, const char *key, bool optional, time_t *time)
{
    const json_t *value = json_object_get(object, key);

    *time = 0;
    if (optional && (value == NULL || json_is_null(value)))
        return true;
    return json_is_string(value) && times_from_text(json_string_value(value), time);
}
