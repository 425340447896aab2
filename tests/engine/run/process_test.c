/* Programs that are run to their end, and what ends them before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/run/process.h"

static volatile sig_atomic_t stop_signal, refused;
static int stop_fd;

static void stop_the_run(int number)
{
    (void)number;
    stop_signal = SIGTERM;
}

static void stop_the_lane(int number)
{
    (void)number;
    eventfd_write(stop_fd, 1);
}

static void stop_by_the_watch(int number)
{
    (void)number;
    refused = 1;
}

static enum larder_status watch(void *watched, struct larder_error *error)
{
    (void)watched;
    return refused ? larder_fail(error, LARDER_FAILED, "refused") : LARDER_OK;
}

/* One that closes its outputs, sends its parent a signal then, and goes on. */
static enum larder_status run_a_mute_one(void (*on_signal)(int), struct larder_error *error)
{
    const char *const arguments[] = {
        "/bin/sh", "-c", "exec >/dev/null 2>&1; sleep 0.3; kill -USR1 $PPID; exec sleep 20", NULL};
    const struct larder_run run = {.stop_signal = &stop_signal, .wake_fd = -1};
    const struct process process = {.arguments = arguments, .watch = watch};
    struct buffer output = {0};
    enum larder_status status;

    stop_signal = refused = 0;
    stop_fd = eventfd(0, EFD_CLOEXEC);
    signal(SIGUSR1, on_signal);
    status = process_run(&process, &run, stop_fd, &output, error);
    close(stop_fd);
    buffer_free(&output);
    return status;
}

static void what_it_writes_and_exits_with_is_told(void **state)
{
    const char *const arguments[] = {"/bin/sh", "-c", "cat; echo no room >&2; exit 3", NULL};
    int code = 0;
    const struct process process = {
        .arguments = arguments, .input = "bytes", .input_length = 5, .exit_code = &code};
    struct buffer output = {0};
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(process_run(&process, &(struct larder_run){0}, -1, &output, &error),
                     LARDER_FAILED);
    assert_string_equal(buffer_text(&output), "bytes");
    assert_non_null(strstr(error.message, "no room"));
    assert_int_equal(code, 3);
    buffer_free(&output);
}

static void a_signal_ends_one_that_has_closed_its_outputs(void **state)
{
    (void)state;
    assert_int_equal(run_a_mute_one(stop_the_run, NULL), LARDER_TERMINATED);
}

static void another_lanes_failure_ends_one_that_has_closed_its_outputs(void **state)
{
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(run_a_mute_one(stop_the_lane, &error), LARDER_FAILED);
    assert_string_equal(error.message, "stopped");
}

static void a_watch_ends_one_that_has_closed_its_outputs(void **state)
{
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(run_a_mute_one(stop_by_the_watch, &error), LARDER_FAILED);
    assert_string_equal(error.message, "refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_writes_and_exits_with_is_told),
        cmocka_unit_test(a_signal_ends_one_that_has_closed_its_outputs),
        cmocka_unit_test(another_lanes_failure_ends_one_that_has_closed_its_outputs),
        cmocka_unit_test(a_watch_ends_one_that_has_closed_its_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
