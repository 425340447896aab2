#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "formats/summary.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct summary sample = {
    .larder_version = "0.1.0",
    .archive = "daily_20250126_020000.tar.age",
    .backup_name = "daily_20250126_020000",
    .preset = "daily",
    .source = "kitch\303\244i \"prod\"\n",
    .system_identifier = "7123456789012345678",
    .started_at = 1737856800,
    .created_at = 1737856805,
    .bytes = 12345,
    .raw_bytes = 99999999999,
    .rows = 10700000,
    .sha256 = DIGEST,
    .encrypted = true,
    .keep_until = 1738461600,
    .every = 86400,
};

static void check_equal(const struct summary *a, const struct summary *b)
{
    assert_string_equal(a->larder_version, b->larder_version);
    assert_string_equal(a->archive, b->archive);
    assert_string_equal(a->backup_name, b->backup_name);
    assert_string_equal(a->preset, b->preset);
    assert_string_equal(a->source, b->source);
    if (b->system_identifier == NULL)
        assert_null(a->system_identifier);
    else
        assert_string_equal(a->system_identifier, b->system_identifier);
    assert_string_equal(a->sha256, b->sha256);
    assert_int_equal(a->started_at, b->started_at);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->raw_bytes, b->raw_bytes);
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->encrypted, b->encrypted);
    assert_int_equal(a->keep_until, b->keep_until);
    assert_int_equal(a->every, b->every);
    assert_int_equal(a->shrunk_tables, b->shrunk_tables);
    if (b->shrunk_since == NULL)
        assert_null(a->shrunk_since);
    else
        assert_string_equal(a->shrunk_since, b->shrunk_since);
}

static void round_trip(const struct summary *summary)
{
    struct arena *arena = arena_new();
    struct buffer out = {0};
    struct summary back;

    assert_int_equal(summary_write(summary, &out, NULL), LARDER_OK);
    assert_int_equal(summary_read(out.bytes, out.length, arena, &back, NULL), LARDER_OK);
    check_equal(&back, summary);
    buffer_free(&out);
    arena_free(arena);
}

static void what_was_written_is_read_back(void **state)
{
    struct summary plain = sample;

    (void)state;
    round_trip(&sample);
    plain.system_identifier = NULL;
    plain.keep_until = 0;
    plain.every = 0;
    plain.encrypted = false;
    round_trip(&plain);
    plain.shrunk_since = "daily_20250125_020000";
    round_trip(&plain);
    plain.shrunk_tables = 3;
    round_trip(&plain);
}

static void a_copy_says_what_it_was_and_all_that_the_summary_said(void **state)
{
    static const char other[] = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct arena *arena = arena_new();
    struct buffer out = {0}, copy = {0}, again = {0};
    struct summary first, second;
    json_t *json;
    char *text;

    (void)state;
    assert_int_equal(summary_write(&sample, &out, NULL), LARDER_OK);
    json = json_loadb((const char *)out.bytes, out.length, 0, NULL);
    json_object_set_new(json, "of a later version", json_integer(7));
    text = json_dumps(json, 0);
    assert_int_equal(
        summary_write_copy((const uint8_t *)text, strlen(text), other, 77, &copy, NULL), LARDER_OK);
    assert_non_null(strstr(buffer_text(&copy), "of a later version"));
    assert_int_equal(summary_read(copy.bytes, copy.length, arena, &first, NULL), LARDER_OK);
    assert_string_equal(first.sha256, other);
    assert_string_equal(first.original_sha256, DIGEST);
    assert_int_equal(first.bytes, 77);
    assert_string_equal(first.backup_name, sample.backup_name);
    assert_int_equal(summary_write_copy(copy.bytes, copy.length, DIGEST, 78, &again, NULL),
                     LARDER_OK);
    assert_int_equal(summary_read(again.bytes, again.length, arena, &second, NULL), LARDER_OK);
    assert_string_equal(second.original_sha256, DIGEST);
    assert_int_equal(summary_write_copy((const uint8_t *)"{", 1, other, 77, &again, NULL),
                     LARDER_FAILED);
    free(text);
    json_decref(json);
    buffer_free(&out);
    buffer_free(&copy);
    buffer_free(&again);
    arena_free(arena);
}

static enum larder_status read_json(const json_t *json, struct larder_error *error)
{
    char *text = json_dumps(json, 0);
    struct arena *arena = arena_new();
    struct summary summary;
    enum larder_status status;

    status = summary_read((const uint8_t *)text, strlen(text), arena, &summary, error);
    free(text);
    arena_free(arena);
    return status;
}

static json_t *sample_json(void)
{
    struct buffer out = {0};
    json_t *json;

    assert_int_equal(summary_write(&sample, &out, NULL), LARDER_OK);
    json = json_loadb((const char *)out.bytes, out.length, 0, NULL);
    buffer_free(&out);
    assert_non_null(json);
    return json;
}

/* clang-format off */
static const struct {
    const char *key, *value;
    enum larder_status status;
} changes[] = {
    {"format_version", NULL, LARDER_DAMAGED}, {"format_version", "1", LARDER_DAMAGED},
    {"format_version", "\"x\"", LARDER_DAMAGED}, {"format_version", "\"1.7\"", LARDER_OK},
    {"larder_version", NULL, LARDER_DAMAGED}, {"archive", NULL, LARDER_DAMAGED}, {"archive", "1", LARDER_DAMAGED},
    {"backup_name", "null", LARDER_DAMAGED}, {"preset", "[]", LARDER_DAMAGED}, {"source", "{}", LARDER_DAMAGED},
    {"system_identifier", "null", LARDER_OK}, {"system_identifier", "7", LARDER_DAMAGED},
    {"system_identifier", NULL, LARDER_DAMAGED},
    {"started_at", "\"2025-01-26\"", LARDER_DAMAGED}, {"created_at", "null", LARDER_DAMAGED},
    {"keep_until", "null", LARDER_OK}, {"keep_until", "0", LARDER_DAMAGED}, {"keep_until", "\"soon\"", LARDER_DAMAGED},
    {"bytes", "-1", LARDER_DAMAGED}, {"bytes", "1.5", LARDER_DAMAGED}, {"raw_bytes", "\"1\"", LARDER_DAMAGED},
    {"rows", NULL, LARDER_DAMAGED}, {"encrypted", "1", LARDER_DAMAGED},
    {"sha256", "\"00\"", LARDER_DAMAGED}, {"original_sha256", "\"00\"", LARDER_DAMAGED}, {"every", "-1", LARDER_DAMAGED}, {"every", "\"1 day\"", LARDER_DAMAGED},
    {"something new", "{\"a\": [1]}", LARDER_OK},
};
/* clang-format on */

static void a_wrong_value_is_refused_and_an_unknown_key_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        json_t *json = sample_json();
        struct larder_error error = {0};

        if (changes[i].value == NULL)
            json_object_del(json, changes[i].key);
        else
            json_object_set_new(json, changes[i].key,
                                json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
        if (read_json(json, &error) != changes[i].status)
            fail_msg("%s = %s: %s", changes[i].key, changes[i].value, error.message);
        json_decref(json);
    }
}

static void a_newer_format_is_refused_with_its_version(void **state)
{
    json_t *json = sample_json();
    struct larder_error error = {0};

    (void)state;
    json_object_set_new(json, "format_version", json_string("2.0"));
    json_object_del(json, "rows");
    assert_int_equal(read_json(json, &error), LARDER_DAMAGED);
    assert_string_equal(error.message,
                        "its format version 2.0 is newer than this larder reads (1.0)");
    json_decref(json);
}

static void no_part_of_a_summary_is_one(void **state)
{
    struct arena *arena = arena_new();
    struct buffer out = {0};
    struct summary back;

    (void)state;
    assert_int_equal(summary_write(&sample, &out, NULL), LARDER_OK);
    for (size_t length = 0; length < out.length - 1; length++) {
        struct larder_error error = {0};

        assert_int_equal(summary_read(out.bytes, length, arena, &back, &error), LARDER_DAMAGED);
        assert_string_equal(error.message, "it is not a larder summary");
    }
    while (out.length <= SUMMARY_MAX_BYTES)
        buffer_puts(&out, " ");
    assert_int_equal(summary_read(out.bytes, out.length, arena, &back, NULL), LARDER_DAMAGED);
    buffer_free(&out);
    arena_free(arena);
}

static void a_digest_line_is_what_sha256sum_reads(void **state)
{
    struct buffer out = {0};
    char sha256[65];

    (void)state;
    summary_write_digest_line(&out, DIGEST, "a.tar");
    assert_string_equal(buffer_text(&out), DIGEST "  a.tar\n");
    assert_true(summary_read_digest_line(out.bytes, out.length, "a.tar", sha256));
    assert_string_equal(sha256, DIGEST);
    assert_false(summary_read_digest_line(out.bytes, out.length, "b.tar", sha256));
    assert_false(summary_read_digest_line(out.bytes, out.length, "a.ta", sha256));
    for (size_t length = 0; length < out.length; length++)
        assert_false(summary_read_digest_line(out.bytes, length, "a.tar", sha256));
    out.bytes[3] = 'G';
    assert_false(summary_read_digest_line(out.bytes, out.length, "a.tar", sha256));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_copy_says_what_it_was_and_all_that_the_summary_said),
        cmocka_unit_test(a_wrong_value_is_refused_and_an_unknown_key_is_not),
        cmocka_unit_test(a_newer_format_is_refused_with_its_version),
        cmocka_unit_test(no_part_of_a_summary_is_one),
        cmocka_unit_test(a_digest_line_is_what_sha256sum_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
