#include "formats/age/age.h"
#include "formats/age/bytes.h"
#include "formats/age/header.h"
#include "formats/age/wrap.h"

enum larder_status age_rewrap(struct input *ciphertext, struct age_identities *identities,
                              const struct age_recipients *recipients, uint8_t **header,
                              size_t *header_length, uint64_t *payload, struct larder_error *error)
{
    uint8_t *file_key = age_secret_new(AGE_FILE_KEY_SIZE);
    struct age_bytes before = {0};
    struct age_bytes after = {0};
    enum larder_status status;

    if (file_key == NULL)
        return larder_fail_memory(error);
    status = age_header_load(ciphertext, &before, error);
    if (status == LARDER_OK)
        status = age_unwrap(file_key, before.data, before.length, identities, error);
    if (status == LARDER_OK)
        status = age_wrap(recipients, file_key, &after, error);
    age_secret_free(file_key);
    if (status == LARDER_OK) {
        *header = after.data;
        *header_length = after.length;
        *payload = before.length;
    } else {
        age_bytes_free(&after);
    }
    age_bytes_free(&before);
    return status;
}
