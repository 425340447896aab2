/*
 * Cuts SQL into its statements, as psql does: at semicolons that stand in no quotes, no dollar
 * quotes, no comment and no parentheses. For a server with standard_conforming_strings on.
 */
#ifndef FORMATS_SQL_SPLIT_H
#define FORMATS_SQL_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct sql_statement {
    const char *text; /* from its first word to before its semicolon */
    size_t length;
    const char
        *comment; /* the last line that began with "--" before it, without the dashes; or NULL */
    size_t comment_length;
};

/* Finds the next statement of what is left, and takes it off; false where there is none. */
bool sql_split_next(const char **sql, size_t *length, struct sql_statement *statement);

#endif
