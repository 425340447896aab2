#include <string.h>

#include "engine/pg/schema_parts.h"
#include "formats/sql_split.h"

/* What is to go from a statement; all of it where nothing would remain. */
struct part {
    const char *from, *to;
};

static struct part whole(const struct sql_statement *statement)
{
    return (struct part){statement->text, statement->text + statement->length + 1};
}

/*
 * Some servers keep a number of their own among a column's options, which pg_dump of 18 takes for one of these, and which no server
 * takes back. In a default there would be a quote before it.
 */
static bool find_number(const struct sql_statement *statement, struct part *part)
{
    static const char table[] = "ALTER TABLE ONLY ", foreign[] = "ALTER FOREIGN TABLE ONLY ",
                      option[] = "(pg_attver=";
    const char *text = statement->text, *end = text + statement->length;
    const char *at = memmem(text, statement->length, option, strlen(option)), *behind;

    if (at == NULL || memchr(text, '\'', (size_t)(at - text)) != NULL ||
        (strncmp(text, table, strlen(table)) != 0 && strncmp(text, foreign, strlen(foreign)) != 0))
        return false;
    behind = at + strlen(option) + strspn(at + strlen(option), "0123456789");
    *part = behind + 1 == end ? whole(statement) : (struct part){at + 1, behind + strlen(", ")};
    return *behind == (behind + 1 == end ? ')' : ',');
}

/* What stands behind a word; NULL where it is another one. */
static const char *behind_word(const char *at, const char *word)
{
    return at != NULL && strncmp(at, word, strlen(word)) == 0 ? at + strlen(word) : NULL;
}

static const char *behind_name(const char *at)
{
    if (at == NULL || *at != '"')
        return at == NULL ? NULL : at + strcspn(at, " ;");
    for (at++; *at != '\0' && (*at != '"' || at[1] == '"'); at += *at == '"' ? 2 : 1)
        continue;
    return *at == '"' ? at + 1 : NULL;
}

/* Where the privileges begin that a statement grants or revokes; NULL where it does neither. */
static const char *privileges_of(const char *text)
{
    const char *at = behind_name(behind_word(text, "ALTER DEFAULT PRIVILEGES FOR ROLE "));
    const char *schema = behind_name(behind_word(at, " IN SCHEMA ")), *granted;

    at = schema != NULL ? schema : at;
    text = at != NULL ? behind_word(at, " ") : text;
    granted = behind_word(text, "GRANT ");
    return granted != NULL ? granted : behind_word(text, "REVOKE ");
}

static bool find_maintain(const struct sql_statement *statement, struct part *part)
{
    static const char name[] = "MAINTAIN", letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *first = privileges_of(statement->text);

    for (const char *at = first; at != NULL; at += strspn(at, ",")) {
        size_t length = strspn(at, letters);

        if (length == 0)
            return false;
        if (length == strlen(name) && strncmp(at, name, length) == 0) {
            const char *behind = at + length;

            *part = *behind == ',' ? (struct part){at, behind + 1}
                    : at > first   ? (struct part){at - 1, behind}
                                   : whole(statement);
            return true;
        }
        at += length;
    }
    return false;
}

bool schema_names_maintain(const char *sql)
{
    size_t length = strlen(sql);
    struct sql_statement statement;
    struct part part;

    while (sql_split_next(&sql, &length, &statement))
        if (find_maintain(&statement, &part))
            return true;
    return false;
}

static bool may_have(const struct schema *schema, const char *sql)
{
    return strstr(sql, "(pg_attver=") != NULL ||
           (schema->no_maintain && strstr(sql, "MAINTAIN") != NULL);
}

void schema_cut(const struct schema *schema, struct buffer *out, size_t place)
{
    struct buffer kept = {0};
    const char *text = buffer_text(out), *sql, *done;
    struct sql_statement statement;
    struct part part;
    size_t length;

    if (out->failed || !may_have(schema, text + place))
        return;
    sql = done = text + place;
    length = strlen(sql);
    while (sql_split_next(&sql, &length, &statement))
        if (find_number(&statement, &part) ||
            (schema->no_maintain && find_maintain(&statement, &part))) {
            buffer_append(&kept, done, (size_t)(part.from - done));
            done = part.to;
        }
    buffer_puts(&kept, done);
    out->length = place;
    buffer_puts(out, buffer_text(&kept));
    out->failed = out->failed || kept.failed;
    buffer_free(&kept);
}
