/* Statements are found in the order of the text, do not overlap, and lie within it. */
#include <stdint.h>
#include <stdlib.h>

#include "formats/sql_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *sql = (const char *)data, *end = sql + size, *last = sql;
    size_t length = size;
    struct sql_statement s;

    while (sql_split_next(&sql, &length, &s)) {
        if (s.text < last || s.text + s.length > sql || sql + length != end || s.length == 0)
            abort();
        if (s.comment != NULL && (s.comment < last || s.comment + s.comment_length > s.text))
            abort();
        last = s.text + s.length;
    }
    return length == 0 ? 0 : (abort(), 0);
}
