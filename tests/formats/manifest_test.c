#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/formats/pieces.h"

#define EXOTIC "a\"b\\c/\n\t\001 \303\244\342\202\254\360\237\215\262 'x'"

/* Behind the tables, as what is kept of one that is none of them. */
static void add_referenced(struct manifest *m)
{
    struct manifest_part part = {.offset = 4096, .bytes = 10, .raw_bytes = 70, .rows = 7};
    struct manifest_table *tables = arena_alloc(m->arena, m->table_count + 1, sizeof(*tables));

    SAMPLE_MUST(tables != NULL);
    memcpy(tables, m->tables, m->table_count * sizeof(*tables));
    m->tables = tables;
    tables += m->table_count;
    *tables = (struct manifest_table){.schema = "auth",
                                      .name = "users",
                                      .kind = "table",
                                      .only = "keys",
                                      .columns = m->tables[1].columns,
                                      .column_count = 1};
    m->referenced_count = 1;
    SAMPLE_MUST(manifest_add_part(tables, &part, NULL) == LARDER_OK);
}

/* A manifest in which every field has a value. */
static struct manifest *full_manifest(void)
{
    static const char *columns[] = {"a", EXOTIC};
    struct manifest *m = sample_manifest(SAMPLE_TABLES);
    struct manifest_table *table = &m->tables[1];
    struct manifest_part part = {512, 100, 2000, 30, {1, 2, 3}};

    m->system_identifier = "7123456789012345678";
    table->parent_schema = EXOTIC;
    table->parent_name = "p";
    table->oid = UINT32_MAX;
    table->columns[0].identity = "by default";
    table->columns[0].notnull = true;
    table->columns[0].name = EXOTIC;
    table->fingerprint = (struct fingerprint){UINT64_MAX, 1};
    SAMPLE_MUST((table->objects = arena_alloc(m->arena, 2, sizeof(*table->objects))) != NULL);
    table->objects[0] = (struct manifest_object){1259, 16384};
    table->objects[1] = (struct manifest_object){UINT32_MAX, 0};
    table->object_count = 2;
    SAMPLE_MUST((table->references = arena_alloc(m->arena, 1, sizeof(*table->references))) != NULL);
    table->references[0] =
        (struct manifest_reference){"fk", "s", EXOTIC, columns, columns, 2, 77, true};
    table->reference_count = 1;
    SAMPLE_MUST(manifest_add_part(table, &part, NULL) == LARDER_OK);
    part.offset = INT64_MAX;
    part.rows = 1;
    SAMPLE_MUST(manifest_add_part(table, &part, NULL) == LARDER_OK);
    SAMPLE_MUST((m->sequences = arena_alloc(m->arena, 2, sizeof(*m->sequences))) != NULL);
    m->sequences[0] = (struct manifest_sequence){"public", EXOTIC, 16385, INT64_MIN, true};
    m->sequences[1] = (struct manifest_sequence){"public", "unused", 16386, 7, false};
    m->sequence_count = m->unused_sequence_count = 1;
    m->schemas = columns;
    m->schema_count = 2;
    SAMPLE_MUST((m->externals = arena_alloc(m->arena, 2, sizeof(*m->externals))) != NULL);
    m->externals[0] = (struct manifest_external){"role", NULL, "anon", NULL, NULL, 0};
    m->externals[1] =
        (struct manifest_external){"function", "auth", "uid()", "uuid", EXOTIC, 16386};
    m->external_count = 2;
    SAMPLE_MUST((m->metadata = arena_alloc(m->arena, 1, sizeof(*m->metadata))) != NULL);
    m->metadata[0] = (struct manifest_metadata){"2025-01-26", "daily", EXOTIC, "archive",
                                                "public",     EXOTIC,  1 << 30};
    m->metadata_count = 1;
    SAMPLE_MUST((m->additions = arena_alloc(m->arena, 1, sizeof(*m->additions))) != NULL);
    m->additions[0] =
        (struct manifest_addition){"trigger", "auth", "users", EXOTIC, "CREATE TRIGGER"};
    m->addition_count = 1;
    add_referenced(m);
    for (size_t i = 0; i < MANIFEST_MEMBERS; i++)
        m->members[i] = (struct manifest_member){archive_member_names[i], 512 * i, i, {9}};
    m->member_count = MANIFEST_MEMBERS;
    return m;
}

static struct manifest *read_back(const struct buffer *text)
{
    struct larder_error error = {0};
    struct manifest *back;

    if (manifest_read(text->bytes, text->length, &back, &error) != LARDER_OK)
        fail_msg("%s", error.message);
    return back;
}

static json_t *full_json(void)
{
    struct manifest *m = full_manifest();
    struct buffer text = {0};
    json_t *json;

    assert_int_equal(manifest_write(m, false, &text, NULL), LARDER_OK);
    json = json_loadb((const char *)text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    buffer_free(&text);
    manifest_free(m);
    return json;
}

static enum larder_status read_json(const json_t *json, struct larder_error *error)
{
    char *text = json_dumps(json, JSON_COMPACT);
    struct manifest *back;
    enum larder_status status = manifest_read((const uint8_t *)text, strlen(text), &back, error);

    manifest_free(back);
    free(text);
    return status;
}

/* Equal texts of the first and of what was read from it: whatever is written is read. */
static void what_was_written_is_read_back(void **state)
{
    struct manifest *m = full_manifest(), *back;
    struct buffer first = {0}, second = {0};

    (void)state;
    assert_int_equal(manifest_write(m, false, &first, NULL), LARDER_OK);
    back = read_back(&first);
    assert_int_equal(manifest_write(back, false, &second, NULL), LARDER_OK);
    assert_string_equal(buffer_text(&second), buffer_text(&first));

    assert_string_equal(back->tables[1].columns[0].name, EXOTIC);
    assert_string_equal(back->tables[1].columns[0].identity, "by default");
    assert_true(back->tables[1].columns[0].notnull);
    assert_string_equal(back->tables[1].parent_schema, EXOTIC);
    assert_null(back->tables[0].parent_name);
    assert_int_equal(back->tables[1].oid, UINT32_MAX);
    assert_int_equal(back->tables[1].rows, 31);
    assert_int_equal(back->tables[1].raw_bytes, 4000);
    assert_int_equal(back->tables[1].parts[1].offset, INT64_MAX);
    assert_int_equal(back->tables[1].parts[0].sha256[2], 3);
    assert_int_equal(back->tables[1].copy_format, COPY_BINARY);
    assert_string_equal(back->tables[1].references[0].referenced_columns[1], EXOTIC);
    assert_true(back->tables[1].references[0].period);
    assert_int_equal(back->sequences[0].last_value, INT64_MIN);
    assert_int_equal(back->sequence_count, 1);
    assert_int_equal(back->unused_sequence_count, 1);
    assert_string_equal(back->sequences[1].name, "unused");
    assert_null(back->externals[0].schema);
    assert_string_equal(back->externals[1].used_by, EXOTIC);
    assert_int_equal(back->metadata[0].row_count, 1 << 30);
    assert_string_equal(back->metadata[0].name, EXOTIC);
    assert_int_equal(back->schema_count, 2);
    assert_string_equal(back->schemas[1], EXOTIC);
    assert_string_equal(back->members[5].path, "load.sql");
    assert_string_equal(back->additions[0].name, EXOTIC);
    assert_int_equal(back->referenced_count, 1);
    assert_string_equal(back->tables[back->table_count].only, "keys");
    assert_int_equal(back->tables[back->table_count].rows, 7);
    assert_null(back->tables[1].only);
    assert_null(manifest_find(back, "auth", "users"));
    assert_int_equal(back->started_at, m->started_at);
    assert_int_equal(manifest_rows(back), 31);
    assert_int_equal(manifest_raw_bytes(back), 4000);
    assert_ptr_equal(manifest_find(back, sample_tables[3].schema, sample_tables[3].name),
                     &back->tables[3]);
    assert_null(manifest_find(back, "public", "nobody"));

    buffer_free(&first);
    buffer_free(&second);
    manifest_free(m);
    manifest_free(back);
}

static void the_header_has_what_is_known_at_the_start(void **state)
{
    static const char *const keys[] = {
        "format_version",  "larder_version", "backup_name",       "preset",
        "source",          "database",       "system_identifier", "server_version",
        "server_encoding", "started_at",     "snapshot",          "tables",
        "referenced"};
    static const char *const table_keys[] = {"schema", "name", "kind", "columns", "copy_format"};
    struct manifest *m = full_manifest();
    struct buffer text = {0};
    json_t *json, *table;

    (void)state;
    assert_int_equal(manifest_write(m, true, &text, NULL), LARDER_OK);
    json = json_loadb((const char *)text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_object_size(json), 13);
    for (size_t i = 0; i < 13; i++)
        assert_non_null(json_object_get(json, keys[i]));
    table = json_array_get(json_object_get(json, "tables"), 1);
    assert_int_equal(json_object_size(table), 5);
    for (size_t i = 0; i < 5; i++)
        assert_non_null(json_object_get(table, table_keys[i]));
    table = json_array_get(json_object_get(json, "referenced"), 0);
    assert_string_equal(json_string_value(json_object_get(table, "only")), "keys");
    json_decref(json);
    buffer_free(&text);
    manifest_free(m);
}

static const char *const objects[] = {
    "",
    "tables/1",
    "tables/1/parent",
    "tables/1/columns/0",
    "tables/1/references/0",
    "tables/1/parts/0",
    "sequences/0",
    "unused_sequences/0",
    "externals/1",
    "additions/0",
    "referenced/0",
    "referenced/0/parts/0",
    "backup_metadata/0",
    "members/0",
};

static void check_damaged(json_t *json, const char *object, const char *key, const char *how)
{
    struct larder_error error = {0};

    if (read_json(json, &error) != LARDER_DAMAGED || error.message[0] == '\0')
        fail_msg("\"%s\" of \"%s\" %s was taken", key, object, how);
}

/* Keys of one object; their number. */
static size_t list_keys(const char *object, const char *keys[32])
{
    static char names[32][32];
    json_t *json = full_json(), *found = pieces_at(json, object);
    size_t count = 0;

    for (void *at = json_object_iter(found); at != NULL; at = json_object_iter_next(found, at)) {
        strcpy(names[count], json_object_iter_key(at));
        keys[count] = names[count];
        count++;
    }
    json_decref(json);
    return count;
}

static void no_key_may_be_missing_or_of_a_wrong_type(void **state)
{
    const char *keys[32];

    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        size_t count = list_keys(objects[i], keys);

        for (size_t j = 0; j < count; j++) {
            json_t *json = full_json(), *object = pieces_at(json, objects[i]);

            json_object_set_new(object, keys[j], json_real(1.5));
            check_damaged(json, objects[i], keys[j], "as a fraction");
            json_object_set_new(object, keys[j], json_pack("{s:[]}", "x"));
            check_damaged(json, objects[i], keys[j], "as an object");
            json_object_del(object, keys[j]);
            /* What readers may do without, or need not be there. */
            if (strcmp(keys[j], "why_all_rows") != 0 && strcmp(keys[j], "additions") != 0 &&
                strcmp(keys[j], "unused_sequences") != 0 && strcmp(keys[j], "referenced") != 0 &&
                strcmp(keys[j], "period") != 0)
                check_damaged(json, objects[i], keys[j], "left out");
            json_decref(json);
        }
    }
}

static void a_key_that_stands_twice_is_refused(void **state)
{
    const char *keys[32];
    size_t count = list_keys("tables/1", keys);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        json_t *json = full_json(), *table = pieces_at(json, "tables/1");
        char *value = json_dumps(json_object_get(table, keys[i]), JSON_ENCODE_ANY | JSON_COMPACT);
        char *text, *twice, *mark;
        struct manifest *back;
        struct larder_error error = {0};

        json_object_set_new(table, "mark", json_true());
        text = json_dumps(json, JSON_COMPACT);
        mark = strstr(text, "\"mark\":true");
        assert_int_not_equal(asprintf(&twice, "%.*s\"%s\":%s%s", (int)(mark - text), text, keys[i],
                                      value, mark + 11),
                             -1);
        assert_int_equal(manifest_read((uint8_t *)twice, strlen(twice), &back, &error),
                         LARDER_DAMAGED);
        assert_null(back);
        assert_string_equal(error.message, "its manifest is no JSON object within the limits");
        free(twice);
        free(text);
        free(value);
        json_decref(json);
    }
}

static void unknown_keys_are_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        json_t *json = full_json();

        json_object_set_new(pieces_at(json, objects[i]), "of version 1.9",
                            json_pack("[{s:n}]", "a"));
        json_object_set_new(json, "format_version", json_string("1.9"));
        assert_int_equal(read_json(json, NULL), LARDER_OK);
        json_decref(json);
    }
}

/* clang-format off */
static const struct {
    const char *object, *key, *value, *message; /* the message's last word */
} wrong[] = {
    {"", "backup_name", "\"\"", "backup_name"},
    {"", "started_at", "\"2025-01-26 02:00:00\"", "started_at"},
    {"", "started_at", "\"9999-12-31T00:00:00Z\"", "started_at"},
    {"", "format_version", "\"\"", "format_version"},
    {"", "format_version", "\"1\"", "format_version"},
    {"", "format_version", "\"1.\"", "format_version"},
    {"", "format_version", "\" 1.0\"", "format_version"},
    {"", "format_version", "\"+1.0\"", "format_version"},
    {"", "format_version", "\"0.9\"", "format_version"},
    {"", "format_version", "\"1.0x\"", "format_version"},
    {"", "tables", "[null]", "copy_format"},
    {"", "tables", "[[]]", "copy_format"},
    {"externals/1", "name", "\"\"", "externals"},
    {"", "externals", "[{\"kind\": \"table\", \"schema\": null, \"name\": \"a\", \"definition\": null, \"used_by\": null, \"oid\": null}]", "externals"},
    {"tables/1", "schema", "\"\"", "schema"},
    {"tables/1", "copy_format", "\"csv\"", "copy_format"},
    {"tables/1", "oid", "4294967296", "oid"},
    {"tables/1", "oid", "-1", "oid"},
    {"tables/1", "objects", "[[1]]", "oid"},
    {"tables/1", "objects", "[[1,-1]]", "oid"},
    {"tables/1", "objects", "[7]", "oid"},
    {"tables/1", "rows", "32", "rows"},
    {"tables/1", "rows", "30", "rows"},
    {"tables/1", "rows", "-1", "rows"},
    {"tables/1", "raw_bytes", "4001", "rows"},
    {"tables/1", "raw_bytes", "3999", "raw_bytes"},
    {"tables/1", "fingerprint", "\"FFFFFFFFFFFFFFFF0000000000000001\"", "fingerprint"},
    {"tables/1", "parts", "[]", "rows"},
    {"tables/1/columns/0", "identity", "\"sometimes\"", "identity"},
    {"tables/1/references/0", "columns", "[\"a\"]", "referenced_columns"},
    {"tables/1/references/0", "columns", "[\"a\",1]", "columns"},
    {"tables/1/parts/0", "path", "\"../../etc/passwd\"", "path"},
    {"tables/1/parts/0", "path", "\"data/00002-public.events/000002.copy.zst\"", "path"},
    {"tables/1/parts/0", "offset", "-1", "offset"},
    {"tables/1/parts/0", "bytes", "-9223372036854775808", "bytes"},
    {"tables/1/parts/0", "rows", "0", "rows"},
    {"tables/1/parts/0", "rows", "9223372036854775807", "rows"},
    {"tables/1/parts/0", "raw_bytes", "29", "raw_bytes"},
    {"tables/1/parts/0", "raw_bytes", "9223372036854775807", "raw_bytes"},
    {"tables/1/parts/0", "sha256", "\"00\"", "sha256"},
    {"tables/0", "name", "\"events\"", "name"},
    {"referenced/0", "only", "\"some\"", "only"},
    {"referenced/0", "name", "\"other\"", "path"},
};
/* clang-format on */

static void a_value_that_cannot_be_is_refused_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *json = full_json();
        struct larder_error error = {0};
        char end[64];

        snprintf(end, sizeof(end), " \"%s\"", wrong[i].message);
        json_object_set_new(pieces_at(json, wrong[i].object), wrong[i].key,
                            json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        if (read_json(json, &error) != LARDER_DAMAGED ||
            (strstr(error.message, end) == NULL && strcmp(wrong[i].message, "format_version") != 0))
            fail_msg("%s/%s = %s: %s", wrong[i].object, wrong[i].key, wrong[i].value,
                     error.message);
        json_decref(json);
    }
}

static void names_have_a_length(void **state)
{
    json_t *json = full_json();
    char name[257];

    (void)state;
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    /* A table without parts, whose paths would follow its name. */
    json_object_set_new(pieces_at(json, "tables/2"), "name", json_string(name));
    assert_int_equal(read_json(json, NULL), LARDER_OK);
    name[255] = 'n';
    name[256] = '\0';
    json_object_set_new(pieces_at(json, "tables/2"), "name", json_string(name));
    assert_int_equal(read_json(json, NULL), LARDER_DAMAGED);
    json_decref(json);
}

static void a_newer_format_is_refused_with_a_message_of_its_own(void **state)
{
    struct larder_error error = {0};
    json_t *json = json_pack("{s:s, s:s}", "format_version", "2.1", "larder_version", "3.4");

    (void)state;
    assert_int_equal(read_json(json, &error), LARDER_UNVERIFIED);
    assert_string_equal(error.message,
                        "its format version 2.1 is newer than this larder reads (1.1)");
    assert_non_null(strstr(error.hint, "written by larder 3.4"));
    json_decref(json);
}

static void check_text(const char *text, size_t length)
{
    struct larder_error error = {0};
    struct manifest *back;

    assert_int_equal(manifest_read((const uint8_t *)text, length, &back, &error), LARDER_DAMAGED);
    assert_null(back);
    assert_string_equal(error.message, "its manifest is no JSON object within the limits");
}

static void what_is_no_json_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{\"a\":1",
        "{}{}",
        "{\"a\":1}x",
        "{\"a\":18446744073709551616}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\377\"}",
        "{\"a\":1e999}",
        "{'a':1}",
        "\357\273\277{}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_text(texts[i], strlen(texts[i]));
}

static void depth_and_number_of_values_are_bounded(void **state)
{
    struct buffer text = {0};

    (void)state;
    buffer_puts(&text, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buffer_puts(&text, "[");
    check_text((const char *)text.bytes, text.length);
    text.length = 0;
    buffer_puts(&text, "{\"a\":[");
    for (int i = 0; i < 8 * 1024 * 1024; i++)
        buffer_puts(&text, "{},");
    buffer_puts(&text, "{}]}");
    check_text((const char *)text.bytes, text.length);
    buffer_free(&text);
}

static void nesting_ends_at_its_limit(void **state)
{
    json_t *json = full_json(), *inner = json_array();

    (void)state;
    for (int depth = 2; depth < 64; depth++)
        inner = json_pack("[o]", inner);
    json_object_set_new(json, "new", inner);
    assert_int_equal(read_json(json, NULL), LARDER_OK);
    json_object_set_new(json, "new", json_pack("[O]", inner));
    assert_int_equal(read_json(json, NULL), LARDER_DAMAGED);
    json_decref(json);
}

static void brackets_inside_strings_are_not_depth(void **state)
{
    json_t *json = full_json();
    char brackets[201];

    (void)state;
    memset(brackets, '[', 200);
    brackets[100] = '"';
    brackets[101] = '\\';
    brackets[200] = '\0';
    json_object_set_new(json, "database", json_string(brackets));
    assert_int_equal(read_json(json, NULL), LARDER_OK);
    json_decref(json);
}

static void a_name_that_is_no_utf8_is_not_written(void **state)
{
    static const char *bad[] = {"\377"};
    struct larder_error error = {0};
    struct buffer out = {0};
    struct manifest *m = full_manifest();

    (void)state;
    m->tables[1].columns[0].name = "\377";
    assert_int_equal(manifest_write(m, false, &out, &error), LARDER_FAILED);
    assert_non_null(strstr(error.message, "public.events"));
    assert_int_equal(manifest_write(m, true, &out, NULL), LARDER_FAILED);
    m->tables[1].columns[0].name = "a";
    m->tables[1].references[0].columns = bad;
    m->tables[1].references[0].column_count = 1;
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_FAILED);
    m->tables[1].reference_count = 0;
    m->sequences[0].name = "\377";
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_FAILED);
    m->sequences[0].name = "s";
    m->sequences[1].name = "\377";
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_FAILED);
    m->sequence_count = m->unused_sequence_count = 0;
    m->externals[0].used_by = "\377";
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_FAILED);
    m->external_count = 0;
    m->schemas = bad;
    m->schema_count = 1;
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_FAILED);
    m->schema_count = 0;
    m->pg_dump_version = "\377";
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_FAILED);
    m->pg_dump_version = "15";
    out.length = 0;
    assert_int_equal(manifest_write(m, false, &out, NULL), LARDER_OK);
    buffer_free(&out);
    manifest_free(m);
}

static void a_part_is_named_by_numbers_and_a_slug(void **state)
{
    static const struct {
        const char *schema, *table, *name;
    } cases[] = {
        {"public", "Profiles", "data/00007-public.profiles/000012.copy.zst"},
        {"../..", "/etc/passwd", "data/00007-.._..._etc_passwd/000012.copy.zst"},
        {"a b", "\303\244\"'$`\n", "data/00007-a_b._______/000012.copy.zst"},
        /* 60 bytes, cut inside a character */
        {"s", "0123456789012345678901234567890123456789012345678901234567\303\244",
         "data/00007-s.0123456789012345678901234567890123456789012345678901234567/000012.copy.zst"},
        {"s", "012345678901234567890123456789012345678901234567890123456\303\244",
         "data/00007-s.012345678901234567890123456789012345678901234567890123456_/000012.copy.zst"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct manifest_table table = {.schema = cases[i].schema, .name = cases[i].table};
        char name[MANIFEST_NAME_BYTES];

        manifest_part_name(&table, 7, 12, name);
        assert_string_equal(name, cases[i].name);
        manifest_part_name(&table, MANIFEST_MAX_TABLES, MANIFEST_MAX_PARTS, name);
        assert_in_range(strlen(name), 20, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(the_header_has_what_is_known_at_the_start),
        cmocka_unit_test(no_key_may_be_missing_or_of_a_wrong_type),
        cmocka_unit_test(a_key_that_stands_twice_is_refused),
        cmocka_unit_test(unknown_keys_are_ignored),
        cmocka_unit_test(a_value_that_cannot_be_is_refused_and_named),
        cmocka_unit_test(names_have_a_length),
        cmocka_unit_test(a_newer_format_is_refused_with_a_message_of_its_own),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(depth_and_number_of_values_are_bounded),
        cmocka_unit_test(nesting_ends_at_its_limit),
        cmocka_unit_test(brackets_inside_strings_are_not_depth),
        cmocka_unit_test(a_name_that_is_no_utf8_is_not_written),
        cmocka_unit_test(a_part_is_named_by_numbers_and_a_slug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
