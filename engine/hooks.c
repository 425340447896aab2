#include "larder/hooks.h"

#include <stdio.h>
#include <string.h>

#include "engine/hooks/parts.h"
#include "engine/run/run.h"

enum { SECONDS = 60, SECONDS_ONCE_STOPPED = 10, SECONDS_OF_START = 5, TRIES = 3 };

struct telling {
    const struct larder_hooks *hooks;
    const struct larder_event *event;
    const struct larder_run *run;
    struct larder_hook_results *results;
    struct arena *arena;
};

static struct hook_limit limit_of(const struct telling *t)
{
    double seconds = t->hooks->timeout > 0 ? t->hooks->timeout : SECONDS;
    struct hook_limit limit = {.run = t->run};

    if (t->run->stop_signal != NULL)
        limit.signal = *t->run->stop_signal;
    if (limit.signal != 0 && seconds > SECONDS_ONCE_STOPPED)
        seconds = SECONDS_ONCE_STOPPED;
    if (t->event->kind == LARDER_EVENT_START && seconds > SECONDS_OF_START)
        seconds = SECONDS_OF_START;
    limit.until = run_clock() + seconds;
    return limit;
}

static void note(struct telling *t, const char *hook, enum larder_status status,
                 const struct larder_error *why)
{
    struct larder_hook_results *r = t->results;

    if (status != LARDER_OK)
        run_message(t->run, LARDER_WARNING, "the hook %s failed: %s", hook, why->message);
    if (r->count == LARDER_HOOKS_MOST)
        return;
    r->items[r->count].hook = hook;
    r->items[r->count].failed = status != LARDER_OK;
    snprintf(r->items[r->count].message, LARDER_HOOK_MESSAGE, "%s",
             status != LARDER_OK ? why->message : "");
    r->count++;
}

static void run_command(struct telling *t)
{
    const struct larder_hooks *h = t->hooks;
    const struct {
        const char *name, *const *words;
        size_t count;
    } commands[] = {
        [LARDER_EVENT_START] = {"", NULL, 0},
        [LARDER_EVENT_SUCCESS] = {"on_success", h->on_success, h->on_success_count},
        [LARDER_EVENT_FAILURE] = {"on_failure", h->on_failure, h->on_failure_count},
        [LARDER_EVENT_STALE] = {"on_stale", h->on_stale, h->on_stale_count},
    };
    enum larder_event_kind kind = t->event->kind;
    struct hook_limit limit = limit_of(t);
    struct larder_error why = {0};
    const char *const *environment;
    enum larder_status status;

    if (commands[kind].count == 0)
        return;
    environment = hook_event_environment(t->event, t->arena);
    if (environment == NULL)
        status = larder_fail_memory(&why);
    else
        status = hook_command_run(commands[kind].name, commands[kind].words, commands[kind].count,
                                  environment, &limit, t->arena, &why);
    note(t, commands[kind].name, status, &why);
}

static void post(struct telling *t)
{
    struct hook_limit limit = limit_of(t);
    struct larder_error why = {0};
    struct buffer body = {0};
    enum larder_status status;

    if (t->hooks->webhook == NULL || t->event->kind == LARDER_EVENT_START)
        return;
    status = hook_event_json(t->event, &body, &why);
    if (status == LARDER_OK)
        status = hook_request(t->hooks->webhook, &body, TRIES, &limit, t->arena, &why);
    buffer_free(&body);
    note(t, "webhook", status, &why);
}

/* Puts VALUE where the URL says {NAME}. */
static void put_url(struct buffer *url, const char *from, const struct larder_event *event)
{
    while (*from != '\0') {
        if (strncmp(from, "{command}", 9) == 0) {
            buffer_puts(url, event->command);
            from += 9;
        } else if (strncmp(from, "{preset}", 8) == 0) {
            buffer_puts(url, event->preset != NULL ? event->preset : "all");
            from += 8;
        } else {
            buffer_append(url, from++, 1);
        }
    }
}

/* "URL/start", "URL", "URL/fail"; before a query. */
static const char *ping_url(const struct telling *t)
{
    const char *ping = t->hooks->ping;
    size_t length = strcspn(ping, "?#");
    struct buffer template = {0}, url = {0};

    buffer_append(&template, ping, length);
    while (template.length > 0 && template.bytes[template.length - 1] == '/')
        template.length--;
    if (t->event->kind == LARDER_EVENT_START)
        buffer_puts(&template, "/start");
    else if (t->event->kind != LARDER_EVENT_SUCCESS)
        buffer_puts(&template, "/fail");
    buffer_puts(&template, ping + length);
    put_url(&url, buffer_text(&template), t->event);
    /* A failure whose "/fail" is missing would be told as a success. */
    url.failed = url.failed || template.failed;
    buffer_free(&template);
    return arena_take(t->arena, &url);
}

/*
 * One URL is one thing that is watched: exports, unless it says {command}. That an export is late, or a drill fails, is bad news for
 * it; that a drill, or anything else, went well is no news of exports.
 */
static bool is_pinged(const struct telling *t)
{
    if (t->hooks->ping == NULL)
        return false;
    if (strcmp(t->event->command, "export") == 0 || strstr(t->hooks->ping, "{command}") != NULL)
        return true;
    return t->event->kind == LARDER_EVENT_STALE ||
           (t->event->kind == LARDER_EVENT_FAILURE &&
            (strcmp(t->event->command, "drill") == 0 || strcmp(t->event->command, "status") == 0));
}

static void ping(struct telling *t)
{
    struct hook_limit limit = limit_of(t);
    struct larder_error why = {0};
    enum larder_status status;
    const char *url;

    if (!is_pinged(t))
        return;
    url = ping_url(t);
    status = arena_failed(t->arena)
                 ? larder_fail_memory(&why)
                 : hook_request(url, NULL, t->event->kind == LARDER_EVENT_START ? 1 : TRIES, &limit,
                                t->arena, &why);
    note(t, "ping", status, &why);
}

void larder_hooks_run(const struct larder_hooks *hooks, const struct larder_event *event,
                      const struct larder_run *run, struct larder_hook_results *results)
{
    struct telling t = {
        .hooks = hooks, .event = event, .run = run, .results = results, .arena = arena_new()};

    if (t.arena == NULL)
        return;
    run_command(&t);
    post(&t);
    ping(&t);
    arena_free(t.arena);
}
