#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/sql_text.h"

static void a_name_means_itself_whatever_is_in_it(void **state)
{
    static const struct {
        const char *name, *identifier, *literal;
    } cases[] = {
        {"a", "\"a\"", "'a'"},
        {"A b", "\"A b\"", "'A b'"},
        {"a\"b", "\"a\"\"b\"", "'a\"b'"},
        {"\"", "\"\"\"\"", "'\"'"},
        {"it's", "\"it's\"", "'it''s'"},
        {"back\\slash", "\"back\\slash\"", "'back\\slash'"},
        {"\303\244\n", "\"\303\244\n\"", "'\303\244\n'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out = {0};

        sql_identifier(&out, cases[i].name);
        assert_string_equal(buffer_text(&out), cases[i].identifier);
        out.length = 0;
        sql_literal(&out, cases[i].name);
        assert_string_equal(buffer_text(&out), cases[i].literal);
        out.length = 0;
        sql_qualified(&out, "s\"", cases[i].name);
        assert_memory_equal(out.bytes, "\"s\"\"\".", 6);
        assert_string_equal(buffer_text(&out) + 6, cases[i].identifier);
        buffer_free(&out);
    }
}

static void generated_columns_are_left_out(void **state)
{
    struct manifest_column columns[] = {{.name = "g", .generated = true},
                                        {.name = "a"},
                                        {.name = "h", .generated = true},
                                        {.name = "b\""}};
    struct manifest_table table = {.columns = columns, .column_count = 4};
    struct buffer out = {0};

    (void)state;
    sql_columns(&out, &table);
    assert_string_equal(buffer_text(&out), " (\"a\", \"b\"\"\")");
    out.length = 0;
    table.column_count = 1;
    sql_columns(&out, &table);
    assert_string_equal(buffer_text(&out), "");
    buffer_free(&out);
}

/* What load.sql says behind its settings. */
static const char *load(const struct manifest *manifest, struct buffer *out)
{
    static const char last[] = "SELECT pg_catalog.set_config('search_path', '', false);\n";
    const char *settings;

    assert_int_equal(sql_load_script(manifest, out, NULL), LARDER_OK);
    settings = strstr(buffer_text(out), last);
    assert_non_null(settings);
    return settings + strlen(last);
}

static void each_part_is_loaded_by_one_line_and_each_sequence_set(void **state)
{
    struct manifest_column columns[] = {
        {.name = "id"}, {.name = "g", .generated = true}, {.name = "na'me"}};
    struct manifest_part parts[2] = {{0}};
    struct manifest_table tables[] = {
        {.schema = "public",
         .name = "T",
         .columns = columns,
         .column_count = 3,
         .copy_format = COPY_BINARY,
         .parts = parts,
         .part_count = 2},
        {.schema = "public",
         .name = "none",
         .copy_format = COPY_TEXT,
         .parts = parts,
         .part_count = 1},
    };
    struct manifest_sequence sequences[] = {{"public", "s\"'\\", 1, INT64_MIN, true},
                                            {"public", "t", 2, INT64_MAX, false},
                                            {"public", "unused", 3, 1, false}};
    struct manifest manifest = {.server_encoding = "LATIN1",
                                .tables = tables,
                                .table_count = 2,
                                .sequences = sequences,
                                .sequence_count = 2,
                                .unused_sequence_count = 1};
    struct buffer out = {0};

    (void)state;
    assert_string_equal(
        load(&manifest, &out),
        "\\copy \"public\".\"T\" (\"id\", \"na'me\") FROM PROGRAM "
        "'zstd -dc data/00001-public.t/000001.copy.zst' WITH (FORMAT binary, ENCODING 'LATIN1')\n"
        "\\copy \"public\".\"T\" (\"id\", \"na'me\") FROM PROGRAM "
        "'zstd -dc data/00001-public.t/000002.copy.zst' WITH (FORMAT binary, ENCODING 'LATIN1')\n"
        "\\copy \"public\".\"none\" FROM PROGRAM "
        "'zstd -dc data/00002-public.none/000001.copy.zst' WITH (FORMAT text, ENCODING 'LATIN1')\n"
        "SELECT pg_catalog.setval('\"public\".\"s\"\"''\\\"', -9223372036854775808, true);\n"
        "SELECT pg_catalog.setval('\"public\".\"t\"', 9223372036854775807, false);\n");
    buffer_free(&out);
}

static void names_with_line_feeds_are_replaced_while_their_table_is_loaded(void **state)
{
    struct manifest_column columns[] = {{.name = "a"}, {.name = "b\nc"}};
    struct manifest_part part = {0};
    struct manifest_table table = {.schema = "s\n",
                                   .name = "t\r",
                                   .columns = columns,
                                   .column_count = 2,
                                   .copy_format = COPY_TEXT,
                                   .parts = &part,
                                   .part_count = 1};
    struct manifest manifest = {.server_encoding = "UTF8", .tables = &table, .table_count = 1};
    struct buffer out = {0};

    (void)state;
    assert_string_equal(
        load(&manifest, &out),
        "ALTER TABLE \"s\n\".\"t\r\" RENAME COLUMN \"b\nc\" TO "
        "\"larder_column_c9f7180dac8ea209\";\n"
        "ALTER SCHEMA \"s\n\" RENAME TO \"larder_schema\";\n"
        "ALTER TABLE \"larder_schema\".\"t\r\" RENAME TO \"larder_table\";\n"
        "\\copy \"larder_schema\".\"larder_table\" (\"a\", \"larder_column_c9f7180dac8ea209\") "
        "FROM PROGRAM "
        "'zstd -dc data/00001-s_.t_/000001.copy.zst' WITH (FORMAT text, ENCODING 'UTF8')\n"
        "ALTER TABLE \"larder_schema\".\"larder_table\" RENAME TO \"t\r\";\n"
        "ALTER SCHEMA \"larder_schema\" RENAME TO \"s\n\";\n"
        "ALTER TABLE \"s\n\".\"t\r\" RENAME COLUMN \"larder_column_c9f7180dac8ea209\" TO "
        "\"b\nc\";\n");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_means_itself_whatever_is_in_it),
        cmocka_unit_test(generated_columns_are_left_out),
        cmocka_unit_test(each_part_is_loaded_by_one_line_and_each_sequence_set),
        cmocka_unit_test(names_with_line_feeds_are_replaced_while_their_table_is_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
