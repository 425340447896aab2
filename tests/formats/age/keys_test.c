#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/forge.h"

/* The example in the format's specification: 32 bytes of 0x42. */
#define IDENTITY "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
#define RECIPIENT "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

static void an_identity_gives_the_recipient_of_the_specification(void **state)
{
    struct age_identities *identities = age_identities_new();
    char recipient[AGE_RECIPIENT_SIZE];
    char identity[AGE_IDENTITY_SIZE];
    uint8_t scalar[AGE_KEY_SIZE];

    (void)state;
    assert_int_equal(age_identities_add(identities, IDENTITY, strlen(IDENTITY), NULL), LARDER_OK);
    assert_int_equal(age_identities_count(identities), 1);
    age_identities_recipient(identities, 0, recipient);
    assert_string_equal(recipient, RECIPIENT);
    memset(scalar, 0x42, sizeof(scalar));
    age_bech32_encode(identity, "AGE-SECRET-KEY-", scalar, sizeof(scalar));
    assert_string_equal(identity, IDENTITY);
    age_identities_free(identities);
}

static void what_is_no_recipient_is_wrong_usage(void **state)
{
    static const char *const wrong[] = {
        "",
        "age1",
        "age",
        /* a character wrong, left out, added; another case; a mix; another prefix; spaces */
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwjq",
        "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ",
        "age1Zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        "agf1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        " age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj ",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnub1o",
        /* the four bits left over are not zero, with a right checksum; Bech32m */
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73epp9g8nq",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73eqf0v7ts",
        "age1pq1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN",
        IDENTITY,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct age_recipients *recipients = age_recipients_new();
        struct larder_error error = {0};

        if (age_recipients_add(recipients, wrong[i], strlen(wrong[i]), &error) != LARDER_USAGE)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(age_recipients_count(recipients), 0);
        age_recipients_free(recipients);
    }
}

static void what_is_no_identity_is_wrong_usage_and_never_repeated(void **state)
{
    static const char *const wrong[] = {
        "",
        "AGE-SECRET-KEY-1",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEQ",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAE",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPq4EGAEX",
        "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
        "AGE-SECRET-KEY-PQ-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        "AGE-PLUGIN-YUBIKEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        RECIPIENT,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct age_identities *identities = age_identities_new();
        struct larder_error error = {0};

        if (age_identities_add(identities, wrong[i], strlen(wrong[i]), &error) != LARDER_USAGE)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(age_identities_count(identities), 0);
        assert_null(strstr(error.message, "GFPYY"));
        assert_null(strstr(error.hint, "GFPYY"));
        age_identities_free(identities);
    }
}

/* Bech32 finds every change of up to four characters; one is tried at each place. */
static void a_recipient_with_one_character_changed_is_refused(void **state)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    struct age_recipients *recipients = age_recipients_new();

    (void)state;
    for (size_t i = 4; i < strlen(RECIPIENT); i++)
        for (const char *c = alphabet; *c != '\0'; c++) {
            char text[] = RECIPIENT;

            text[i] = *c;
            assert_int_equal(age_recipients_add(recipients, text, strlen(text), NULL),
                             *c == RECIPIENT[i] ? LARDER_OK : LARDER_USAGE);
        }
    assert_int_equal(age_recipients_count(recipients), 1);
    age_recipients_free(recipients);
}

static void a_recipients_file_has_comments_and_empty_lines(void **state)
{
    static const char file[] =
        "# operator\n" RECIPIENT "\n\n#\n# again, with CRLF\r\n" RECIPIENT "\r\n\r\n";
    struct age_recipients *recipients = age_recipients_new();
    char other[AGE_RECIPIENT_SIZE];

    (void)state;
    assert_int_equal(age_recipients_add_file(recipients, file, strlen(file), NULL), LARDER_OK);
    assert_int_equal(age_recipients_count(recipients), 1);
    forge_recipient(other, 2);
    assert_int_equal(age_recipients_add_file(recipients, other, strlen(other), NULL), LARDER_OK);
    assert_int_equal(age_recipients_count(recipients), 2);
    age_recipients_free(recipients);
}

static void the_line_that_is_wrong_is_named(void **state)
{
    struct age_recipients *recipients = age_recipients_new();
    struct age_identities *identities = age_identities_new();
    struct larder_error error = {0};
    static const char wrong[] = "# a comment\n" RECIPIENT "\nage1typo\n";
    static const char secret[] = "# a comment\n" IDENTITY "\n";
    static const char public[] = IDENTITY "\n\n" RECIPIENT "\n";

    (void)state;
    assert_int_equal(age_recipients_add_file(recipients, wrong, strlen(wrong), &error),
                     LARDER_USAGE);
    assert_string_equal(error.message, "line 3: this is no X25519 recipient of age");
    assert_int_equal(age_recipients_add_file(recipients, secret, strlen(secret), &error),
                     LARDER_USAGE);
    assert_string_equal(error.message,
                        "line 2: this is an identity, which is secret, and not a recipient");
    assert_int_equal(age_identities_add_file(identities, public, strlen(public), &error),
                     LARDER_USAGE);
    assert_string_equal(error.message, "line 3: this is a recipient, and not an identity");
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void a_key_file_without_keys_is_refused(void **state)
{
    static const char *const files[] = {"", "\n", "# only a comment\n", "#", "\r\n"};
    struct age_recipients *recipients = age_recipients_new();
    struct age_identities *identities = age_identities_new();
    struct larder_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_int_equal(age_recipients_add_file(recipients, files[i], strlen(files[i]), &error),
                         LARDER_USAGE);
        assert_string_equal(error.message, "there is no recipient in it");
        assert_int_equal(age_identities_add_file(identities, files[i], strlen(files[i]), &error),
                         LARDER_USAGE);
        assert_string_equal(error.message, "there is no identity in it");
    }
    assert_int_equal(age_identities_add_file(identities, "age-encryption.org/v1\n", 22, &error),
                     LARDER_USAGE);
    assert_string_equal(error.message, "it is encrypted itself: decrypt it first");
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void a_key_of_another_kind_is_told_as_such(void **state)
{
    static const char *const recipients[] = {"ssh-ed25519 AAAA", "ssh-rsa AAAA", "age1pq1qq",
                                             "age1yubikey1qq"};
    static const char *const identities[] = {"AGE-PLUGIN-YUBIKEY-1QQ", "AGE-SECRET-KEY-PQ-1QQ",
                                             "-----BEGIN OPENSSH PRIVATE KEY-----"};
    struct age_recipients *to = age_recipients_new();
    struct age_identities *with = age_identities_new();
    struct larder_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++) {
        assert_int_equal(age_recipients_add(to, recipients[i], strlen(recipients[i]), &error),
                         LARDER_USAGE);
        assert_string_equal(error.message,
                            "this is no X25519 recipient of age, but one of another kind");
    }
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        assert_int_equal(age_identities_add(with, identities[i], strlen(identities[i]), &error),
                         LARDER_USAGE);
        assert_string_equal(error.message,
                            "this is no X25519 identity of age, but one of another kind");
    }
    age_recipients_free(to);
    age_identities_free(with);
}

/* Encrypts a key file, as age -p does, with little work. */
static struct age_bytes protect(const char *text, bool armored)
{
    struct age_recipients *recipients = age_recipients_new();
    struct age_bytes sealed = {0};

    assert_int_equal(age_recipients_add_passphrase(recipients, FORGE_PASSPHRASE,
                                                   strlen(FORGE_PASSPHRASE), 4, NULL),
                     LARDER_OK);
    assert_int_equal(
        forge_encrypt(&sealed, recipients, armored, text, strlen(text), strlen(text), NULL),
        LARDER_OK);
    age_recipients_free(recipients);
    return sealed;
}

static void
a_key_file_that_is_encrypted_opens_with_its_passphrase_and_within_its_limit(void **state)
{
    static const char text[] = "# a comment\n" IDENTITY "\n";
    const size_t length = strlen(text);

    (void)state;
    for (int armored = 0; armored < 2; armored++) {
        struct age_bytes sealed = protect(text, armored == 1);
        struct age_identities *right = forge_passphrase(FORGE_PASSPHRASE);
        struct age_identities *wrong = forge_passphrase("another");
        const char *from = (const char *)sealed.data;
        struct larder_error error = {0};
        char plain[256];
        size_t size;

        assert_true(age_is_protected(from, sealed.length));
        assert_int_equal(
            age_open_protected(right, from, sealed.length, plain, length, &size, &error),
            LARDER_OK);
        assert_int_equal(size, length);
        assert_memory_equal(plain, text, length);
        assert_int_equal(
            age_open_protected(right, from, sealed.length, plain, length - 1, &size, &error),
            LARDER_USAGE);
        assert_int_equal(
            age_open_protected(wrong, from, sealed.length, plain, length, &size, &error),
            LARDER_NO_KEY);
        assert_int_equal(
            age_open_protected(right, from, sealed.length / 2, plain, length, &size, &error),
            LARDER_DAMAGED);
        age_identities_free(right);
        age_identities_free(wrong);
        age_bytes_free(&sealed);
    }
    assert_false(age_is_protected(text, length));
}

static void a_new_key_is_in_age_keygens_format_and_another_each_time(void **state)
{
    char *file = age_secret_new(AGE_KEY_FILE_SIZE);
    struct age_identities *identities = age_identities_new();
    char recipients[2][AGE_RECIPIENT_SIZE];
    char text[AGE_RECIPIENT_SIZE];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *created = "# created: 2026-01-26T02:00:00Z\n# public key: age1";

        assert_int_equal(age_keygen("2026-01-26T02:00:00Z", file, recipients[i], NULL), LARDER_OK);
        assert_int_equal(strncmp(file, created, strlen(created)), 0);
        assert_non_null(strstr(file, "\nAGE-SECRET-KEY-1"));
        assert_int_equal(file[strlen(file) - 1], '\n');
        assert_int_equal(age_identities_add_file(identities, file, strlen(file), NULL), LARDER_OK);
        age_identities_recipient(identities, i, text);
        assert_string_equal(text, recipients[i]);
    }
    assert_string_not_equal(recipients[0], recipients[1]);
    age_secret_free(file);
    age_identities_free(identities);
}

static void a_passphrase_stands_alone_and_is_not_empty(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_recipients *alone = age_recipients_new();
    char *endless = calloc(1, AGE_PASSPHRASE_LIMIT + 1);

    (void)state;
    assert_int_equal(age_recipients_add_passphrase(recipients, "p", 1, 1, NULL), LARDER_USAGE);
    assert_int_equal(age_recipients_add_passphrase(alone, "", 0, 1, NULL), LARDER_USAGE);
    assert_int_equal(
        age_recipients_add_passphrase(alone, endless, AGE_PASSPHRASE_LIMIT + 1, 1, NULL),
        LARDER_USAGE);
    assert_int_equal(age_recipients_add_passphrase(alone, "p", 1, 23, NULL), LARDER_USAGE);
    assert_int_equal(age_recipients_add_passphrase(alone, "p", 1, -1, NULL), LARDER_USAGE);
    assert_int_equal(age_recipients_add_passphrase(alone, "p", 1, 1, NULL), LARDER_OK);
    assert_int_equal(age_recipients_add_passphrase(alone, "q", 1, 1, NULL), LARDER_USAGE);
    assert_int_equal(age_recipients_add(alone, RECIPIENT, strlen(RECIPIENT), NULL), LARDER_USAGE);
    age_recipients_free(recipients);
    age_recipients_free(alone);
    free(endless);
}

static void a_passphrase_file_is_one_line(void **state)
{
    static const struct {
        const char *text;
        enum larder_status status;
        size_t length;
    } files[] = {
        {"secret", LARDER_OK, 6},      {"secret\n", LARDER_OK, 6},   {"secret\r\n", LARDER_OK, 6},
        {" s p ", LARDER_OK, 5},       {"", LARDER_USAGE, 0},        {"\n", LARDER_USAGE, 0},
        {"one\ntwo", LARDER_USAGE, 0}, {"one\n\n", LARDER_USAGE, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t length;

        assert_int_equal(age_passphrase_length(files[i].text, strlen(files[i].text), &length, NULL),
                         files[i].status);
        if (files[i].status == LARDER_OK)
            assert_int_equal(length, files[i].length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_gives_the_recipient_of_the_specification),
        cmocka_unit_test(what_is_no_recipient_is_wrong_usage),
        cmocka_unit_test(what_is_no_identity_is_wrong_usage_and_never_repeated),
        cmocka_unit_test(a_recipient_with_one_character_changed_is_refused),
        cmocka_unit_test(a_recipients_file_has_comments_and_empty_lines),
        cmocka_unit_test(the_line_that_is_wrong_is_named),
        cmocka_unit_test(a_key_file_without_keys_is_refused),
        cmocka_unit_test(a_key_of_another_kind_is_told_as_such),
        cmocka_unit_test(
            a_key_file_that_is_encrypted_opens_with_its_passphrase_and_within_its_limit),
        cmocka_unit_test(a_new_key_is_in_age_keygens_format_and_another_each_time),
        cmocka_unit_test(a_passphrase_stands_alone_and_is_not_empty),
        cmocka_unit_test(a_passphrase_file_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
