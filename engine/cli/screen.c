#include "engine/cli/screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "formats/utf8.h"

struct screen screen_of(int fd)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    struct winsize size = {0};
    struct screen screen = {0};

    if (!isatty(fd) || term == NULL || strcmp(term, "dumb") == 0)
        return screen;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    return (struct screen){.columns = size.ws_col,
                           .rows = size.ws_row,
                           .colour = no_colour == NULL || no_colour[0] == '\0'};
}

/* The next character; what is no UTF-8 is one byte, and no character. */
static size_t next_character(const unsigned char *text, uint32_t *character)
{
    size_t length = utf8_length((const char *)text);

    *character = length == 0 ? 0xfffd : length == 1 ? text[0] : text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        *character = *character << 6 | (text[i] & 0x3fU);
    return length == 0 ? 1 : length;
}

/* Good enough for names: what East Asian terminals show in two columns, and what only adds to the
 * character before it. */
static size_t columns_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        size_t columns;
    } ranges[] = {
        {0x0300, 0x036f, 0}, {0x200b, 0x200f, 0}, {0xfe00, 0xfe0f, 0},   {0x1100, 0x115f, 2},
        {0x2e80, 0xa4cf, 2}, {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},
        {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2}, {0x1f300, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].columns;
    return 1;
}

/* Control characters, those of C1, and those that turn the direction of writing. */
static bool moves_cursor(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfffd;
}

size_t screen_width(const char *text)
{
    size_t width = 0;
    uint32_t c;

    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        at += next_character(at, &c);
        width += moves_cursor(c) ? 1 : columns_of(c);
    }
    return width;
}

size_t screen_fit(const char *text, size_t columns, char *out, size_t size)
{
    bool cut = screen_width(text) > columns;
    size_t most = !cut ? columns : columns >= 2 ? columns - 2 : 0, width = 0, n = 0;

    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        uint32_t c;
        size_t length = next_character(at, &c), wide = moves_cursor(c) ? 1 : columns_of(c);

        if (width + wide > most || n + length + 3 > size)
            break;
        if (moves_cursor(c))
            out[n++] = '?';
        else
            memcpy(out + n, at, length);
        n += moves_cursor(c) ? 0 : length;
        width += wide;
        at += length;
    }
    for (int i = 0; i < 2 && cut && width < columns; i++, width++)
        out[n++] = '.';
    out[n] = '\0';
    return width;
}

void screen_put(FILE *out, const char *text, size_t length, const char *next)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + length;

    while (at < end) {
        uint32_t c;
        size_t bytes = next_character(at, &c);

        if (c == '\n')
            fprintf(out, "\n%s", at + 1 < end ? next : "");
        else if (c == '\t')
            fputc(' ', out);
        else if (moves_cursor(c))
            fputc('?', out);
        else
            fwrite(at, 1, bytes, out);
        at += bytes;
    }
}

const char *screen_tone(bool colour, enum tone tone)
{
    static const char *const sequences[] = {"", "\033[32m", "\033[33m", "\033[1;31m"};

    return colour ? sequences[tone] : "";
}

const char *screen_plain(bool colour, enum tone tone)
{
    return colour && tone != TONE_PLAIN ? "\033[0m" : "";
}

enum tone screen_tone_of(const char *word)
{
    static const struct {
        const char *word;
        enum tone tone;
    } words[] = {
        {"ok", TONE_GOOD},          {"equal", TONE_GOOD},       {"all there", TONE_GOOD},
        {"warning", TONE_DOUBTFUL}, {"unknown", TONE_DOUBTFUL}, {"NOT VERIFIED", TONE_DOUBTFUL},
        {"FAILED", TONE_BAD},       {"DIFFERS", TONE_BAD},      {"DIFFERENT", TONE_BAD},
        {"NOT GOOD", TONE_BAD},     {"OVERDUE", TONE_BAD},      {"overdue", TONE_BAD},
        {"MISSING", TONE_BAD},      {"missing", TONE_BAD},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].tone;
    return TONE_PLAIN;
}
