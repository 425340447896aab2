#include "formats/utf8.h"

#include <stdio.h>
#include <string.h>

size_t utf8_length(const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    size_t length = t[0] < 0x80   ? 1
                    : t[0] < 0xc2 ? 0
                    : t[0] < 0xe0 ? 2
                    : t[0] < 0xf0 ? 3
                    : t[0] < 0xf5 ? 4
                                  : 0;

    for (size_t i = 1; i < length; i++)
        if ((t[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than need be, half of a pair of UTF-16, and above U+10FFFF. */
    if ((t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xf0 && t[1] < 0x90) ||
        (t[0] == 0xed && t[1] > 0x9f) || (t[0] == 0xf4 && t[1] > 0x8f))
        return 0;
    return length;
}

void utf8_trim(char *text)
{
    size_t at = strlen(text);

    for (int back = 0; back < 3 && at > 0; back++) {
        at--;
        if ((text[at] & 0xc0) != 0x80)
            break;
    }
    if ((text[at] & 0xc0) == 0xc0 && utf8_length(text + at) == 0)
        text[at] = '\0';
}

void utf8_vprintf(char *text, size_t size, const char *format, va_list args)
{
    int length = vsnprintf(text, size, format, args);

    if (size > 0 && (length < 0 || (size_t)length >= size))
        utf8_trim(text);
}

void utf8_printf(char *text, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    utf8_vprintf(text, size, format, args);
    va_end(args);
}
