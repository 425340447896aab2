#include "formats/age/header.h"

#include <stdbool.h>

#include "formats/age/age.h"
#include "formats/age/base64.h"

enum {
    LINE = 64,                 /* characters of a full line of a body */
    LINE_BYTES = LINE / 4 * 3, /* and what they encode */
    MAC_TEXT = 43,
    LOAD_STEP = 4096,
};

static const char version_line[] = "age-encryption.org/v1\n";
static const char stanza_start[] = "-> ";
static const char mac_start[] = "---";

struct line {
    const char *text;
    size_t length; /* without the line feed */
};

static enum larder_status fail(struct larder_error *error, const char *what)
{
    return larder_fail(error, LARDER_DAMAGED, "header failure: %s", what);
}

static bool starts_with(const struct line *line, const char *start)
{
    return line->length >= strlen(start) && memcmp(line->text, start, strlen(start)) == 0;
}

enum larder_status age_header_find_end(const uint8_t *bytes, size_t length, size_t *from,
                                       size_t *end, struct larder_error *error)
{
    size_t version = sizeof(version_line) - 1;
    size_t known = length < version ? length : version;

    *end = 0;
    if (known > 0 && memcmp(bytes, version_line, known) != 0)
        return fail(error, "the file does not start as an age v1 file does");
    while (*from < length) {
        struct line line = {(const char *)bytes + *from, 0};
        const uint8_t *feed = memchr(bytes + *from, '\n', length - *from);

        if (feed == NULL)
            break;
        line.length = (size_t)(feed - (bytes + *from));
        *from += line.length + 1;
        if (starts_with(&line, mac_start)) {
            *end = *from;
            break;
        }
    }
    if (*end > AGE_HEADER_LIMIT || (*end == 0 && length > AGE_HEADER_LIMIT))
        return fail(error, "the header is longer than 1 MiB");
    return LARDER_OK;
}

enum larder_status age_header_load(struct input *file, struct age_bytes *out,
                                   struct larder_error *error)
{
    size_t end = 0;
    size_t from = 0;

    while (end == 0) {
        uint64_t left = file->size - out->length;
        size_t step = left < LOAD_STEP ? (size_t)left : LOAD_STEP;
        enum larder_status status;

        if (left == 0)
            return fail(error, "the file ends in the header");
        if (!age_bytes_reserve(out, step))
            return larder_fail_memory(error);
        status = input_read_at(file, out->length, out->data + out->length, step, error);
        if (status != LARDER_OK)
            return status;
        out->length += step;
        status = age_header_find_end(out->data, out->length, &from, &end, error);
        if (status != LARDER_OK)
            return status;
    }
    out->length = end;
    return LARDER_OK;
}

/* Takes the next line off `rest`. False if no line feed is left. */
static bool next_line(struct line *rest, struct line *line)
{
    const char *feed = rest->length == 0 ? NULL : memchr(rest->text, '\n', rest->length);

    if (feed == NULL)
        return false;
    line->text = rest->text;
    line->length = (size_t)(feed - rest->text);
    rest->text = feed + 1;
    rest->length -= line->length + 1;
    return true;
}

/* One or more arguments of visible characters, with single spaces between them. */
static bool are_arguments(const char *text, size_t length)
{
    char before = ' ';

    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ' ? before == ' ' : text[i] < 0x21 || text[i] > 0x7e)
            return false;
        before = text[i];
    }
    return before != ' ';
}

static enum larder_status parse_body(struct line *rest, struct age_bytes *body,
                                     struct larder_error *error)
{
    struct line line;
    size_t size;

    do {
        if (!next_line(rest, &line))
            return fail(error, "the file ends in the header");
        if (line.length > LINE)
            return fail(error, "a line of a stanza's body is too long");
        if (line.length == 0)
            return LARDER_OK;
        if (!age_bytes_reserve(body, LINE_BYTES + 2))
            return larder_fail_memory(error);
        if (!age_base64_decode(body->data + body->length, &size, line.text, line.length, false))
            return fail(error, "a stanza's body is not canonical base64 that ends in a short line");
        body->length += size;
    } while (line.length == LINE);
    return LARDER_OK;
}

/* Adds a stanza, and takes arguments and body over. */
static enum larder_status add(struct age_header *header, char *arguments, uint8_t *body,
                              size_t body_length, struct larder_error *error)
{
    if (header->count == header->capacity) {
        size_t capacity = header->capacity == 0 ? 4 : 2 * header->capacity;
        struct age_stanza *stanzas = reallocarray(header->stanzas, capacity, sizeof(*stanzas));

        if (stanzas == NULL) {
            free(arguments);
            free(body);
            return larder_fail_memory(error);
        }
        header->stanzas = stanzas;
        header->capacity = capacity;
    }
    header->stanzas[header->count++] = (struct age_stanza){arguments, body, body_length};
    return LARDER_OK;
}

static enum larder_status parse_stanza(struct age_header *header, const struct line *line,
                                       struct line *rest, struct larder_error *error)
{
    size_t start = strlen(stanza_start);
    struct age_bytes body = {0};
    enum larder_status status;
    char *arguments;

    if (!are_arguments(line->text + start, line->length - start))
        return fail(error, "a stanza's arguments are malformed");
    status = parse_body(rest, &body, error);
    if (status != LARDER_OK) {
        age_bytes_free(&body);
        return status;
    }
    arguments = strndup(line->text + start, line->length - start);
    if (arguments == NULL) {
        age_bytes_free(&body);
        return larder_fail_memory(error);
    }
    return add(header, arguments, body.data, body.length, error);
}

static enum larder_status parse_mac(struct age_header *header, const struct line *line,
                                    struct larder_error *error)
{
    uint8_t mac[AGE_KEY_SIZE + 2];
    size_t start = strlen(mac_start) + 1;
    size_t size;

    if (line->length != start + MAC_TEXT || line->text[start - 1] != ' ' ||
        !age_base64_decode(mac, &size, line->text + start, MAC_TEXT, false))
        return fail(error, "the line of the MAC is malformed");
    memcpy(header->mac, mac, AGE_KEY_SIZE);
    return LARDER_OK;
}

enum larder_status age_header_parse(struct age_header *header, const uint8_t *bytes, size_t length,
                                    struct larder_error *error)
{
    size_t version = sizeof(version_line) - 1;
    enum larder_status status = LARDER_OK;
    struct line rest;
    struct line line;

    if (length < version || memcmp(bytes, version_line, version) != 0)
        return fail(error, "the file does not start as an age v1 file does");
    rest = (struct line){(const char *)bytes + version, length - version};
    while (status == LARDER_OK) {
        if (!next_line(&rest, &line))
            return fail(error, "the file ends in the header");
        if (starts_with(&line, mac_start))
            break;
        if (!starts_with(&line, stanza_start))
            return fail(error, "a line is neither a stanza's nor the MAC's");
        status = parse_stanza(header, &line, &rest, error);
    }
    if (status != LARDER_OK)
        return status;
    if (header->count == 0)
        return fail(error, "there is no stanza");
    if (rest.length > 0)
        return fail(error, "something follows the header");
    return parse_mac(header, &line, error);
}

enum larder_status age_header_add(struct age_header *header, const char *arguments,
                                  const uint8_t *body, size_t body_length,
                                  struct larder_error *error)
{
    char *arguments_copy = strdup(arguments);
    uint8_t *body_copy = body_length == 0 ? NULL : malloc(body_length);

    if (arguments_copy == NULL || (body_length > 0 && body_copy == NULL)) {
        free(arguments_copy);
        free(body_copy);
        return larder_fail_memory(error);
    }
    if (body_length > 0)
        memcpy(body_copy, body, body_length);
    return add(header, arguments_copy, body_copy, body_length, error);
}

static bool write_stanza(const struct age_stanza *stanza, struct age_bytes *out)
{
    const uint8_t *body = stanza->body;
    size_t left = stanza->body_length;
    char text[LINE + 1];
    size_t size;

    if (!age_bytes_add(out, stanza_start, strlen(stanza_start)) ||
        !age_bytes_add(out, stanza->arguments, strlen(stanza->arguments)) ||
        !age_bytes_add(out, "\n", 1))
        return false;
    do {
        size_t bytes = left < LINE_BYTES ? left : LINE_BYTES;

        size = age_base64_encode(text, body, bytes, false);
        text[size] = '\n';
        if (!age_bytes_add(out, text, size + 1))
            return false;
        if (bytes > 0)
            body += bytes;
        left -= bytes;
    } while (size == LINE);
    return true;
}

enum larder_status age_header_write(const struct age_header *header, struct age_bytes *out,
                                    struct larder_error *error)
{
    if (!age_bytes_add(out, version_line, sizeof(version_line) - 1))
        return larder_fail_memory(error);
    for (size_t i = 0; i < header->count; i++)
        if (!write_stanza(&header->stanzas[i], out))
            return larder_fail_memory(error);
    if (!age_bytes_add(out, mac_start, strlen(mac_start)))
        return larder_fail_memory(error);
    return LARDER_OK;
}

enum larder_status age_header_write_mac(const struct age_header *header, struct age_bytes *out,
                                        struct larder_error *error)
{
    char text[AGE_BASE64_SIZE(AGE_KEY_SIZE) + 2];
    size_t size = age_base64_encode(text + 1, header->mac, AGE_KEY_SIZE, false);

    text[0] = ' ';
    text[size + 1] = '\n';
    if (!age_bytes_add(out, text, size + 2))
        return larder_fail_memory(error);
    return LARDER_OK;
}

void age_header_free(struct age_header *header)
{
    for (size_t i = 0; i < header->count; i++) {
        free(header->stanzas[i].arguments);
        free(header->stanzas[i].body);
    }
    free(header->stanzas);
    *header = (struct age_header){0};
}
