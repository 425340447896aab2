#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/memory.h"

static void a_small_input_is_appended_whole(void **state)
{
    struct input *input = memory_input_new((const uint8_t *)"archive", 7);
    struct buffer out = {0};

    (void)state;
    buffer_puts(&out, "an ");
    assert_int_equal(input_read_whole(input, "x", 7, &out, NULL), LARDER_OK);
    assert_string_equal(buffer_text(&out), "an archive");
    input_close(input);
    buffer_free(&out);
}

static void one_that_is_larger_than_it_may_be_is_damage_and_not_read(void **state)
{
    struct input *input = memory_input_new((const uint8_t *)"archive", 7);
    struct buffer out = {0};
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(input_read_whole(input, "x.json", 6, &out, &error), LARDER_DAMAGED);
    assert_string_equal(error.message, "\"x.json\" is too large to be what it is named");
    assert_int_equal(out.length, 0);
    input_close(input);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_input_is_appended_whole),
        cmocka_unit_test(one_that_is_larger_than_it_may_be_is_damage_and_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
