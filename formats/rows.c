#include "formats/rows.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const uint8_t copy_binary_header[COPY_HEADER_BYTES] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0};
const uint8_t copy_binary_trailer[COPY_TRAILER_BYTES] = {0xff, 0xff};

/* What the next byte of a binary stream belongs to. */
enum place { IN_HEADER, IN_COUNT, IN_LENGTH, IN_FIELD, AFTER_TRAILER };

struct rows {
    enum copy_format format;
    int columns;
    uint64_t count;
    struct fingerprint sum;

    /* The row that a piece ended in the midst of, up to there. */
    bool partial;
    XXH3_state_t *partial_hash;
    size_t partial_length; /* text: its first bytes, as many as tell it from the end mark */
    uint8_t partial_start[3];

    /* binary */
    enum place place;
    uint8_t number[4]; /* the bytes of an integer that a piece has cut */
    size_t number_length;
    size_t header_length;
    size_t field_left; /* bytes of the present field still to come */
    int fields_left;
};

struct rows *rows_new(enum copy_format format, int columns)
{
    struct rows *rows = calloc(1, sizeof(*rows));

    if (rows == NULL)
        return NULL;
    rows->format = format;
    rows->columns = columns;
    rows->place = IN_HEADER;
    rows->partial_hash = XXH3_createState();
    if (rows->partial_hash == NULL) {
        free(rows);
        return NULL;
    }
    return rows;
}

void rows_free(struct rows *rows)
{
    if (rows == NULL)
        return;
    XXH3_freeState(rows->partial_hash);
    free(rows);
}

static void add_hash(struct rows *rows, XXH128_hash_t hash)
{
    fingerprint_add(&rows->sum, (struct fingerprint){.high = hash.high64, .low = hash.low64});
    rows->count++;
}

static void keep_partial(struct rows *rows, const uint8_t *bytes, size_t length)
{
    if (!rows->partial) {
        XXH3_128bits_reset(rows->partial_hash);
        rows->partial = true;
        rows->partial_length = 0;
    }
    for (size_t i = 0; i < length && rows->partial_length < sizeof(rows->partial_start); i++)
        rows->partial_start[rows->partial_length++] = bytes[i];
    XXH3_128bits_update(rows->partial_hash, bytes, length);
}

/* The row's last bytes (or all, where no earlier piece began it) are these. */
static void end_row(struct rows *rows, const uint8_t *bytes, size_t length)
{
    if (!rows->partial) {
        add_hash(rows, XXH3_128bits(bytes, length));
        return;
    }
    XXH3_128bits_update(rows->partial_hash, bytes, length);
    add_hash(rows, XXH3_128bits_digest(rows->partial_hash));
    rows->partial = false;
}

/* Whether a text row is the two bytes that psql and COPY FROM take for the end of the data. */
static bool is_end_mark(const struct rows *rows, const uint8_t *bytes, size_t length)
{
    uint8_t row[2];
    size_t have = rows->partial ? rows->partial_length : 0;

    if (have + length != 2)
        return false;
    memcpy(row, rows->partial_start, have);
    memcpy(row + have, bytes, length);
    return row[0] == '\\' && row[1] == '.';
}

static enum larder_status next_text(struct rows *rows, const uint8_t *bytes, size_t length,
                                    size_t *taken, enum rows_event *event,
                                    struct larder_error *error)
{
    const uint8_t *end = memchr(bytes, '\n', length);
    size_t row_length;

    if (end == NULL) {
        keep_partial(rows, bytes, length);
        *taken = length;
        *event = ROWS_MORE;
        return LARDER_OK;
    }
    row_length = (size_t)(end - bytes);
    if (row_length <= 2 && is_end_mark(rows, bytes, row_length))
        return larder_fail(error, LARDER_DAMAGED, "the rows contain an end-of-data mark");
    end_row(rows, bytes, row_length);
    *taken = row_length + 1;
    *event = ROWS_ROW;
    return LARDER_OK;
}

/* Gathers an integer of `size` bytes; false where the piece ends before it does. */
static bool take_number(struct rows *rows, const uint8_t **at, const uint8_t *end, size_t size)
{
    while (rows->number_length < size) {
        if (*at == end)
            return false;
        rows->number[rows->number_length++] = *(*at)++;
    }
    rows->number_length = 0;
    return true;
}

static enum larder_status take_header(struct rows *rows, const uint8_t **at, const uint8_t *end,
                                      struct larder_error *error)
{
    while (*at < end && rows->header_length < COPY_HEADER_BYTES)
        if (*(*at)++ != copy_binary_header[rows->header_length++])
            return larder_fail(error, LARDER_DAMAGED, "a binary COPY stream has a wrong header");
    if (rows->header_length == COPY_HEADER_BYTES) {
        rows->header_length = 0;
        rows->place = IN_COUNT;
    }
    return LARDER_OK;
}

static void field_done(struct rows *rows, bool *row_ended)
{
    *row_ended = rows->fields_left == 0;
    rows->place = *row_ended ? IN_COUNT : IN_LENGTH;
}

static enum larder_status take_count(struct rows *rows, bool *row_ended, struct larder_error *error)
{
    int count = (int16_t)(uint16_t)(rows->number[0] << 8 | rows->number[1]);

    if (count == -1) {
        rows->place = AFTER_TRAILER;
        return LARDER_OK;
    }
    if (count != rows->columns)
        return larder_fail(error, LARDER_DAMAGED, "a binary row has %d fields instead of %d", count,
                           rows->columns);
    rows->fields_left = count;
    field_done(rows, row_ended);
    return LARDER_OK;
}

static enum larder_status take_length(struct rows *rows, bool *row_ended,
                                      struct larder_error *error)
{
    const uint8_t *n = rows->number;
    uint32_t length = (uint32_t)n[0] << 24 | (uint32_t)n[1] << 16 | (uint32_t)n[2] << 8 | n[3];

    rows->fields_left--;
    if (length == UINT32_MAX) {
        field_done(rows, row_ended);
        return LARDER_OK;
    }
    if (length > INT32_MAX)
        return larder_fail(error, LARDER_DAMAGED, "a binary row has a field of negative length");
    rows->field_left = length;
    rows->place = IN_FIELD;
    if (length == 0)
        field_done(rows, row_ended);
    return LARDER_OK;
}

/* Walks through one row, from wherever the last piece ended, to its end or the piece's. */
static enum larder_status walk_row(struct rows *rows, const uint8_t **at, const uint8_t *end,
                                   bool *row_ended, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    size_t step;

    while (status == LARDER_OK && !*row_ended && rows->place != AFTER_TRAILER) {
        switch (rows->place) {
        case IN_COUNT:
            if (!take_number(rows, at, end, 2))
                return LARDER_OK;
            status = take_count(rows, row_ended, error);
            break;
        case IN_LENGTH:
            if (!take_number(rows, at, end, 4))
                return LARDER_OK;
            status = take_length(rows, row_ended, error);
            break;
        default:
            step = (size_t)(end - *at) < rows->field_left ? (size_t)(end - *at) : rows->field_left;
            *at += step;
            rows->field_left -= step;
            if (rows->field_left > 0)
                return LARDER_OK;
            field_done(rows, row_ended);
        }
    }
    return status;
}

/* How long the row is that begins here, where all of it is here; 0 where it is not, or where something is wrong, which the walk will name. */
static size_t whole_row(const struct rows *rows, const uint8_t *bytes, size_t length)
{
    size_t at = 2;

    if (length < at || (bytes[0] << 8 | bytes[1]) != rows->columns)
        return 0;
    for (int i = 0; i < rows->columns; i++) {
        uint32_t size;

        if (length - at < sizeof(size))
            return 0;
        memcpy(&size, bytes + at, sizeof(size));
        size = be32toh(size);
        at += sizeof(size);
        if (size == UINT32_MAX)
            continue;
        if (size > INT32_MAX || size > length - at)
            return 0;
        at += size;
    }
    return at;
}

static enum larder_status next_binary(struct rows *rows, const uint8_t *bytes, size_t length,
                                      size_t *taken, enum rows_event *event,
                                      struct larder_error *error)
{
    const uint8_t *at = bytes, *end = bytes + length;
    enum larder_status status;
    bool row_ended = false;

    if (rows->place == AFTER_TRAILER)
        return larder_fail(error, LARDER_DAMAGED, "a binary COPY stream goes on after its end");
    if (rows->place == IN_HEADER) {
        status = take_header(rows, &at, end, error);
        *taken = (size_t)(at - bytes);
        *event = ROWS_AROUND;
        return status;
    }
    /* The server sends a row in a message of its own, so that nearly all come whole. */
    if (rows->place == IN_COUNT && rows->number_length == 0) {
        *taken = whole_row(rows, bytes, length);
        if (*taken > 0) {
            end_row(rows, bytes, *taken);
            *event = ROWS_ROW;
            return LARDER_OK;
        }
    }
    status = walk_row(rows, &at, end, &row_ended, error);
    if (status != LARDER_OK)
        return status;
    *taken = (size_t)(at - bytes);
    if (row_ended) {
        end_row(rows, bytes, *taken);
        *event = ROWS_ROW;
    } else if (rows->place == AFTER_TRAILER) {
        rows->partial = false;
        *event = ROWS_AROUND;
    } else {
        keep_partial(rows, bytes, *taken);
        *event = ROWS_MORE;
    }
    return LARDER_OK;
}

enum larder_status rows_next(struct rows *rows, const uint8_t *bytes, size_t length, size_t *taken,
                             enum rows_event *event, struct larder_error *error)
{
    if (rows->format == COPY_TEXT)
        return next_text(rows, bytes, length, taken, event, error);
    return next_binary(rows, bytes, length, taken, event, error);
}

enum larder_status rows_take(struct rows *rows, const uint8_t *bytes, size_t length,
                             struct larder_error *error)
{
    enum larder_status status;
    enum rows_event event;
    size_t taken;

    while (length > 0) {
        status = rows_next(rows, bytes, length, &taken, &event, error);
        if (status != LARDER_OK)
            return status;
        bytes += taken;
        length -= taken;
    }
    return LARDER_OK;
}

enum larder_status rows_restart(struct rows *rows, struct larder_error *error)
{
    if (rows->partial || (rows->format == COPY_BINARY && rows->place != AFTER_TRAILER))
        return larder_fail(error, LARDER_DAMAGED, "the rows end in the midst of one");
    rows->place = IN_HEADER;
    return LARDER_OK;
}

uint64_t rows_count(const struct rows *rows)
{
    return rows->count;
}

struct fingerprint rows_fingerprint(const struct rows *rows)
{
    return rows->sum;
}
