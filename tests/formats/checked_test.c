#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/checked.h"

static enum larder_status read_text(const char *text, struct checked *checked)
{
    struct arena *arena = arena_new();
    enum larder_status status =
        checked_read((const uint8_t *)text, strlen(text), arena, checked, NULL);

    checked->backup_name = checked->drill_failure = NULL;
    arena_free(arena);
    return status;
}

static void what_was_written_is_read_back(void **state)
{
    const struct checked samples[] = {
        {"daily_20250126_020000", 1737860400, 0, true, 0, NULL},
        {"daily_20250126_020000", 0, 1737860400, false, 0, NULL},
        {"daily_20250126_020000", 1737860400, 1737946800, false, 0, NULL},
        {"daily_20250126_020000", 1737860400, 1737860400, true, 1737946800, "checks"}};

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct arena *arena = arena_new();
        struct buffer out = {0};
        struct checked back;

        assert_int_equal(checked_write(&samples[i], &out, NULL), LARDER_OK);
        assert_int_equal(checked_read(out.bytes, out.length, arena, &back, NULL), LARDER_OK);
        assert_string_equal(back.backup_name, samples[i].backup_name);
        assert_int_equal(back.verified_at, samples[i].verified_at);
        assert_int_equal(back.drilled_at, samples[i].drilled_at);
        assert_int_equal(back.good, samples[i].good);
        assert_int_equal(back.drill_failed_at, samples[i].drill_failed_at);
        if (samples[i].drill_failure != NULL)
            assert_string_equal(back.drill_failure, samples[i].drill_failure);
        else
            assert_null(back.drill_failure);
        buffer_free(&out);
        arena_free(arena);
    }
}

#define HEAD "{\"format_version\": \"1.0\", \"backup_name\": \"a\", "
#define VERIFIED "\"verified_at\": \"2025-01-26T03:00:00Z\""

static void what_tells_of_no_check_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        HEAD "\"result\": \"good\"}",
        HEAD "\"result\": \"good\", \"verified_at\": null, \"drilled_at\": null}",
        HEAD VERIFIED "}",
        HEAD VERIFIED ", \"result\": true}",
        HEAD "\"verified_at\": \"yesterday\", \"result\": \"good\"}",
        HEAD VERIFIED ", \"result\": \"good\", \"result\": \"good\"}",
        HEAD VERIFIED ", \"result\": \"good\", \"drill_failed_at\": \"yesterday\"}",
        "{\"format_version\": \"2.0\", \"backup_name\": \"a\", " VERIFIED ", \"result\": \"good\"}",
        "{\"format_version\": \"1.0\", " VERIFIED ", \"result\": \"good\"}",
    };
    struct checked checked;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (read_text(texts[i], &checked) != LARDER_DAMAGED)
            fail_msg("was taken: %s", texts[i]);
}

static void a_result_of_a_later_version_is_not_good(void **state)
{
    struct checked checked;

    (void)state;
    assert_int_equal(read_text(HEAD VERIFIED ", \"result\": \"good\", \"new\": [1]}", &checked),
                     LARDER_OK);
    assert_true(checked.good);
    assert_int_equal(read_text(HEAD VERIFIED ", \"result\": \"doubtful\"}", &checked), LARDER_OK);
    assert_false(checked.good);
}

static void what_was_written_before_drills_could_fail_is_read(void **state)
{
    struct checked checked;

    (void)state;
    assert_int_equal(
        read_text(HEAD VERIFIED ", \"drilled_at\": null, \"result\": \"good\"}", &checked),
        LARDER_OK);
    assert_int_equal(checked.drill_failed_at, 0);
}

#define DRILLED(hour) "\"drilled_at\": \"2025-01-26T" hour ":00:00Z\""

static void a_drill_that_failed_before_that_was_written_down_is_no_success(void **state)
{
    static const struct {
        const char *text;
        bool failed;
    } cases[] = {
        {HEAD VERIFIED ", " DRILLED("04") ", \"result\": \"damaged\"}", true},
        {HEAD VERIFIED ", " DRILLED("03") ", \"result\": \"damaged\"}", true},
        {HEAD "\"verified_at\": null, " DRILLED("04") ", \"result\": \"damaged\"}", true},
        {HEAD VERIFIED ", " DRILLED("02") ", \"result\": \"damaged\"}", false},
        {HEAD VERIFIED ", " DRILLED("04") ", \"result\": \"good\"}", false},
        {HEAD VERIFIED ", " DRILLED("04") ", \"drill_failed_at\": null, \"result\": \"damaged\"}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct checked checked;

        assert_int_equal(read_text(cases[i].text, &checked), LARDER_OK);
        assert_int_equal(checked.drilled_at == 0, cases[i].failed);
        assert_int_equal(checked.drill_failed_at != 0, cases[i].failed);
        assert_true(checked.verified_at >= checked.drill_failed_at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(what_tells_of_no_check_is_refused),
        cmocka_unit_test(a_result_of_a_later_version_is_not_good),
        cmocka_unit_test(what_was_written_before_drills_could_fail_is_read),
        cmocka_unit_test(a_drill_that_failed_before_that_was_written_down_is_no_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
