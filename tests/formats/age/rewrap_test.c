/*
 * Other recipients for a file that exists, and what can be told of a file by its header alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/classes.h"

enum { SIZE = 70000 };

/* A file of SIZE bytes for identity 1. */
static struct input *new_file(struct age_bytes *sealed)
{
    struct age_recipients *recipients = forge_recipients(1);
    uint8_t *plain = forge_plaintext(SIZE);

    assert_int_equal(forge_encrypt(sealed, recipients, false, plain, SIZE, SIZE, NULL), LARDER_OK);
    age_recipients_free(recipients);
    free(plain);
    return forge_input_new(sealed->data, sealed->length);
}

static enum larder_status rewrap(struct input **input, int who, struct age_recipients *to,
                                 struct larder_error *error)
{
    struct age_identities *identities = forge_identities(who);
    enum larder_status status = age_rewrap(input, identities, to, *input, error);

    age_identities_free(identities);
    age_recipients_free(to);
    return status;
}

/* Reads the whole, in pieces of `step` bytes, and decrypts it. */
static enum larder_status open_all(struct input *input, struct age_identities *identities,
                                   size_t step, struct larder_error *error)
{
    size_t size = (size_t)input->size;
    uint8_t *bytes = malloc(size), *plain = forge_plaintext(SIZE);
    struct age_bytes out;
    enum larder_status status;

    for (size_t at = 0; at < size; at += step)
        assert_int_equal(
            input_read_at(input, at, bytes + at, size - at < step ? size - at : step, NULL),
            LARDER_OK);
    status = forge_decrypt(&out, identities, false, bytes, size, 999, error);
    if (status == LARDER_OK) {
        assert_int_equal(out.length, SIZE);
        assert_memory_equal(out.data, plain, SIZE);
    }
    age_bytes_free(&out);
    age_identities_free(identities);
    free(bytes);
    free(plain);
    return status;
}

static void a_file_with_other_recipients_opens_for_them_alone(void **state)
{
    struct larder_error error = {0};
    struct age_bytes sealed;
    struct input *input = new_file(&sealed);
    static const size_t steps[] = {1 << 20, 4096, 7};

    (void)state;
    assert_int_equal(rewrap(&input, 1, forge_recipients(2), &error), LARDER_OK);
    assert_int_equal(input->size, sealed.length);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        assert_int_equal(open_all(input, forge_identities(2), steps[i], &error), LARDER_OK);
    assert_class("the old identity", NO_MATCH, open_all(input, forge_identities(1), 4096, &error),
                 &error);
    input_close(input);
    age_bytes_free(&sealed);
}

static void a_header_may_become_longer_or_shorter(void **state)
{
    struct age_recipients *many = forge_recipients(2), *passphrase = age_recipients_new();
    struct larder_error error = {0};
    struct age_bytes sealed;
    struct input *input = new_file(&sealed);
    char text[AGE_RECIPIENT_SIZE];

    (void)state;
    forge_recipient(text, 3);
    age_recipients_add(many, text, strlen(text), NULL);
    age_recipients_add_passphrase(passphrase, FORGE_PASSPHRASE, strlen(FORGE_PASSPHRASE),
                                  FORGE_WORK_FACTOR, NULL);
    assert_int_equal(rewrap(&input, 1, many, &error), LARDER_OK);
    assert_true(input->size > sealed.length);
    assert_int_equal(open_all(input, forge_identities(3), 100, &error), LARDER_OK);
    /* What was rewrapped is a file like any other. */
    assert_int_equal(rewrap(&input, 3, passphrase, &error), LARDER_OK);
    assert_true(input->size < sealed.length);
    assert_int_equal(open_all(input, forge_passphrase(FORGE_PASSPHRASE), 100, &error), LARDER_OK);
    input_close(input);
    age_bytes_free(&sealed);
}

static void the_payload_stays_byte_for_byte(void **state)
{
    const size_t chunks = SIZE + 2 * AGE_TAG_SIZE;
    struct age_bytes sealed;
    struct input *input = new_file(&sealed);
    uint8_t *tail = malloc(chunks);

    (void)state;
    assert_int_equal(rewrap(&input, 1, forge_recipients(2), NULL), LARDER_OK);
    assert_int_equal(input_read_at(input, input->size - chunks, tail, chunks, NULL), LARDER_OK);
    assert_memory_equal(tail, sealed.data + sealed.length - chunks, chunks);
    assert_int_equal(input_read_at(input, input->size - 1, tail, 2, NULL), LARDER_DAMAGED);
    free(tail);
    input_close(input);
    age_bytes_free(&sealed);
}

static void only_who_opens_a_file_can_give_it_others(void **state)
{
    struct larder_error error = {0};
    struct age_bytes sealed;
    struct input *input = new_file(&sealed);
    uint8_t *header_end = memmem(sealed.data, sealed.length, "\n--- ", 5);

    (void)state;
    assert_class("another identity", NO_MATCH, rewrap(&input, 2, forge_recipients(2), &error),
                 &error);
    assert_int_equal(rewrap(&input, 1, age_recipients_new(), &error), LARDER_USAGE);
    /* A header that was changed is not made good by giving it a new MAC. */
    header_end[7] = header_end[7] == 'A' ? 'B' : 'A';
    assert_class("a changed header", HMAC_, rewrap(&input, 1, forge_recipients(2), &error), &error);
    input_close(input);
    age_bytes_free(&sealed);
}

static enum larder_status fits(struct input *input, struct age_identities *identities,
                               struct larder_error *error)
{
    enum larder_status status = age_fits(input, identities, error);

    age_identities_free(identities);
    return status;
}

static void the_header_alone_tells_whether_an_identity_fits(void **state)
{
    struct larder_error error = {0};
    struct age_bytes sealed;
    struct input *input = new_file(&sealed);

    (void)state;
    memset(sealed.data + sealed.length - 100, 0, 100);
    assert_int_equal(fits(input, forge_identities(1), &error), LARDER_OK);
    assert_class("another", NO_MATCH, fits(input, forge_identities(2), &error), &error);
    assert_class("none", NO_MATCH, fits(input, age_identities_new(), &error), &error);
    assert_true(((struct forge_input *)input)->read < AGE_SEALED_SIZE);
    input_close(input);
    age_bytes_free(&sealed);
}

static void a_file_is_known_by_its_beginning(void **state)
{
    static const struct {
        const char *bytes;
        bool encrypted;
    } files[] = {
        {"age-encryption.org/v1\n", true},
        {"age-encryption.org/v7", true},
        {"age-encryption.org/", true},
        {"age-encryption", true},
        {"a", true},
        {"", false},
        {"age-encryption.com/v1\n", false},
        {"RECOVERY.md", false},
        {"-----BEGIN AGE ENCRYPTED FILE-----", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct input *input = forge_input_new(files[i].bytes, strlen(files[i].bytes));
        bool encrypted;

        assert_int_equal(age_detect(input, &encrypted, NULL), LARDER_OK);
        if (encrypted != files[i].encrypted)
            fail_msg("\"%s\"", files[i].bytes);
        input_close(input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_with_other_recipients_opens_for_them_alone),
        cmocka_unit_test(a_header_may_become_longer_or_shorter),
        cmocka_unit_test(the_payload_stays_byte_for_byte),
        cmocka_unit_test(only_who_opens_a_file_can_give_it_others),
        cmocka_unit_test(the_header_alone_tells_whether_an_identity_fits),
        cmocka_unit_test(a_file_is_known_by_its_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
