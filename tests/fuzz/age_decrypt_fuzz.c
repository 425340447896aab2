/*
 * Decrypts, streaming and at random, which must agree. The first byte says what the rest is: a
 * whole file; stanzas, which then get a version line and a right MAC; or chunk lengths for a
 * payload, which is then damaged at one place.
 */
#include "tests/formats/age/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct age_bytes *file)
{
    struct age_identities *identities = forge_identities(1);
    struct larder_error error = {0};
    struct age_bytes streamed;
    enum larder_status status;
    struct input *input;

    age_identities_add_passphrase(identities, FORGE_PASSPHRASE, strlen(FORGE_PASSPHRASE), NULL);
    age_identities_limit_work(identities, 6);
    status = forge_decrypt(&streamed, identities, false, file->data, file->length, 1000, &error);
    input = forge_input_new(file->data, file->length);
    if (age_input_open(&input, identities, input, &error) == LARDER_OK) {
        uint8_t *plain = malloc(input->size + 1);

        if ((input_read_at(input, 0, plain, input->size, &error) == LARDER_OK) !=
            (status == LARDER_OK))
            abort();
        if (status == LARDER_OK &&
            (streamed.length != input->size ||
             (input->size > 0 && memcmp(plain, streamed.data, streamed.length) != 0)))
            abort();
        free(plain);
    } else if (status == LARDER_OK) {
        abort();
    }
    input_close(input);
    age_bytes_free(&streamed);
    age_identities_free(identities);
}

static void forge_from(struct forge *forge, const uint8_t *data, size_t size)
{
    forge_file(forge, "$V");
    age_bytes_add(&forge->file, data, size);
    forge_file(forge, "$D$N$h");
}

static void forge_payload(struct forge *forge, const uint8_t *data, size_t size)
{
    size_t payload;

    forge_file(forge, "$V$X$D$N");
    payload = forge->file.length;
    for (size_t i = 2; i < size && i < 8; i++)
        forge_chunk(forge, data[i] < 200 ? data[i] : AGE_CHUNK_SIZE, i + 1 == size || i == 7);
    if (size > 2 && forge->file.length > payload)
        forge->file
            .data[payload + (data[0] * 256u + data[1]) * 7 % (forge->file.length - payload)] ^=
            data[0] & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct forge forge = {0};

    if (size == 0)
        return 0;
    if (data[0] == 's')
        forge_from(&forge, data + 1, size - 1);
    else if (data[0] == 'p')
        forge_payload(&forge, data + 1, size - 1);
    else
        age_bytes_add(&forge.file, data, size);
    check(&forge.file);
    forge_free(&forge);
    return 0;
}
