#include <string.h>

#include "formats/age/age.h"
#include "formats/age/bytes.h"
#include "formats/age/chunk.h"
#include "formats/age/header.h"
#include "formats/age/wrap.h"

enum { HEADER_STEP = 1 << 16 };

struct decrypt {
    struct stage stage;
    struct stage *next;
    struct age_identities *identities;
    struct age_bytes header;
    size_t searched;         /* of the header, for its end */
    uint8_t *file_key;       /* secret memory, from the header's end until the nonce is there */
    EVP_CIPHER_CTX *context; /* from the nonce on */
    uint64_t number;         /* of the chunk that is being filled */
    size_t length;           /* of the nonce or the chunk in `sealed` */
    uint8_t sealed[AGE_SEALED_SIZE];
    uint8_t plain[AGE_CHUNK_SIZE];
};

static enum larder_status fail(struct larder_error *error, const char *what)
{
    return larder_fail(error, LARDER_DAMAGED, "payload failure: %s", what);
}

/* Each take_ function takes what it can use off the front of what was pushed. */
struct pushed {
    const uint8_t *bytes;
    size_t length;
};

static enum larder_status take_header(struct decrypt *decrypt, struct pushed *pushed,
                                      struct larder_error *error)
{
    struct age_bytes *header = &decrypt->header;
    size_t before = header->length;
    size_t most = AGE_HEADER_LIMIT + 1 - before;
    size_t room = most < HEADER_STEP ? most : HEADER_STEP;
    size_t taken = pushed->length < room ? pushed->length : room;
    enum larder_status status;
    size_t end;

    if (!age_bytes_add(header, pushed->bytes, taken))
        return larder_fail_memory(error);
    status = age_header_find_end(header->data, header->length, &decrypt->searched, &end, error);
    if (status != LARDER_OK)
        return status;
    if (end > 0) {
        taken = end - before;
        decrypt->file_key = age_secret_new(AGE_FILE_KEY_SIZE);
        if (decrypt->file_key == NULL)
            return larder_fail_memory(error);
        status = age_unwrap(decrypt->file_key, header->data, end, decrypt->identities, error);
        age_bytes_free(header);
    }
    pushed->bytes += taken;
    pushed->length -= taken;
    return status;
}

/* Fills `sealed` up to `size` bytes. */
static void take_bytes(struct decrypt *decrypt, struct pushed *pushed, size_t size)
{
    size_t room = size - decrypt->length;
    size_t taken = pushed->length < room ? pushed->length : room;

    memcpy(decrypt->sealed + decrypt->length, pushed->bytes, taken);
    decrypt->length += taken;
    pushed->bytes += taken;
    pushed->length -= taken;
}

static enum larder_status take_nonce(struct decrypt *decrypt, struct pushed *pushed,
                                     struct larder_error *error)
{
    enum larder_status status;

    take_bytes(decrypt, pushed, AGE_NONCE_SIZE);
    if (decrypt->length < AGE_NONCE_SIZE)
        return LARDER_OK;
    decrypt->length = 0;
    status = age_payload_new(&decrypt->context, decrypt->file_key, decrypt->sealed, false, error);
    age_secret_free(decrypt->file_key);
    decrypt->file_key = NULL;
    return status;
}

static bool open_chunk(struct decrypt *decrypt, bool last)
{
    return age_chunk_open(decrypt->context, decrypt->number, last, decrypt->sealed, decrypt->length,
                          decrypt->plain);
}

/* Hands on the chunk that was opened. */
static enum larder_status release(struct decrypt *decrypt, struct larder_error *error)
{
    size_t length = decrypt->length - AGE_TAG_SIZE;

    decrypt->number++;
    decrypt->length = 0;
    return length == 0 ? LARDER_OK : stage_push(decrypt->next, decrypt->plain, length, error);
}

/* A full chunk is only opened once something follows it: until then it may be the last. */
static enum larder_status take_chunk(struct decrypt *decrypt, struct pushed *pushed,
                                     struct larder_error *error)
{
    enum larder_status status;

    if (decrypt->length < AGE_SEALED_SIZE) {
        take_bytes(decrypt, pushed, AGE_SEALED_SIZE);
        return LARDER_OK;
    }
    if (open_chunk(decrypt, false))
        return release(decrypt, error);
    if (!open_chunk(decrypt, true))
        return fail(error, "a chunk is not authentic");
    status = release(decrypt, error);
    return status != LARDER_OK ? status : fail(error, "something follows the last chunk");
}

static enum larder_status push(struct stage *stage, const void *bytes, size_t length,
                               struct larder_error *error)
{
    struct decrypt *decrypt = (struct decrypt *)stage;
    struct pushed pushed = {bytes, length};
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && pushed.length > 0) {
        if (decrypt->context != NULL)
            status = take_chunk(decrypt, &pushed, error);
        else if (decrypt->file_key != NULL)
            status = take_nonce(decrypt, &pushed, error);
        else
            status = take_header(decrypt, &pushed, error);
    }
    return status;
}

static enum larder_status finish(struct stage *stage, struct larder_error *error)
{
    struct decrypt *decrypt = (struct decrypt *)stage;
    enum larder_status status;

    /* A nonce that is cut counts as the header's failure in the format's test vectors. */
    if (decrypt->context == NULL)
        return larder_fail(error, LARDER_DAMAGED, "header failure: the file ends in the header");
    if (decrypt->length == 0)
        return fail(error, "the last chunk is missing");
    if (decrypt->length == AGE_TAG_SIZE && decrypt->number > 0)
        return fail(error, "the last chunk is empty");
    if (!open_chunk(decrypt, true)) {
        if (decrypt->length < AGE_SEALED_SIZE || !open_chunk(decrypt, false))
            return fail(error, "a chunk is not authentic");
        status = release(decrypt, error);
        return status != LARDER_OK ? status : fail(error, "the last chunk is missing");
    }
    status = release(decrypt, error);
    if (status != LARDER_OK)
        return status;
    return stage_finish(decrypt->next, error);
}

static void free_stage(struct stage *stage)
{
    struct decrypt *decrypt = (struct decrypt *)stage;

    stage_free(decrypt->next);
    age_bytes_free(&decrypt->header);
    age_secret_free(decrypt->file_key);
    EVP_CIPHER_CTX_free(decrypt->context);
    age_secret_free(decrypt);
}

enum larder_status age_decrypt_new(struct stage **stage, struct age_identities *identities,
                                   struct stage *next, struct larder_error *error)
{
    static const struct stage_ops ops = {push, finish, free_stage};
    /* An identity may come out of it. */
    struct decrypt *decrypt = age_secret_new(sizeof(*decrypt));

    if (decrypt == NULL)
        return larder_fail_memory(error);
    decrypt->stage.ops = &ops;
    decrypt->next = next;
    decrypt->identities = identities;
    *stage = &decrypt->stage;
    return LARDER_OK;
}
