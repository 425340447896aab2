/* Programs that are written to and read from while they run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/child.h"

static const struct larder_run unstopped = {0};

static volatile sig_atomic_t stop_signal;

static void stop(int number)
{
    (void)number;
    stop_signal = SIGTERM;
}

static struct child *begin_under(const struct larder_run *run, const char *script)
{
    const char *const arguments[] = {"/bin/sh", "-c", script, NULL};
    struct child *child = NULL;

    assert_int_equal(child_begin(arguments, run, &child, NULL), LARDER_OK);
    return child;
}

static struct child *begin(const char *script)
{
    return begin_under(&unstopped, script);
}

static void what_is_written_is_read(void **state)
{
    struct child *child = begin("cat");
    char text[8] = "";
    size_t length;

    (void)state;
    assert_int_equal(child_write(child, "bytes", 5, NULL), LARDER_OK);
    assert_int_equal(child_read(child, text, 5, &length, NULL), LARDER_OK);
    assert_string_equal(text, "bytes");
    assert_int_equal(child_finish(child, NULL), LARDER_OK);
    child_free(child);
}

static void a_program_that_fails_is_told_with_its_last_words(void **state)
{
    struct child *child = begin("cat >/dev/null; echo no room >&2; exit 3");
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(child_write(child, "bytes", 5, &error), LARDER_OK);
    assert_int_equal(child_finish(child, &error), LARDER_FAILED);
    assert_non_null(strstr(error.message, "no room"));
    child_free(child);
}

static void a_failure_is_not_lost_where_nobody_waits_for_children(void **state)
{
    struct larder_error error = {0};
    struct child *child;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    child = begin("exit 3");
    assert_int_equal(child_finish(child, &error), LARDER_FAILED);
    assert_non_null(strstr(error.message, "could not learn how"));
    child_free(child);
    signal(SIGCHLD, SIG_DFL);
}

static void the_error_is_told_where_much_follows_it(void **state)
{
    struct child *child =
        begin("echo warm >&2; echo 'it: error: no room' >&2; echo 'it: detail: much' >&2; "
              "yes 'of it' | head -n 2000 >&2; exit 1");
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(child_finish(child, &error), LARDER_FAILED);
    assert_non_null(strstr(error.message, "failed: it: error: no room it: detail: much of it"));
    child_free(child);
}

static void a_program_that_takes_no_more_fails_the_write(void **state)
{
    struct child *child = begin("exec 0<&-; echo enough >&2; exit 1");
    struct larder_error error = {0};
    char *much = calloc(1, 1 << 20);
    enum larder_status status = LARDER_OK;

    (void)state;
    for (int i = 0; status == LARDER_OK && i < 100; i++)
        status = child_write(child, much, 1 << 20, &error);
    assert_int_equal(status, LARDER_FAILED);
    assert_non_null(strstr(error.message, "enough"));
    free(much);
    child_free(child);
}

static void one_that_says_nothing_more_and_goes_on_can_be_stopped(void **state)
{
    const struct larder_run run = {.stop_signal = &stop_signal, .wake_fd = -1};
    struct child *child;

    (void)state;
    signal(SIGUSR1, stop);
    stop_signal = 0;
    child = begin_under(&run, "exec >/dev/null 2>&1; sleep 0.3; kill -USR1 $PPID; exec sleep 20");
    assert_int_equal(child_finish(child, NULL), LARDER_TERMINATED);
    child_free(child);
}

static void one_that_runs_is_ended(void **state)
{
    (void)state;
    child_free(begin("exec sleep 1000"));
    child_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_program_that_fails_is_told_with_its_last_words),
        cmocka_unit_test(a_failure_is_not_lost_where_nobody_waits_for_children),
        cmocka_unit_test(the_error_is_told_where_much_follows_it),
        cmocka_unit_test(a_program_that_takes_no_more_fails_the_write),
        cmocka_unit_test(one_that_says_nothing_more_and_goes_on_can_be_stopped),
        cmocka_unit_test(one_that_runs_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
