/* What is drawn on a screen of any size fits it, whatever tables are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/bar.h"
#include "engine/cli/screen.h"

static void expect_fit(const char *text, size_t columns, const char *wanted)
{
    char out[256];
    size_t width = screen_fit(text, columns, out, sizeof(out));

    assert_string_equal(out, wanted);
    assert_int_equal(width, screen_width(out));
    assert_in_range(width, 0, columns);
}

static void text_is_cut_to_columns_and_not_to_bytes(void **state)
{
    (void)state;
    expect_fit("profiles", 8, "profiles");
    expect_fit("profiles", 7, "profi..");
    expect_fit("profiles", 2, "..");
    expect_fit("profiles", 1, ".");
    expect_fit("profiles", 0, "");
    expect_fit("\xc3\xa9t\xc3\xa9", 3, "\xc3\xa9t\xc3\xa9");
    expect_fit("\xe9\xa3\x9f\xe3\x81\xb9\xe7\x89\xa9", 6, "\xe9\xa3\x9f\xe3\x81\xb9\xe7\x89\xa9");
    expect_fit("\xe9\xa3\x9f\xe3\x81\xb9\xe7\x89\xa9", 5, "\xe9\xa3\x9f..");
}

static void what_moves_the_cursor_is_shown_as_a_question_mark(void **state)
{
    (void)state;
    expect_fit("a\nb\033[2Jc", 20, "a?b?[2Jc");
    expect_fit("a\xc2\x9b"
               "2J",
               20, "a?2J");
    expect_fit("a\xe2\x80\xae"
               "b",
               20, "a?b");
    expect_fit("\xff\xc3(\xe9\xa3", 20,
               "?"
               "?(?"
               "?");
}

static struct larder_lane lanes[4] = {
    {"public", "user_interactions", UINT64_MAX, UINT64_MAX},
    {"a_schema_whose_name_is_long_and_longer_and_longer",
     "\xe9\xa3\x9f\xe3\x81\xb9\xe7\x89\xa9\xe9\xa3\x9f\xe3\x81\xb9\xe7\x89\xa9", 1, 1},
    {NULL, NULL, 0, 0},
    {"public", "x\ny", 7, 7},
};

/* Sequences have no width. */
static void expect_lines_fit(const char *drawn, struct screen screen)
{
    size_t lines = 1;
    char line[1024];
    size_t n = 0;

    for (const char *at = drawn;; at++) {
        if (*at == '\033') {
            at += strcspn(at, "ABCDHJKhlm");
            continue;
        }
        if (*at == '\r' || *at == '\n' || *at == '\0') {
            line[n] = '\0';
            assert_in_range(screen_width(line), 0, screen.columns - 1);
            n = 0;
            lines += *at == '\n' ? 1 : 0;
            if (*at == '\0')
                break;
            continue;
        }
        line[n++] = *at;
    }
    assert_in_range(lines, 1, screen.rows);
}

static void expect_put(const char *text, const char *wanted)
{
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);

    assert_non_null(stream);
    screen_put(stream, text, strlen(text), "    ");
    fclose(stream);
    assert_string_equal(out, wanted);
    free(out);
}

static void no_text_looks_like_a_line_of_ours(void **state)
{
    (void)state;
    expect_put("profiles", "profiles");
    expect_put("a\tb", "a b");
    expect_put("r\033[2Je\rd", "r?[2Je?d");
    expect_put("one\nlarder: two\n", "one\n    larder: two\n");
    expect_put("\302\233m \xff \303\251 \342\200\256x", "?m ? \303\251 ?x");
}

static void progress_fits_a_screen_of_any_size(void **state)
{
    const struct larder_progress told[] = {
        {.phase = "schema"},
        {.phase = "export",
         .rows = 1,
         .bytes = 1,
         .rows_total = 10700000,
         .lanes = lanes,
         .lane_count = 4},
        {.phase = "export",
         .rows = UINT64_MAX,
         .bytes = UINT64_MAX,
         .rows_total = 1,
         .lanes = lanes,
         .lane_count = 3},
        {.phase = "copy", .bytes = 12345678, .bytes_total = 123456789},
    };

    (void)state;
    for (size_t columns = 2; columns < 220; columns++)
        for (size_t rows = 2; rows < 30; rows += 9)
            for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
                struct screen screen = {.columns = columns, .rows = rows};
                struct bar bar = {0};
                struct buffer out = {0};

                for (int j = 0; j < 3; j++) {
                    out.length = 0;
                    bar_draw(&bar, &told[i], j * 1234.5, screen, &out);
                    expect_lines_fit(buffer_text(&out), screen);
                }
                buffer_free(&out);
            }
}

/* Lines of 79 columns take two lines each once the screen has 40. */
static void redrawing_goes_up_over_lines_that_a_narrower_screen_has_broken(void **state)
{
    struct bar bar = {.widths = {79, 79, 20}, .count = 3};
    struct buffer out = {0};

    (void)state;
    bar_erase(&bar, (struct screen){.columns = 40, .rows = 24}, &out);
    assert_string_equal(buffer_text(&out), "\033[4A\r\033[J");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_to_columns_and_not_to_bytes),
        cmocka_unit_test(what_moves_the_cursor_is_shown_as_a_question_mark),
        cmocka_unit_test(no_text_looks_like_a_line_of_ours),
        cmocka_unit_test(progress_fits_a_screen_of_any_size),
        cmocka_unit_test(redrawing_goes_up_over_lines_that_a_narrower_screen_has_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
