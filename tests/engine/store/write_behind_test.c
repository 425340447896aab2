#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/store/write_behind.h"

enum { PIECE = WRITE_BEHIND_BYTES / 4 };

static uint8_t *pattern(size_t length)
{
    uint8_t *bytes = malloc(length + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    return bytes;
}

static int scratch(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR, 0600);

    assert_true(fd >= 0);
    return fd;
}

static enum larder_status write_in_steps(int fd, const uint8_t *bytes, size_t length, size_t step,
                                         struct larder_error *error)
{
    struct write_behind *file = write_behind_new(fd, "a file");
    enum larder_status status = LARDER_OK;

    assert_non_null(file);
    for (size_t at = 0; status == LARDER_OK && at < length; at += step)
        status =
            write_behind_push(file, bytes + at, length - at < step ? length - at : step, error);
    if (status == LARDER_OK)
        status = write_behind_finish(file, error);
    write_behind_free(file);
    return status;
}

static void comes_back(const char *folder, size_t length, size_t step)
{
    struct larder_error error = {0};
    uint8_t *bytes = pattern(length), *back = malloc(length + 1);
    int fd = scratch(folder);

    assert_int_equal(write_in_steps(fd, bytes, length, step, &error), LARDER_OK);
    assert_int_equal(pread(fd, back, length + 1, 0), length);
    assert_memory_equal(bytes, back, length);
    close(fd);
    free(back);
    free(bytes);
}

static void every_byte_arrives_in_order(void **state)
{
    static const size_t lengths[] = {0,     1,         4095,      4096,          PIECE - 1,
                                     PIECE, PIECE + 1, 4 * PIECE, 9 * PIECE + 17};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        comes_back(".", lengths[i], 100003);
        comes_back(".", lengths[i], 3 * PIECE + 5);
    }
}

/* Memory is such a file system. */
static void a_file_system_that_has_a_page_cache_alone_will_do(void **state)
{
    (void)state;
    comes_back("/dev/shm", 9 * PIECE + 17, 100003);
}

static void a_full_disk_is_named(void **state)
{
    struct larder_error error = {0};
    uint8_t *bytes = pattern(6 * PIECE);
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    assert_int_equal(write_in_steps(fd, bytes, 6 * PIECE, 10000, &error), LARDER_FAILED);
    assert_string_equal(error.message, "could not write \"a file\": No space left on device");
    close(fd);
    free(bytes);
}

/* Long before its end, since all of it would then take as long as the writing. */
static void a_long_file_is_made_durable_on_the_way(void **state)
{
    struct larder_error error = {0};
    uint8_t *bytes = pattern(20 * PIECE);
    int fd = open("/dev/null", O_WRONLY); /* takes every byte, and keeps none */

    (void)state;
    assert_int_equal(write_in_steps(fd, bytes, 20 * PIECE, 10000, &error), LARDER_FAILED);
    assert_string_equal(error.message, "could not make \"a file\" durable: Invalid argument");
    close(fd);
    free(bytes);
}

static void a_size_limit_is_named_wherever_it_lies(void **state)
{
    static const rlim_t limits[] = {1, PIECE - 1, PIECE + 1, 2 * PIECE + 4096, 3 * PIECE};
    struct rlimit before;
    uint8_t *bytes = pattern(4 * PIECE);

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rlimit limit = {.rlim_cur = limits[i], .rlim_max = before.rlim_max};
        struct larder_error error = {0};
        int fd = scratch(".");

        setrlimit(RLIMIT_FSIZE, &limit);
        assert_int_equal(write_in_steps(fd, bytes, 4 * PIECE, 10000, &error), LARDER_FAILED);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_string_equal(error.message, "could not write \"a file\": File too large");
        close(fd);
    }
    free(bytes);
}

static void what_was_not_finished_can_be_dropped_at_any_time(void **state)
{
    struct larder_error error = {0};
    uint8_t *bytes = pattern(5 * PIECE);

    (void)state;
    for (size_t length = 0; length <= 5 * PIECE; length += PIECE / 2) {
        int fd = scratch(".");
        struct write_behind *file = write_behind_new(fd, "a file");

        assert_int_equal(write_behind_push(file, bytes, length, &error), LARDER_OK);
        write_behind_free(file);
        close(fd);
    }
    write_behind_free(NULL);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order),
        cmocka_unit_test(a_file_system_that_has_a_page_cache_alone_will_do),
        cmocka_unit_test(a_full_disk_is_named),
        cmocka_unit_test(a_long_file_is_made_durable_on_the_way),
        cmocka_unit_test(a_size_limit_is_named_wherever_it_lies),
        cmocka_unit_test(what_was_not_finished_can_be_dropped_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
