#include <stdint.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "engine/keys.h"
#include "engine/store/stream.h"

enum { PIECE = 64 * 1024 };

/* Pushes all that `in` gives, and finishes. */
static enum larder_status pump(int in, struct stage *stage, const struct larder_run *run,
                               struct larder_error *error)
{
    uint8_t *piece = malloc(PIECE);
    enum larder_status status = piece == NULL ? larder_fail_memory(error) : LARDER_OK;
    size_t got = 1;

    while (status == LARDER_OK && got > 0) {
        status = stream_read(in, "standard input", run, piece, PIECE, &got, error);
        if (status == LARDER_OK && got > 0)
            status = stage_push(stage, piece, got, error);
    }
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    if (piece != NULL)
        OPENSSL_cleanse(piece, PIECE);
    free(piece);
    return status;
}

enum larder_status larder_age_encrypt(const struct larder_encryption *to, bool armor, int in,
                                      int out, const struct larder_run *run,
                                      struct larder_error *error)
{
    struct age_recipients *recipients;
    struct stage *stage = NULL;
    enum larder_status status = keys_recipients(to, run, &recipients, error);

    if (status == LARDER_OK && recipients == NULL) {
        status = larder_fail(error, LARDER_USAGE, "nobody is named to encrypt to");
        larder_hint(error, "Give -r AGE1..., -R RECIPIENTS_FILE, or --passphrase-file FILE.");
    }
    if (status == LARDER_OK)
        status = stream_write_to(out, "standard output", run, &stage, error);
    if (status == LARDER_OK && armor)
        status = age_armor_new(&stage, stage, error);
    if (status == LARDER_OK)
        status = age_encrypt_new(&stage, recipients, stage, error);
    /* A passphrase is wiped as soon as the header is made. */
    age_recipients_free(recipients);
    if (status == LARDER_OK)
        status = pump(in, stage, run, error);
    stage_free(stage);
    return status;
}

enum larder_status larder_age_decrypt(struct larder_keys *keys, int in, int out,
                                      const struct larder_run *run, struct larder_error *error)
{
    struct stage *last = NULL, *stage;
    struct age_identities *identities;
    enum larder_status status = keys_identities(keys, &identities, error);

    if (status == LARDER_OK)
        status = stream_write_to(out, "standard output", run, &last, error);
    stage = last;
    if (status == LARDER_OK)
        status = age_decrypt_new(&stage, identities, stage, error);
    if (status == LARDER_OK)
        status = age_dearmor_new(&stage, AGE_ARMOR_DETECTED, stage, error);
    if (status == LARDER_OK)
        status = pump(in, stage, run, error);
    /* What has come through is authentic, also where what follows is not. */
    if (status == LARDER_DAMAGED && last != NULL && stage_finish(last, NULL) != LARDER_OK)
        larder_hint(error, "What had been authentic could not be written.");
    stage_free(stage);
    return keys_explain(keys, status, error);
}
