#include "formats/summary.h"

#include <string.h>

#include "formats/json_load.h"
#include "formats/json_memory.h"
#include "formats/json_times.h"
#include "formats/manifest.h"
#include "formats/sha256.h"

/* Appends the object's text, and lets it go; NULL where it could not be made. */
static enum larder_status write_json(json_t *json, struct buffer *out, struct larder_error *error)
{
    char *text = json == NULL || json_memory_lacked() ? NULL : json_dumps(json, JSON_INDENT(2));

    json_decref(json);
    if (text == NULL)
        return larder_fail(
            error, LARDER_FAILED,
            "could not write the summary: a name is no valid UTF-8, or memory is short");
    buffer_puts(out, text);
    buffer_puts(out, "\n");
    json_memory_free(text);
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status summary_write(const struct summary *s, struct buffer *out,
                                 struct larder_error *error)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:I, s:s, s:b, s:I, s:I}",
                  "format_version", MANIFEST_FORMAT_VERSION, "larder_version", s->larder_version,
                  "archive", s->archive, "backup_name", s->backup_name, "preset", s->preset,
                  "source", s->source, "system_identifier", s->system_identifier, "started_at",
                  json_time(s->started_at), "created_at", json_time(s->created_at), "bytes",
                  (json_int_t)s->bytes, "sha256", s->sha256, "encrypted", s->encrypted, "raw_bytes",
                  (json_int_t)s->raw_bytes, "rows", (json_int_t)s->rows);

    if (json != NULL) {
        json_object_set_new(json, "keep_until", json_time_or_null(s->keep_until));
        json_object_set_new(json, "every", s->every == 0 ? json_null() : json_integer(s->every));
        if (s->original_sha256 != NULL)
            json_object_set_new(json, "original_sha256", json_string(s->original_sha256));
        if (s->shrunk_since != NULL) {
            json_object_set_new(json, "shrunk_since", json_string(s->shrunk_since));
            json_object_set_new(json, "shrunk_tables", json_integer((json_int_t)s->shrunk_tables));
        }
    }
    return write_json(json, out, error);
}

enum larder_status summary_write_copy(const uint8_t *summary, size_t length, const char *sha256,
                                      uint64_t bytes, struct buffer *out,
                                      struct larder_error *error)
{
    json_t *json = json_load_object(summary, length, SUMMARY_MAX_BYTES);

    if (json_object_get(json, "original_sha256") == NULL)
        json_object_set(json, "original_sha256", json_object_get(json, "sha256"));
    json_object_set_new(json, "sha256", json_string(sha256));
    json_object_set_new(json, "bytes", json_integer((json_int_t)bytes));
    return write_json(json, out, error);
}

static const char *get_text(const json_t *json, const char *key, struct arena *arena)
{
    return arena_strdup(arena, json_string_value(json_object_get(json, key)));
}

static bool get_size(const json_t *json, const char *key, uint64_t *size)
{
    const json_t *value = json_object_get(json, key);

    *size = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool read_summary(const json_t *json, struct arena *arena, struct summary *s)
{
    const json_t *every = json_object_get(json, "every");
    const json_t *system = json_object_get(json, "system_identifier");
    uint8_t digest[SHA256_BYTES];

    *s = (struct summary){
        .larder_version = get_text(json, "larder_version", arena),
        .archive = get_text(json, "archive", arena),
        .backup_name = get_text(json, "backup_name", arena),
        .preset = get_text(json, "preset", arena),
        .source = get_text(json, "source", arena),
        .system_identifier = get_text(json, "system_identifier", arena),
        .sha256 = get_text(json, "sha256", arena),
        .original_sha256 = get_text(json, "original_sha256", arena),
        .encrypted = json_is_true(json_object_get(json, "encrypted")),
        .every = json_integer_value(every),
        .shrunk_since = get_text(json, "shrunk_since", arena),
    };
    get_size(json, "shrunk_tables", &s->shrunk_tables);
    return s->larder_version != NULL && s->archive != NULL && s->backup_name != NULL &&
           s->preset != NULL && s->source != NULL &&
           (json_is_null(system) || json_is_string(system)) && s->sha256 != NULL &&
           sha256_from_hex(s->sha256, digest) &&
           (s->original_sha256 == NULL || sha256_from_hex(s->original_sha256, digest)) &&
           json_is_boolean(json_object_get(json, "encrypted")) &&
           (every == NULL || json_is_null(every) || json_is_integer(every)) && s->every >= 0 &&
           get_size(json, "bytes", &s->bytes) && get_size(json, "raw_bytes", &s->raw_bytes) &&
           get_size(json, "rows", &s->rows) &&
           json_get_time(json, "started_at", false, &s->started_at) &&
           json_get_time(json, "created_at", false, &s->created_at) &&
           json_get_time(json, "keep_until", true, &s->keep_until);
}

enum larder_status summary_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                struct summary *summary, struct larder_error *error)
{
    json_t *json = json_load_object(bytes, length, SUMMARY_MAX_BYTES);
    const char *version = json_string_value(json_object_get(json, "format_version"));
    long major = version == NULL ? 0 : manifest_major(version);
    bool ok = major > 0 && read_summary(json, arena, summary);

    if (major > MANIFEST_FORMAT_MAJOR)
        larder_fail(error, LARDER_DAMAGED,
                    "its format version %s is newer than this larder reads (%s)", version,
                    MANIFEST_FORMAT_VERSION);
    else if (!ok)
        larder_fail(error, LARDER_DAMAGED, "it is not a larder summary");
    json_decref(json);
    if (arena_failed(arena) || json_memory_lacked())
        return larder_fail_memory(error);
    return ok && major == MANIFEST_FORMAT_MAJOR ? LARDER_OK : LARDER_DAMAGED;
}

void summary_write_digest_line(struct buffer *out, const char *sha256, const char *file)
{
    buffer_printf(out, "%s  %s\n", sha256, file);
}

bool summary_read_digest_line(const uint8_t *bytes, size_t length, const char *file,
                              char sha256[65])
{
    uint8_t digest[SHA256_BYTES];
    size_t name = strlen(file), digits = SHA256_HEX - 1;

    if (length != digits + 2 + name + 1 || memcmp(bytes + digits, "  ", 2) != 0 ||
        memcmp(bytes + digits + 2, file, name) != 0 || bytes[length - 1] != '\n')
        return false;
    memcpy(sha256, bytes, digits);
    sha256[digits] = '\0';
    return sha256_from_hex(sha256, digest);
}
