#include "formats/rclone_list.h"

#include <string.h>

#include "formats/json_load.h"
#include "formats/times.h"

enum { FEATURES_MAX_BYTES = 1024 * 1024 };

/* "2026-11-24T08:00:00.123456789Z"; an offset in place of the Z is not added: a day decides, not an hour. */
static time_t time_of(const char *text)
{
    char second[TIMES_TEXT];
    time_t time = 0;

    if (text == NULL || strlen(text) < strlen("2026-11-24T08:00:00"))
        return 0;
    memcpy(second, text, strlen("2026-11-24T08:00:00"));
    memcpy(second + strlen("2026-11-24T08:00:00"), "Z", 2);
    return times_from_text(second, &time) ? time : 0;
}

const char *rclone_hash_name(enum rclone_hash hash)
{
    static const char *const names[] = {"sha256", "sha1", "md5", NULL};

    return names[hash];
}

static bool read_entry(const json_t *value, struct arena *arena, struct rclone_entry *entry)
{
    const json_t *size = json_object_get(value, "Size");
    const char *path = json_string_value(json_object_get(value, "Path"));

    if (path == NULL || json_is_true(json_object_get(value, "IsDir")) || !json_is_integer(size) ||
        json_integer_value(size) < 0)
        return false;
    entry->path = arena_strdup(arena, path);
    entry->bytes = (uint64_t)json_integer_value(size);
    entry->modified = time_of(json_string_value(json_object_get(value, "ModTime")));
    for (int i = 0; i < RCLONE_NO_HASH; i++)
        entry->hashes[i] = arena_strdup(
            arena, json_string_value(json_object_get(json_object_get(value, "Hashes"),
                                                     rclone_hash_name((enum rclone_hash)i))));
    return true;
}

enum larder_status rclone_list_read(const uint8_t *bytes, size_t length, struct arena *arena,
                                    struct rclone_entry **entries, size_t *count,
                                    struct larder_error *error)
{
    json_t *array = NULL;
    size_t all;

    if (json_is_within_limits(bytes, length))
        array = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(array)) {
        json_decref(array);
        return larder_fail(error, LARDER_FAILED, "rclone lists its files in an unknown form");
    }
    all = json_array_size(array);
    *count = 0;
    *entries = arena_alloc(arena, all + 1, sizeof(**entries));
    for (size_t i = 0; *entries != NULL && i < all; i++)
        *count += read_entry(json_array_get(array, i), arena, &(*entries)[*count]);
    json_decref(array);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

static bool has_hash(const json_t *names, enum rclone_hash hash)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name != NULL && strcmp(name, rclone_hash_name(hash)) == 0)
            return true;
    }
    return false;
}

enum larder_status rclone_features_read(const uint8_t *bytes, size_t length, enum rclone_hash *hash,
                                        struct larder_error *error)
{
    json_t *features = json_load_object(bytes, length, FEATURES_MAX_BYTES);
    const json_t *names = json_object_get(features, "Hashes");
    bool is_object = features != NULL;

    *hash = RCLONE_SHA256;
    while (*hash != RCLONE_NO_HASH && !has_hash(names, *hash))
        ++*hash;
    json_decref(features);
    return is_object ? LARDER_OK
                     : larder_fail(error, LARDER_FAILED,
                                   "rclone tells what the remote can do in an unknown form");
}
