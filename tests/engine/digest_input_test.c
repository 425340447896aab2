#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "engine/digest_input.h"
#include "tests/formats/memory.h"

enum { SIZE = 3 * 1024 * 1024 + 7, PIECE = 100 * 1000, PIECES = SIZE / PIECE + 1 };

/* Counts what is read of it. */
struct counted_input {
    struct input input;
    const uint8_t *bytes;
    _Atomic uint64_t read;
    uint64_t slow_at; /* the offset that is slow to read */
};

static uint8_t bytes[SIZE];
static char expected[SHA256_HEX];
static volatile sig_atomic_t stop_signal;

static enum larder_status counted_read(struct input *input, uint64_t offset, void *buffer,
                                       size_t length, struct larder_error *error)
{
    struct counted_input *counted = (struct counted_input *)input;

    (void)error;
    if (counted->slow_at != 0 && counted->slow_at == offset)
        usleep(20000);
    memcpy(buffer, counted->bytes + offset, length);
    counted->read += length;
    return LARDER_OK;
}

static void counted_close(struct input *input)
{
    (void)input;
}

static const struct input_ops counted_ops = {counted_read, counted_close};

static int fill(void **state)
{
    uint8_t digest[SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    if (sha256_of(bytes, SIZE, digest, NULL) != LARDER_OK)
        return -1;
    sha256_to_hex(digest, expected);
    return 0;
}

static struct digest_input *open_on(struct counted_input *counted, struct input **input,
                                    bool is_near, const struct larder_run *run)
{
    struct digest_input *digest;

    *counted = (struct counted_input){.input = {.ops = &counted_ops, .size = SIZE}, .bytes = bytes};
    *input = &counted->input;
    assert_int_equal(digest_input_open(&digest, input, is_near, run, NULL), LARDER_OK);
    assert_int_equal((*input)->size, SIZE);
    return digest;
}

static void assert_digest(struct digest_input *digest)
{
    char found[SHA256_HEX];

    assert_int_equal(digest_input_end(digest, found, NULL), LARDER_OK);
    assert_string_equal(found, expected);
}

static void read_piece(struct input *input, size_t piece)
{
    uint8_t buffer[PIECE];
    size_t at = piece * PIECE;

    assert_int_equal(input_read_at(input, at, buffer, SIZE - at < PIECE ? SIZE - at : PIECE, NULL),
                     LARDER_OK);
    assert_memory_equal(buffer, bytes + at, SIZE - at < PIECE ? SIZE - at : PIECE);
}

static void what_was_read_from_the_beginning_on_is_not_read_again(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct input *input;
    struct digest_input *digest = open_on(&counted, &input, false, &run);

    (void)state;
    for (size_t i = 0; i < PIECES / 2; i++)
        read_piece(input, i);
    assert_digest(digest);
    assert_int_equal(counted.read, SIZE);
    input_close(input);
}

static void what_overlaps_or_was_left_out_is_digested_once(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct input *input;
    struct digest_input *digest = open_on(&counted, &input, false, &run);
    uint8_t buffer[1000];

    (void)state;
    read_piece(input, PIECES - 1); /* as of a manifest, and before all others */
    assert_int_equal(input_read_at(input, 0, buffer, 1000, NULL), LARDER_OK);
    assert_int_equal(input_read_at(input, 500, buffer, 1000, NULL), LARDER_OK);
    assert_int_equal(input_read_at(input, 700, buffer, 100, NULL), LARDER_OK);
    assert_int_equal(input_read_at(input, 1501, buffer, 1000, NULL), LARDER_OK);
    assert_digest(digest);
    input_close(input);
}

static void nothing_read_is_digested_too(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct input *input;
    struct digest_input *digest = open_on(&counted, &input, true, &run);

    (void)state;
    assert_digest(digest);
    input_close(input);
}

struct readers {
    struct input *input;
    _Atomic size_t next;
};

static void *read_pieces(void *arg)
{
    struct readers *readers = arg;
    size_t piece;

    while ((piece = readers->next++) < PIECES)
        read_piece(readers->input, piece);
    return NULL;
}

static void threads_that_read_in_order_read_all_once(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct readers readers = {0};
    struct digest_input *digest = open_on(&counted, &readers.input, false, &run);
    pthread_t threads[3];

    (void)state;
    counted.slow_at = 5 * PIECE; /* which one of three reads: the others are ahead of it */
    digest_input_in_order(digest, true);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_pieces, &readers), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_digest(digest);
    assert_int_equal(counted.read, SIZE);
    input_close(readers.input);
}

static void assert_part(struct digest_input *digest, uint64_t from, uint64_t to)
{
    struct sha256 *part = sha256_new();
    uint8_t found[SHA256_BYTES], wanted[SHA256_BYTES];

    assert_true(digest_input_advance(digest, from, to, part));
    assert_int_equal(sha256_final(part, found, NULL), LARDER_OK);
    sha256_free(part);
    assert_int_equal(sha256_of(bytes + from, to - from, wanted, NULL), LARDER_OK);
    assert_memory_equal(found, wanted, SHA256_BYTES);
}

static void parts_of_what_is_near_are_digested_with_the_whole(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct input *input;
    struct digest_input *digest = open_on(&counted, &input, true, &run);

    (void)state;
    assert_part(digest, 0, 512);
    assert_part(digest, 1024, 1024 + PIECE); /* from the start of a block on */
    assert_part(digest, 5 * PIECE + 3, 8 * PIECE);
    assert_part(digest, 8 * PIECE, 8 * PIECE);
    assert_true(digest_input_advance(digest, 9 * PIECE, 10 * PIECE, NULL));
    assert_digest(digest);
    assert_int_equal(counted.read, SIZE);
    input_close(input);
}

static void who_reads_what_is_near_waits_for_nobody_and_adds_nothing(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct readers readers = {.next = 1};
    struct digest_input *digest = open_on(&counted, &readers.input, true, &run);

    (void)state;
    digest_input_in_order(digest, true);
    read_pieces(&readers);
    assert_true(digest_input_advance(digest, SIZE / 2, SIZE / 2, NULL));
    read_pieces(&readers);
    assert_digest(digest);
    assert_int_equal(counted.read, 2 * SIZE - PIECE);
    input_close(readers.input);
}

static void where_it_fails_the_end_tells(void **state)
{
    const struct larder_run run = {.stop_signal = &stop_signal};
    struct counted_input counted;
    struct input *input;
    struct digest_input *digest = open_on(&counted, &input, true, &run);
    char found[SHA256_HEX];

    (void)state;
    stop_signal = SIGTERM;
    assert_false(digest_input_advance(digest, 0, PIECE, NULL));
    stop_signal = 0;
    assert_false(digest_input_advance(digest, PIECE, 2 * PIECE, NULL)); /* nor later */
    assert_int_equal(digest_input_end(digest, found, NULL), LARDER_TERMINATED);
    input_close(input);
}

static void nobody_waits_for_a_piece_that_is_left_out(void **state)
{
    const struct larder_run run = {0};
    struct counted_input counted;
    struct readers readers = {.next = 1};
    struct digest_input *digest = open_on(&counted, &readers.input, false, &run);
    pthread_t thread;

    (void)state;
    digest_input_in_order(digest, true);
    assert_int_equal(pthread_create(&thread, NULL, read_pieces, &readers), 0);
    while (readers.next < 2) /* which waits for the first piece */
        usleep(1000);
    digest_input_in_order(digest, false);
    pthread_join(thread, NULL);
    assert_digest(digest);
    input_close(readers.input);
}

static void nobody_waits_once_the_run_is_to_end(void **state)
{
    const struct larder_run run = {.stop_signal = &stop_signal};
    struct counted_input counted;
    struct readers readers = {.next = 1};
    struct digest_input *digest = open_on(&counted, &readers.input, false, &run);
    char found[SHA256_HEX];

    (void)state;
    digest_input_in_order(digest, true);
    stop_signal = SIGTERM;
    read_pieces(&readers);
    assert_int_equal(digest_input_end(digest, found, NULL), LARDER_TERMINATED);
    stop_signal = 0;
    input_close(readers.input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_from_the_beginning_on_is_not_read_again),
        cmocka_unit_test(what_overlaps_or_was_left_out_is_digested_once),
        cmocka_unit_test(nothing_read_is_digested_too),
        cmocka_unit_test(threads_that_read_in_order_read_all_once),
        cmocka_unit_test(parts_of_what_is_near_are_digested_with_the_whole),
        cmocka_unit_test(who_reads_what_is_near_waits_for_nobody_and_adds_nothing),
        cmocka_unit_test(where_it_fails_the_end_tells),
        cmocka_unit_test(nobody_waits_for_a_piece_that_is_left_out),
        cmocka_unit_test(nobody_waits_once_the_run_is_to_end),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
