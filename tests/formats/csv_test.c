#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/csv.h"

/* Converts in pieces of the given size. */
static void expect_csv(const char *text, const char *csv_text, size_t columns, size_t piece)
{
    struct csv *csv = csv_new(columns);
    struct buffer out = {0};
    size_t length = strlen(text);

    for (size_t at = 0; at < length; at += piece)
        assert_int_equal(csv_take(csv, (const uint8_t *)text + at,
                                  length - at < piece ? length - at : piece, &out, NULL),
                         LARDER_OK);
    assert_int_equal(csv_end(csv, NULL), LARDER_OK);
    assert_string_equal(buffer_text(&out), csv_text);
    buffer_free(&out);
    csv_free(csv);
}

static void a_row_is_what_the_server_would_write_as_csv(void **state)
{
    static const struct {
        const char *text, *csv;
    } cases[] = {
        {"", ""},
        {"1\t2\n", "1,2\n"},
        {"\\N\n", "\n"},
        {"\\N\t\\N\n", ",\n"},
        {"a\t\tb\n", "a,\"\",b\n"},
        {"\t\n", "\"\",\"\"\n"},
        {"\\\\N\n", "\\N\n"},
        {"\\\\.\n", "\"\\.\"\n"},
        {"\\\\.\ta\n", "\\.,a\n"},
        {"a,b\tsay \"x\"\n", "\"a,b\",\"say \"\"x\"\"\"\n"},
        {"\"\n", "\"\"\"\"\n"},
        {"one\\ntwo\\r\\tthree\n", "\"one\ntwo\r\tthree\"\n"},
        {"\\b\\f\\v\n", "\b\f\v\n"},
        {"\\101\\x42\\x4z\\7\n", "AB\004z\a\n"},
        {"\\xg\\q\n", "xgq\n"},
        {"\\Nx\n", "Nx\n"},
        {"na\xc3\xafve\n", "na\xc3\xafve\n"},
        {"1\n2\n", "1\n2\n"},
        {"\n\n", "\"\"\n\"\"\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece < 8; piece++)
            expect_csv(cases[i].text, cases[i].csv, strchr(cases[i].text, '\t') == NULL ? 1 : 2,
                       piece);
}

static void the_end_in_the_midst_of_a_row_is_damage(void **state)
{
    static const char *const texts[] = {"a", "a\t", "\\", "\\N", "a\nb", "\\1"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct csv *csv = csv_new(1);
        struct buffer out = {0};

        assert_int_equal(csv_take(csv, (const uint8_t *)texts[i], strlen(texts[i]), &out, NULL),
                         LARDER_OK);
        assert_int_equal(csv_end(csv, NULL), LARDER_DAMAGED);
        buffer_free(&out);
        csv_free(csv);
    }
}

static void the_header_names_the_columns_that_are_not_generated(void **state)
{
    struct manifest_column columns[] = {
        {.name = "id"}, {.name = "a, b"}, {.name = "sum", .generated = true}, {.name = "c"}};
    struct manifest_table table = {.columns = columns, .column_count = 4};
    struct buffer out = {0};

    (void)state;
    csv_put_header(&out, &table);
    assert_string_equal(buffer_text(&out), "id,\"a, b\",c\n");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_what_the_server_would_write_as_csv),
        cmocka_unit_test(the_end_in_the_midst_of_a_row_is_damage),
        cmocka_unit_test(the_header_names_the_columns_that_are_not_generated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
