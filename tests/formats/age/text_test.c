#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/age/base64.h"
#include "formats/age/header.h"
#include "tests/formats/age/forge.h"

/* From RFC 4648, section 10. */
static void base64_is_that_of_the_standard(void **state)
{
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const char *plain = vectors[i][0];
        const char *padded = vectors[i][1];
        size_t unpadded = strcspn(padded, "=");
        uint8_t bytes[16];
        char text[16];
        size_t size;

        assert_int_equal(age_base64_encode(text, (const uint8_t *)plain, strlen(plain), true),
                         strlen(padded));
        assert_memory_equal(text, padded, strlen(padded));
        assert_int_equal(age_base64_encode(text, (const uint8_t *)plain, strlen(plain), false),
                         unpadded);
        assert_true(age_base64_decode(bytes, &size, padded, strlen(padded), true));
        assert_int_equal(size, strlen(plain));
        assert_memory_equal(bytes, plain, size);
        assert_true(age_base64_decode(bytes, &size, padded, unpadded, false));
        assert_int_equal(size, strlen(plain));
        if (unpadded < strlen(padded)) {
            assert_false(age_base64_decode(bytes, &size, padded, strlen(padded), false));
            assert_false(age_base64_decode(bytes, &size, padded, unpadded, true));
        }
    }
}

static void base64_has_one_spelling(void **state)
{
    static const char *const others[] = {"Zh",   "Zm9",  "Z",    "Zm9vZ", "Zm 8", "Zm8\n",
                                         "Zm-8", "Zm_8", "=Zm8", "Z===",  "===="};
    uint8_t bytes[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (age_base64_decode(bytes, &size, others[i], strlen(others[i]), false))
            fail_msg("%s was decoded", others[i]);
        if (age_base64_decode(bytes, &size, others[i], strlen(others[i]), true))
            fail_msg("%s was decoded with padding", others[i]);
    }
}

/* Whatever is parsed is written as it was. */
static void a_header_is_written_as_it_was_read(void **state)
{
    static const char *const templates[] = {
        "$V$X$D",
        "$V$P$D",
        "$V$X$O$D",
        "$V-> a\n\n-> b c d\n$L\n\n-> e\n$L\n$L\nYQ\n-> f\nYWE\n-> g\nYWFh\n$D",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        struct forge forge = {0};
        struct age_header header = {0};
        struct age_bytes out = {0};
        size_t from = 0;
        size_t end;

        forge_file(&forge, templates[i]);
        assert_int_equal(age_header_find_end(forge.file.data, forge.file.length, &from, &end, NULL),
                         LARDER_OK);
        assert_int_equal(end, forge.file.length);
        assert_int_equal(age_header_parse(&header, forge.file.data, forge.file.length, NULL),
                         LARDER_OK);
        assert_int_equal(age_header_write(&header, &out, NULL), LARDER_OK);
        assert_int_equal(age_header_write_mac(&header, &out, NULL), LARDER_OK);
        assert_int_equal(out.length, forge.file.length);
        assert_memory_equal(out.data, forge.file.data, out.length);
        age_bytes_free(&out);
        age_header_free(&header);
        forge_free(&forge);
    }
}

static void stanzas_are_parsed_into_arguments_and_body(void **state)
{
    struct age_header header = {0};
    struct forge forge = {0};

    (void)state;
    forge_file(&forge, "$V-> one two three\n$L\nYWdl\n-> four\n\n$D");
    assert_int_equal(age_header_parse(&header, forge.file.data, forge.file.length, NULL),
                     LARDER_OK);
    assert_int_equal(header.count, 2);
    assert_string_equal(header.stanzas[0].arguments, "one two three");
    assert_int_equal(header.stanzas[0].body_length, 51);
    assert_memory_equal(header.stanzas[0].body + 48, "age", 3);
    assert_string_equal(header.stanzas[1].arguments, "four");
    assert_int_equal(header.stanzas[1].body_length, 0);
    age_header_free(&header);
    forge_free(&forge);
}

static void the_end_of_a_header_is_found_as_bytes_come(void **state)
{
    struct forge forge = {0};
    size_t header;
    size_t from = 0;
    size_t end = 0;

    (void)state;
    forge_file(&forge, "$V$X-> grease\n$L\n\n$D");
    header = forge.file.length;
    forge_file(&forge, "$N$h");
    for (size_t length = 0; length < header; length++) {
        assert_int_equal(age_header_find_end(forge.file.data, length, &from, &end, NULL),
                         LARDER_OK);
        assert_int_equal(end, 0);
    }
    assert_int_equal(age_header_find_end(forge.file.data, forge.file.length, &from, &end, NULL),
                     LARDER_OK);
    assert_int_equal(end, header);
    forge_free(&forge);
}

static void what_is_no_age_file_is_refused_at_its_first_wrong_byte(void **state)
{
    size_t from = 0;
    size_t end;

    (void)state;
    assert_int_equal(
        age_header_find_end((const uint8_t *)"age-encryption.org/v1", 21, &from, &end, NULL),
        LARDER_OK);
    assert_int_equal(age_header_find_end((const uint8_t *)"ago", 3, &from, &end, NULL),
                     LARDER_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_that_of_the_standard),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(a_header_is_written_as_it_was_read),
        cmocka_unit_test(stanzas_are_parsed_into_arguments_and_body),
        cmocka_unit_test(the_end_of_a_header_is_found_as_bytes_come),
        cmocka_unit_test(what_is_no_age_file_is_refused_at_its_first_wrong_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
