#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "tests/formats/age/forge.h"

static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 1 << 20, 40 * 65536 + 17};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct reads {
    struct input *input;
    const uint8_t *plain;
    unsigned seed;
    bool wrong;
};

static void *read_at_random(void *argument)
{
    struct reads *reads = argument;
    size_t size = (size_t)reads->input->size;
    uint8_t *buffer = malloc(size + 1);

    for (int i = 0; i < 60 && !reads->wrong; i++) {
        size_t offset = (size_t)rand_r(&reads->seed) % (size + 1);
        size_t length = (size_t)rand_r(&reads->seed) % (size - offset + 1);

        if (i % 2 == 0 && length > 300)
            length %= 300;
        reads->wrong = input_read_at(reads->input, offset, buffer, length, NULL) != LARDER_OK ||
                       memcmp(buffer, reads->plain + offset, length) != 0;
    }
    free(buffer);
    return NULL;
}

/* `piece` as of the ciphertext: 0 for a file, INPUT_FAR_PIECE for what answers each read with a delay. */
static struct input *open_sealed(const struct age_bytes *sealed, size_t piece)
{
    struct age_identities *identities = forge_identities(1);
    struct input *input = forge_input_new(sealed->data, sealed->length);
    struct larder_error error = {0};

    input->piece = piece;
    assert_int_equal(age_input_open(&input, identities, input, &error), LARDER_OK);
    age_identities_free(identities);
    return input;
}

static void any_place_can_be_read_by_several_threads(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);

    (void)state;
    for (size_t i = 0; i < 2 * SIZES; i++) {
        size_t size = sizes[i / 2];
        uint8_t *plain = forge_plaintext(size);
        struct age_bytes sealed;
        struct reads reads[3];
        pthread_t threads[3];
        struct input *input;

        assert_int_equal(forge_encrypt(&sealed, recipients, false, plain, size, 99999, NULL),
                         LARDER_OK);
        input = open_sealed(&sealed, i % 2 == 0 ? 0 : INPUT_FAR_PIECE);
        assert_int_equal(input->size, size);
        for (unsigned t = 0; t < 3; t++) {
            reads[t] = (struct reads){input, plain, t + 1, false};
            pthread_create(&threads[t], NULL, read_at_random, &reads[t]);
        }
        for (int t = 0; t < 3; t++)
            pthread_join(threads[t], NULL);
        for (int t = 0; t < 3; t++)
            assert_false(reads[t].wrong);
        assert_int_equal(input_read_at(input, size, plain, 1, NULL), LARDER_DAMAGED);
        input_close(input);
        age_bytes_free(&sealed);
        free(plain);
    }
    age_recipients_free(recipients);
}

/* The test's input is counted on its way into the plaintext's, which owns it. */
static void only_the_chunks_that_are_needed_are_read(void **state)
{
    struct age_recipients *recipients = forge_recipients(1);
    struct age_identities *identities = forge_identities(1);
    uint8_t *plain = forge_plaintext(1 << 22);
    struct forge_input *counted;
    struct age_bytes sealed;
    struct input *input;
    uint8_t buffer[4];

    (void)state;
    forge_encrypt(&sealed, recipients, false, plain, 1 << 22, 1 << 22, NULL);
    counted = (struct forge_input *)forge_input_new(sealed.data, sealed.length);
    assert_int_equal(age_input_open(&input, identities, &counted->input, NULL), LARDER_OK);
    assert_true(counted->read < 2 * AGE_SEALED_SIZE);
    counted->read = 0;
    assert_int_equal(input_read_at(input, 3 * AGE_CHUNK_SIZE - 2, buffer, 2, NULL), LARDER_OK);
    assert_int_equal(counted->read, AGE_SEALED_SIZE);
    counted->read = 0;
    assert_int_equal(input_read_at(input, 3 * AGE_CHUNK_SIZE - 2, buffer, 4, NULL), LARDER_OK);
    assert_int_equal(counted->read, 2 * AGE_SEALED_SIZE);
    assert_memory_equal(buffer, plain + 3 * AGE_CHUNK_SIZE - 2, 4);
    input_close(input);
    age_bytes_free(&sealed);
    free(plain);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void a_chunk_that_was_changed_is_refused_when_it_is_read(void **state)
{
    static const uint8_t zero[AGE_CHUNK_SIZE];
    struct age_recipients *recipients = forge_recipients(1);
    uint8_t *plain = forge_plaintext(4 * AGE_CHUNK_SIZE);
    uint8_t *buffer = malloc(4 * AGE_CHUNK_SIZE);
    struct larder_error error = {0};
    struct age_bytes sealed;
    struct input *input;

    (void)state;
    forge_encrypt(&sealed, recipients, false, plain, 4 * AGE_CHUNK_SIZE, 1 << 20, NULL);
    sealed.data[sealed.length - 3 * AGE_SEALED_SIZE + 5] ^= 1;
    input = open_sealed(&sealed, 0);
    assert_int_equal(input_read_at(input, 0, buffer, AGE_CHUNK_SIZE, NULL), LARDER_OK);
    memset(buffer, 'x', 4 * AGE_CHUNK_SIZE);
    assert_int_equal(input_read_at(input, 0, buffer, 4 * AGE_CHUNK_SIZE, &error), LARDER_DAMAGED);
    assert_string_equal(error.message, "payload failure: a chunk is not authentic");
    /* Nothing of it may be left in the caller's buffer. */
    assert_memory_equal(buffer + AGE_CHUNK_SIZE, zero, AGE_CHUNK_SIZE);
    assert_int_equal(input_read_at(input, 2 * AGE_CHUNK_SIZE, buffer, AGE_CHUNK_SIZE, NULL),
                     LARDER_OK);
    input_close(input);
    age_bytes_free(&sealed);
    free(plain);
    free(buffer);
    age_recipients_free(recipients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_place_can_be_read_by_several_threads),
        cmocka_unit_test(only_the_chunks_that_are_needed_are_read),
        cmocka_unit_test(a_chunk_that_was_changed_is_refused_when_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
