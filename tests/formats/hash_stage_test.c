#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "formats/hash_stage.h"
#include "tests/formats/memory.h"

static void bytes_pass_and_are_counted_and_digested(void **state)
{
    struct hash_result result;
    struct buffer out = {0};
    int finished = 0;
    struct stage *stage = hash_stage_new(memory_stage_new(&out, &finished, 0), &result);
    char hex[SHA256_HEX];

    (void)state;
    assert_int_equal(stage_push(stage, "a", 1, NULL), LARDER_OK);
    assert_int_equal(stage_push(stage, "bc", 2, NULL), LARDER_OK);
    assert_int_equal(finished, 0);
    assert_int_equal(stage_finish(stage, NULL), LARDER_OK);
    assert_int_equal(finished, 1);
    stage_free(stage);
    assert_string_equal(buffer_text(&out), "abc");
    assert_int_equal(result.bytes, 3);
    sha256_to_hex(result.sha256, hex);
    /* The first example of FIPS 180-4. */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    buffer_free(&out);
}

static void a_failure_behind_it_is_its_own(void **state)
{
    struct hash_result result;
    struct larder_error error = {0};
    struct buffer out = {0};
    int finished = 0;
    struct stage *stage = hash_stage_new(memory_stage_new(&out, &finished, 2), &result);

    (void)state;
    assert_int_equal(stage_push(stage, "abc", 3, &error), LARDER_FAILED);
    assert_string_equal(error.message, "the disk is full");
    stage_free(stage);
    assert_int_equal(finished, 0);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_and_are_counted_and_digested),
        cmocka_unit_test(a_failure_behind_it_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
