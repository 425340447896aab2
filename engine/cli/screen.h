/* What a terminal shows: how wide text is, what fits, and which colours it wants. */
#ifndef ENGINE_CLI_SCREEN_H
#define ENGINE_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A stream that is no terminal, or one that can only append (TERM=dumb), has no size: all is 0. */
struct screen {
    size_t columns, rows;
    bool colour; /* NO_COLOR is not set */
};

struct screen screen_of(int fd);

/* How many columns the text takes, as UTF-8. */
size_t screen_width(const char *text);

/*
 * Writes at most `columns` columns of the text; one that is longer ends in "..". What would move the
 * cursor becomes "?", since the names of tables are anybody's. Returns how many columns it is.
 */
size_t screen_fit(const char *text, size_t columns, char *out, size_t size);

/*
 * Writes text that may hold anybody's words, such as names of tables or what a server says: what would move the cursor
 * becomes "?". A line's end stays one, and `next` is written behind it, so that no name can look like a line of ours.
 */
void screen_put(FILE *out, const char *text, size_t length, const char *next);

enum tone { TONE_PLAIN, TONE_GOOD, TONE_DOUBTFUL, TONE_BAD };

/* The sequences around a coloured text; both are "" where there is no colour. */
const char *screen_tone(bool colour, enum tone tone);
const char *screen_plain(bool colour, enum tone tone);

/* The tone of a word of judgement, such as "equal" or "FAILED". */
enum tone screen_tone_of(const char *word);

#endif
