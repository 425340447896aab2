#include <stdio.h>
#include <string.h>

#include "engine/drill/parts.h"
#include "engine/pg/session.h"
#include "engine/run/run.h"
#include "formats/buffer.h"
#include "formats/sql_split.h"

enum { NAME_BYTES = 80, ROW_BYTES = 400, ROWS_SHOWN = 10 };

struct check {
    const char *name;
    const char *sql;
};

/* What a person calls it: the comment above it, else its beginning. */
static struct check make_check(struct drill *d, const struct sql_statement *s)
{
    const char *text = s->comment_length > 0 ? s->comment : s->text;
    size_t length = s->comment_length > 0 ? s->comment_length : s->length;
    char *name = arena_printf(d->arena, "%.*s%s", length > NAME_BYTES ? NAME_BYTES : (int)length,
                              text, length > NAME_BYTES ? "..." : "");

    for (char *at = name; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r' || *at == '\t')
            *at = ' ';
    return (struct check){name, arena_printf(d->arena, "%.*s", (int)s->length, s->text)};
}

/* "user_id = 7, total = null" */
static const char *row_text(struct drill *d, const PGresult *result, int row)
{
    struct buffer text = {0};
    const char *copy;

    for (int i = 0; i < PQnfields(result) && text.length < ROW_BYTES; i++)
        buffer_printf(&text, "%s%s = %.*s", i > 0 ? ", " : "", PQfname(result, i), ROW_BYTES,
                      PQgetisnull(result, row, i) ? "null" : pg_value(result, row, i));
    copy = arena_printf(d->arena, "%.*s%s", ROW_BYTES, buffer_text(&text),
                        text.length > ROW_BYTES ? "..." : "");
    buffer_free(&text);
    return copy;
}

static void add_rows(struct drill *d, const struct check *check, const PGresult *result)
{
    struct larder_findings *findings = &d->result->proof.findings;
    int rows = PQntuples(result);

    for (int i = 0; i < rows && i < ROWS_SHOWN; i++)
        findings_add(findings, d->result->proof.memory, "check", check->name, "check \"%s\": %s",
                     check->name, row_text(d, result, i));
    if (rows > ROWS_SHOWN)
        findings_add(findings, d->result->proof.memory, "check", check->name,
                     "check \"%s\": %d more rows", check->name, rows - ROWS_SHOWN);
}

/* An exception that the check itself has raised is what it found. */
static bool raised_itself(struct pg *pg)
{
    return strcmp(pg_sqlstate(pg), "P0001") == 0 || strcmp(pg_sqlstate(pg), "P0004") == 0;
}

static enum larder_status run_check_sql(struct drill *d, struct pg *pg, const struct check *check,
                                        struct larder_error *error)
{
    struct larder_error why = {0};
    PGresult *result = NULL;
    enum larder_status status = pg_query(pg, check->sql, 0, NULL, &result, &why);
    bool found = status == LARDER_OK && PQntuples(result) > 0;

    d->result->checks++;
    if (found)
        add_rows(d, check, result);
    PQclear(result);
    if (found)
        return larder_fail(error, LARDER_DIFFERENCE, "check \"%s\" found something", check->name);
    if (status == LARDER_OK || (status != LARDER_FAILED && run_check(d->run, error) != LARDER_OK))
        return status;
    findings_add(&d->result->proof.findings, d->result->proof.memory, "check", check->name,
                 raised_itself(pg) ? "check \"%s\": %s" : "check \"%s\" could not be run: %s",
                 check->name, why.message);
    if (raised_itself(pg))
        return larder_fail(error, LARDER_DIFFERENCE, "check \"%s\" found something", check->name);
    return larder_fail(error, LARDER_UNVERIFIED, "check \"%s\" could not be run: %s", check->name,
                       why.message);
}

/* Every check is run, whatever the others found; a difference goes before what could not be run. */
static enum larder_status run_all(struct drill *d, struct pg *pg, struct larder_error *error)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* that it is UTF-8, as some editors begin a file */
    const char *sql = d->options->checks;
    size_t length = d->options->checks_length;
    struct sql_statement statement;
    enum larder_status worst = LARDER_OK;

    if (length >= strlen(mark) && memcmp(sql, mark, strlen(mark)) == 0) {
        sql += strlen(mark);
        length -= strlen(mark);
    }
    while (sql_split_next(&sql, &length, &statement)) {
        struct check check = make_check(d, &statement);
        struct larder_error one = {0};
        enum larder_status status;

        if (arena_failed(d->arena))
            return larder_fail_memory(error);
        status = run_check_sql(d, pg, &check, &one);
        d->result->checks_found += status == LARDER_DIFFERENCE ? 1 : 0;
        if (status == LARDER_OK || worst == LARDER_DIFFERENCE ||
            (worst == LARDER_UNVERIFIED && status == LARDER_UNVERIFIED && !pg_is_broken(pg)))
            continue;
        worst = status;
        *error = one;
        if (pg_is_broken(pg) || (status != LARDER_DIFFERENCE && status != LARDER_UNVERIFIED))
            break;
    }
    return worst;
}

enum larder_status drill_check(struct drill *d, struct larder_error *error)
{
    struct pg *pg = NULL;
    enum larder_status status;

    if (d->options->checks == NULL)
        return LARDER_OK;
    status = pg_connect(scratch_connect(d->scratch), d->run, -1, PG_CONNECT_SECONDS, &pg, error);
    if (status == LARDER_OK)
        status = session_untimed(pg, error);
    if (status == LARDER_OK)
        status = run_all(d, pg, error);
    pg_close(pg);
    return status == LARDER_FAILED ? LARDER_UNVERIFIED : status;
}
