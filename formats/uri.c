#include "formats/uri.h"

#include <string.h>

void uri_encode(struct buffer *out, const char *text, bool keep_slash)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-";

    for (; *text != '\0'; text++)
        if (strchr(plain, *text) != NULL || (*text == '/' && keep_slash))
            buffer_append(out, text, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned char)*text);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool uri_decode_form(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from == '+' ? ' ' : *from;
            continue;
        }
        high = digit_of(from[1]);
        low = high < 0 ? -1 : digit_of(from[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return true;
}
