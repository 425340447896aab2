#include "formats/age/base64.h"

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t age_base64_encode(char *text, const uint8_t *bytes, size_t length, bool padded)
{
    char *end = text;

    for (; length >= 3; length -= 3, bytes += 3) {
        *end++ = alphabet[bytes[0] >> 2];
        *end++ = alphabet[(bytes[0] & 3) << 4 | bytes[1] >> 4];
        *end++ = alphabet[(bytes[1] & 15) << 2 | bytes[2] >> 6];
        *end++ = alphabet[bytes[2] & 63];
    }
    if (length > 0) {
        uint8_t second = length == 2 ? bytes[1] : 0;

        *end++ = alphabet[bytes[0] >> 2];
        *end++ = alphabet[(bytes[0] & 3) << 4 | second >> 4];
        if (length == 2)
            *end++ = alphabet[(second & 15) << 2];
        for (size_t i = length; padded && i < 3; i++)
            *end++ = '=';
    }
    return (size_t)(end - text);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool age_base64_decode(uint8_t *bytes, size_t *size, const char *text, size_t length, bool padded)
{
    uint32_t bits = 0;
    unsigned pending = 0;
    uint8_t *end = bytes;

    if (padded) {
        if (length % 4 != 0)
            return false;
        for (int i = 0; i < 2 && length > 0 && text[length - 1] == '='; i++)
            length--;
    }
    if (length % 4 == 1)
        return false;
    for (size_t i = 0; i < length; i++) {
        int value = value_of(text[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            *end++ = (uint8_t)(bits >> pending);
            bits &= (1u << pending) - 1;
        }
    }
    *size = (size_t)(end - bytes);
    /* Bits left over that are not zero would be another spelling of the same bytes. */
    return bits == 0;
}
