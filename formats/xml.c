#include "formats/xml.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

static bool starts_with(const struct xml *xml, const char *text)
{
    size_t length = strlen(text);

    return (size_t)(xml->end - xml->at) >= length && memcmp(xml->at, text, length) == 0;
}

static void skip_space(struct xml *xml)
{
    while (xml->at < xml->end && is_space(*xml->at))
        xml->at++;
}

void xml_begin(struct xml *xml, const void *bytes, size_t length)
{
    const char *close;

    *xml = (struct xml){.at = bytes, .end = (const char *)bytes + length};
    skip_space(xml);
    if (!starts_with(xml, "<?xml "))
        return;
    close = memchr(xml->at, '>', (size_t)(xml->end - xml->at));
    xml->at = close == NULL ? xml->end : close + 1;
}

void xml_free(struct xml *xml)
{
    buffer_free(&xml->text);
}

bool xml_is(const struct xml *xml, size_t depth, const char *name)
{
    const struct xml_name *have = &xml->names[depth - 1];

    return depth <= xml->depth && strlen(name) == have->length &&
           memcmp(name, have->text, have->length) == 0;
}

static void put_code_point(struct buffer *out, unsigned long c)
{
    uint8_t bytes[4];
    size_t n = 0;

    if (c < 0x80) {
        bytes[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        bytes[n++] = (uint8_t)(0xC0 | c >> 6);
        bytes[n++] = (uint8_t)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        bytes[n++] = (uint8_t)(0xE0 | c >> 12);
        bytes[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
        bytes[n++] = (uint8_t)(0x80 | (c & 63));
    } else {
        bytes[n++] = (uint8_t)(0xF0 | c >> 18);
        bytes[n++] = (uint8_t)(0x80 | (c >> 12 & 63));
        bytes[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
        bytes[n++] = (uint8_t)(0x80 | (c & 63));
    }
    buffer_append(out, bytes, n);
}

/* "&#65;" or "&#x41;", from its first digit on; false for what is no character. */
static bool read_number(struct xml *xml)
{
    unsigned base = xml->at < xml->end && *xml->at == 'x' ? 16 : 10;
    unsigned long c = 0;
    size_t digits = 0;

    if (base == 16)
        xml->at++;
    for (; xml->at < xml->end && *xml->at != ';' && digits < 8; xml->at++, digits++) {
        static const char all[] = "0123456789abcdef";
        const char *digit =
            strchr(all, *xml->at >= 'A' && *xml->at <= 'F' ? *xml->at | 32 : *xml->at);

        if (*xml->at == '\0' || digit == NULL || digit - all >= (long)base)
            return false;
        c = c * base + (unsigned long)(digit - all);
    }
    if (xml->at == xml->end || *xml->at != ';' || digits == 0 || c == 0 || c > 0x10FFFF ||
        (c >= 0xD800 && c < 0xE000))
        return false;
    xml->at++;
    put_code_point(&xml->text, c);
    return true;
}

static bool read_entity(struct xml *xml)
{
    static const struct {
        const char *name;
        char meaning;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

    if (starts_with(xml, "&#")) {
        xml->at += 2;
        return read_number(xml);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (starts_with(xml, known[i].name)) {
            xml->at += strlen(known[i].name);
            buffer_append(&xml->text, &known[i].meaning, 1);
            return true;
        }
    return false;
}

static bool read_text(struct xml *xml)
{
    while (xml->at < xml->end && *xml->at != '<') {
        const char *from = xml->at;

        if (*from == '&') {
            if (!read_entity(xml))
                return false;
            continue;
        }
        while (xml->at < xml->end && *xml->at != '<' && *xml->at != '&')
            if (*xml->at++ == '\0')
                return false;
        buffer_append(&xml->text, from, (size_t)(xml->at - from));
    }
    return true;
}

static bool read_name(struct xml *xml, struct xml_name *name)
{
    name->text = xml->at;
    while (xml->at < xml->end && is_name(*xml->at))
        xml->at++;
    name->length = (size_t)(xml->at - name->text);
    return name->length > 0;
}

/* Goes to the > of a tag, over its attributes. */
static bool skip_attributes(struct xml *xml)
{
    while (xml->at < xml->end && *xml->at != '>' && *xml->at != '/' && *xml->at != '<') {
        const char *close;

        if (*xml->at != '"' && *xml->at != '\'') {
            xml->at++;
            continue;
        }
        close = memchr(xml->at + 1, *xml->at, (size_t)(xml->end - xml->at) - 1);
        if (close == NULL)
            return false;
        xml->at = close + 1;
    }
    return xml->at < xml->end && *xml->at != '<';
}

/* A start tag; `*closed` where it is an empty element's. */
static bool open_element(struct xml *xml, bool *closed)
{
    xml->at++;
    if (xml->depth == XML_DEPTH || (xml->depth == 0 && xml->ended) ||
        !read_name(xml, &xml->names[xml->depth]) || !skip_attributes(xml))
        return false;
    *closed = *xml->at == '/';
    if (*closed)
        xml->at++;
    if (xml->at == xml->end || *xml->at++ != '>')
        return false;
    xml->depth++;
    xml->text.length = 0;
    return true;
}

static bool close_element(struct xml *xml)
{
    const struct xml_name *open = &xml->names[xml->depth == 0 ? 0 : xml->depth - 1];
    struct xml_name name;

    xml->at += 2;
    if (xml->depth == 0 || !read_name(xml, &name) || name.length != open->length ||
        memcmp(name.text, open->text, name.length) != 0)
        return false;
    skip_space(xml);
    return xml->at < xml->end && *xml->at++ == '>';
}

enum xml_event xml_next(struct xml *xml)
{
    bool closed = false;

    /* What ended last stays open until now, for the caller to look at. */
    if (xml->closing) {
        xml->closing = false;
        xml->ended = --xml->depth == 0;
        xml->text.length = 0;
    }
    while (!closed) {
        if (xml->depth == 0)
            skip_space(xml);
        else if (!read_text(xml))
            return XML_BROKEN;
        if (xml->at == xml->end)
            return xml->ended && !xml->text.failed ? XML_DONE : XML_BROKEN;
        if (starts_with(xml, "</")) {
            if (!close_element(xml))
                return XML_BROKEN;
            closed = true;
        } else if (*xml->at != '<' || !open_element(xml, &closed)) {
            return XML_BROKEN;
        }
    }
    xml->closing = true;
    return xml->text.failed ? XML_BROKEN : XML_ELEMENT;
}
