/* How large the parts of an upload are: 10,000 of them at most, and an object may have 5 TiB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/store/s3_parts.h"

static const uint64_t mib = 1024 * 1024, gib = 1024 * 1024 * 1024ULL,
                      tib = 1024ULL * 1024 * 1024 * 1024;

static uint64_t all_parts(uint64_t expected)
{
    uint64_t sum = 0;

    for (size_t number = 0; s3_part_bytes(expected, number) > 0; number++)
        sum += s3_part_bytes(expected, number);
    return sum;
}

static void small_archives_go_in_small_parts(void **state)
{
    (void)state;
    assert_int_equal(s3_part_bytes(0, 0), 8 * mib);
    assert_int_equal(s3_part_bytes(1, 0), 8 * mib);
    assert_int_equal(s3_part_bytes(60 * gib, 7999), 8 * mib);
    assert_int_equal(s3_part_bytes(100 * gib, 0), 13 * mib);
}

static void there_are_at_most_ten_thousand_parts_of_five_gib(void **state)
{
    (void)state;
    assert_true(s3_part_bytes(0, 9999) > 0);
    assert_int_equal(s3_part_bytes(0, 10000), 0);
    for (size_t number = 0; number < 10000; number++) {
        assert_true(s3_part_bytes(0, number) <= 5 * gib);
        assert_true(s3_part_bytes(5 * tib, number) <= 5 * gib);
    }
}

static void parts_reach_five_tib_where_nothing_is_known_and_where_it_is(void **state)
{
    (void)state;
    assert_true(all_parts(0) >= 5 * tib);
    assert_true(all_parts(5 * tib) >= 5 * tib);
    assert_true(all_parts(UINT64_MAX) >= 5 * tib);
}

static void an_archive_as_large_as_expected_has_parts_of_one_size(void **state)
{
    (void)state;
    for (uint64_t expected = gib; expected <= 5 * tib; expected *= 2) {
        size_t bytes = s3_part_bytes(expected, 0), last = (size_t)((expected - 1) / bytes);

        assert_true(last < 10000);
        assert_int_equal(s3_part_bytes(expected, last), bytes);
    }
}

static void an_archive_that_is_sixteen_times_as_large_still_fits(void **state)
{
    (void)state;
    for (uint64_t expected = gib; expected <= 32 * gib; expected *= 2)
        assert_true(all_parts(expected) >= 16 * expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_archives_go_in_small_parts),
        cmocka_unit_test(there_are_at_most_ten_thousand_parts_of_five_gib),
        cmocka_unit_test(parts_reach_five_tib_where_nothing_is_known_and_where_it_is),
        cmocka_unit_test(an_archive_as_large_as_expected_has_parts_of_one_size),
        cmocka_unit_test(an_archive_that_is_sixteen_times_as_large_still_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
