#include "formats/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum state { PLAIN, ESCAPE, OCTAL, HEX_BEGIN, HEX };

struct csv {
    size_t columns;
    enum state state;
    struct buffer value;
    bool null;     /* "\N" and nothing else so far */
    bool within;   /* the row has begun */
    unsigned code; /* of the digits so far */
    int digits;
};

struct csv *csv_new(size_t columns)
{
    struct csv *csv = calloc(1, sizeof(*csv));

    if (csv != NULL)
        csv->columns = columns;
    return csv;
}

void csv_free(struct csv *csv)
{
    if (csv == NULL)
        return;
    buffer_free(&csv->value);
    free(csv);
}

/* A line of "\." alone would be the end of all lines to older readers. */
static bool wants_quotes(const uint8_t *bytes, size_t length, bool alone)
{
    if (length == 0 || (alone && length == 2 && bytes[0] == '\\' && bytes[1] == '.'))
        return true;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r')
            return true;
    return false;
}

static void put_value(struct buffer *out, const uint8_t *bytes, size_t length, bool alone)
{
    const uint8_t *quote;

    if (!wants_quotes(bytes, length, alone)) {
        buffer_append(out, bytes, length);
        return;
    }
    buffer_puts(out, "\"");
    while (length > 0 && (quote = memchr(bytes, '"', length)) != NULL) {
        buffer_append(out, bytes, (size_t)(quote + 1 - bytes));
        buffer_puts(out, "\"");
        length -= (size_t)(quote + 1 - bytes);
        bytes = quote + 1;
    }
    if (length > 0)
        buffer_append(out, bytes, length);
    buffer_puts(out, "\"");
}

void csv_put_header(struct buffer *out, const struct manifest_table *table)
{
    const char *before = "";

    for (size_t i = 0; i < table->column_count; i++) {
        const char *name = table->columns[i].name;

        if (table->columns[i].generated)
            continue;
        buffer_puts(out, before);
        put_value(out, (const uint8_t *)name, strlen(name), false);
        before = ",";
    }
    buffer_puts(out, "\n");
}

static void add(struct csv *csv, uint8_t byte)
{
    if (csv->null) {
        csv->null = false;
        buffer_append(&csv->value, "N", 1);
    }
    buffer_append(&csv->value, &byte, 1);
}

static void end_value(struct csv *csv, struct buffer *out, uint8_t byte)
{
    /* A row of no columns has no value, not even an empty one. */
    if (!csv->null && csv->columns > 0)
        put_value(out, csv->value.bytes, csv->value.length, csv->columns == 1);
    buffer_puts(out, byte == '\t' ? "," : "\n");
    csv->value.length = 0;
    csv->null = false;
    csv->within = byte == '\t';
}

static void take_plain(struct csv *csv, uint8_t byte, struct buffer *out)
{
    if (byte == '\t' || byte == '\n') {
        end_value(csv, out, byte);
        return;
    }
    csv->within = true;
    if (byte == '\\')
        csv->state = ESCAPE;
    else
        add(csv, byte);
}

static void take_escape(struct csv *csv, uint8_t byte)
{
    static const char letters[] = "bfnrtv", meant[] = "\b\f\n\r\t\v";
    const char *at = byte == '\0' ? NULL : strchr(letters, byte);

    csv->state = PLAIN;
    if (at != NULL) {
        add(csv, (uint8_t)meant[at - letters]);
    } else if (byte >= '0' && byte <= '7') {
        csv->state = OCTAL;
        csv->code = (unsigned)(byte - '0');
        csv->digits = 1;
    } else if (byte == 'x') {
        csv->state = HEX_BEGIN;
        csv->code = 0;
        csv->digits = 0;
    } else if (byte == 'N' && csv->value.length == 0 && !csv->null) {
        csv->null = true;
    } else {
        add(csv, byte);
    }
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* One more digit of a code; false where the byte is none, and is still to be taken. */
static bool take_digit(struct csv *csv, uint8_t byte)
{
    bool octal = csv->state == OCTAL;
    int digit = octal ? (byte >= '0' && byte <= '7' ? byte - '0' : -1) : hex_digit(byte);

    if (digit >= 0) {
        csv->code = csv->code * (octal ? 8 : 16) + (unsigned)digit;
        csv->digits++;
        csv->state = octal ? OCTAL : HEX;
        if (csv->digits < (octal ? 3 : 2))
            return true;
    }
    add(csv, csv->state == HEX_BEGIN ? (uint8_t)'x' : (uint8_t)csv->code);
    csv->state = PLAIN;
    return digit >= 0;
}

enum larder_status csv_take(struct csv *csv, const uint8_t *bytes, size_t length,
                            struct buffer *out, struct larder_error *error)
{
    for (size_t i = 0; i < length; i++) {
        if (csv->state == ESCAPE)
            take_escape(csv, bytes[i]);
        else if (csv->state == PLAIN || !take_digit(csv, bytes[i]))
            take_plain(csv, bytes[i], out);
    }
    return out->failed || csv->value.failed ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status csv_end(const struct csv *csv, struct larder_error *error)
{
    if (csv->state == PLAIN && !csv->within && !csv->null && csv->value.length == 0)
        return LARDER_OK;
    return larder_fail(error, LARDER_DAMAGED, "its rows end in the midst of one");
}
