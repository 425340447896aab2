/*
 * Armor that is malformed or unusual, as refusal_test.c has it for what is inside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/armors.h"

static void check_armor(size_t row, const char *armored, const char *plain)
{
    struct age_identities *identities = credentials();
    struct age_bytes changed = armors_change(row, armored);

    for (size_t step = 1; step < 10000; step *= 9) {
        struct larder_error error = {0};
        struct age_bytes out;
        enum larder_status status =
            forge_decrypt(&out, identities, true, changed.data, changed.length, step, &error);

        assert_class(armors[row].what, armors[row].class, status, &error);
        assert_int_equal(out.length, status == LARDER_OK ? strlen(plain) : 0);
        if (status == LARDER_OK)
            assert_memory_equal(out.data, plain, strlen(plain));
        age_bytes_free(&out);
    }
    age_identities_free(identities);
    age_bytes_free(&changed);
}

static void armor_is_taken_exactly_where_the_format_says_so(void **state)
{
    struct forge forge = {0};
    char *armored;

    (void)state;
    armors_forge(&forge);
    armored = armors_make(forge.file.data, forge.file.length);
    for (size_t i = 0; i < ARMORS; i++)
        check_armor(i, armored, "aaa");
    free(armored);
    forge_free(&forge);
}

static void a_full_last_line_of_armor_needs_no_empty_line(void **state)
{
    struct age_identities *identities = credentials();
    struct forge forge = {0};
    struct age_bytes out;
    char *armored, *longer;
    char *end;

    (void)state;
    forge_file(&forge, "$V$X$D$N");
    forge_chunk(&forge, 48 - (forge.file.length + AGE_TAG_SIZE) % 48, true);
    assert_int_equal(forge.file.length % 48, 0);
    armored = armors_make(forge.file.data, forge.file.length);
    assert_int_equal(forge_decrypt(&out, identities, true, armored, strlen(armored), 7, NULL),
                     LARDER_OK);
    assert_int_equal(out.length, forge.plain.length);
    age_bytes_free(&out);

    longer = realloc(armored, strlen(armored) + 2);
    assert_non_null(longer);
    armored = longer;
    end = strstr(armored, "-----END");
    memmove(end + 1, end, strlen(end) + 1);
    *end = '\n';
    assert_int_equal(forge_decrypt(&out, identities, true, armored, strlen(armored), 7, NULL),
                     LARDER_DAMAGED);
    age_bytes_free(&out);
    free(armored);
    forge_free(&forge);
    age_identities_free(identities);
}

static void armor_that_breaks_late_releases_what_was_authentic(void **state)
{
    struct age_identities *identities = credentials();
    struct larder_error error = {0};
    struct forge forge = {0};
    struct age_bytes out;
    char *armored;

    (void)state;
    forge_file(&forge, "$V$X$D$N$F$h");
    armored = armors_make(forge.file.data, forge.file.length);
    strstr(armored, "-----END")[0] = '*';
    assert_class("late", ARMOR,
                 forge_decrypt(&out, identities, true, armored, strlen(armored), 4096, &error),
                 &error);
    assert_int_equal(out.length, AGE_CHUNK_SIZE);
    age_bytes_free(&out);
    free(armored);
    forge_free(&forge);
    age_identities_free(identities);
}

/* Pushes everything, as one file for an age program is: armor is detected. */
static const char *class_when_detected(const char *bytes, size_t length)
{
    struct age_identities *identities = credentials();
    struct larder_error error = {0};
    struct forge_sink sink;
    struct stage *stage;

    forge_sink_init(&sink);
    age_decrypt_new(&stage, identities, &sink.stage, NULL);
    age_dearmor_new(&stage, AGE_ARMOR_DETECTED, stage, NULL);
    forge_run(stage, bytes, length, 100, &error);
    age_bytes_free(&sink.bytes);
    age_identities_free(identities);
    return strstr(error.message, ARMOR) != NULL    ? ARMOR
           : strstr(error.message, HEADER) != NULL ? HEADER
                                                   : OK;
}

static void armor_is_detected_even_where_it_is_damaged(void **state)
{
    struct forge forge = {0};
    char text[2048];
    char *armored;

    (void)state;
    forge_file(&forge, "$V$X$D$N$h");
    armored = armors_make(forge.file.data, forge.file.length);
    assert_null(class_when_detected((char *)forge.file.data, forge.file.length));
    assert_null(class_when_detected(armored, strlen(armored)));
    snprintf(text, sizeof(text), "  \n\n%s", armored);
    assert_null(class_when_detected(text, strlen(text)));
    snprintf(text, sizeof(text), "text\n%s", armored);
    assert_ptr_equal(class_when_detected(text, strlen(text)), ARMOR);
    assert_ptr_equal(class_when_detected(armored, 100), ARMOR);
    assert_ptr_equal(class_when_detected("", 0), HEADER);
    assert_ptr_equal(class_when_detected("not an age file\n", 16), HEADER);
    forge.file.data[0] ^= 1;
    assert_ptr_equal(class_when_detected((char *)forge.file.data, forge.file.length), HEADER);
    free(armored);
    forge_free(&forge);
}

static void every_flipped_bit_and_every_truncation_of_armor_is_refused(void **state)
{
    struct age_identities *identities = credentials();
    struct forge forge = {0};
    struct larder_error error;
    size_t length;
    char *armored;

    (void)state;
    forge_file(&forge, "$V$X$D$N$h");
    armored = armors_make(forge.file.data, forge.file.length);
    length = strlen(armored);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        struct age_bytes out;

        armored[bit / 8] = (char)(armored[bit / 8] ^ 1 << bit % 8);
        if (forge_decrypt(&out, identities, true, armored, length, 1000, &error) == LARDER_OK)
            fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        assert_int_equal(out.length, 0);
        armored[bit / 8] = (char)(armored[bit / 8] ^ 1 << bit % 8);
        age_bytes_free(&out);
    }
    /* The line feed at the end may be missing. */
    for (size_t cut = 0; cut < length - 1; cut++) {
        struct age_bytes out;

        if (forge_decrypt(&out, identities, true, armored, cut, 1000, &error) == LARDER_OK)
            fail_msg("cut at %zu", cut);
        assert_int_equal(out.length, 0);
        age_bytes_free(&out);
    }
    free(armored);
    forge_free(&forge);
    age_identities_free(identities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(armor_is_taken_exactly_where_the_format_says_so),
        cmocka_unit_test(a_full_last_line_of_armor_needs_no_empty_line),
        cmocka_unit_test(armor_that_breaks_late_releases_what_was_authentic),
        cmocka_unit_test(armor_is_detected_even_where_it_is_damaged),
        cmocka_unit_test(every_flipped_bit_and_every_truncation_of_armor_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
