#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>
#include <string.h>

#include "formats/arena.h"
#include "formats/buffer.h"

static void takes_over_what_is_in_another(void **state)
{
    struct arena *arena = arena_new(), *other = arena_new(), *empty = arena_new();
    char *mine = arena_strdup(arena, "mine"), *theirs = arena_strdup(other, "theirs");
    char *large = arena_alloc(other, 40000, 1);

    (void)state;
    assert_non_null(large);
    memset(large, 'x', 40000);
    arena_join(empty, other);
    arena_join(arena, empty);
    assert_string_equal(arena_strdup(arena, "more"), "more");
    assert_string_equal(mine, "mine");
    assert_string_equal(theirs, "theirs");
    assert_int_equal(large[39999], 'x');
    assert_false(arena_failed(arena));
    other = arena_new();
    assert_null(arena_alloc(other, SIZE_MAX / 2, 3));
    arena_join(arena, other);
    assert_true(arena_failed(arena));
    arena_free(arena);
}

static void remembers_what_it_could_not_give(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    assert_null(arena_alloc(arena, SIZE_MAX / 2, 3));
    assert_true(arena_failed(arena));
    assert_string_equal(arena_strdup(arena, "goes on"), "goes on");
    assert_true(arena_failed(arena));
    arena_free(arena);
}

static void takes_a_buffer_with_its_failure(void **state)
{
    struct arena *arena = arena_new();
    struct buffer whole = {0}, cut = {0};

    (void)state;
    buffer_puts(&whole, "daily");
    assert_string_equal(arena_take(arena, &whole), "daily");
    assert_false(arena_failed(arena));
    buffer_puts(&cut, "dai");
    assert_false(buffer_reserve(&cut, SIZE_MAX / 2));
    assert_string_equal(arena_take(arena, &cut), "dai");
    assert_true(arena_failed(arena));
    assert_null(whole.bytes);
    assert_null(cut.bytes);
    arena_free(arena);
}

static void gives_zeros_for_any_type(void **state)
{
    struct arena *arena = arena_new();
    static const char zeros[40000];

    (void)state;
    for (size_t length = 1; length <= sizeof(zeros); length = 3 * length + 1) {
        char *piece = arena_alloc(arena, length, 1);

        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % alignof(max_align_t), 0);
        assert_memory_equal(piece, zeros, length);
        memset(piece, 'x', length);
    }
    assert_string_equal(arena_printf(arena, "%d of %s", 3, "many"), "3 of many");
    assert_null(arena_strdup(arena, NULL));
    arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_what_it_could_not_give),
        cmocka_unit_test(takes_a_buffer_with_its_failure),
        cmocka_unit_test(gives_zeros_for_any_type),
        cmocka_unit_test(takes_over_what_is_in_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
