#include "engine/cli/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/cli/print.h"
#include "engine/cli/screen.h"
#include "formats/json_memory.h"
#include "formats/json_text.h"
#include "formats/times.h"

/* The variable is inherited by whatever a service starts: only the stream that it names counts. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat now;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &now) == 0 && now.st_dev == device && now.st_ino == inode;
}

enum log_form log_form(void)
{
    const char *format = getenv(LOG_FORMAT_VARIABLE);

    if (format != NULL && strcmp(format, "json") == 0)
        return LOG_JSON;
    return is_journal() ? LOG_JOURNAL : LOG_TEXT;
}

static const char *level_name(enum log_level level)
{
    return level == LOG_IS_ERROR     ? "error"
           : level == LOG_IS_WARNING ? "warning"
           : level == LOG_IS_NOTE    ? "info"
                                     : "debug";
}

/* Whole lines in one write, so that those of others never stand within them. */
static void put_json(enum log_level level, json_t *more)
{
    char now[TIMES_TEXT], *text;
    json_t *line;

    times_to_text(time(NULL), now);
    line = json_pack("{s:s, s:s}", "time", now, "level", level_name(level));
    json_object_update_missing(line, more);
    text = json_dumps(line, JSON_COMPACT);
    if (text != NULL)
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
    json_memory_free(text);
    json_decref(line);
    json_decref(more);
}

/* Each line of the text bears the priority: the journal takes them one by one. */
static void put_priority(enum log_level level, const char *before, const char *text)
{
    char next[16];

    snprintf(next, sizeof(next), "<%d>    ", (int)level);
    fprintf(stderr, "<%d>%s", (int)level, before);
    screen_put(stderr, text, strlen(text), next);
    fputc('\n', stderr);
}

static void put_plain(const char *before, const char *text)
{
    fputs(before, stderr);
    screen_put(stderr, text, strlen(text), "    ");
    fputc('\n', stderr);
}

static void put_text(enum log_level level, const char *text, const char *help)
{
    bool colour = screen_of(STDERR_FILENO).colour;
    enum tone tone = level == LOG_IS_ERROR     ? TONE_BAD
                     : level == LOG_IS_WARNING ? TONE_DOUBTFUL
                                               : TONE_PLAIN;

    fprintf(stderr, "%slarder:%s ", screen_tone(colour, tone), screen_plain(colour, tone));
    put_plain("", text);
    if (help != NULL)
        put_plain("  help: ", help);
}

void log_event(enum log_level level, const char *text, const char *help)
{
    switch (log_form()) {
    case LOG_JSON:
        put_json(level, json_pack("{s:o, s:o*}", "message", json_text(text), "help",
                                  help == NULL ? NULL : json_text(help)));
        break;
    case LOG_JOURNAL:
        put_priority(level, "larder: ", text);
        if (help != NULL)
            put_priority(level, "  help: ", help);
        break;
    default:
        put_text(level, text, help);
        break;
    }
}

static void put_finding(const char *kind, const char *text)
{
    char before[64];

    snprintf(before, sizeof(before), "  %s: ", kind);
    switch (log_form()) {
    case LOG_JSON:
        put_json(LOG_IS_WARNING,
                 json_pack("{s:s, s:o}", "finding", kind, "message", json_text(text)));
        break;
    case LOG_JOURNAL:
        put_priority(LOG_IS_WARNING, before, text);
        break;
    default:
        put_plain(before, text);
        break;
    }
}

void log_findings(const struct larder_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        put_finding(findings->items[i].kind, findings->items[i].message);
}

void log_progress(const struct larder_progress *p)
{
    char text[128], rows[PRINT_NUMBER], bytes[PRINT_SIZE];

    if (log_form() == LOG_JSON) {
        put_json(LOG_IS_DETAIL, json_pack("{s:s, s:I, s:I, s:I, s:I}", "phase", p->phase, "rows",
                                          (json_int_t)p->rows, "bytes", (json_int_t)p->bytes,
                                          "rows_expected", (json_int_t)p->rows_total,
                                          "bytes_expected", (json_int_t)p->bytes_total));
        return;
    }
    snprintf(text, sizeof(text), "%s: %s rows, %s", p->phase, print_number(p->rows, rows),
             print_size(p->bytes, bytes));
    log_event(LOG_IS_DETAIL, text, NULL);
}
