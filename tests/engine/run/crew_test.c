#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/run/crew.h"

static enum larder_status mark(void *arg, int lane, size_t piece, int stop_fd,
                               struct larder_error *error)
{
    bool *done = arg;

    (void)lane;
    (void)stop_fd;
    (void)error;
    done[piece] = true;
    return LARDER_OK;
}

static void every_piece_is_done_once(void **state)
{
    struct larder_error error = {0};
    struct larder_run run = {0};
    bool done[100] = {0};

    (void)state;
    assert_int_equal(crew_run(4, 100, mark, done, &run, &error), LARDER_OK);
    for (size_t i = 0; i < 100; i++)
        assert_true(done[i]);
}

static void a_want_of_descriptors_is_no_want_of_memory(void **state)
{
    struct rlimit before, none;
    struct larder_error error = {0};
    struct larder_run run = {0};
    bool done[1] = {0};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(crew_run(1, 1, mark, done, &run, &error), LARDER_FAILED);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(error.message, "Too many open files"));
    assert_false(done[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_done_once),
        cmocka_unit_test(a_want_of_descriptors_is_no_want_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
