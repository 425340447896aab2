/*
 * Malformed and unusual files: one thing is out of the ordinary in each, and each must be taken, or
 * refused in the class that the format's public test vectors give such a file. Only authenticated
 * bytes may be released.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/formats/age/classes.h"

/* Templates are of forge_file(). Opened with identity 1 and the right passphrase. */
static const struct {
    const char *what;
    const char *template;
    const char *class;
} headers[] = {
    {"a file for one recipient", "$V$X$D$N$h", OK},
    {"a file for a passphrase", "$V$P$D$N$h", OK},
    {"nothing at all", "", HEADER},
    {"a version line alone", "$V", HEADER},
    {"a version line without its end", "age-encryption.org/v1", HEADER},
    {"version 2", "age-encryption.org/v2\n$X$D$N$h", HEADER},
    {"version 10", "age-encryption.org/v10\n$X$D$N$h", HEADER},
    {"version 1 in upper case", "age-encryption.org/V1\n$X$D$N$h", HEADER},
    {"no version", "age-encryption.org/\n$X$D$N$h", HEADER},
    {"another domain", "age-encryption.com/v1\n$X$D$N$h", HEADER},
    {"a carriage return after the version", "age-encryption.org/v1\r\n$X$D$N$h", HEADER},
    {"a space after the version", "age-encryption.org/v1 \n$X$D$N$h", HEADER},
    {"a space before the version line", " $V$X$D$N$h", HEADER},
    {"an empty line before the version line", "\n$V$X$D$N$h", HEADER},
    {"an empty line after the version line", "$V\n$X$D$N$h", HEADER},
    {"a byte order mark", "\xef\xbb\xbf$V$X$D$N$h", HEADER},
    {"carriage returns in all lines",
     "age-encryption.org/v1\r\n-> X25519 $S\r\n$B\r\n---$M\r\n$N$h", HEADER},
    {"no stanza", "$V$D$N$h", HEADER},
    {"no MAC", "$V$X$N$h", HEADER},
    {"a comment", "$V# comment\n$X$D$N$h", HEADER},
    {"an empty line between stanzas", "$V$X\n$X$D$N$h", HEADER},
    {"an empty line before the MAC", "$V$X\n$D$N$h", HEADER},

    {"a stanza without arguments", "$V$X->\n\n$D$N$h", HEADER},
    {"a stanza with an empty argument alone", "$V$X-> \n\n$D$N$h", HEADER},
    {"a stanza without the space", "$V$X->grease\n\n$D$N$h", HEADER},
    {"a stanza that starts with --", "$V$X-- grease\n\n$D$N$h", HEADER},
    {"two spaces before the type", "$V$X->  grease\n\n$D$N$h", HEADER},
    {"two spaces between arguments", "$V$X-> grease  a\n\n$D$N$h", HEADER},
    {"a space after the last argument", "$V$X-> grease a \n\n$D$N$h", HEADER},
    {"a tab between arguments", "$V$X-> grease\ta\n\n$D$N$h", HEADER},
    {"a control character in an argument", "$V$X-> grease \x01\n\n$D$N$h", HEADER},
    {"a DEL in an argument", "$V$X-> grease \x7f\n\n$D$N$h", HEADER},
    {"an argument that is not ASCII", "$V$X-> gr\xc3\xa4se\n\n$D$N$h", HEADER},
    {"a carriage return after arguments", "$V$X-> grease\r\n\n$D$N$h", HEADER},
    {"all characters that an argument may have",
     "$V-> !\"#%&'()*+,-./ 0123456789 :;<=>?@ ABCXYZ [\\]^_` abcxyz {|}~\n\n$X$D$N$h", OK},
    {"a stanza without a body", "$V$X-> grease\n$D$N$h", HEADER},
    {"a stanza without a body before another", "$V-> grease\n$X$D$N$h", HEADER},
    {"a stanza of an unknown type, empty", "$V-> grease\n\n$X$D$N$h", OK},
    {"a stanza of an unknown type after ours", "$V$X-> grease a b c d\nYWdl\n$D$N$h", OK},
    {"a full line and an empty one", "$V-> grease\n$L\n\n$X$D$N$h", OK},
    {"two full lines and a short one", "$V-> grease\n$L\n$L\nYWdl\n$X$D$N$h", OK},
    {"a full line and no end", "$V-> grease\n$L\n$X$D$N$h", HEADER},
    {"a line of 65 characters", "$V-> grease\n$LA\n\n$X$D$N$h", HEADER},
    {"a line of 68 characters", "$V-> grease\n$LAAAA\n\n$X$D$N$h", HEADER},
    {"two short lines", "$V-> grease\nYWdl\nYWdl\n$X$D$N$h", HEADER},
    {"an empty line, then a short one", "$V-> grease\n\nYWdl\n$X$D$N$h", HEADER},
    {"base64 with padding in a body", "$V-> grease\nYWc=\n$X$D$N$h", HEADER},
    {"base64 that is not canonical in a body", "$V-> grease\nYWd\n$X$D$N$h", HEADER},
    {"base64 of an impossible length in a body", "$V-> grease\nYWdlA\n$X$D$N$h", HEADER},
    {"base64url in a body", "$V-> grease\nYW_l\n$X$D$N$h", HEADER},
    {"a space in a body", "$V-> grease\nYW l\n$X$D$N$h", HEADER},
    {"a carriage return in a body", "$V-> grease\nYWdl\r\n$X$D$N$h", HEADER},
    {"a backslash in a body", "$V-> grease\nYW\\0\n$X$D$N$h", HEADER},

    {"X25519 in lower case", "$V-> x25519 $S\n$B\n$D$N$h", NO_MATCH},
    {"X25519 with more behind it", "$V-> X25519a $S\n$B\n$D$N$h", NO_MATCH},
    {"another recipient's stanza alone", "$V$O$D$N$h", NO_MATCH},
    {"another recipient's stanza before ours", "$V$O$X$D$N$h", OK},
    {"our stanza twice", "$V$X$X$D$N$h", OK},
    {"an unknown stanza alone", "$V-> grease\n\n$D$N$h", NO_MATCH},
    {"no share", "$V-> X25519\n$B\n$D$N$h", HEADER},
    {"an argument after the share", "$V-> X25519 $S a\n$B\n$D$N$h", HEADER},
    {"a share of 31 bytes", "$V-> X25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n$B\n$D$N$h",
     HEADER},
    {"a share of 33 bytes", "$V-> X25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n$B\n$D$N$h",
     HEADER},
    {"a share that is not canonical", "$V-> X25519 $S$~\n$B\n$D$N$h", HEADER},
    {"a share with padding", "$V-> X25519 $S=\n$B\n$D$N$h", HEADER},
    {"a share of zeros", "$V-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n$B\n$D$N$h",
     HEADER},
    {"a share that is one", "$V-> X25519 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n$B\n$D$N$h",
     HEADER},
    {"a share of order 8", "$V-> X25519 X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc\n$B\n$D$N$h",
     HEADER},
    {"a body of 31 bytes", "$V-> X25519 $S\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n$D$N$h",
     HEADER},
    {"a body of 48 bytes", "$V-> X25519 $S\n$L\n\n$D$N$h", HEADER},
    {"an empty body", "$V-> X25519 $S\n\n$D$N$h", HEADER},
    {"a body that is not canonical", "$V-> X25519 $S\n$B$~\n$D$N$h", HEADER},
    {"a body with a wrong tag", "$V-> X25519 $S\n$C\n$D$N$h", NO_MATCH},
    {"a malformed stanza of our type after ours", "$V$X-> X25519\n$B\n$D$N$h", HEADER},

    {"scrypt in upper case", "$V-> Scrypt $T 4\n$Q\n$D$N$h", NO_MATCH},
    {"scrypt twice", "$V$P$P$D$N$h", HEADER},
    {"scrypt before X25519", "$V$P$X$D$N$h", HEADER},
    {"scrypt after X25519", "$V$X$P$D$N$h", HEADER},
    {"scrypt beside an unknown stanza", "$V$P-> grease\n\n$D$N$h", HEADER},
    {"scrypt without arguments", "$V-> scrypt\n$Q\n$D$N$h", HEADER},
    {"scrypt without a work factor", "$V-> scrypt $T\n$Q\n$D$N$h", HEADER},
    {"scrypt without a salt", "$V-> scrypt 4\n$Q\n$D$N$h", HEADER},
    {"scrypt with a fourth argument", "$V-> scrypt $T 4 4\n$Q\n$D$N$h", HEADER},
    {"arguments of scrypt swapped", "$V-> scrypt 4 $T\n$Q\n$D$N$h", HEADER},
    {"a salt of 15 bytes", "$V-> scrypt AQEBAQEBAQEBAQEBAQEB 4\n$Q\n$D$N$h", HEADER},
    {"a salt of 17 bytes", "$V-> scrypt AQEBAQEBAQEBAQEBAQEBAQE 4\n$Q\n$D$N$h", HEADER},
    {"a salt that is not canonical", "$V-> scrypt $T$~ 4\n$Q\n$D$N$h", HEADER},
    {"a salt with padding", "$V-> scrypt $T== 4\n$Q\n$D$N$h", HEADER},
    {"another salt", "$V-> scrypt AQEBAQEBAQEBAQEBAQEBAQ 4\n$Q\n$D$N$h", NO_MATCH},
    {"another work factor", "$V-> scrypt $T 5\n$Q\n$D$N$h", NO_MATCH},
    {"work factor 0", "$V-> scrypt $T 0\n$Q\n$D$N$h", HEADER},
    {"work factor 04", "$V-> scrypt $T 04\n$Q\n$D$N$h", HEADER},
    {"work factor +4", "$V-> scrypt $T +4\n$Q\n$D$N$h", HEADER},
    {"work factor -4", "$V-> scrypt $T -4\n$Q\n$D$N$h", HEADER},
    {"work factor 0x4", "$V-> scrypt $T 0x4\n$Q\n$D$N$h", HEADER},
    {"work factor 4.0", "$V-> scrypt $T 4.0\n$Q\n$D$N$h", HEADER},
    {"work factor 4a", "$V-> scrypt $T 4a\n$Q\n$D$N$h", HEADER},
    {"work factor 23", "$V-> scrypt $T 23\n$Q\n$D$N$h", HEADER},
    {"work factor 64", "$V-> scrypt $T 64\n$Q\n$D$N$h", HEADER},
    {"work factor 2^32 + 4", "$V-> scrypt $T 4294967300\n$Q\n$D$N$h", HEADER},
    {"work factor 2^64 + 4", "$V-> scrypt $T 18446744073709551620\n$Q\n$D$N$h", HEADER},
    {"an scrypt body of 31 bytes",
     "$V-> scrypt $T 4\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n$D$N$h", HEADER},
    {"an scrypt body of 48 bytes", "$V-> scrypt $T 4\n$L\n\n$D$N$h", HEADER},
    {"an scrypt body that is not canonical", "$V-> scrypt $T 4\n$Q$~\n$D$N$h", HEADER},
    {"an scrypt body with a wrong tag", "$V-> scrypt $T 4\n$R\n$D$N$h", NO_MATCH},

    {"a MAC of zeros", "$V$X--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n$N$h", HMAC_},
    {"a stanza added behind", "$V$X-> grease\n\n---$m\n$N$h", HMAC_},
    {"a stanza added in front", "$V-> grease\n\n$X---$m\n$N$h", HMAC_},
    {"a stanza repeated", "$V$X$X---$m\n$N$h", HMAC_},
    {"a stanza replaced", "$V$P---$m\n$N$h", HMAC_},
    {"a MAC that is not canonical", "$V$X---$M$~\n$N$h", HEADER},
    {"a MAC with padding", "$V$X---$M=\n$N$h", HEADER},
    {"a MAC that is cut", "$V$X---$M$-\n$N$h", HEADER},
    {"a MAC of 33 bytes", "$V$X--- AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n$N$h", HEADER},
    {"a line of the MAC without one", "$V$X---\n$N$h", HEADER},
    {"a line of the MAC with a space alone", "$V$X--- \n$N$h", HEADER},
    {"no space before the MAC", "$V$X---AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n$N$h", HEADER},
    {"two spaces before the MAC", "$V$X--- $M\n$N$h", HEADER},
    {"a space after the MAC", "$V$X---$M \n$N$h", HEADER},
    {"a carriage return after the MAC", "$V$X---$M\r\n$N$h", HEADER},
    {"four dashes before the MAC", "$V$X----$M\n$N$h", HEADER},
    {"something after the MAC", "$V$X---$M a\n$N$h", HEADER},
    {"the MAC's line is the last, unfinished", "$V$X---$M", HEADER},

    {"no nonce", "$V$X$D", HEADER},
    {"a nonce of 15 bytes", "$V$X$D$N$-", HEADER},
};

/* After "$V$X$D". What counts as released is the first `released` bytes of the chunks. */
static const struct {
    const char *what;
    const char *template;
    const char *class;
    size_t released;
} payloads[] = {
    {"an empty file", "$N$e", OK, 0},
    {"a short file", "$N$h", OK, 3},
    {"a full chunk", "$N$f", OK, 65536},
    {"a full and a short chunk", "$N$F$h", OK, 65539},
    {"two full chunks", "$N$F$f", OK, 131072},
    {"no chunk", "$N", PAYLOAD, 0},
    {"half a tag", "$N$e$-$-$-$-$-$-$-$-", PAYLOAD, 0},
    {"one byte", "$Na", PAYLOAD, 0},
    {"an empty chunk that is not the last", "$N$E", PAYLOAD, 0},
    {"a short chunk that is not the last", "$N$H", PAYLOAD, 0},
    {"a full chunk that is not the last", "$N$F", PAYLOAD, 65536},
    {"two full chunks, neither the last", "$N$F$F", PAYLOAD, 131072},
    {"a full chunk, and a short one that is not the last", "$N$F$H", PAYLOAD, 65536},
    {"an empty last chunk after a full one", "$N$F$e", PAYLOAD, 65536},
    {"an empty last chunk after two full ones", "$N$F$F$e", PAYLOAD, 131072},
    {"two last chunks, the first full", "$N$f$h", PAYLOAD, 65536},
    {"two full last chunks", "$N$f$f", PAYLOAD, 65536},
    {"two short last chunks", "$N$h$h", PAYLOAD, 0},
    {"a short chunk in the middle", "$N$H$F$h", PAYLOAD, 0},
    {"12 bytes after a full last chunk", "$N$f$G", PAYLOAD, 65536},
    {"24 bytes after a full last chunk", "$N$f$G$G", PAYLOAD, 65536},
    {"12 bytes after a short last chunk", "$N$h$G", PAYLOAD, 0},
    {"12 bytes after an empty last chunk", "$N$e$G", PAYLOAD, 0},
    {"the last byte is missing", "$N$h$-", PAYLOAD, 0},
    {"the last byte of a full chunk is missing", "$N$f$-", PAYLOAD, 0},
    {"the last byte of a second chunk is missing", "$N$F$h$-", PAYLOAD, 65536},
    {"a bit of a tag is flipped", "$N$h$~", PAYLOAD, 0},
    {"a bit of a full chunk's tag is flipped", "$N$f$~", PAYLOAD, 0},
    {"a bit of the second chunk's tag is flipped", "$N$F$h$~", PAYLOAD, 65536},
    {"a bit of the first chunk's tag is flipped", "$N$F$~$h", PAYLOAD, 0},
    {"a bit of the middle chunk's tag is flipped", "$N$F$F$~$h", PAYLOAD, 65536},
    {"the first chunk twice", "$N$F$0$F$h", PAYLOAD, 65536},
    {"chunks that start at 1", "$N$+$F$h", PAYLOAD, 0},
    {"a chunk left out", "$N$F$+$h", PAYLOAD, 65536},
    {"all chunks numbered 0", "$N$F$0$h", PAYLOAD, 65536},
    {"the nonce twice", "$Na forged nonce! $h", PAYLOAD, 0},
};

/* Streams it in pieces of several sizes, and reads it at random; all must say the same. */
static void check(const char *what, const struct forge *forge, const char *class, size_t released)
{
    struct age_identities *identities = credentials();
    const size_t steps[] = {SIZE_MAX / 2, 4093, 1};
    size_t kinds = forge->file.length > 4096 ? 2 : 3;
    struct larder_error error = {0};
    struct input *input = NULL;
    enum larder_status status;

    for (size_t i = 0; i < kinds; i++) {
        struct age_bytes out;

        error = (struct larder_error){0};
        status = forge_decrypt(&out, identities, false, forge->file.data, forge->file.length,
                               steps[i], &error);
        assert_class(what, class, status, &error);
        if (out.length != released)
            fail_msg("%s: %zu bytes released, not %zu", what, out.length, released);
        if (released > 0)
            assert_memory_equal(out.data, forge->plain.data, released);
        age_bytes_free(&out);
    }

    error = (struct larder_error){0};
    input = forge_input_new(forge->file.data, forge->file.length);
    status = age_input_open(&input, identities, input, &error);
    if (status == LARDER_OK) {
        size_t size = (size_t)input->size;
        uint8_t *plain = malloc(size + 1);

        status = input_read_at(input, 0, plain, size, &error);
        if (status == LARDER_OK && size > 0)
            assert_memory_equal(plain, forge->plain.data, size);
        free(plain);
    }
    assert_class(what, class, status, &error);
    input_close(input);
    age_identities_free(identities);
}

static void a_header_is_taken_exactly_where_the_format_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct forge forge = {0};

        forge_file(&forge, headers[i].template);
        check(headers[i].what, &forge, headers[i].class, headers[i].class == OK ? 3 : 0);
        forge_free(&forge);
    }
}

static void a_payload_is_released_as_far_as_it_is_authentic(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        struct forge forge = {0};

        forge_file(&forge, "$V$X$D");
        forge_file(&forge, payloads[i].template);
        check(payloads[i].what, &forge, payloads[i].class, payloads[i].released);
        forge_free(&forge);
    }
}

static void every_flipped_bit_and_every_truncation_is_refused(void **state)
{
    struct age_identities *identities = credentials();
    struct forge forge = {0};
    struct forge intact = {0};
    struct larder_error error;

    (void)state;
    forge_file(&intact, "$V$X-> grease a\nYWdl\n$D$N$h");
    forge_file(&forge, "$V$X-> grease a\nYWdl\n$D$N$h");
    for (size_t bit = 0; bit < 8 * forge.file.length; bit++) {
        struct age_bytes out;
        enum larder_status status;

        forge.file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        status = forge_decrypt(&out, identities, false, forge.file.data, forge.file.length, 1000,
                               &error);
        if ((status != LARDER_DAMAGED && status != LARDER_NO_KEY) || out.length > 0)
            fail_msg("bit %zu: status %d, %zu bytes", bit, (int)status, out.length);
        forge.file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        age_bytes_free(&out);
    }
    for (size_t length = 0; length < forge.file.length; length++) {
        struct input *input;
        struct age_bytes out;

        assert_int_equal(
            forge_decrypt(&out, identities, false, forge.file.data, length, 1000, &error),
            LARDER_DAMAGED);
        assert_int_equal(out.length, 0);
        age_bytes_free(&out);
        input = forge_input_new(forge.file.data, length);
        assert_int_equal(age_input_open(&input, identities, input, &error), LARDER_DAMAGED);
        input_close(input);
    }
    assert_memory_equal(forge.file.data, intact.file.data, intact.file.length);
    forge_free(&forge);
    forge_free(&intact);
    age_identities_free(identities);
}

static void a_header_beyond_the_limit_is_refused(void **state)
{
    struct forge forge = {0};

    (void)state;
    forge_file(&forge, "$V");
    while (forge.file.length < AGE_HEADER_LIMIT)
        forge_add(&forge, "-> grease\n\n");
    forge_file(&forge, "$X$D$N$h");
    check("a header of more than 1 MiB", &forge, HEADER, 0);
    forge_free(&forge);

    forge_file(&forge, "$V$X-> ");
    while (forge.file.length < AGE_HEADER_LIMIT + 10)
        forge_add(&forge, "endless");
    check("a line without an end", &forge, HEADER, 0);
    forge_free(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_taken_exactly_where_the_format_says_so),
        cmocka_unit_test(a_payload_is_released_as_far_as_it_is_authentic),
        cmocka_unit_test(every_flipped_bit_and_every_truncation_is_refused),
        cmocka_unit_test(a_header_beyond_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
