#include <stdlib.h>
#include <string.h>

#include "formats/age/age.h"
#include "formats/age/bytes.h"
#include "formats/age/header.h"
#include "formats/age/wrap.h"

/* Reads the header and finds its file key. */
static enum larder_status open_header(struct input *ciphertext, struct age_identities *identities,
                                      struct age_bytes *header,
                                      uint8_t file_key[static AGE_FILE_KEY_SIZE],
                                      struct larder_error *error)
{
    enum larder_status status = age_header_load(ciphertext, header, error);

    if (status == LARDER_OK)
        status = age_unwrap(file_key, header->data, header->length, identities, error);
    return status;
}

enum larder_status age_detect(struct input *file, bool *encrypted, struct larder_error *error)
{
    static const char begin[] = "age-encryption.org/";
    char start[sizeof(begin) - 1];
    size_t length = file->size < sizeof(start) ? (size_t)file->size : sizeof(start);
    enum larder_status status = input_read_at(file, 0, start, length, error);

    *encrypted = status == LARDER_OK && length > 0 && memcmp(start, begin, length) == 0;
    return status;
}

enum larder_status age_fits(struct input *ciphertext, struct age_identities *identities,
                            struct larder_error *error)
{
    uint8_t *file_key = age_secret_new(AGE_FILE_KEY_SIZE);
    struct age_bytes header = {0};
    enum larder_status status = file_key == NULL ? larder_fail_memory(error) : LARDER_OK;

    if (status == LARDER_OK)
        status = open_header(ciphertext, identities, &header, file_key, error);
    age_bytes_free(&header);
    age_secret_free(file_key);
    return status;
}

/* A new header, and the payload of the file behind it. */
struct rewrapped {
    struct input input;
    struct input *ciphertext;
    struct age_bytes header;
    uint64_t payload; /* where it starts in the ciphertext */
};

static enum larder_status read_at(struct input *input, uint64_t offset, void *buffer, size_t length,
                                  struct larder_error *error)
{
    const struct rewrapped *rewrapped = (const struct rewrapped *)input;
    uint8_t *to = buffer;

    if (offset < rewrapped->header.length) {
        size_t left = rewrapped->header.length - (size_t)offset;
        size_t taken = length < left ? length : left;

        memcpy(to, rewrapped->header.data + offset, taken);
        to += taken;
        offset += taken;
        length -= taken;
    }
    return input_read_at(rewrapped->ciphertext,
                         rewrapped->payload + (offset - rewrapped->header.length), to, length,
                         error);
}

static void close_input(struct input *input)
{
    struct rewrapped *rewrapped = (struct rewrapped *)input;

    input_close(rewrapped->ciphertext);
    age_bytes_free(&rewrapped->header);
    free(rewrapped);
}

/* Writes the header around the file key of the old one. */
static enum larder_status write_header(struct rewrapped *rewrapped,
                                       struct age_identities *identities,
                                       const struct age_recipients *recipients,
                                       struct larder_error *error)
{
    uint8_t *file_key = age_secret_new(AGE_FILE_KEY_SIZE);
    struct age_bytes before = {0};
    enum larder_status status = file_key == NULL ? larder_fail_memory(error) : LARDER_OK;

    if (status == LARDER_OK)
        status = open_header(rewrapped->ciphertext, identities, &before, file_key, error);
    if (status == LARDER_OK)
        status = age_wrap(recipients, file_key, &rewrapped->header, error);
    rewrapped->payload = before.length;
    age_bytes_free(&before);
    age_secret_free(file_key);
    return status;
}

enum larder_status age_rewrap(struct input **input, struct age_identities *identities,
                              const struct age_recipients *recipients, struct input *ciphertext,
                              struct larder_error *error)
{
    static const struct input_ops ops = {read_at, close_input};
    struct rewrapped *rewrapped = calloc(1, sizeof(*rewrapped));
    enum larder_status status;

    if (rewrapped == NULL)
        return larder_fail_memory(error);
    rewrapped->ciphertext = ciphertext;
    status = write_header(rewrapped, identities, recipients, error);
    if (status != LARDER_OK) {
        age_bytes_free(&rewrapped->header);
        free(rewrapped);
        return status;
    }
    rewrapped->input.ops = &ops;
    rewrapped->input.size = rewrapped->header.length + (ciphertext->size - rewrapped->payload);
    rewrapped->input.piece = ciphertext->piece;
    *input = &rewrapped->input;
    return LARDER_OK;
}
