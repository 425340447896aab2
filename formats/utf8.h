/* Where the characters of UTF-8 begin and end. */
#ifndef FORMATS_UTF8_H
#define FORMATS_UTF8_H

#include <stdarg.h>
#include <stddef.h>

/* How many bytes the character takes that the text begins with; 0 where it is none of UTF-8. */
size_t utf8_length(const char *text);

/* Takes the beginning of a character from the end of a text that was cut within it. */
void utf8_trim(char *text);

/* snprintf() and vsnprintf(), but what does not fit is cut between two characters. */
void utf8_printf(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void utf8_vprintf(char *text, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
