/* Times as text, UTC: FORMAT.md's `YYYY-MM-DDTHH:MM:SSZ`. */
#ifndef FORMATS_TIMES_H
#define FORMATS_TIMES_H

#include <stdbool.h>
#include <time.h>

enum { TIMES_TEXT = 24 };

void times_to_text(time_t time, char text[TIMES_TEXT]);
/* Takes only what times_to_text gives, for the years 1970 to 9999. */
bool times_from_text(const char *text, time_t *time);

#endif
