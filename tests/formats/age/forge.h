/*
 * What the tests of the age format share: a stage that collects, an input in memory, keys that are
 * always the same, and files made from templates, so that one thing at a time can be wrong with
 * them while the rest (the MAC above all) is right.
 */
#ifndef TESTS_FORMATS_AGE_FORGE_H
#define TESTS_FORMATS_AGE_FORGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/age/age.h"
#include "formats/age/base64.h"
#include "formats/age/bech32.h"
#include "formats/age/bytes.h"
#include "formats/age/chunk.h"
#include "formats/age/header.h"
#include "formats/age/labels.h"

#define FORGE_PASSPHRASE "correct horse"
enum { FORGE_WORK_FACTOR = 4 };

struct forge_sink {
    struct stage stage;
    struct age_bytes bytes;
    bool finished;
    bool freed;
};

static inline enum larder_status forge_sink_push(struct stage *stage, const void *bytes,
                                                 size_t length, struct larder_error *error)
{
    struct forge_sink *sink = (struct forge_sink *)stage;

    return age_bytes_add(&sink->bytes, bytes, length) ? LARDER_OK : larder_fail_memory(error);
}

static inline enum larder_status forge_sink_finish(struct stage *stage, struct larder_error *error)
{
    (void)error;
    ((struct forge_sink *)stage)->finished = true;
    return LARDER_OK;
}

static inline void forge_sink_free(struct stage *stage)
{
    ((struct forge_sink *)stage)->freed = true;
}

/* Set up on the caller's stack: freeing the stage keeps the bytes, for the test to look at. */
static inline void forge_sink_init(struct forge_sink *sink)
{
    static const struct stage_ops ops = {forge_sink_push, forge_sink_finish, forge_sink_free};

    *sink = (struct forge_sink){.stage = {&ops}};
}

struct forge_input {
    struct input input;
    const uint8_t *bytes;
    uint64_t read; /* bytes that were asked for */
};

static inline enum larder_status forge_input_read_at(struct input *input, uint64_t offset,
                                                     void *buffer, size_t length,
                                                     struct larder_error *error)
{
    struct forge_input *memory = (struct forge_input *)input;

    (void)error;
    memory->read += length;
    if (length > 0)
        memcpy(buffer, memory->bytes + offset, length);
    return LARDER_OK;
}

static inline void forge_input_close(struct input *input)
{
    free(input);
}

static inline struct input *forge_input_new(const void *bytes, size_t length)
{
    static const struct input_ops ops = {forge_input_read_at, forge_input_close};
    struct forge_input *memory = calloc(1, sizeof(*memory));

    *memory = (struct forge_input){.input = {.ops = &ops, .size = length}, .bytes = bytes};
    return &memory->input;
}

static inline void forge_scalar(uint8_t scalar[static AGE_KEY_SIZE], int who)
{
    for (int i = 0; i < AGE_KEY_SIZE; i++)
        scalar[i] = (uint8_t)(who * 16 + i);
}

static inline void forge_identity(char text[static AGE_IDENTITY_SIZE], int who)
{
    uint8_t scalar[AGE_KEY_SIZE];

    forge_scalar(scalar, who);
    age_bech32_encode(text, "AGE-SECRET-KEY-", scalar, AGE_KEY_SIZE);
}

static inline void forge_recipient(char text[static AGE_RECIPIENT_SIZE], int who)
{
    uint8_t scalar[AGE_KEY_SIZE];
    uint8_t point[AGE_KEY_SIZE];

    forge_scalar(scalar, who);
    age_x25519_point(point, scalar, NULL);
    age_bech32_encode(text, "age", point, AGE_KEY_SIZE);
}

static inline struct age_identities *forge_identities(int who)
{
    struct age_identities *identities = age_identities_new();
    char text[AGE_IDENTITY_SIZE];

    forge_identity(text, who);
    age_identities_add(identities, text, strlen(text), NULL);
    return identities;
}

static inline struct age_identities *forge_passphrase(const char *passphrase)
{
    struct age_identities *identities = age_identities_new();

    age_identities_add_passphrase(identities, passphrase, strlen(passphrase), NULL);
    return identities;
}

static inline struct age_recipients *forge_recipients(int who)
{
    struct age_recipients *recipients = age_recipients_new();
    char text[AGE_RECIPIENT_SIZE];

    forge_recipient(text, who);
    age_recipients_add(recipients, text, strlen(text), NULL);
    return recipients;
}

/* Bytes that tell where they are from. */
static inline uint8_t *forge_plaintext(size_t length)
{
    uint8_t *bytes = malloc(length + 1);

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256 * 13 + i / 65536 * 29);
    return bytes;
}

/* Pushes in pieces of `step` bytes, then finishes; frees the stage. */
static inline enum larder_status forge_run(struct stage *stage, const void *bytes, size_t length,
                                           size_t step, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (size_t at = 0; at < length && status == LARDER_OK; at += step)
        status = stage_push(stage, (const uint8_t *)bytes + at,
                            length - at < step ? length - at : step, error);
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    stage_free(stage);
    return status;
}

/* Into `out`, which starts as {0}. */
static inline enum larder_status forge_encrypt(struct age_bytes *out,
                                               const struct age_recipients *recipients,
                                               bool armored, const void *bytes, size_t length,
                                               size_t step, struct larder_error *error)
{
    struct forge_sink sink;
    struct stage *last = &sink.stage;
    struct stage *stage;
    enum larder_status status = LARDER_OK;

    forge_sink_init(&sink);
    if (armored)
        status = age_armor_new(&last, &sink.stage, error);
    if (status == LARDER_OK)
        status = age_encrypt_new(&stage, recipients, last, error);
    if (status == LARDER_OK)
        status = forge_run(stage, bytes, length, step, error);
    else
        stage_free(last);
    *out = sink.bytes;
    return status;
}

/* What was released is in `out` after a failure too. */
static inline enum larder_status forge_decrypt(struct age_bytes *out,
                                               struct age_identities *identities, bool armored,
                                               const void *bytes, size_t length, size_t step,
                                               struct larder_error *error)
{
    struct forge_sink sink;
    struct stage *stage;
    struct stage *outer;
    enum larder_status status;

    forge_sink_init(&sink);
    age_decrypt_new(&stage, identities, &sink.stage, error);
    outer = stage;
    if (armored)
        age_dearmor_new(&outer, AGE_ARMOR_REQUIRED, stage, error);
    status = forge_run(outer, bytes, length, step, error);
    if ((status == LARDER_OK) != sink.finished || !sink.freed)
        abort();
    *out = sink.bytes;
    return status;
}

/* The parts of forged files. */
struct forge {
    struct age_bytes file;
    struct age_bytes plain; /* what the chunks hold */
    EVP_CIPHER_CTX *context;
    uint64_t number;
};

static const uint8_t forge_file_key[AGE_FILE_KEY_SIZE] = "PURPLE  DIRIGIBL";
static const uint8_t forge_nonce[AGE_NONCE_SIZE] = "a forged nonce!";

static inline void forge_add(struct forge *forge, const char *text)
{
    age_bytes_add(&forge->file, text, strlen(text));
}

static inline void forge_base64(struct forge *forge, const uint8_t *bytes, size_t length)
{
    char text[AGE_BASE64_SIZE(1024)];

    age_bytes_add(&forge->file, text, age_base64_encode(text, bytes, length, false));
}

static inline void forge_body(struct forge *forge, const uint8_t key[static AGE_KEY_SIZE],
                              bool damaged)
{
    static const uint8_t nonce[AGE_AEAD_NONCE_SIZE];
    EVP_CIPHER_CTX *context = age_aead_new(key, true);
    uint8_t body[AGE_WRAPPED_SIZE];

    age_aead_seal(context, nonce, forge_file_key, AGE_FILE_KEY_SIZE, body, NULL);
    EVP_CIPHER_CTX_free(context);
    if (damaged)
        body[AGE_WRAPPED_SIZE - 1] ^= 0x40;
    forge_base64(forge, body, sizeof(body));
}

static inline void forge_share(uint8_t share[static AGE_KEY_SIZE])
{
    uint8_t ephemeral[AGE_KEY_SIZE];

    forge_scalar(ephemeral, 9);
    age_x25519_point(share, ephemeral, NULL);
}

static inline void forge_x25519_body(struct forge *forge, int who, bool damaged)
{
    uint8_t salt[2 * AGE_KEY_SIZE];
    uint8_t scalar[AGE_KEY_SIZE];
    uint8_t shared[AGE_KEY_SIZE];
    uint8_t key[AGE_KEY_SIZE];

    forge_share(salt);
    forge_scalar(scalar, who);
    age_x25519_point(salt + AGE_KEY_SIZE, scalar, NULL);
    age_x25519(shared, scalar, salt);
    age_hkdf(key, shared, sizeof(shared), salt, sizeof(salt), AGE_X25519_LABEL, NULL);
    forge_body(forge, key, damaged);
}

static inline void forge_scrypt_body(struct forge *forge, bool damaged)
{
    uint8_t salt[AGE_SCRYPT_SALT_SIZE + 1] = AGE_SCRYPT_LABEL "0123456789abcdef";
    uint8_t key[AGE_KEY_SIZE];

    age_scrypt(key, FORGE_PASSPHRASE, strlen(FORGE_PASSPHRASE), salt, AGE_SCRYPT_SALT_SIZE,
               FORGE_WORK_FACTOR, NULL);
    forge_body(forge, key, damaged);
}

/* The MAC of what is there, which ends in "---". */
static inline void forge_mac(struct forge *forge)
{
    uint8_t key[AGE_KEY_SIZE];
    uint8_t mac[AGE_KEY_SIZE];

    age_hkdf(key, forge_file_key, AGE_FILE_KEY_SIZE, NULL, 0, AGE_HEADER_LABEL, NULL);
    age_hmac(mac, key, forge->file.data, forge->file.length, NULL);
    age_bytes_add(&forge->file, " ", 1);
    forge_base64(forge, mac, sizeof(mac));
}

static inline void forge_file(struct forge *forge, const char *template);

static inline void forge_mac_of_x(struct forge *forge)
{
    struct forge other = {0};

    forge_file(&other, "$V$X---$M");
    age_bytes_add(&forge->file, other.file.data + other.file.length - 44, 44);
    age_bytes_free(&other.file);
}

static inline void forge_start_payload(struct forge *forge)
{
    age_bytes_add(&forge->file, forge_nonce, sizeof(forge_nonce));
    age_payload_new(&forge->context, forge_file_key, forge_nonce, true, NULL);
}

static inline void forge_chunk(struct forge *forge, size_t length, bool last)
{
    uint8_t *plain = malloc(length + 1);
    uint8_t *sealed = malloc(length + AGE_TAG_SIZE);

    memset(plain, 'a' + (int)(forge->number % 26), length);
    age_bytes_add(&forge->plain, plain, length);
    age_chunk_seal(forge->context, forge->number++, last, plain, length, sealed, NULL);
    age_bytes_add(&forge->file, sealed, length + AGE_TAG_SIZE);
    free(plain);
    free(sealed);
}

/*
 * Appends what a template says. Text stands for itself, and
 *   $V the version line          $X a right stanza of identity 1      $P a right scrypt stanza
 *   $S the share                 $B the body for identity 1           $C the same, but damaged
 *   $T the scrypt salt           $Q its body                          $R the same, but damaged
 *   $O a stanza of identity 2    $L 64 characters of base64           $D the MAC's line
 *   $M the MAC, after a "---"    $m the MAC of a header with $X alone $N the nonce
 *   $F a full chunk              $f a full last chunk                 $H a chunk of 3 bytes
 *   $h a last chunk of 3 bytes   $E an empty chunk                    $e an empty last chunk
 *   $0 chunks count from 0 again $+ a chunk's number is left out      $- the last byte is dropped
 *   $~ the last byte's lowest bit is flipped                            $G 12 bytes of nothing
 */
static inline void forge_file(struct forge *forge, const char *template)
{
    static const char line[] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUZHSElKS0xNTk9QUVJTVFVW";
    uint8_t share[AGE_KEY_SIZE];

    forge_share(share);
    for (const char *c = template; *c != '\0'; c++) {
        if (*c != '$') {
            age_bytes_add(&forge->file, c, 1);
            continue;
        }
        switch (*++c) {
        case 'V':
            forge_add(forge, "age-encryption.org/v1\n");
            break;
        case 'X':
            forge_file(forge, "-> X25519 $S\n$B\n");
            break;
        case 'O':
            forge_file(forge, "-> X25519 $S\n");
            forge_x25519_body(forge, 2, false);
            forge_add(forge, "\n");
            break;
        case 'P':
            forge_file(forge, "-> scrypt $T 4\n$Q\n");
            break;
        case 'S':
            forge_base64(forge, share, sizeof(share));
            break;
        case 'B':
        case 'C':
            forge_x25519_body(forge, 1, *c == 'C');
            break;
        case 'T':
            forge_base64(forge, (const uint8_t *)"0123456789abcdef", 16);
            break;
        case 'Q':
        case 'R':
            forge_scrypt_body(forge, *c == 'R');
            break;
        case 'L':
            forge_add(forge, line);
            break;
        case 'D':
            forge_file(forge, "---$M\n");
            break;
        case 'M':
            forge_mac(forge);
            break;
        case 'm':
            forge_mac_of_x(forge);
            break;
        case 'N':
            forge_start_payload(forge);
            break;
        case 'G':
            forge_add(forge, "no authentic");
            break;
        case 'F':
        case 'f':
            forge_chunk(forge, AGE_CHUNK_SIZE, *c == 'f');
            break;
        case 'H':
        case 'h':
            forge_chunk(forge, 3, *c == 'h');
            break;
        case 'E':
        case 'e':
            forge_chunk(forge, 0, *c == 'e');
            break;
        case '0':
            forge->number = 0;
            break;
        case '+':
            forge->number++;
            break;
        case '-':
            forge->file.length--;
            break;
        case '~':
            if (forge->file.data == NULL)
                abort();
            forge->file.data[forge->file.length - 1] ^= 1;
            break;
        default:
            abort();
        }
    }
}

static inline void forge_free(struct forge *forge)
{
    age_bytes_free(&forge->file);
    age_bytes_free(&forge->plain);
    EVP_CIPHER_CTX_free(forge->context);
    *forge = (struct forge){0};
}

#endif
