/* Recipients files, identity files and passphrase files; what is taken is written alike. */
#include "tests/formats/age/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct age_recipients *recipients = age_recipients_new();
    struct age_identities *identities = age_identities_new();
    struct larder_error error = {0};
    uint8_t point[AGE_KEY_SIZE];
    size_t length;

    age_recipients_add_file(recipients, text, size, &error);
    if (age_identities_add_file(identities, text, size, &error) == LARDER_OK) {
        char recipient[AGE_RECIPIENT_SIZE];

        age_identities_recipient(identities, age_identities_count(identities) - 1, recipient);
        if (age_recipients_add(recipients, recipient, strlen(recipient), NULL) != LARDER_OK)
            abort();
    }
    if (age_passphrase_length(text, size, &length, &error) == LARDER_OK && length > size)
        abort();
    if (age_bech32_decode(point, sizeof(point), "age", text, size)) {
        char again[AGE_RECIPIENT_SIZE];

        age_bech32_encode(again, "age", point, sizeof(point));
        if (strlen(again) != size || memcmp(again, text, size) != 0)
            abort();
    }
    age_recipients_free(recipients);
    age_identities_free(identities);
    return 0;
}
