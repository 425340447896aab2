#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>
#include <zstd.h>

#include "tests/formats/damaged.h"
#include "tests/formats/pieces.h"

#define PART_1 "data/00001-public.profiles/000001.copy.zst"
#define PART_2 "data/00001-public.profiles/000002.copy.zst"
#define EVENTS_1 "data/00002-public.events/000001.copy.zst"

static void make_sample(size_t tables, struct buffer *out)
{
    manifest_free(sample_archive(tables, out));
}

/* A full check must end in damage and say of what kind. */
static void check_damaged(const uint8_t *bytes, size_t length, const char *what, size_t which)
{
    struct larder_error error = {0};
    enum larder_status status = sample_check(bytes, length, &error);

    if (status != LARDER_DAMAGED || error.message[0] == '\0')
        fail_msg("%s %zu: status %d, \"%s\"", what, which, (int)status, error.message);
}

static void every_flipped_bit_is_found(void **state)
{
    struct buffer archive = {0};
    size_t found = 0;

    (void)state;
    make_sample(1, &archive);
    assert_int_equal(sample_check(archive.bytes, archive.length, NULL), LARDER_OK);
    for (size_t bit = 0; bit < archive.length * 8; bit += damaged_step(), found++) {
        archive.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_damaged(archive.bytes, archive.length, "bit", bit);
        archive.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    damaged_found(found, "flipped bits", archive.length);
    buffer_free(&archive);
}

static void every_truncation_is_found(void **state)
{
    struct buffer archive = {0};
    size_t found = 0;

    (void)state;
    make_sample(SAMPLE_TABLES, &archive);
    for (size_t length = 0; length < archive.length; length += damaged_step(), found++)
        check_damaged(archive.bytes, length, "length", length);
    damaged_found(found, "truncations", archive.length);
    buffer_free(&archive);
}

static void bytes_behind_the_end_are_found(void **state)
{
    static const size_t more[] = {1, 511, 512, 1024, 2048, 10240};
    struct buffer archive = {0};
    size_t length;

    (void)state;
    make_sample(1, &archive);
    length = archive.length;
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        assert_true(buffer_reserve(&archive, more[i]));
        memset(archive.bytes + length, 0, more[i]);
        check_damaged(archive.bytes, length + more[i], "zeros", more[i]);
        memset(archive.bytes + length, 'x', more[i]);
        check_damaged(archive.bytes, length + more[i], "other bytes", more[i]);
    }
    assert_true(buffer_reserve(&archive, length));
    memcpy(archive.bytes + length, archive.bytes, length);
    check_damaged(archive.bytes, 2 * length, "the archive twice", 0);
    buffer_free(&archive);
}

static void drop(struct pieces *p, size_t at)
{
    pieces_drop(p, at);
}

static void twice(struct pieces *p, size_t at)
{
    struct piece first = p->piece[at];

    pieces_add(p, at, first.name, first.data.bytes, first.data.length);
}

static void rename_it(struct pieces *p, size_t at)
{
    char *name = p->piece[at].name;

    name[strlen(name) - 1]++;
}

static void add(struct pieces *p, size_t at)
{
    pieces_add(p, at, "data/00001-public.profiles/000003.copy.zst", "x", 1);
}

static void add_an_empty_one(struct pieces *p, size_t at)
{
    pieces_add(p, at, "extra", NULL, 0);
}

/* Headers fit in all of these; what covers the members follows them or not. */
static void check_pieces(struct pieces *p, enum sign sign, bool good, const char *what,
                         size_t which)
{
    struct buffer out = {0};

    pieces_lay_out(p, sign, &out);
    pieces_close(p, sign, NULL, &out);
    if (good)
        assert_int_equal(sample_check(out.bytes, out.length, NULL), LARDER_OK);
    else
        check_damaged(out.bytes, out.length, what, which);
    buffer_free(&out);
    pieces_free(p);
}

static void members_that_are_not_those_of_the_manifest_are_found(void **state)
{
    static const struct {
        void (*edit)(struct pieces *, size_t);
        size_t places;
    } edits[] = {{drop, 11}, {twice, 11}, {rename_it, 11}, {add, 12}, {add_an_empty_one, 12}};
    struct buffer archive = {0};
    size_t found = 0;

    (void)state;
    make_sample(2, &archive);
    for (size_t e = 0; e < sizeof(edits) / sizeof(edits[0]); e++)
        for (size_t at = 0; at < edits[e].places; at++)
            for (int sign = SIGN_NOTHING; sign <= SIGN_ALL; sign++, found++) {
                struct pieces p;

                pieces_take(&p, &archive);
                assert_int_equal(p.count, 11);
                edits[e].edit(&p, at);
                check_pieces(&p, (enum sign)sign, false, "edited member", e * 100 + at);
            }
    damaged_found(found, "members dropped, doubled, renamed and added", archive.length);
    buffer_free(&archive);
}

static bool is_data(const struct piece *piece)
{
    return strncmp(piece->name, "data/", 5) == 0;
}

static void only_parts_may_stand_in_any_order(void **state)
{
    struct buffer archive = {0};
    size_t found = 0;

    (void)state;
    make_sample(2, &archive);
    for (size_t i = 0; i < 11; i++)
        for (size_t j = i + 1; j < 11; j++)
            for (int sign = SIGN_NOTHING; sign <= SIGN_ALL; sign++) {
                struct pieces p;
                struct piece other;
                bool good;

                pieces_take(&p, &archive);
                other = p.piece[i];
                p.piece[i] = p.piece[j];
                p.piece[j] = other;
                good = sign == SIGN_ALL && is_data(&p.piece[i]) && is_data(&p.piece[j]);
                check_pieces(&p, (enum sign)sign, good, "swapped member", i * 100 + j);
                found += !good;
            }
    damaged_found(found, "members swapped", archive.length);
    buffer_free(&archive);
}

/* clang-format off */
static const struct {
    size_t offset;
    const char *bytes;
    size_t length;
} headers[] = {
    {0, SAMPLE_BYTES("../")}, {0, SAMPLE_BYTES("/")}, {0, SAMPLE_BYTES("./")}, {0, SAMPLE_BYTES("\0")},
    {100, SAMPLE_BYTES("000777 ")}, {100, SAMPLE_BYTES("004600 ")}, {100, SAMPLE_BYTES("0000600")},
    {108, SAMPLE_BYTES("000001 ")}, {116, SAMPLE_BYTES("000001 ")}, {108, SAMPLE_BYTES("\200")},
    {124, SAMPLE_BYTES("77777777777")}, {124, SAMPLE_BYTES("00000000000")}, {124, SAMPLE_BYTES("\200")},
    {136, SAMPLE_BYTES("00000000000")}, {156, SAMPLE_BYTES("\0")},
    {156, SAMPLE_BYTES("1")}, {156, SAMPLE_BYTES("2")}, {156, SAMPLE_BYTES("3")}, {156, SAMPLE_BYTES("4")},
    {156, SAMPLE_BYTES("5")}, {156, SAMPLE_BYTES("6")}, {156, SAMPLE_BYTES("7")}, {156, SAMPLE_BYTES("x")},
    {156, SAMPLE_BYTES("g")}, {156, SAMPLE_BYTES("L")}, {156, SAMPLE_BYTES("K")}, {156, SAMPLE_BYTES("S")},
    {156, SAMPLE_BYTES("2/etc/passwd")}, {257, SAMPLE_BYTES("ustar  ")}, {265, SAMPLE_BYTES("root")},
    {297, SAMPLE_BYTES("root")}, {329, SAMPLE_BYTES("000001 ")}, {345, SAMPLE_BYTES("..")}, {500, SAMPLE_BYTES("x")},
};
/* clang-format on */

static void fix_checksum(uint8_t header[TAR_BLOCK])
{
    unsigned sum = 0;

    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += header[i];
    snprintf((char *)header + 148, 7, "%06o", sum);
}

/* Each with a right checksum, for every member. */
static void a_header_that_says_anything_else_is_refused(void **state)
{
    struct buffer archive = {0};

    (void)state;
    make_sample(1, &archive);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        for (size_t at = 0; archive.bytes[at] != 0;) {
            uint8_t *header = archive.bytes + at, was[TAR_BLOCK];
            size_t size = (size_t)strtoull((char *)header + 124, NULL, 8);

            memcpy(was, header, TAR_BLOCK);
            memcpy(header + headers[i].offset, headers[i].bytes, headers[i].length);
            fix_checksum(header);
            if (memcmp(was, header, TAR_BLOCK) != 0)
                check_damaged(archive.bytes, archive.length, "header", i);
            memcpy(header, was, TAR_BLOCK);
            at += TAR_BLOCK + size + (size_t)tar_padding(size);
        }
    assert_int_equal(sample_check(archive.bytes, archive.length, NULL), LARDER_OK);
    buffer_free(&archive);
}

/* Values of a signed manifest that lie; of a path of keys and places. */
/* clang-format off */
static const struct {
    const char *object, *key, *value, *message;
} lies[] = {
    {"", "members", "[]", "its manifest does not name the members that an archive has"},
    {"", "tables", "[]", "its members do not follow each other as its manifest says"},
    {"", "started_at", "\"2025-01-26T02:00:01Z\"", "the tar header of \"manifest.json\" is not what it must be"},
    {"members/0", "path", "\"header.json\"", "its manifest does not name the members that an archive has"},
    {"members/0", "offset", "0", "its members do not follow each other as its manifest says"},
    {"members/0", "offset", "9223372036854775807", "its members do not follow each other as its manifest says"},
    {"members/0", "bytes", "9223372036854775807", "its members do not follow each other as its manifest says"},
    {"members/0", "bytes", "10", "the tar header of \"RECOVERY.md\" is not what it must be"},
    {"members/0", "bytes", "513", "its members do not follow each other as its manifest says"},
    {"members/5", "offset", "512", "its members do not follow each other as its manifest says"},
    {"tables/0/parts/0", "offset", "9223372036854775807", "its members do not follow each other as its manifest says"},
    {"tables/0/parts/0", "offset", "512", "its members do not follow each other as its manifest says"},
    {"tables/0/parts/0", "bytes", "0", "its members do not follow each other as its manifest says"},
    {"tables/0/parts/0", "bytes", "8589934592", "its members do not follow each other as its manifest says"},
    {"tables/0/parts/0", "raw_bytes", "17", "its manifest has a wrong or missing \"rows\""},
    {"tables/0", "fingerprint", "\"00000000000000000000000000000000\"", "a fingerprint is not the manifest's"},
    {"tables/0", "schema", "\"private\"", "its manifest has a wrong or missing \"path\""},
    {"tables/0", "kind", "\"partitioned table\"", "its manifest has a wrong or missing \"parts\""},
    {"tables/0", "copy_format", "\"binary\"", "a binary COPY stream has a wrong header"},
    {"tables/1", "copy_format", "\"text\"", "the rows end in the midst of one"},
    {"tables/1", "columns", "[]", "a binary row has 1 fields instead of 0"},
    {"tables/1/columns/0", "generated", "true", "a binary row has 1 fields instead of 0"},
};
/* clang-format on */

static void check_message(const struct buffer *archive, const char *message, const char *what)
{
    struct larder_error error = {0};
    enum larder_status status = sample_check(archive->bytes, archive->length, &error);

    if (status != LARDER_DAMAGED || strstr(error.message, message) == NULL)
        fail_msg("%s: status %d, \"%s\"", what, (int)status, error.message);
}

static void a_signed_manifest_that_lies_is_found(void **state)
{
    struct buffer archive = {0};

    (void)state;
    make_sample(2, &archive);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct buffer out = {0};
        struct pieces p;

        pieces_take(&p, &archive);
        pieces_lay_out(&p, SIGN_ALL, &out);
        json_object_set_new(pieces_at(p.manifest, lies[i].object), lies[i].key,
                            json_loads(lies[i].value, JSON_DECODE_ANY, NULL));
        pieces_close(&p, SIGN_ALL, NULL, &out);
        check_message(&out, lies[i].message, lies[i].value);
        buffer_free(&out);
        pieces_free(&p);
    }
    buffer_free(&archive);
}

static void add_to(json_t *object, const char *key, json_int_t more)
{
    json_object_set_new(object, key,
                        json_integer(json_integer_value(json_object_get(object, key)) + more));
}

/* Rows and raw bytes of a part and of its table, changed alike. */
static void counts_that_agree_with_each_other_but_not_with_the_rows_are_found(void **state)
{
    static const struct {
        const char *key;
        json_int_t more;
        const char *message;
    } cases[] = {
        {"rows", 1, "rows, and the manifest says"},
        {"rows", -1, "rows, and the manifest says"},
        {"raw_bytes", 1, "it holds fewer bytes than the manifest says"},
        {"raw_bytes", -1, "a zstd frame states a wrong content size"},
        {"raw_bytes", INT64_MAX - 1000, "it holds fewer bytes than the manifest says"},
    };
    struct buffer archive = {0};

    (void)state;
    make_sample(2, &archive);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out = {0};
        struct pieces p;

        pieces_take(&p, &archive);
        add_to(pieces_at(p.manifest, "tables/0"), cases[i].key, cases[i].more);
        add_to(pieces_at(p.manifest, "tables/0/parts/1"), cases[i].key, cases[i].more);
        pieces_lay_out(&p, SIGN_ALL, &out);
        pieces_close(&p, SIGN_ALL, NULL, &out);
        check_message(&out, cases[i].message, cases[i].key);
        buffer_free(&out);
        pieces_free(&p);
    }
    buffer_free(&archive);
}

static void offset_too_small(struct end *end)
{
    end->manifest_offset -= 512;
}

static void offset_wraps(struct end *end)
{
    end->manifest_offset = UINT64_MAX;
}

static void offset_is_zero(struct end *end)
{
    end->manifest_offset = 0;
}

static void manifest_too_long(struct end *end)
{
    end->manifest_bytes += 512;
}

static void manifest_wraps(struct end *end)
{
    end->manifest_bytes = UINT64_MAX - 511;
}

/* The sum is right, modulo 2 to the 64. */
static void offset_and_length_wrap(struct end *end)
{
    end->manifest_bytes = 1 << 20;
    end->manifest_offset = end->archive_bytes - END_FROM_LAST - end->manifest_bytes;
}

static void manifest_is_empty(struct end *end)
{
    end->manifest_bytes = 0;
}

static void archive_too_long(struct end *end)
{
    end->archive_bytes += 512;
}

static void an_end_that_lies_is_found(void **state)
{
    static const struct {
        void (*lie)(struct end *);
        const char *message;
    } cases[] = {
        {offset_too_small, "its end does not say where the manifest is"},
        {offset_wraps, "its end does not say where the manifest is"},
        {offset_is_zero, "its end does not say where the manifest is"},
        {manifest_too_long, "its end does not say where the manifest is"},
        {manifest_wraps, "its end does not say where the manifest is"},
        {offset_and_length_wrap, "its end does not say where the manifest is"},
        {manifest_is_empty, "its end does not say where the manifest is"},
        {archive_too_long, "its size is not the one that its end states"},
    };
    struct buffer archive = {0};

    (void)state;
    make_sample(1, &archive);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out = {0};
        struct pieces p;

        pieces_take(&p, &archive);
        pieces_lay_out(&p, SIGN_ALL, &out);
        pieces_close(&p, SIGN_ALL, cases[i].lie, &out);
        check_message(&out, cases[i].message, "end");
        buffer_free(&out);
        pieces_free(&p);
    }
    buffer_free(&archive);
}

/* What a part holds instead of its rows, in frames as they should be. */
/* clang-format off */
static const struct {
    const char *part, *content;
    size_t length;
    json_int_t rows; /* as the manifest has them then */
    const char *message;
} contents[] = {
    {PART_1, SAMPLE_BYTES("1\tone\n2\t\\N\n3\tthree\\m\n"), 3, "a fingerprint is not the manifest's"},
    {PART_1, SAMPLE_BYTES("1\tone\n2\t\\N\n3\tthree\\n"), 3, "the rows end in the midst of one"},
    {PART_1, SAMPLE_BYTES("1\tone\n\\.\n3\tthree\\n\n"), 3, "the rows contain an end-of-data mark"},
    {PART_1, SAMPLE_BYTES("1\tone\n2\t\\N\n"), 3, "it holds 2 rows, and the manifest says 3"},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\377\377"), 1, "it holds 0 rows, and the manifest says 1"},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\377\377"), 0, "its manifest has a wrong or missing \"rows\""},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\0\1\0\0\0\4abcd"), 1, "the rows end in the midst of one"},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\0\1\0\0\0\4abcd\377"), 1, "the rows end in the midst of one"},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\0\1\0\0\0\4abcd\377\377x"), 1, "goes on after its end"},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\0\1\200\0\0\4abcd\377\377"), 1, "a field of negative length"},
    {EVENTS_1, SAMPLE_BYTES("\0\1\0\0\0\4abcd\377\377"), 1, "a binary COPY stream has a wrong header"},
    {EVENTS_1, SAMPLE_BYTES(SAMPLE_HEAD "\0\2\0\0\0\4abcd\0\0\0\0\377\377"), 1, "a binary row has 2 fields instead of 1"},
};
/* clang-format on */

static void compress(struct buffer *out, const void *bytes, size_t length, int checksum)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(length), written;

    assert_true(buffer_reserve(out, room));
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, checksum);
    written = ZSTD_compress2(zstd, out->bytes + out->length, room, bytes, length);
    assert_false(ZSTD_isError(written));
    out->length += written;
    ZSTD_freeCCtx(zstd);
}

/* Numbers of a part, which its path names, and of its table with it. */
static void set_part(struct pieces *p, const char *path, json_int_t raw_bytes, json_int_t rows)
{
    size_t number = strtoul(path + strlen("data/"), NULL, 10);
    json_t *table = json_array_get(json_object_get(p->manifest, "tables"), number - 1), *part;

    number = strtoul(strrchr(path, '/') + 1, NULL, 10);
    part = json_array_get(json_object_get(table, "parts"), number - 1);
    assert_non_null(part);
    add_to(table, "raw_bytes", raw_bytes - json_integer_value(json_object_get(part, "raw_bytes")));
    add_to(table, "rows", rows - json_integer_value(json_object_get(part, "rows")));
    json_object_set_new(part, "raw_bytes", json_integer(raw_bytes));
    json_object_set_new(part, "rows", json_integer(rows));
}

/* Puts a part's data into a signed archive and says what the full check finds. */
static void check_part(const struct buffer *archive, const char *path, const struct buffer *data,
                       json_int_t raw_bytes, json_int_t rows, const char *message)
{
    struct buffer out = {0};
    struct pieces p;
    struct piece *piece;

    pieces_take(&p, archive);
    piece = pieces_find(&p, path);
    assert_non_null(piece);
    piece->data.length = 0;
    buffer_append(&piece->data, data->bytes, data->length);
    set_part(&p, path, raw_bytes, rows);
    pieces_lay_out(&p, SIGN_ALL, &out);
    pieces_close(&p, SIGN_ALL, NULL, &out);
    check_message(&out, message, path);
    buffer_free(&out);
    pieces_free(&p);
}

static void rows_that_are_none_are_found(void **state)
{
    struct buffer archive = {0};

    (void)state;
    make_sample(2, &archive);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        struct buffer data = {0};

        compress(&data, contents[i].content, contents[i].length, 1);
        check_part(&archive, contents[i].part, &data, (json_int_t)contents[i].length,
                   contents[i].rows, contents[i].message);
        buffer_free(&data);
    }
    buffer_free(&archive);
}

static void frames_that_break_a_rule_are_found(void **state)
{
    static const char rows[] = "1\tone\n2\t\\N\n3\tthree\\n\n";
    static const uint8_t skippable[] = {0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    struct buffer archive = {0}, data = {0};

    (void)state;
    make_sample(1, &archive);
    check_part(&archive, PART_1, &data, 21, 3, "it holds fewer bytes than the manifest says");
    compress(&data, rows, 21, 0);
    check_part(&archive, PART_1, &data, 21, 3, "a zstd frame has no checksum");
    data.length = 0;
    compress(&data, rows, 21, 1);
    buffer_append(&data, skippable, sizeof(skippable));
    check_part(&archive, PART_1, &data, 21, 3, "it is not made of zstd frames");
    data.length = 0;
    buffer_append(&data, rows, 21);
    check_part(&archive, PART_1, &data, 21, 3, "it is not made of zstd frames");
    data.length = 0;
    compress(&data, rows, 10, 1);
    compress(&data, rows + 10, 0, 1);
    compress(&data, rows + 10, 11, 1);
    check_part(&archive, PART_1, &data, 21, 3, "a zstd frame states a wrong content size");
    buffer_free(&data);
    buffer_free(&archive);
}

/* A few kilobytes that decode to 256 MiB. */
static void a_bomb_takes_no_more_memory_than_a_frame(void **state)
{
    struct buffer archive = {0}, data = {0};
    void *zeros = calloc(1, 64 * 1024 * 1024);
    struct rusage before, after;

    (void)state;
    make_sample(1, &archive);
    compress(&data, zeros, 64 * 1024 * 1024, 1);
    check_part(&archive, PART_1, &data, 64 * 1024 * 1024, 3,
               "a zstd frame states a wrong content size");
    data.length = 0;
    for (int i = 0; i < 64; i++)
        compress(&data, zeros, PART_FRAME_BYTES, 1);
    check_part(&archive, PART_1, &data, PART_FRAME_BYTES, 3,
               "a zstd frame states a wrong content size");
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    check_part(&archive, PART_1, &data, 64 * (json_int_t)PART_FRAME_BYTES, 3,
               "the rows end in the midst of one");
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 64 * 1024); /* KiB, of 256 MiB */
    free(zeros);
    buffer_free(&data);
    buffer_free(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_truncation_is_found),
        cmocka_unit_test(bytes_behind_the_end_are_found),
        cmocka_unit_test(members_that_are_not_those_of_the_manifest_are_found),
        cmocka_unit_test(only_parts_may_stand_in_any_order),
        cmocka_unit_test(a_header_that_says_anything_else_is_refused),
        cmocka_unit_test(a_signed_manifest_that_lies_is_found),
        cmocka_unit_test(counts_that_agree_with_each_other_but_not_with_the_rows_are_found),
        cmocka_unit_test(an_end_that_lies_is_found),
        cmocka_unit_test(rows_that_are_none_are_found),
        cmocka_unit_test(frames_that_break_a_rule_are_found),
        cmocka_unit_test(a_bomb_takes_no_more_memory_than_a_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
