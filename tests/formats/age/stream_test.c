#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/forge.h"

static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 1 << 20};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static struct age_recipients *passphrase_recipient(const char *passphrase)
{
    struct age_recipients *recipients = age_recipients_new();

    assert_int_equal(age_recipients_add_passphrase(recipients, passphrase, strlen(passphrase),
                                                   FORGE_WORK_FACTOR, NULL),
                     LARDER_OK);
    return recipients;
}

static void round_trip(const struct age_recipients *recipients, struct age_identities *identities,
                       bool armored)
{
    static const size_t steps[] = {1 << 20, 65536, 1009};

    for (size_t i = 0; i < SIZES; i++) {
        uint8_t *plain = forge_plaintext(sizes[i]);

        for (size_t j = 0; j < 3; j++) {
            struct larder_error error = {0};
            struct age_bytes sealed;
            struct age_bytes out;

            assert_int_equal(
                forge_encrypt(&sealed, recipients, armored, plain, sizes[i], steps[j], &error),
                LARDER_OK);
            assert_int_equal(forge_decrypt(&out, identities, armored, sealed.data, sealed.length,
                                           steps[2 - j], &error),
                             LARDER_OK);
            assert_int_equal(out.length, sizes[i]);
            if (out.length > 0)
                assert_memory_equal(out.data, plain, out.length);
            age_bytes_free(&sealed);
            age_bytes_free(&out);
        }
        free(plain);
    }
}

static void every_size_comes_back_for_recipients(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_identities *identities = forge_identities(1);

    (void)state;
    round_trip(recipients, identities, false);
    round_trip(recipients, identities, true);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void every_size_comes_back_for_a_passphrase(void **state)
{
    struct age_recipients *recipients = passphrase_recipient(FORGE_PASSPHRASE);
    struct age_identities *identities = forge_passphrase(FORGE_PASSPHRASE);

    (void)state;
    round_trip(recipients, identities, false);
    round_trip(recipients, identities, true);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void each_of_many_recipients_opens_the_file(void **state)
{
    enum { MANY = 7 };
    struct age_recipients *recipients = age_recipients_new();
    struct age_bytes sealed;
    struct age_bytes out;

    (void)state;
    for (int who = 1; who <= MANY; who++) {
        char text[AGE_RECIPIENT_SIZE];

        forge_recipient(text, who);
        assert_int_equal(age_recipients_add(recipients, text, strlen(text), NULL), LARDER_OK);
    }
    assert_int_equal(age_recipients_count(recipients), MANY);
    assert_int_equal(forge_encrypt(&sealed, recipients, false, "meal", 4, 4, NULL), LARDER_OK);
    for (int who = 1; who <= MANY + 1; who++) {
        struct age_identities *identities = forge_identities(who);
        struct larder_error error = {0};

        assert_int_equal(
            forge_decrypt(&out, identities, false, sealed.data, sealed.length, 10, &error),
            who <= MANY ? LARDER_OK : LARDER_NO_KEY);
        age_bytes_free(&out);
        age_identities_free(identities);
    }
    age_bytes_free(&sealed);
    age_recipients_free(recipients);
}

static void no_two_files_are_alike(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_bytes one;
    struct age_bytes two;
    size_t alike = 0;

    (void)state;
    assert_int_equal(forge_encrypt(&one, recipients, false, "meal", 4, 4, NULL), LARDER_OK);
    assert_int_equal(forge_encrypt(&two, recipients, false, "meal", 4, 4, NULL), LARDER_OK);
    assert_int_equal(one.length, two.length);
    for (size_t i = one.length - 36; i < one.length; i++)
        alike += one.data[i] == two.data[i];
    assert_true(alike < 18);
    age_bytes_free(&one);
    age_bytes_free(&two);
    age_recipients_free(recipients);
}

static void the_passphrase_is_written_with_work_factor_18(void **state)
{
    struct age_recipients *recipients = age_recipients_new();
    struct age_identities *identities = forge_passphrase("p");
    struct larder_error error = {0};
    struct age_bytes sealed;
    struct age_bytes out;

    (void)state;
    assert_int_equal(age_recipients_add_passphrase(recipients, "p", 1, 0, NULL), LARDER_OK);
    assert_int_equal(forge_encrypt(&sealed, recipients, false, "meal", 4, 4, NULL), LARDER_OK);
    assert_non_null(memmem(sealed.data, sealed.length, " 18\n", 4));
    assert_int_equal(forge_decrypt(&out, identities, false, sealed.data, sealed.length, 99, NULL),
                     LARDER_OK);
    age_bytes_free(&out);
    age_identities_limit_work(identities, 17);
    assert_int_equal(forge_decrypt(&out, identities, false, sealed.data, sealed.length, 99, &error),
                     LARDER_DAMAGED);
    assert_string_equal(error.message,
                        "header failure: the work factor of the scrypt stanza is above 17");
    age_bytes_free(&sealed);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void what_is_missing_to_open_a_file_is_told(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_recipients *passphrase = passphrase_recipient("right");
    struct age_identities *none = age_identities_new();
    struct age_identities *wrong = forge_passphrase("wrong");
    struct larder_error error = {0};
    struct age_bytes to_key;
    struct age_bytes to_passphrase;
    struct age_bytes out;
    char text[AGE_IDENTITY_SIZE];

    (void)state;
    forge_encrypt(&to_key, recipients, false, "meal", 4, 4, NULL);
    forge_encrypt(&to_passphrase, passphrase, false, "meal", 4, 4, NULL);
#define TELLS(identities, file, text)                                                              \
    do {                                                                                           \
        assert_int_equal(                                                                          \
            forge_decrypt(&out, identities, false, (file).data, (file).length, 9, &error),         \
            LARDER_NO_KEY);                                                                        \
        assert_string_equal(error.message, text);                                                  \
        assert_int_equal(out.length, 0);                                                           \
    } while (0)
    TELLS(none, to_key, "no match: it is encrypted to recipients, and no identity was given");
    TELLS(none, to_passphrase, "no match: it is encrypted with a passphrase, and none was given");
    TELLS(wrong, to_key, "no match: it is encrypted to recipients, and no identity was given");
    TELLS(wrong, to_passphrase, "no match: the passphrase does not open it");
    forge_identity(text, 2);
    age_identities_add(none, text, strlen(text), NULL);
    TELLS(none, to_key, "no match: the identity does not open it");
    forge_identity(text, 3);
    age_identities_add(none, text, strlen(text), NULL);
    TELLS(none, to_key, "no match: none of the 2 identities opens it");
#undef TELLS
    age_bytes_free(&to_key);
    age_bytes_free(&to_passphrase);
    age_recipients_free(recipients);
    age_recipients_free(passphrase);
    age_identities_free(none);
    age_identities_free(wrong);
}

struct prompt {
    const char *answer;
    int asked;
    enum larder_status status;
};

static enum larder_status answer(void *context, char *passphrase, size_t *length,
                                 struct larder_error *error)
{
    struct prompt *prompt = context;

    prompt->asked++;
    *length = strlen(prompt->answer);
    memcpy(passphrase, prompt->answer, *length);
    return prompt->status == LARDER_OK
               ? LARDER_OK
               : larder_fail(error, prompt->status, "the prompt was interrupted");
}

static void a_passphrase_is_asked_for_only_where_it_is_needed(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_recipients *passphrase = passphrase_recipient("right");
    struct age_identities *identities = forge_identities(1);
    struct prompt prompt = {"wrong", 0, LARDER_OK};
    struct larder_error error = {0};
    struct age_bytes to_key;
    struct age_bytes to_passphrase;
    struct age_bytes out;

    (void)state;
    forge_encrypt(&to_key, recipients, false, "meal", 4, 4, NULL);
    forge_encrypt(&to_passphrase, passphrase, false, "meal", 4, 4, NULL);
    age_identities_ask(identities, answer, &prompt);
#define OPENS(file, status_expected, asked_expected)                                               \
    do {                                                                                           \
        assert_int_equal(                                                                          \
            forge_decrypt(&out, identities, false, (file).data, (file).length, 999, &error),       \
            status_expected);                                                                      \
        assert_int_equal(prompt.asked, asked_expected);                                            \
        age_bytes_free(&out);                                                                      \
    } while (0)
    OPENS(to_key, LARDER_OK, 0);
    OPENS(to_passphrase, LARDER_NO_KEY, 1);
    prompt.answer = "";
    OPENS(to_passphrase, LARDER_NO_KEY, 2);
    assert_string_equal(error.message,
                        "no match: it is encrypted with a passphrase, and none was given");
    prompt.status = LARDER_INTERRUPTED;
    OPENS(to_passphrase, LARDER_INTERRUPTED, 3);
    prompt = (struct prompt){"right", 3, LARDER_OK};
    OPENS(to_passphrase, LARDER_OK, 4);
    /* It is kept. */
    OPENS(to_passphrase, LARDER_OK, 4);
#undef OPENS
    age_bytes_free(&to_key);
    age_bytes_free(&to_passphrase);
    age_recipients_free(recipients);
    age_recipients_free(passphrase);
    age_identities_free(identities);
}

static void encrypting_to_nobody_is_wrong_usage(void **state)
{
    static const uint8_t zero[AGE_KEY_SIZE];
    struct age_recipients *recipients = age_recipients_new();
    struct larder_error error = {0};
    struct age_bytes out;
    char text[AGE_RECIPIENT_SIZE];

    (void)state;
    assert_int_equal(forge_encrypt(&out, recipients, false, "meal", 4, 4, &error), LARDER_USAGE);
    assert_int_equal(out.length, 0);
    /* A recipient of low order: anyone could open the file. */
    age_bech32_encode(text, "age", zero, AGE_KEY_SIZE);
    assert_int_equal(age_recipients_add(recipients, text, strlen(text), NULL), LARDER_OK);
    assert_int_equal(forge_encrypt(&out, recipients, false, "meal", 4, 4, &error), LARDER_USAGE);
    assert_int_equal(out.length, 0);
    age_recipients_free(recipients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_comes_back_for_recipients),
        cmocka_unit_test(every_size_comes_back_for_a_passphrase),
        cmocka_unit_test(each_of_many_recipients_opens_the_file),
        cmocka_unit_test(no_two_files_are_alike),
        cmocka_unit_test(the_passphrase_is_written_with_work_factor_18),
        cmocka_unit_test(what_is_missing_to_open_a_file_is_told),
        cmocka_unit_test(a_passphrase_is_asked_for_only_where_it_is_needed),
        cmocka_unit_test(encrypting_to_nobody_is_wrong_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
