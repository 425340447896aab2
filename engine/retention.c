#include "engine/retention.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/times.h"

static const time_t by_hand = 0;

static void say(struct retention_verdict *verdict, bool remove, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct retention_verdict *verdict, bool remove, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
    va_end(args);
    verdict->remove = remove;
}

static bool is_future(const struct retention_rules *rules, const struct retention_archive *a)
{
    return a->started_at > rules->now || a->created_at > rules->now;
}

static bool is_ours(const struct retention_rules *rules, const struct retention_archive *a)
{
    return strcmp(a->source, rules->source) == 0 && strcmp(a->preset, rules->preset) == 0;
}

static bool is_newer(const struct retention_archive *a, const struct retention_archive *b)
{
    if (a->started_at != b->started_at)
        return a->started_at > b->started_at;
    return strcmp(a->backup_name, b->backup_name) > 0;
}

/* Where nobody says which system is ours, the newest archive does. */
static const char *our_system(const struct retention_rules *rules,
                              const struct retention_archive *archives, size_t count)
{
    const struct retention_archive *newest = NULL;

    if (rules->system_identifier != NULL)
        return rules->system_identifier;
    for (size_t i = 0; i < count; i++) {
        const struct retention_archive *a = &archives[i];

        if (is_ours(rules, a) && a->known && a->system_identifier != NULL && !is_future(rules, a) &&
            (newest == NULL || is_newer(a, newest)))
            newest = a;
    }
    return newest == NULL ? NULL : newest->system_identifier;
}

static bool is_of_system(const struct retention_archive *a, const char *system)
{
    return system == NULL || a->system_identifier == NULL ||
           strcmp(a->system_identifier, system) == 0;
}

/* Whether it counts among the newest good ones. */
static bool counts(const struct retention_rules *rules, const struct retention_archive *a,
                   const char *system)
{
    return is_ours(rules, a) && a->known && a->good && is_of_system(a, system) &&
           !is_future(rules, a);
}

/* How many good ones there are, and how many of them are newer than this one. */
static void count_good(const struct retention_rules *rules,
                       const struct retention_archive *archives, size_t count, const char *system,
                       const struct retention_archive *a, size_t *good, size_t *newer)
{
    *good = *newer = 0;
    for (size_t i = 0; i < count; i++)
        if (counts(rules, &archives[i], system)) {
            *good += 1;
            *newer += is_newer(&archives[i], a) ? 1 : 0;
        }
}

/* Whether all good ones that are newer have shrunk, and it has not. */
static bool is_last_whole(const struct retention_rules *rules,
                          const struct retention_archive *archives, size_t count,
                          const char *system, const struct retention_archive *a)
{
    for (size_t i = 0; i < count; i++)
        if (counts(rules, &archives[i], system) && !archives[i].shrunk && is_newer(&archives[i], a))
            return false;
    return a->good && !a->shrunk;
}

/* The later of what was recorded and what the preset says now. */
static time_t kept_until(const struct retention_rules *rules, const struct retention_archive *a,
                         const char **says)
{
    time_t now_said;

    *says = "as recorded";
    if (a->keep_until == by_hand || !rules->preset_exists)
        return a->keep_until;
    now_said = rules->keep_seconds == 0 ? by_hand : a->started_at + (time_t)rules->keep_seconds;
    if (now_said != by_hand && now_said <= a->keep_until)
        return a->keep_until;
    *says = "as the preset says now";
    return now_said;
}

static void judge_time(const struct retention_rules *rules,
                       const struct retention_archive *archives, size_t count, const char *system,
                       const struct retention_archive *a, struct retention_verdict *verdict)
{
    const char *says;
    time_t until = kept_until(rules, a, &says);
    char text[TIMES_TEXT];
    size_t good, newer;
    bool whole = is_last_whole(rules, archives, count, system, a);

    times_to_text(until, text);
    if (until == by_hand) {
        say(verdict, false, "until removed by hand, %s", says);
        return;
    }
    count_good(rules, archives, count, system, a, &good, &newer);
    if (good > 0 && !whole && !(a->good && newer < rules->keep_min))
        verdict->goes_at = until;
    if (until > rules->now)
        say(verdict, false, "until %s, %s", text, says);
    else if (good == 0)
        say(verdict, false, "over since %s, but no archive of this preset is good", text);
    else if (a->good && good == 1)
        say(verdict, false, "over since %s, but the last good archive", text);
    else if (a->good && newer == 0 && rules->keep_min == 1)
        say(verdict, false, "over since %s, but the newest good one", text);
    else if (a->good && newer < rules->keep_min)
        say(verdict, false, "over since %s, but among the newest %zu good ones", text,
            rules->keep_min);
    else if (whole)
        say(verdict, false, "over since %s, but the last good one that has not shrunk", text);
    else
        say(verdict, true, "over since %s, %s%s", text, says, a->good ? "" : ", and not good");
}

size_t retention_keep_min(int given, int preset)
{
    if (given > 0)
        return (size_t)given;
    return preset > 0 ? (size_t)preset : RETENTION_KEEP_MIN;
}

void retention_decide(const struct retention_rules *rules, const struct retention_archive *archives,
                      size_t count, struct retention_verdict *verdicts)
{
    const char *system = our_system(rules, archives, count);

    for (size_t i = 0; i < count; i++) {
        const struct retention_archive *a = &archives[i];
        struct retention_verdict *verdict = &verdicts[i];

        verdict->goes_at = 0;
        if (!is_ours(rules, a))
            say(verdict, false, "of another source or preset");
        else if (a->held)
            say(verdict, false, "held");
        else if (!a->known)
            say(verdict, false, "no readable summary says how long; to be looked at by hand");
        else if (!is_of_system(a, system))
            say(verdict, false, "of another database system");
        else if (is_future(rules, a))
            say(verdict, false, "dated in the future");
        else
            judge_time(rules, archives, count, system, a, verdict);
    }
}
