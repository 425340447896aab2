/*
 * Malformed and unusual files: one thing is out of the ordinary in each, and each must be taken, or
 * refused in the class that the format's public test vectors give such a file. Only authenticated
 * bytes may be released.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/refusals.h"

/* Streams it in pieces of several sizes, and reads it at random; all must say the same. */
static void check(const char *what, const struct forge *forge, const char *class, size_t released)
{
    struct age_identities *identities = credentials();
    const size_t steps[] = {SIZE_MAX / 2, 4093, 1};
    size_t kinds = forge->file.length > 4096 ? 2 : 3;
    struct larder_error error = {0};
    struct input *input = NULL;
    enum larder_status status;

    for (size_t i = 0; i < kinds; i++) {
        struct age_bytes out;

        error = (struct larder_error){0};
        status = forge_decrypt(&out, identities, false, forge->file.data, forge->file.length,
                               steps[i], &error);
        assert_class(what, class, status, &error);
        if (out.length != released)
            fail_msg("%s: %zu bytes released, not %zu", what, out.length, released);
        if (released > 0)
            assert_memory_equal(out.data, forge->plain.data, released);
        age_bytes_free(&out);
    }

    error = (struct larder_error){0};
    input = forge_input_new(forge->file.data, forge->file.length);
    status = age_input_open(&input, identities, input, &error);
    if (status == LARDER_OK) {
        size_t size = (size_t)input->size;
        uint8_t *plain = malloc(size + 1);

        status = input_read_at(input, 0, plain, size, &error);
        if (status == LARDER_OK && size > 0)
            assert_memory_equal(plain, forge->plain.data, size);
        free(plain);
    }
    assert_class(what, class, status, &error);
    input_close(input);
    age_identities_free(identities);
}

static void a_header_is_taken_exactly_where_the_format_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < REFUSALS_HEADERS; i++) {
        struct forge forge = {0};

        forge_file(&forge, refusals_headers[i].template);
        check(refusals_headers[i].what, &forge, refusals_headers[i].class,
              refusals_headers[i].class == OK ? 3 : 0);
        forge_free(&forge);
    }
}

static void a_payload_is_released_as_far_as_it_is_authentic(void **state)
{
    (void)state;
    for (size_t i = 0; i < REFUSALS_PAYLOADS; i++) {
        struct forge forge = {0};

        forge_file(&forge, "$V$X$D");
        forge_file(&forge, refusals_payloads[i].template);
        check(refusals_payloads[i].what, &forge, refusals_payloads[i].class,
              refusals_payloads[i].released);
        forge_free(&forge);
    }
}

static void every_flipped_bit_and_every_truncation_is_refused(void **state)
{
    struct age_identities *identities = credentials();
    struct forge forge = {0};
    struct forge intact = {0};
    struct larder_error error;

    (void)state;
    forge_file(&intact, "$V$X-> grease a\nYWdl\n$D$N$h");
    forge_file(&forge, "$V$X-> grease a\nYWdl\n$D$N$h");
    for (size_t bit = 0; bit < 8 * forge.file.length; bit++) {
        struct age_bytes out;
        enum larder_status status;

        forge.file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        status = forge_decrypt(&out, identities, false, forge.file.data, forge.file.length, 1000,
                               &error);
        if ((status != LARDER_DAMAGED && status != LARDER_NO_KEY) || out.length > 0)
            fail_msg("bit %zu: status %d, %zu bytes", bit, (int)status, out.length);
        forge.file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        age_bytes_free(&out);
    }
    for (size_t length = 0; length < forge.file.length; length++) {
        struct input *input;
        struct age_bytes out;

        assert_int_equal(
            forge_decrypt(&out, identities, false, forge.file.data, length, 1000, &error),
            LARDER_DAMAGED);
        assert_int_equal(out.length, 0);
        age_bytes_free(&out);
        input = forge_input_new(forge.file.data, length);
        assert_int_equal(age_input_open(&input, identities, input, &error), LARDER_DAMAGED);
        input_close(input);
    }
    assert_memory_equal(forge.file.data, intact.file.data, intact.file.length);
    forge_free(&forge);
    forge_free(&intact);
    age_identities_free(identities);
}

static void a_header_beyond_the_limit_is_refused(void **state)
{
    struct forge forge = {0};

    (void)state;
    forge_file(&forge, "$V");
    while (forge.file.length < AGE_HEADER_LIMIT)
        forge_add(&forge, "-> grease\n\n");
    forge_file(&forge, "$X$D$N$h");
    check("a header of more than 1 MiB", &forge, HEADER, 0);
    forge_free(&forge);

    forge_file(&forge, "$V$X-> ");
    while (forge.file.length < AGE_HEADER_LIMIT + 10)
        forge_add(&forge, "endless");
    check("a line without an end", &forge, HEADER, 0);
    forge_free(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_taken_exactly_where_the_format_says_so),
        cmocka_unit_test(a_payload_is_released_as_far_as_it_is_authentic),
        cmocka_unit_test(every_flipped_bit_and_every_truncation_is_refused),
        cmocka_unit_test(a_header_beyond_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
