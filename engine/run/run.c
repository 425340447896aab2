#include "engine/run/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "formats/utf8.h"

enum larder_status run_check(const struct larder_run *run, struct larder_error *error)
{
    if (run->stop_signal == NULL || *run->stop_signal == 0)
        return LARDER_OK;
    if (*run->stop_signal == SIGINT)
        return larder_fail(error, LARDER_INTERRUPTED, "interrupted");
    return larder_fail(error, LARDER_TERMINATED, "terminated");
}

bool run_is_stopped(enum larder_status status)
{
    return status == LARDER_INTERRUPTED || status == LARDER_TERMINATED;
}

void run_message(const struct larder_run *run, enum larder_level level, const char *format, ...)
{
    char text[4096];
    va_list args;

    if (run->message == NULL)
        return;
    va_start(args, format);
    utf8_vprintf(text, sizeof(text), format, args);
    va_end(args);
    run->message(run->arg, level, text);
}

void run_progress(const struct larder_run *run, const struct larder_progress *progress)
{
    if (run->progress != NULL)
        run->progress(run->arg, progress);
}

double run_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void findings_add(struct larder_findings *findings, struct arena *arena, const char *kind,
                  const char *object, const char *format, ...)
{
    char message[2048];
    va_list args;

    va_start(args, format);
    utf8_vprintf(message, sizeof(message), format, args);
    va_end(args);
    /* Doubles at each power of two; the arena keeps the old ones until it goes. */
    if ((findings->count & (findings->count - 1)) == 0) {
        size_t capacity = findings->count == 0 ? 1 : findings->count * 2;
        struct larder_finding *items = arena_alloc(arena, capacity, sizeof(*items));

        if (items == NULL)
            return;
        if (findings->count > 0)
            memcpy(items, findings->items, findings->count * sizeof(*items));
        findings->items = items;
    }
    findings->items[findings->count++] = (struct larder_finding){
        arena_strdup(arena, kind), arena_strdup(arena, object), arena_strdup(arena, message)};
}

void findings_keep(struct larder_findings *findings, struct arena *arena)
{
    struct larder_findings kept = {0};

    for (size_t i = 0; i < findings->count; i++)
        findings_add(&kept, arena, findings->items[i].kind, findings->items[i].object, "%s",
                     findings->items[i].message);
    *findings = kept;
}
