#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "formats/age/age.h"
#include "formats/age/bytes.h"
#include "formats/age/chunk.h"
#include "formats/age/header.h"
#include "formats/age/wrap.h"

/*
 * Chunks that are asked of the ciphertext in one read: of one that answers each with a delay. Of a file one by one, which the processor's
 * cache holds, and for which malloc does not map new pages each time.
 */
enum { FAR_CHUNKS_AT_ONCE = 16 };

/* Nothing here changes after opening, so that several threads can read. */
struct plaintext {
    struct input input;
    struct input *ciphertext;
    uint64_t start; /* of the first chunk in the ciphertext */
    uint64_t chunks;
    uint8_t *key; /* secret memory */
};

/* What one read needs for itself. */
struct reader {
    EVP_CIPHER_CTX *context;
    size_t at_once;
    uint8_t *sealed; /* so many sealed chunks */
    uint8_t *plain;  /* a chunk that is not wanted as a whole */
};

static enum larder_status fail(struct larder_error *error, const char *what)
{
    return larder_fail(error, LARDER_DAMAGED, "payload failure: %s", what);
}

static void reader_close(struct reader *reader)
{
    EVP_CIPHER_CTX_free(reader->context);
    free(reader->sealed);
    OPENSSL_clear_free(reader->plain, AGE_CHUNK_SIZE);
}

static enum larder_status reader_open(struct reader *reader, const struct plaintext *plaintext,
                                      uint64_t chunks, struct larder_error *error)
{
    size_t most = plaintext->ciphertext->piece != 0 ? FAR_CHUNKS_AT_ONCE : 1;

    reader->at_once = chunks < most ? (size_t)chunks : most;
    reader->context = age_aead_new(plaintext->key, false);
    reader->sealed = malloc(reader->at_once * AGE_SEALED_SIZE);
    reader->plain = OPENSSL_malloc(AGE_CHUNK_SIZE);
    if (reader->context != NULL && reader->sealed != NULL && reader->plain != NULL)
        return LARDER_OK;
    reader_close(reader);
    return larder_fail_memory(error);
}

static size_t plain_size(const struct plaintext *plaintext, uint64_t chunk)
{
    uint64_t left = plaintext->input.size - chunk * AGE_CHUNK_SIZE;

    return left < AGE_CHUNK_SIZE ? (size_t)left : AGE_CHUNK_SIZE;
}

/* Opens the chunk at `sealed` and copies what is wanted of it. */
static enum larder_status open_chunk(const struct plaintext *plaintext, struct reader *reader,
                                     uint64_t chunk, const uint8_t *sealed, size_t offset,
                                     uint8_t *buffer, size_t length, struct larder_error *error)
{
    size_t size = plain_size(plaintext, chunk);
    bool last = chunk == plaintext->chunks - 1;
    uint8_t *plain = length == size ? buffer : reader->plain;

    if (!age_chunk_open(reader->context, chunk, last, sealed, size + AGE_TAG_SIZE, plain))
        return fail(error, "a chunk is not authentic");
    if (plain != buffer)
        memcpy(buffer, plain + offset, length);
    return LARDER_OK;
}

static enum larder_status read_chunks(const struct plaintext *plaintext, struct reader *reader,
                                      uint64_t offset, uint8_t *buffer, size_t length,
                                      struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    while (length > 0 && status == LARDER_OK) {
        uint64_t first = offset / AGE_CHUNK_SIZE;
        uint64_t beyond = (offset + length - 1) / AGE_CHUNK_SIZE + 1;
        size_t sealed_size;

        if (beyond - first > reader->at_once)
            beyond = first + reader->at_once;
        sealed_size = (size_t)(beyond - first - 1) * AGE_SEALED_SIZE +
                      plain_size(plaintext, beyond - 1) + AGE_TAG_SIZE;
        status = input_read_at(plaintext->ciphertext, plaintext->start + first * AGE_SEALED_SIZE,
                               reader->sealed, sealed_size, error);
        for (uint64_t chunk = first; chunk < beyond && status == LARDER_OK; chunk++) {
            size_t skipped = (size_t)(offset - chunk * AGE_CHUNK_SIZE);
            size_t wanted = plain_size(plaintext, chunk) - skipped;

            if (wanted > length)
                wanted = length;
            status = open_chunk(plaintext, reader, chunk,
                                reader->sealed + (chunk - first) * AGE_SEALED_SIZE, skipped, buffer,
                                wanted, error);
            offset += wanted;
            buffer += wanted;
            length -= wanted;
        }
    }
    return status;
}

static enum larder_status read_at(struct input *input, uint64_t offset, void *buffer, size_t length,
                                  struct larder_error *error)
{
    const struct plaintext *plaintext = (const struct plaintext *)input;
    struct reader reader = {0};
    enum larder_status status;

    if (length == 0)
        return LARDER_OK;
    status = reader_open(&reader, plaintext, length / AGE_CHUNK_SIZE + 2, error);
    if (status != LARDER_OK)
        return status;
    status = read_chunks(plaintext, &reader, offset, buffer, length, error);
    reader_close(&reader);
    return status;
}

static void close_input(struct input *input)
{
    struct plaintext *plaintext = (struct plaintext *)input;

    input_close(plaintext->ciphertext);
    age_secret_free(plaintext->key);
    free(plaintext);
}

/* Reads header and nonce, sets the payload's key and where it starts. */
static enum larder_status open_header(struct plaintext *plaintext,
                                      struct age_identities *identities, struct larder_error *error)
{
    struct input *ciphertext = plaintext->ciphertext;
    uint8_t *file_key = age_secret_new(AGE_FILE_KEY_SIZE);
    struct age_bytes header = {0};
    uint8_t nonce[AGE_NONCE_SIZE];
    enum larder_status status;

    if (file_key == NULL)
        return larder_fail_memory(error);
    status = age_header_load(ciphertext, &header, error);
    if (status == LARDER_OK)
        status = age_unwrap(file_key, header.data, header.length, identities, error);
    if (status != LARDER_OK)
        goto out;
    if (ciphertext->size - header.length < AGE_NONCE_SIZE) {
        status = larder_fail(error, LARDER_DAMAGED, "header failure: the file ends in the header");
        goto out;
    }
    status = input_read_at(ciphertext, header.length, nonce, sizeof(nonce), error);
    if (status == LARDER_OK)
        status = age_payload_key(plaintext->key, file_key, nonce, error);
    plaintext->start = header.length + AGE_NONCE_SIZE;
out:
    age_bytes_free(&header);
    age_secret_free(file_key);
    return status;
}

/* The size follows from the ciphertext's, and is right if the chunk that then is the last is sealed
 * as the last one. */
static enum larder_status open_payload(struct plaintext *plaintext, struct larder_error *error)
{
    uint64_t sealed = plaintext->ciphertext->size - plaintext->start;
    uint64_t chunks = sealed / AGE_SEALED_SIZE + (sealed % AGE_SEALED_SIZE > 0);
    uint64_t last;
    struct reader reader = {0};
    enum larder_status status;

    if (sealed == 0)
        return fail(error, "the last chunk is missing");
    last = sealed - (chunks - 1) * AGE_SEALED_SIZE;
    if (last < AGE_TAG_SIZE)
        return fail(error, "a chunk is not authentic");
    if (last == AGE_TAG_SIZE && chunks > 1)
        return fail(error, "the last chunk is empty");
    plaintext->chunks = chunks;
    plaintext->input.size = sealed - chunks * AGE_TAG_SIZE;
    plaintext->input.piece = plaintext->ciphertext->piece;
    status = reader_open(&reader, plaintext, 1, error);
    if (status != LARDER_OK)
        return status;
    status = input_read_at(plaintext->ciphertext, plaintext->start + (chunks - 1) * AGE_SEALED_SIZE,
                           reader.sealed, (size_t)last, error);
    if (status == LARDER_OK && !age_chunk_open(reader.context, chunks - 1, true, reader.sealed,
                                               (size_t)last, reader.plain))
        status = fail(error, "the last chunk is not authentic: the file was cut or changed");
    reader_close(&reader);
    return status;
}

enum larder_status age_input_open(struct input **input, struct age_identities *identities,
                                  struct input *ciphertext, struct larder_error *error)
{
    static const struct input_ops ops = {read_at, close_input};
    struct plaintext *plaintext = calloc(1, sizeof(*plaintext));
    enum larder_status status;

    if (plaintext == NULL)
        return larder_fail_memory(error);
    plaintext->input.ops = &ops;
    plaintext->ciphertext = ciphertext;
    plaintext->key = age_secret_new(AGE_KEY_SIZE);
    if (plaintext->key == NULL) {
        free(plaintext);
        return larder_fail_memory(error);
    }
    status = open_header(plaintext, identities, error);
    if (status == LARDER_OK)
        status = open_payload(plaintext, error);
    if (status != LARDER_OK) {
        age_secret_free(plaintext->key);
        free(plaintext);
        return status;
    }
    *input = &plaintext->input;
    return LARDER_OK;
}
