#include "formats/sql_split.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static const char *line_end(const char *at, const char *end)
{
    const char *found = memchr(at, '\n', (size_t)(end - at));

    return found == NULL ? end : found;
}

/* Behind a comment that may hold others; NULL where it is not closed. */
static const char *skip_comment(const char *at, const char *end)
{
    int depth = 0;

    for (; end - at >= 2; at++) {
        if (at[0] == '/' && at[1] == '*')
            depth++;
        else if (at[0] == '*' && at[1] == '/')
            depth--;
        else
            continue;
        at++;
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

/* Behind what a quote encloses; a doubled quote ends one and begins another, which comes to the same. */
static const char *skip_quoted(const char *at, const char *end, bool escapes)
{
    char quote = *at++;

    for (; at < end; at++) {
        if (*at == quote)
            return at + 1;
        if (escapes && *at == '\\' && end - at > 1)
            at++;
    }
    return end;
}

/* Behind $tag$ ... $tag$; where no tag begins, behind the one byte. */
static const char *skip_dollar(const char *at, const char *end)
{
    const char *tag = at++;
    size_t length;

    if (at < end && *at >= '0' && *at <= '9')
        return at;
    while (at < end && is_word(*at))
        at++;
    if (at == end || *at != '$')
        return tag + 1;
    length = (size_t)(++at - tag);
    for (; (size_t)(end - at) >= length; at++)
        if (memcmp(at, tag, length) == 0)
            return at + length;
    return end;
}

/* Behind whatever begins here and must not be cut. */
static const char *skip_token(const char *at, const char *end)
{
    const char *begin = at;

    if (end - at > 1 && at[0] == '-' && at[1] == '-')
        return line_end(at, end);
    if (end - at > 1 && at[0] == '/' && at[1] == '*') {
        at = skip_comment(at, end);
        return at != NULL ? at : end;
    }
    if (*at == '\'' || *at == '"')
        return skip_quoted(at, end, false);
    if (*at == '$')
        return skip_dollar(at, end);
    if (!is_word(*at))
        return at + 1;
    /* A word's dollars begin no quote. */
    while (at < end && (is_word(*at) || *at == '$'))
        at++;
    if (at - begin == 1 && (*begin == 'e' || *begin == 'E') && at < end && *at == '\'')
        return skip_quoted(at, end, true);
    return at;
}

/* Behind spaces, comments and semicolons; keeps the last comment line. A comment that is not closed is for the server to refuse. */
static const char *skip_between(const char *at, const char *end, struct sql_statement *statement)
{
    while (at < end) {
        const char *begin = at;

        if (is_space(*at) || *at == ';') {
            at++;
            continue;
        }
        at = skip_token(at, end);
        if (end - begin > 1 && begin[0] == '-' && begin[1] == '-') {
            statement->comment = begin + 2;
            statement->comment_length = (size_t)(at - begin - 2);
        } else if (end - begin < 2 || begin[0] != '/' || begin[1] != '*' ||
                   skip_comment(begin, end) == NULL) {
            return begin;
        }
    }
    return end;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && is_space((*text)[*length - 1]))
        --*length;
    while (*length > 0 && is_space(**text)) {
        ++*text;
        --*length;
    }
}

bool sql_split_next(const char **sql, size_t *length, struct sql_statement *statement)
{
    const char *end = *sql + *length, *at;
    long depth = 0;

    *statement = (struct sql_statement){0};
    at = skip_between(*sql, end, statement);
    statement->text = at;
    while (at < end && (*at != ';' || depth > 0)) {
        if (*at == '(')
            depth++;
        else if (*at == ')' && depth > 0)
            depth--;
        at = skip_token(at, end);
    }
    statement->length = (size_t)(at - statement->text);
    *sql = at;
    *length = (size_t)(end - at);
    trim(&statement->text, &statement->length);
    if (statement->comment != NULL)
        trim(&statement->comment, &statement->comment_length);
    return statement->length > 0;
}
