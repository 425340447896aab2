/*
 * A small encrypted archive that was changed in any one bit, cut at any length, or put together
 * anew without its keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/forge.h"
#include "tests/formats/damaged.h"
#include "tests/formats/sample.h"

/* Encrypts the archive of the first sample table to identity 1. */
static void make_encrypted(struct age_bytes *sealed)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct buffer archive = {0};

    manifest_free(sample_archive(1, &archive));
    assert_int_equal(forge_encrypt(sealed, recipients, false, archive.bytes, archive.length,
                                   archive.length, NULL),
                     LARDER_OK);
    age_recipients_free(recipients);
    buffer_free(&archive);
}

/* Opens it as verify and restore do, and checks it to its last row. */
static enum larder_status check(struct age_identities *identities, const uint8_t *bytes,
                                size_t length, struct larder_error *error)
{
    struct input *sealed = forge_input_new(bytes, length), *plain;
    enum larder_status status = age_input_open(&plain, identities, sealed, error);
    size_t size;
    uint8_t *archive;

    if (status != LARDER_OK) {
        input_close(sealed);
        return status;
    }
    size = (size_t)plain->size;
    archive = malloc(size + 1);
    status = input_read_at(plain, 0, archive, size, error);
    if (status == LARDER_OK)
        status = sample_check(archive, size, error);
    free(archive);
    input_close(plain);
    return status;
}

static void check_refused(struct age_identities *identities, const uint8_t *bytes, size_t length,
                          const char *what, size_t which)
{
    struct larder_error error = {0};
    enum larder_status status = check(identities, bytes, length, &error);

    if ((status != LARDER_DAMAGED && status != LARDER_NO_KEY) || error.message[0] == '\0')
        fail_msg("%s %zu: status %d, \"%s\"", what, which, (int)status, error.message);
}

static void every_flipped_bit_is_refused(void **state)
{
    struct age_identities *identities = forge_identities(1);
    struct age_bytes sealed;
    size_t found = 0;

    (void)state;
    make_encrypted(&sealed);
    assert_int_equal(check(identities, sealed.data, sealed.length, NULL), LARDER_OK);
    for (size_t bit = 0; bit < sealed.length * 8; bit += damaged_step(), found++) {
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_refused(identities, sealed.data, sealed.length, "bit", bit);
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    damaged_found(found, "flipped bits", sealed.length);
    age_bytes_free(&sealed);
    age_identities_free(identities);
}

static void every_truncation_is_refused(void **state)
{
    struct age_identities *identities = forge_identities(1);
    struct age_bytes sealed;
    size_t found = 0;

    (void)state;
    make_encrypted(&sealed);
    for (size_t length = 0; length < sealed.length; length += damaged_step(), found++)
        check_refused(identities, sealed.data, length, "length", length);
    damaged_found(found, "truncations", sealed.length);
    age_bytes_free(&sealed);
    age_identities_free(identities);
}

/* Who has the recipient can encrypt anything, and still not what passes for an archive by itself. */
static void an_archive_that_was_damaged_before_is_refused(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_identities *identities = forge_identities(1);
    struct buffer archive = {0};

    (void)state;
    manifest_free(sample_archive(1, &archive));
    for (size_t at = 0; at < archive.length; at += 97) {
        struct larder_error error = {0};
        struct age_bytes sealed;

        archive.bytes[at] ^= 1;
        forge_encrypt(&sealed, recipients, false, archive.bytes, archive.length, archive.length,
                      NULL);
        archive.bytes[at] ^= 1;
        assert_int_equal(check(identities, sealed.data, sealed.length, &error), LARDER_DAMAGED);
        age_bytes_free(&sealed);
    }
    buffer_free(&archive);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(an_archive_that_was_damaged_before_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
