/*
 * Armor that is malformed or unusual, as refusal_test.c has it for what is inside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/age/armor.h"
#include "tests/formats/age/classes.h"

/* The text of an armored file in which `find` is replaced once. @ stands for the first line of
 * data, % for the last one. */
static const struct {
    const char *what;
    const char *find;
    const char *replace;
    const char *class;
} armors[] = {
    {"armor as it should be", "", "", OK},
    {"CRLF after the first line", "-\n@", "-\r\n@", OK},
    {"CRLF after a line of data", "@\n", "@\r\n", OK},
    {"white space around", "-----BEGIN", "\n\r  \t\n-----BEGIN", OK},
    {"white space after", "FILE-----\n$", "FILE-----\n\r\n \t\n", OK},
    {"no line feed at the end", "FILE-----\n$", "FILE-----", OK},
    {"a space before the first line", "-----BEGIN", " -----BEGIN", OK},
    {"spaces after the last line", "FILE-----\n$", "FILE-----  \n", OK},
    {"armor within which nothing is", "-\n^", "-\n-----END AGE ENCRYPTED FILE-----\n", HEADER},
    {"text before", "-----BEGIN", "text\n-----BEGIN", ARMOR},
    {"text before, on the line", "-----BEGIN", "x-----BEGIN", ARMOR},
    {"text after", "FILE-----\n$", "FILE-----\ntext\n", ARMOR},
    {"text after, on the line", "FILE-----\n$", "FILE-----x\n", ARMOR},
    {"a control character after", "FILE-----\n$", "FILE-----\n\x01", ARMOR},
    {"a vertical tab after", "FILE-----\n$", "FILE-----\n\v", ARMOR},
    {"a second armor after", "FILE-----\n$", "FILE-----\n" AGE_ARMOR_BEGIN "\n", ARMOR},
    {"a first line in lower case", "BEGIN AGE ENCRYPTED FILE", "begin age encrypted file", ARMOR},
    {"another label", "BEGIN AGE ENCRYPTED FILE", "BEGIN AGE ENCRYPTED DATA", ARMOR},
    {"spaces inside the first line", "-----BEGIN AGE ENCRYPTED FILE-----",
     "----- BEGIN AGE ENCRYPTED FILE -----", ARMOR},
    {"a space after the first line", "-----\n@", "----- \n@", ARMOR},
    {"six dashes", "-----BEGIN", "------BEGIN", ARMOR},
    {"four dashes", "-----BEGIN", "----BEGIN", ARMOR},
    {"a last line of another label", "END AGE ENCRYPTED FILE", "END AGE ENCRYPTED DATA", ARMOR},
    {"a last line in lower case", "END AGE", "end age", ARMOR},
    {"a space before the last line", "-----END", " -----END", ARMOR},
    {"no last line", "-----END AGE ENCRYPTED FILE-----\n", "", ARMOR},
    {"a last line that is cut", "FILE-----\n$", "FILE----", ARMOR},
    {"no line feed before the last line", "%\n-----END", "%-----END", ARMOR},
    {"PEM headers", "-\n@", "-\nProc-Type: 4,ENCRYPTED\n\n@", ARMOR},
    {"an empty line at the start", "-\n@", "-\n\n@", ARMOR},
    {"an empty line in the middle", "@\n", "@\n\n", ARMOR},
    {"an empty line at the end", "\n-----END", "\n\n-----END", ARMOR},
    {"a space at the start of a line", "\n@", "\n @", ARMOR},
    {"a space at the end of a line", "@\n", "@ \n", ARMOR},
    {"a space at the end of the last line of data", "%\n", "% \n", ARMOR},
    {"two carriage returns", "@\n", "@\r\r\n", ARMOR},
    {"a carriage return alone as a line's end", "@\n", "@\r", ARMOR},
    {"two lines in one", "@\n", "@", ARMOR},
    {"a short line at the start", "YWdlLWVu", "YWdlLWVu\n", ARMOR},
    {"a line of 68 characters", "YWdlLWVu", "YWdlYWdlLWVu", ARMOR},
    {"a character that is none of base64's", "YWdlLWVu", "YWdl!WVu", ARMOR},
    {"base64url", "YWdlLWVu", "YWdl-WVu", ARMOR},
    {"padding in the middle", "YWdlLWVu", "YWdlLWV=", ARMOR},
    {"no padding", "==\n", "\n", ARMOR},
    {"too little padding", "==\n", "=\n", ARMOR},
    {"too much padding", "==\n", "===\n", ARMOR},
    {"padding on a line of its own", "==\n", "=\n=\n", ARMOR},
    {"a PGP checksum", "\n-----END", "\n=AAAA\n-----END", ARMOR},
    {"a line of data after the short one", "\n-----END", "\nYWdl\n-----END", ARMOR},
};

/* Writes the lines that @ and % stand for into a row's text, and $ and ^ for the end. */
static char *expand(const char *text, const char *armored)
{
    const char *first = strchr(armored, '\n') + 1;
    const char *end = strstr(armored, "\n-----END");
    const char *last = end;
    struct age_bytes out = {0};

    while (last[-1] != '\n')
        last--;
    for (; *text != '\0'; text++) {
        if (*text == '@')
            age_bytes_add(&out, first, (size_t)(strchr(first, '\n') - first));
        else if (*text == '%')
            age_bytes_add(&out, last, (size_t)(end - last));
        else if (*text == '^')
            age_bytes_add(&out, first, strlen(first));
        else if (*text != '$')
            age_bytes_add(&out, text, 1);
    }
    age_bytes_add(&out, "", 1);
    return (char *)out.data;
}

/* The last place, for a text that is to be found at the end. */
static char *find(char *text, const char *what, bool at_end)
{
    return at_end ? text + strlen(text) - strlen(what) : strstr(text, what);
}

static void check_armor(size_t row, const char *armored, const char *plain)
{
    char *what = expand(armors[row].find, armored);
    char *by = expand(armors[row].replace, armored);
    char *text = strdup(armored);
    char *at = find(text, what, strchr(armors[row].find, '$') != NULL);
    struct age_identities *identities = credentials();
    struct age_bytes changed = {0};

    assert_non_null(at);
    assert_int_equal(strncmp(at, what, strlen(what)), 0);
    age_bytes_add(&changed, text, (size_t)(at - text));
    age_bytes_add(&changed, by, strlen(by));
    age_bytes_add(&changed, at + strlen(what), strlen(at + strlen(what)));
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
    free(text);
    free(what);
    free(by);
}

static char *armor(const uint8_t *bytes, size_t length)
{
    struct forge_sink sink;
    struct stage *stage;

    forge_sink_init(&sink);
    assert_int_equal(age_armor_new(&stage, &sink.stage, NULL), LARDER_OK);
    assert_int_equal(forge_run(stage, bytes, length, 10, NULL), LARDER_OK);
    age_bytes_add(&sink.bytes, "", 1);
    return (char *)sink.bytes.data;
}

/* A file whose armor needs the two characters of padding, as several rows do. */
static void forge_with_padding(struct forge *found)
{
    for (int letters = 0; letters < 3; letters++) {
        struct forge forge = {0};
        char text[64];

        snprintf(text, sizeof(text), "$V-> grease%.*s\n\n$X$D$N$h", letters, "abc");
        forge_file(&forge, text);
        if (forge.file.length % 3 == 1) {
            *found = forge;
            return;
        }
        forge_free(&forge);
    }
    fail_msg("no length fits");
}

static void armor_is_taken_exactly_where_the_format_says_so(void **state)
{
    struct forge forge = {0};
    char *armored;

    (void)state;
    forge_with_padding(&forge);
    armored = armor(forge.file.data, forge.file.length);
    for (size_t i = 0; i < sizeof(armors) / sizeof(armors[0]); i++)
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
    armored = armor(forge.file.data, forge.file.length);
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
    armored = armor(forge.file.data, forge.file.length);
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
    armored = armor(forge.file.data, forge.file.length);
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
    armored = armor(forge.file.data, forge.file.length);
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
