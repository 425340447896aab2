/*
 * An archive taken to pieces, so that any of them can be made to lie, and put together again with
 * headers, digests and end that agree with the lie.
 */
#ifndef TESTS_FORMATS_PIECES_H
#define TESTS_FORMATS_PIECES_H

#include <jansson.h>

#include "tests/formats/sample.h"

enum { PIECES_MAX = 32 };

struct piece {
    char name[MANIFEST_NAME_BYTES];
    struct buffer data;
};

/* The members but manifest and end, and these two. */
struct pieces {
    struct piece piece[PIECES_MAX];
    size_t count;
    json_t *manifest;
    struct buffer manifest_text;
    uint8_t end[END_BYTES];
    time_t started_at;
};

/* How far what covers the pieces follows them. */
enum sign {
    SIGN_NOTHING, /* manifest and end stay as they are */
    SIGN_END,     /* the end follows the manifest, which stays as it is */
    SIGN_ALL,     /* the manifest has the places and digests of the pieces */
};

static inline void pieces_add(struct pieces *pieces, size_t at, const char *name, const void *bytes,
                              size_t length)
{
    SAMPLE_MUST(pieces->count < PIECES_MAX && at <= pieces->count);
    memmove(&pieces->piece[at + 1], &pieces->piece[at],
            (pieces->count - at) * sizeof(pieces->piece[0]));
    pieces->count++;
    pieces->piece[at] = (struct piece){0};
    strcpy(pieces->piece[at].name, name);
    buffer_append(&pieces->piece[at].data, bytes, length);
}

static inline void pieces_drop(struct pieces *pieces, size_t at)
{
    buffer_free(&pieces->piece[at].data);
    pieces->count--;
    memmove(&pieces->piece[at], &pieces->piece[at + 1],
            (pieces->count - at) * sizeof(pieces->piece[0]));
}

static inline struct piece *pieces_find(struct pieces *pieces, const char *name)
{
    for (size_t i = 0; i < pieces->count; i++)
        if (strcmp(pieces->piece[i].name, name) == 0)
            return &pieces->piece[i];
    return NULL;
}

/* A value in a manifest, by a path of keys and places, such as "tables/0/parts/1". */
static inline json_t *pieces_at(json_t *json, const char *path)
{
    char copy[64], *save = NULL;

    strcpy(copy, path);
    for (char *step = strtok_r(copy, "/", &save); step != NULL; step = strtok_r(NULL, "/", &save))
        json = step[0] >= '0' && step[0] <= '9' ? json_array_get(json, strtoul(step, NULL, 10))
                                                : json_object_get(json, step);
    SAMPLE_MUST(json != NULL);
    return json;
}

/* Takes a good archive to pieces. */
static inline void pieces_take(struct pieces *pieces, const struct buffer *archive)
{
    *pieces = (struct pieces){.started_at = 1737856800};
    for (size_t at = 0; archive->bytes[at] != 0;) {
        const char *name = (const char *)archive->bytes + at;
        size_t size = (size_t)strtoull(name + 124, NULL, 8);
        const uint8_t *data = archive->bytes + at + TAR_BLOCK;

        if (strcmp(name, MANIFEST_NAME) == 0) {
            pieces->manifest = json_loadb((const char *)data, size, 0, NULL);
            SAMPLE_MUST(pieces->manifest != NULL);
            buffer_append(&pieces->manifest_text, data, size);
        } else if (strcmp(name, END_NAME) == 0) {
            memcpy(pieces->end, data, END_BYTES);
        } else {
            pieces_add(pieces, pieces->count, name, data, size);
        }
        at += TAR_BLOCK + size + (size_t)tar_padding(size);
    }
}

static inline void pieces_free(struct pieces *pieces)
{
    while (pieces->count > 0)
        pieces_drop(pieces, pieces->count - 1);
    json_decref(pieces->manifest);
    buffer_free(&pieces->manifest_text);
}

/* A member, with the header that fits it; where its data begins. */
static inline uint64_t pieces_put(struct buffer *out, const char *name, time_t time,
                                  const void *bytes, size_t length)
{
    static const uint8_t zeros[TAR_BLOCK];
    uint8_t header[TAR_BLOCK];
    uint64_t offset;

    SAMPLE_MUST(tar_header(name, length, time, header, NULL) == LARDER_OK);
    buffer_append(out, header, sizeof(header));
    offset = out->length;
    buffer_append(out, bytes, length);
    buffer_append(out, zeros, (size_t)tar_padding(length));
    return offset;
}

/* Gives the manifest's entry of that path the piece's place and digest, where there is one. */
static inline void pieces_sign(json_t *array, const struct piece *piece, uint64_t offset)
{
    uint8_t digest[SHA256_BYTES];
    char hex[SHA256_HEX];
    SAMPLE_MUST(sha256_of(piece->data.bytes, piece->data.length, digest, NULL) == LARDER_OK);
    sha256_to_hex(digest, hex);
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);

        if (strcmp(json_string_value(json_object_get(item, "path")), piece->name) != 0)
            continue;
        json_object_set_new(item, "offset", json_integer((json_int_t)offset));
        json_object_set_new(item, "bytes", json_integer((json_int_t)piece->data.length));
        json_object_set_new(item, "sha256", json_string(hex));
    }
}

/* The members of the archive; the manifest then has their places, where it is to be signed. */
static inline void pieces_lay_out(struct pieces *pieces, enum sign sign, struct buffer *out)
{
    json_t *tables = json_object_get(pieces->manifest, "tables");

    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->piece[i];
        uint64_t offset =
            pieces_put(out, piece->name, pieces->started_at, piece->data.bytes, piece->data.length);

        if (sign != SIGN_ALL)
            continue;
        pieces_sign(json_object_get(pieces->manifest, "members"), piece, offset);
        for (size_t j = 0; j < json_array_size(tables); j++)
            pieces_sign(json_object_get(json_array_get(tables, j), "parts"), piece, offset);
    }
}

/* What stands behind them. `lie` may change the end before it is signed, or be NULL. */
static inline void pieces_close(struct pieces *pieces, enum sign sign, void (*lie)(struct end *end),
                                struct buffer *out)
{
    static const uint8_t zeros[TAR_END_BYTES];
    char *text = json_dumps(pieces->manifest, JSON_COMPACT);
    const char *manifest = text;
    size_t length = strlen(text);
    struct end end = {0};

    if (sign != SIGN_ALL) {
        manifest = (const char *)pieces->manifest_text.bytes;
        length = pieces->manifest_text.length;
    }
    end.manifest_bytes = length;
    SAMPLE_MUST(sha256_of(manifest, length, end.manifest_sha256, NULL) == LARDER_OK);
    end.manifest_offset = pieces_put(out, MANIFEST_NAME, pieces->started_at, manifest, length);
    end.archive_bytes = out->length + END_FROM_LAST;
    if (lie != NULL)
        lie(&end);
    if (sign != SIGN_NOTHING)
        SAMPLE_MUST(end_write(&end, pieces->end, NULL) == LARDER_OK);
    pieces_put(out, END_NAME, pieces->started_at, pieces->end, END_BYTES);
    buffer_append(out, zeros, sizeof(zeros));
    free(text);
}

#endif
