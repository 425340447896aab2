/* Tables of a manifest among each other: parents, what lies below them, and how they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/manifest.h"

static struct manifest_table tables[] = {
    {.schema = "s", .name = "top", .rows = 1},
    {.schema = "s", .name = "middle", .parent_schema = "s", .parent_name = "top", .rows = 10},
    {.schema = "t", .name = "top", .rows = 1000},
    {.schema = "s", .name = "low", .parent_schema = "s", .parent_name = "middle", .rows = 100},
    {.schema = "s", .name = "stray", .parent_schema = "s", .parent_name = "gone", .rows = 5},
};
static const struct manifest manifest = {.tables = tables, .table_count = 5};

static void rows_below_are_those_of_a_table_and_its_descendants(void **state)
{
    struct arena *arena = arena_new();
    const uint64_t *rows = manifest_rows_below(&manifest, arena);

    (void)state;
    assert_non_null(rows);
    assert_int_equal(rows[0], 111);
    assert_int_equal(rows[1], 110);
    assert_int_equal(rows[2], 1000);
    assert_int_equal(rows[3], 100);
    assert_int_equal(rows[4], 5);
    arena_free(arena);
}

static void parents_in_a_circle_come_to_an_end(void **state)
{
    struct manifest_table circle[] = {
        {.schema = "s", .name = "a", .parent_schema = "s", .parent_name = "b", .rows = 1},
        {.schema = "s", .name = "b", .parent_schema = "s", .parent_name = "a", .rows = 2},
        {.schema = "s", .name = "into", .parent_schema = "s", .parent_name = "a", .rows = 4},
    };
    const struct manifest of_circle = {.tables = circle, .table_count = 3};
    struct arena *arena = arena_new();
    const uint64_t *rows = manifest_rows_below(&of_circle, arena);

    (void)state;
    assert_non_null(rows);
    assert_int_equal(rows[2], 4);
    arena_free(arena);
}

static void tables_are_found_from_any_place_on(void **state)
{
    size_t place = 0;

    (void)state;
    assert_ptr_equal(manifest_find_next(&manifest, "s", "low", &place), &tables[3]);
    assert_int_equal(place, 4);
    assert_ptr_equal(manifest_find_next(&manifest, "s", "stray", &place), &tables[4]);
    assert_ptr_equal(manifest_find_next(&manifest, "t", "top", &place), &tables[2]);
    assert_ptr_equal(manifest_find_next(&manifest, "s", "top", &place), &tables[0]);
    assert_null(manifest_find_next(&manifest, "t", "low", &place));
    assert_int_equal(place, 1);
    assert_null(manifest_find(&(struct manifest){0}, "s", "top"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_below_are_those_of_a_table_and_its_descendants),
        cmocka_unit_test(parents_in_a_circle_come_to_an_end),
        cmocka_unit_test(tables_are_found_from_any_place_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
