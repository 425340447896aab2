/* Anybody's words in JSON, which takes UTF-8 alone. */
#ifndef FORMATS_JSON_TEXT_H
#define FORMATS_JSON_TEXT_H

#include <jansson.h>

/*
 * A string, or null for NULL; each byte that is no part of UTF-8, as a file's name may have some, becomes U+FFFD: it must not
 * keep the rest from being told. The caller owns it; NULL when memory is short.
 */
json_t *json_text(const char *text);

#endif
