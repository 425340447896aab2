#include "formats/times.h"

#include <string.h>

void times_to_text(time_t time, char text[TIMES_TEXT])
{
    struct tm tm = {0};

    gmtime_r(&time, &tm);
    if (strftime(text, TIMES_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text[0] = '\0';
}

bool times_from_text(const char *text, time_t *time)
{
    struct tm tm = {0};
    char again[TIMES_TEXT];
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (end == NULL || *end != '\0' || tm.tm_year < 70)
        return false;
    *time = timegm(&tm);
    times_to_text(*time, again);
    return strcmp(again, text) == 0;
}
