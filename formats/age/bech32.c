#include "formats/age/bech32.h"

#include <string.h>

enum { CHECKSUM = 6 };

static const char alphabet[33] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static uint32_t checksum_step(uint32_t sum, uint8_t value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    uint32_t top = sum >> 25;

    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        sum ^= top >> i & 1 ? generator[i] : 0;
    return sum;
}

static uint32_t checksum_of_prefix(const char *prefix)
{
    uint32_t sum = 1;

    for (const char *c = prefix; *c != '\0'; c++)
        sum = checksum_step(sum, (uint8_t)lower(*c) >> 5);
    sum = checksum_step(sum, 0);
    for (const char *c = prefix; *c != '\0'; c++)
        sum = checksum_step(sum, (uint8_t)lower(*c) & 31);
    return sum;
}

static char *put(char *end, uint32_t value, bool upper)
{
    char c = alphabet[value & 31];

    *end = upper && c >= 'a' ? (char)(c - 'a' + 'A') : c;
    return end + 1;
}

void age_bech32_encode(char *text, const char *prefix, const uint8_t *bytes, size_t length)
{
    bool upper = is_upper(prefix[0]);
    uint32_t sum = checksum_of_prefix(prefix);
    uint32_t bits = 0;
    unsigned pending = 0;
    char *end = text + strlen(prefix);

    memcpy(text, prefix, strlen(prefix));
    *end++ = '1';
    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | bytes[i]) & 0xfff;
        for (pending += 8; pending >= 5;) {
            pending -= 5;
            sum = checksum_step(sum, bits >> pending & 31);
            end = put(end, bits >> pending, upper);
        }
    }
    if (pending > 0) {
        sum = checksum_step(sum, (uint8_t)(bits << (5 - pending) & 31));
        end = put(end, bits << (5 - pending), upper);
    }
    for (int i = 0; i < CHECKSUM; i++)
        sum = checksum_step(sum, 0);
    sum ^= 1;
    for (int i = CHECKSUM - 1; i >= 0; i--)
        end = put(end, sum >> 5 * i, upper);
    *end = '\0';
}

/* -1 for a character that is none of the alphabet's in the case of the prefix. */
static int value_of(char c, bool upper)
{
    const char *found;

    if (c == '\0' || (upper ? c >= 'a' && c <= 'z' : is_upper(c)))
        return -1;
    found = strchr(alphabet, lower(c));
    return found == NULL ? -1 : (int)(found - alphabet);
}

bool age_bech32_decode(uint8_t *bytes, size_t size, const char *prefix, const char *text,
                       size_t length)
{
    size_t start = strlen(prefix) + 1;
    bool upper = is_upper(prefix[0]);
    uint32_t sum = checksum_of_prefix(prefix);
    uint32_t bits = 0;
    unsigned pending = 0;

    if (length != start + (8 * size + 4) / 5 + CHECKSUM)
        return false;
    if (memcmp(text, prefix, start - 1) != 0 || text[start - 1] != '1')
        return false;
    for (size_t i = start; i < length; i++) {
        int value = value_of(text[i], upper);

        if (value < 0)
            return false;
        sum = checksum_step(sum, (uint8_t)value);
        if (i >= length - CHECKSUM)
            continue;
        bits = bits << 5 | (uint32_t)value;
        pending += 5;
        if (pending >= 8) {
            pending -= 8;
            *bytes++ = (uint8_t)(bits >> pending);
            bits &= (1u << pending) - 1;
        }
    }
    return sum == 1 && bits == 0;
}
