/* Percent-encoding as RFC 3986 has it, in the stricter form that signatures of S3 requests want. */
#ifndef FORMATS_URI_H
#define FORMATS_URI_H

#include <stdbool.h>

#include "formats/buffer.h"

/* Appends the text; every byte outside `[A-Za-z0-9_.~-]` becomes %XX, a slash only where it is not kept. */
void uri_encode(struct buffer *out, const char *text, bool keep_slash);

/*
 * Decodes in place, a plus sign to a space. False where a % is not followed by two digits, or
 * stands for a zero byte.
 */
bool uri_decode_form(char *text);

#endif
