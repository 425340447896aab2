/*
 * The progress of a run on a terminal: a line for the whole, and below it a line for each lane. It is
 * drawn over what was drawn before, in one piece, and no line is as wide as the screen, so that
 * nothing flickers and nothing wraps. The cursor is never hidden: whatever ends the program, it is there.
 */
#ifndef ENGINE_CLI_BAR_H
#define ENGINE_CLI_BAR_H

#include "engine/cli/screen.h"
#include "formats/buffer.h"
#include "larder/run.h"

enum { BAR_LINES_MAX = LARDER_LANES_MAX + 1 };

/* What is on the screen: how wide each line was drawn; zero: nothing. */
struct bar {
    size_t widths[BAR_LINES_MAX], count;
};

/* Appends what draws it anew, on a screen of that size; `seconds` is how long the phase has taken. */
void bar_draw(struct bar *bar, const struct larder_progress *now, double seconds,
              struct screen screen, struct buffer *out);

/* Appends what removes it, and leaves the cursor where it began. */
void bar_erase(struct bar *bar, struct screen screen, struct buffer *out);

#endif
