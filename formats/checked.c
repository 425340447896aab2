#include "formats/checked.h"

#include <string.h>

#include "formats/json_load.h"
#include "formats/json_memory.h"
#include "formats/json_times.h"
#include "formats/manifest.h"

static const char good[] = "good", damaged[] = "damaged";

enum larder_status checked_write(const struct checked *c, struct buffer *out,
                                 struct larder_error *error)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o, s:s?, s:s}", "format_version", MANIFEST_FORMAT_VERSION,
        "larder_version", LARDER_VERSION, "backup_name", c->backup_name, "verified_at",
        json_time_or_null(c->verified_at), "drilled_at", json_time_or_null(c->drilled_at),
        "drill_failed_at", json_time_or_null(c->drill_failed_at), "drill_failure", c->drill_failure,
        "result", c->good ? good : damaged);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));

    json_decref(json);
    if (text == NULL)
        return larder_fail_memory(error);
    buffer_puts(out, text);
    buffer_puts(out, "\n");
    json_memory_free(text);
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}

/* Before drill_failed_at there was one time for all drills, and the result alone told of one that had failed. */
static void take_failed_drill_apart(const json_t *json, struct checked *checked)
{
    if (json_object_get(json, "drill_failed_at") != NULL || checked->good ||
        checked->drilled_at == 0 || checked->drilled_at < checked->verified_at)
        return;
    checked->drill_failed_at = checked->verified_at = checked->drilled_at;
    checked->drilled_at = 0;
}

enum larder_status checked_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                struct checked *checked, struct larder_error *error)
{
    json_t *json = json_load_object(bytes, length, CHECKED_MAX_BYTES);
    const char *version = json_string_value(json_object_get(json, "format_version"));
    const char *name = json_string_value(json_object_get(json, "backup_name"));
    const char *result = json_string_value(json_object_get(json, "result"));
    const char *failure = json_string_value(json_object_get(json, "drill_failure"));
    bool ok = version != NULL && manifest_major(version) == MANIFEST_FORMAT_MAJOR && name != NULL &&
              result != NULL && json_get_time(json, "verified_at", true, &checked->verified_at) &&
              json_get_time(json, "drilled_at", true, &checked->drilled_at) &&
              json_get_time(json, "drill_failed_at", true, &checked->drill_failed_at) &&
              (checked->verified_at != 0 || checked->drilled_at != 0);

    if (ok) {
        checked->backup_name = arena_strdup(arena, name);
        checked->good = strcmp(result, good) == 0;
        checked->drill_failure = failure == NULL ? NULL : arena_strdup(arena, failure);
        take_failed_drill_apart(json, checked);
    }
    json_decref(json);
    if (json_memory_lacked())
        return larder_fail_memory(error);
    if (!ok)
        return larder_fail(error, LARDER_DAMAGED, "it does not tell of a check");
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
