#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/stub_sql.h"

static void check(const struct manifest_external *external, const char *expected)
{
    struct buffer out = {0};

    stub_sql_create(&out, external);
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
}

static void each_kind_is_made_where_it_is_missing(void **state)
{
    (void)state;
    check(&(struct manifest_external){"role", NULL, "it's \"anon\"", NULL, NULL, 0},
          "DO $larder$\nBEGIN\n"
          "    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'it''s \"anon\"') "
          "THEN\n"
          "        CREATE ROLE \"it's \"\"anon\"\"\" NOLOGIN;\n"
          "    END IF;\nEND\n$larder$;\n");
    check(&(struct manifest_external){"extension", NULL, "uuid-ossp", NULL, NULL, 0},
          "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";\n");
    check(&(struct manifest_external){"schema", NULL, "a;b",
                                      "GRANT USAGE ON SCHEMA \"a;b\" TO anon", NULL, 0},
          "DO $larder$\nBEGIN\n"
          "    IF pg_catalog.to_regnamespace(pg_catalog.quote_ident('a;b')) IS NULL THEN\n"
          "        CREATE SCHEMA \"a;b\";\n        BEGIN\n"
          "            GRANT USAGE ON SCHEMA \"a;b\" TO anon;\n"
          "        EXCEPTION WHEN undefined_object OR invalid_schema_name THEN NULL;\n"
          "        END;\n    END IF;\nEND\n$larder$;\n");
}

/* As the manifest of a stranger may have it. */
static void what_is_not_known_is_not_made(void **state)
{
    (void)state;
    check(&(struct manifest_external){"table", NULL, "t", "CREATE TABLE t ()", NULL, 0}, "");
    check(&(struct manifest_external){"function", NULL, "f()", NULL, NULL, 0}, "");
    check(&(struct manifest_external){"of a later version", NULL, "x", "x", NULL, 0}, "");
}

static void a_body_never_ends_its_own_quotes(void **state)
{
    struct buffer out = {0};

    (void)state;
    stub_sql_create(&out,
                    &(struct manifest_external){"role", NULL, "$larder$ $larder1$", NULL, NULL, 0});
    assert_memory_equal(out.bytes, "DO $larder2$\n", 13);
    assert_string_equal(buffer_text(&out) + out.length - 15, "END\n$larder2$;\n");
    buffer_free(&out);
}

/* The server of most tests has no such key; tests/scenarios/newer_constraints.sh runs this. */
static void the_times_of_a_key_with_period_are_those_that_are_missing(void **state)
{
    const char *own[] = {"room", "during"}, *other[] = {"id", "open"};
    struct manifest_reference reference = {"fk", "s", "rooms", own, other, 2, 77, true};
    struct manifest_column columns[] = {{.name = "room", .type = "integer"},
                                        {.name = "during", .type = "datemultirange"}};
    const struct manifest_table table = {
        .schema = "s", .name = "used", .columns = columns, .column_count = 2};
    struct buffer out = {0};

    (void)state;
    stub_sql_fill(&out, &table, &reference);
    assert_non_null(
        strstr(buffer_text(&out), "SELECT DISTINCT t.\"room\", u.p::datemultirange FROM "));
    assert_non_null(strstr(buffer_text(&out), "range_agg(\"during\")"));
    assert_non_null(strstr(buffer_text(&out), "WHERE r.\"id\" = t.\"room\")"));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_made_where_it_is_missing),
        cmocka_unit_test(what_is_not_known_is_not_made),
        cmocka_unit_test(a_body_never_ends_its_own_quotes),
        cmocka_unit_test(the_times_of_a_key_with_period_are_those_that_are_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
