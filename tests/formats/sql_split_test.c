#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "formats/sql_split.h"

/* The statements, each in brackets, behind its comment where it has one. */
static const char *cut(const char *sql, char *out, size_t size)
{
    size_t length = strlen(sql), at = 0;
    struct sql_statement s;

    out[0] = '\0';
    while (sql_split_next(&sql, &length, &s))
        at += (size_t)snprintf(out + at, size - at, "%.*s[%.*s]", (int)s.comment_length,
                               s.comment == NULL ? "" : s.comment, (int)s.length, s.text);
    return out;
}

static void statements_end_at_semicolons_that_stand_in_nothing(void **state)
{
    static const struct {
        const char *sql, *statements;
    } cases[] = {
        {"", ""},
        {" ;; \n ; ", ""},
        {"SELECT 1", "[SELECT 1]"},
        {"SELECT 1;SELECT 2 ;\n", "[SELECT 1][SELECT 2]"},
        {"SELECT ';', E'\\';', 'it''s;'; x", "[SELECT ';', E'\\';', 'it''s;'][x]"},
        {"SELECT 'a\\'; x", "[SELECT 'a\\'][x]"},
        {"SELECT \"a;b\"; x", "[SELECT \"a;b\"][x]"},
        {"DO $$ a; $x$ ; $$; x", "[DO $$ a; $x$ ; $$][x]"},
        {"DO $a$ ; $b$ ; $$ ; $a$; x", "[DO $a$ ; $b$ ; $$ ; $a$][x]"},
        {"SELECT a$b$c; x$ y; z", "[SELECT a$b$c][x$ y][z]"},
        {"SELECT $1; x", "[SELECT $1][x]"},
        {"SELECT 1 -- a; b\n + 2; x", "[SELECT 1 -- a; b\n + 2][x]"},
        {"SELECT /* ; /* ; */ ; */ 1; x", "[SELECT /* ; /* ; */ ; */ 1][x]"},
        {"CREATE RULE r AS ON INSERT TO t DO (a; b); x",
         "[CREATE RULE r AS ON INSERT TO t DO (a; b)][x]"},
        {"-- only a comment", ""},
        {"/* only a comment */;", ""},
        {"SELECT 'not ended; x", "[SELECT 'not ended; x]"},
        {"DO $$ not ended; x", "[DO $$ not ended; x]"},
        {"x; /* not ended /* */ ; y;", "[x][/* not ended /* */ ; y;]"},
        {"é; ü", "[é][ü]"},
        {"E", "[E]"},
        {"$", "[$]"},
        {"/", "[/]"},
        {"-", "[-]"},
    };
    char out[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(cut(cases[i].sql, out, sizeof(out)), cases[i].statements);
}

static void the_last_comment_line_before_a_statement_is_its_own(void **state)
{
    char out[512];

    (void)state;
    assert_string_equal(
        cut("-- the file\n\n--  no orphans \nSELECT 1;\nSELECT 2; -- more\n/* x */ y", out,
            sizeof(out)),
        "no orphans[SELECT 1][SELECT 2]more[y]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_end_at_semicolons_that_stand_in_nothing),
        cmocka_unit_test(the_last_comment_line_before_a_statement_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
