#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "formats/age/age.h"
#include "formats/age/bytes.h"
#include "formats/age/chunk.h"
#include "formats/age/wrap.h"

struct encrypt {
    struct stage stage;
    struct stage *next;
    EVP_CIPHER_CTX *context;
    struct age_bytes start; /* header and nonce, until they are written */
    uint64_t number;        /* of the chunk that is being filled */
    size_t length;
    uint8_t plain[AGE_CHUNK_SIZE];
    uint8_t sealed[AGE_SEALED_SIZE];
};

static enum larder_status write_start(struct encrypt *encrypt, struct larder_error *error)
{
    enum larder_status status;

    if (encrypt->start.length == 0)
        return LARDER_OK;
    status = stage_push(encrypt->next, encrypt->start.data, encrypt->start.length, error);
    age_bytes_free(&encrypt->start);
    return status;
}

static enum larder_status write_chunk(struct encrypt *encrypt, const uint8_t *plain, size_t length,
                                      bool last, struct larder_error *error)
{
    enum larder_status status = age_chunk_seal(encrypt->context, encrypt->number, last, plain,
                                               length, encrypt->sealed, error);

    if (status != LARDER_OK)
        return status;
    encrypt->number++;
    return stage_push(encrypt->next, encrypt->sealed, length + AGE_TAG_SIZE, error);
}

/* A chunk is only written once a byte of the next one is there: until then it may be the last. */
static enum larder_status push(struct stage *stage, const void *bytes, size_t length,
                               struct larder_error *error)
{
    struct encrypt *encrypt = (struct encrypt *)stage;
    enum larder_status status = write_start(encrypt, error);
    const uint8_t *from = bytes;

    while (status == LARDER_OK && length > 0) {
        size_t room = AGE_CHUNK_SIZE - encrypt->length;
        size_t taken = length < room ? length : room;

        if (encrypt->length == 0 && length > AGE_CHUNK_SIZE) {
            status = write_chunk(encrypt, from, AGE_CHUNK_SIZE, false, error);
        } else if (room == 0) {
            encrypt->length = 0;
            status = write_chunk(encrypt, encrypt->plain, AGE_CHUNK_SIZE, false, error);
            continue;
        } else {
            memcpy(encrypt->plain + encrypt->length, from, taken);
            encrypt->length += taken;
        }
        from += taken;
        length -= taken;
    }
    return status;
}

static enum larder_status finish(struct stage *stage, struct larder_error *error)
{
    struct encrypt *encrypt = (struct encrypt *)stage;
    enum larder_status status = write_start(encrypt, error);

    if (status == LARDER_OK)
        status = write_chunk(encrypt, encrypt->plain, encrypt->length, true, error);
    if (status != LARDER_OK)
        return status;
    return stage_finish(encrypt->next, error);
}

static void destroy(struct encrypt *encrypt)
{
    EVP_CIPHER_CTX_free(encrypt->context);
    age_bytes_free(&encrypt->start);
    OPENSSL_cleanse(encrypt->plain, sizeof(encrypt->plain));
    free(encrypt);
}

static void free_stage(struct stage *stage)
{
    struct encrypt *encrypt = (struct encrypt *)stage;

    stage_free(encrypt->next);
    destroy(encrypt);
}

static enum larder_status make_keys(struct encrypt *encrypt,
                                    const struct age_recipients *recipients,
                                    struct larder_error *error)
{
    uint8_t *file_key = age_secret_new(AGE_FILE_KEY_SIZE);
    uint8_t nonce[AGE_NONCE_SIZE];
    enum larder_status status;

    if (file_key == NULL)
        return larder_fail_memory(error);
    status = age_random(file_key, AGE_FILE_KEY_SIZE, error);
    if (status == LARDER_OK)
        status = age_wrap(recipients, file_key, &encrypt->start, error);
    if (status == LARDER_OK)
        status = age_random(nonce, sizeof(nonce), error);
    if (status == LARDER_OK)
        status = age_payload_new(&encrypt->context, file_key, nonce, true, error);
    if (status == LARDER_OK && !age_bytes_add(&encrypt->start, nonce, sizeof(nonce)))
        status = larder_fail_memory(error);
    age_secret_free(file_key);
    return status;
}

enum larder_status age_encrypt_new(struct stage **stage, const struct age_recipients *recipients,
                                   struct stage *next, struct larder_error *error)
{
    static const struct stage_ops ops = {push, finish, free_stage};
    struct encrypt *encrypt = calloc(1, sizeof(*encrypt));
    enum larder_status status;

    if (encrypt == NULL)
        return larder_fail_memory(error);
    status = make_keys(encrypt, recipients, error);
    if (status != LARDER_OK) {
        destroy(encrypt);
        return status;
    }
    encrypt->stage.ops = &ops;
    encrypt->next = next;
    *stage = &encrypt->stage;
    return LARDER_OK;
}
