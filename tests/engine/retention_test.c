/*
 * The rules of retention, as examples, and over random histories of two years: daily, weekly and
 * monthly runs with failures, holes, clock jumps, holds, damage, changed presets, and neighbours
 * with names that begin alike. The checks are written from the rules, over the simulation's own
 * record of what happened, and share nothing with the code that decides.
 *
 * RETENTION_SEED=N replays one history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/retention.h"
#include "formats/names.h"

enum { DAY = 86400, NOW = 1800000000 };

/* ---- Examples ---- */

static struct retention_archive archive(const char *name, int days_ago, int keep_days)
{
    time_t made = NOW - (time_t)days_ago * DAY;

    return (struct retention_archive){.source = "prod",
                                      .preset = "daily",
                                      .backup_name = name,
                                      .known = true,
                                      .system_identifier = "1",
                                      .started_at = made,
                                      .created_at = made + 60,
                                      .keep_until = keep_days == 0 ? 0 : made + keep_days * DAY,
                                      .good = true};
}

static const struct retention_rules seven_days = {.now = NOW,
                                                  .source = "prod",
                                                  .preset = "daily",
                                                  .keep_min = 1,
                                                  .preset_exists = true,
                                                  .keep_seconds = 7 * DAY};

/* Expects the verdicts, one letter each: k to keep, r to remove. */
static void expect_verdicts(const struct retention_rules *rules,
                            const struct retention_archive *archives, const char *wanted)
{
    struct retention_verdict verdicts[16];

    retention_decide(rules, archives, strlen(wanted), verdicts);
    for (size_t i = 0; i < strlen(wanted); i++)
        if (verdicts[i].remove != (wanted[i] == 'r'))
            fail_msg("archive %zu: %s", i, verdicts[i].reason);
}

static void what_is_over_goes_and_what_is_not_stays(void **state)
{
    const struct retention_archive archives[] = {archive("c", 1, 7), archive("b", 6, 7),
                                                 archive("a", 8, 7)};

    (void)state;
    expect_verdicts(&seven_days, archives, "kkr");
}

static void the_longer_of_record_and_preset_counts(void **state)
{
    struct retention_rules rules = seven_days;
    const struct retention_archive archives[] = {archive("d", 1, 7), archive("c", 20, 30),
                                                 archive("b", 20, 7), archive("a", 20, 0)};

    (void)state;
    expect_verdicts(&rules, archives, "kkrk");
    rules.keep_seconds = 30 * DAY;
    expect_verdicts(&rules, archives, "kkkk");
    rules.keep_seconds = 0;
    expect_verdicts(&rules, archives, "kkkk");
    rules.preset_exists = false;
    expect_verdicts(&rules, archives, "kkrk");
}

static void the_newest_good_ones_stay_however_old(void **state)
{
    struct retention_rules rules = seven_days;
    struct retention_archive archives[] = {archive("d", 900, 7), archive("c", 910, 7),
                                           archive("b", 920, 7), archive("a", 930, 7)};
    struct retention_verdict verdicts[4];

    (void)state;
    expect_verdicts(&rules, archives, "krrr");
    retention_decide(&rules, archives, 4, verdicts);
    assert_non_null(strstr(verdicts[0].reason, ", but the newest good one"));
    rules.keep_min = 3;
    expect_verdicts(&rules, archives, "kkkr");
    archives[0].good = archives[2].good = false;
    expect_verdicts(&rules, archives, "rkrk");
    archives[1].good = archives[3].good = false;
    expect_verdicts(&rules, archives, "kkkk");
}

static void what_is_dated_in_the_future_stays_and_does_not_count(void **state)
{
    struct retention_archive archives[] = {archive("c", -3, 7), archive("b", 10, 7),
                                           archive("a", 20, 7)};

    (void)state;
    expect_verdicts(&seven_days, archives, "kkr");
    archives[0] = archive("c", 900, 7);
    archives[0].created_at = NOW + 1;
    archives[0].keep_until = NOW - DAY;
    expect_verdicts(&seven_days, archives, "kkr");
}

static void the_last_one_that_has_not_shrunk_stays(void **state)
{
    struct retention_archive archives[] = {archive("d", 1, 7), archive("c", 10, 7),
                                           archive("b", 20, 7), archive("a", 30, 7)};
    struct retention_verdict verdicts[4];

    (void)state;
    archives[0].shrunk = archives[1].shrunk = true;
    expect_verdicts(&seven_days, archives, "krkr");
    archives[2].good = false;
    expect_verdicts(&seven_days, archives, "krrk");
    archives[3].shrunk = true;
    expect_verdicts(&seven_days, archives, "krrr");
    archives[0].shrunk = false;
    expect_verdicts(&seven_days, archives, "krrr");
    retention_decide(&seven_days, archives, 4, verdicts);
    assert_int_equal(verdicts[0].goes_at, 0);
    assert_int_equal(verdicts[1].goes_at, archives[1].keep_until);
}

static void held_unknown_and_foreign_ones_stay(void **state)
{
    struct retention_archive archives[] = {archive("f", 1, 7),  archive("e", 90, 7),
                                           archive("d", 91, 7), archive("c", 92, 7),
                                           archive("b", 93, 7), archive("a", 94, 7)};

    (void)state;
    expect_verdicts(&seven_days, archives, "krrrrr");
    archives[1].held = true;
    archives[2].known = false;
    archives[3].system_identifier = "2";
    archives[4].preset = "daily_extra";
    archives[5].source = "prod-eu";
    expect_verdicts(&seven_days, archives, "kkkkkk");
}

/* ---- Histories ---- */

/* The sanitizers take their time, and see each line of the code in a few of them. */
#ifdef __SANITIZE_ADDRESS__
enum { HISTORIES = 100 };
#else
enum { HISTORIES = 2000 };
#endif

enum { DAYS = 730, MOST = 4000, PRESETS = 5, SOURCES = 3, FOREVER = -1, GONE = -2 };

static const char *const preset_names[PRESETS] = {"daily", "daily_extra", "weekly", "monthly",
                                                  "production"};
static const int every[PRESETS] = {1, 1, 7, 30, 90};
static const char *const source_names[SOURCES] = {"prod", "prod-eu", "pro"};
static const char *const systems[] = {"7000000000000000001", "7000000000000000002"};

struct event {
    int source, preset, system; /* system -1: not known */
    time_t made, finished;
    int kept; /* days, or FOREVER */
    bool damaged, lost_summary, held;
    char name[NAMES_BACKUP];
};

struct history {
    uint64_t seed, state;
    struct event archives[MOST];
    size_t count;
    int keep[PRESETS]; /* what the presets say at the moment: days, FOREVER, or GONE */
    time_t clock_error;
    size_t removed, checked;
};

static uint64_t draw(struct history *h)
{
    uint64_t z = (h->state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int below(struct history *h, int n)
{
    return (int)(draw(h) % (uint64_t)n);
}

static bool once_in(struct history *h, int n)
{
    return below(h, n) == 0;
}

static int some_days(struct history *h)
{
    static const int days[] = {1, 7, 30, 60, 365, FOREVER};

    return days[below(h, 6)];
}

static void run_export(struct history *h, int source, int preset, time_t clock)
{
    struct event *e = &h->archives[h->count];

    if (h->count == MOST)
        return;
    *e = (struct event){.source = source, .preset = preset, .kept = h->keep[preset]};
    e->made = clock + below(h, DAY / 2);
    e->finished = e->made + below(h, 7200);
    if (once_in(h, 100))
        e->finished += (below(h, 3) - 1) * 10 * DAY; /* the clock was set while it ran */
    if (e->finished < e->made)
        e->finished = e->made;
    if (e->kept == GONE)
        e->kept = some_days(h);
    e->system = once_in(h, 25) ? 1 : once_in(h, 25) ? -1 : 0;
    e->damaged = once_in(h, 12);
    e->lost_summary = once_in(h, 40);
    e->held = once_in(h, 40);
    names_backup(preset_names[preset], e->made, e->name);
    for (size_t i = 0; i < h->count; i++)
        if (h->archives[i].made == e->made && h->archives[i].preset == preset &&
            h->archives[i].source == source)
            return; /* the exporter waits; here the run is left out */
    h->count++;
}

static bool is_good(const struct event *e)
{
    return !e->damaged && !e->lost_summary;
}

/* The facts that the rules name, from the record of what happened. */
struct scene {
    const struct history *h;
    int source, preset, system; /* system -1: none is known */
    time_t now;
    int keep_min, good; /* how many good ones there are */
};

static bool in_scene(const struct scene *s, const struct event *e)
{
    return e->source == s->source && e->preset == s->preset && !e->lost_summary &&
           (e->system < 0 || s->system < 0 || e->system == s->system) && e->made <= s->now &&
           e->finished <= s->now;
}

static bool is_over(const struct scene *s, const struct event *e)
{
    int says_now = s->h->keep[s->preset];

    if (e->kept == FOREVER || says_now == FOREVER)
        return false;
    if (says_now != GONE && s->now - e->made < (time_t)says_now * DAY)
        return false;
    return s->now - e->made >= (time_t)e->kept * DAY;
}

static int good_ones(const struct scene *s, const bool *removed, time_t after)
{
    int count = 0;

    for (size_t i = 0; i < s->h->count; i++) {
        const struct event *e = &s->h->archives[i];

        count += in_scene(s, e) && is_good(e) && e->made > after && (removed == NULL || !removed[i])
                     ? 1
                     : 0;
    }
    return count;
}

static void wrong(const struct scene *s, size_t i, const struct retention_verdict *verdict,
                  const char *rule)
{
    fail_msg("RETENTION_SEED=%llu: %s/%s: %s (%s: %s)", (unsigned long long)s->h->seed,
             source_names[s->h->archives[i].source], s->h->archives[i].name, rule,
             verdict->remove ? "to be removed" : "kept", verdict->reason);
}

static void check_removal(const struct scene *s, size_t i, const struct retention_verdict *verdict,
                          const bool *removed)
{
    const struct event *e = &s->h->archives[i];

    if (e->source != s->source)
        wrong(s, i, verdict, "it is another source's");
    if (e->preset != s->preset)
        wrong(s, i, verdict, "it is another preset's");
    if (e->held)
        wrong(s, i, verdict, "it is held");
    if (e->lost_summary)
        wrong(s, i, verdict, "nobody knows how long it was to be kept");
    if (e->made > s->now || e->finished > s->now)
        wrong(s, i, verdict, "it is of the future");
    if (e->system >= 0 && s->system >= 0 && e->system != s->system)
        wrong(s, i, verdict, "it is another system's");
    if (!is_over(s, e))
        wrong(s, i, verdict, "its time is not over");
    if (s->good == 0)
        wrong(s, i, verdict, "there is no good one");
    if (is_good(e) && good_ones(s, removed, e->made) < s->keep_min)
        wrong(s, i, verdict, "too few newer good ones stay");
}

static void check_verdict(const struct scene *s, size_t i, const struct retention_verdict *verdict,
                          const bool *removed)
{
    const struct event *e = &s->h->archives[i];

    if (verdict->reason[0] == '\0' || strchr(verdict->reason, '\n') != NULL)
        wrong(s, i, verdict, "the reason is no line");
    if (verdict->remove)
        check_removal(s, i, verdict, removed);
    else if (in_scene(s, e) && !e->held && is_over(s, e) && s->good > 0 &&
             !(is_good(e) && good_ones(s, NULL, e->made) < s->keep_min))
        wrong(s, i, verdict, "it should have gone");
}

static int newest_system(const struct scene *s)
{
    const struct event *newest = NULL;
    struct scene any = *s;

    any.system = -1;
    for (size_t i = 0; i < s->h->count; i++) {
        const struct event *e = &s->h->archives[i];

        if (in_scene(&any, e) && e->system >= 0 && (newest == NULL || e->made > newest->made))
            newest = e;
    }
    return newest == NULL ? -1 : newest->system;
}

static struct retention_archive as_input(const struct event *e)
{
    struct retention_archive a = {.source = source_names[e->source],
                                  .preset = preset_names[e->preset],
                                  .backup_name = e->name,
                                  .held = e->held};

    if (e->lost_summary)
        return a;
    a.known = true;
    a.system_identifier = e->system < 0 ? NULL : systems[e->system];
    a.started_at = e->made;
    a.created_at = e->finished;
    a.keep_until = e->kept == FOREVER ? 0 : e->made + (time_t)e->kept * DAY;
    a.good = !e->damaged;
    return a;
}

static void run_prune(struct history *h, int source, int preset, time_t clock)
{
    static struct retention_archive archives[MOST];
    static struct retention_verdict verdicts[MOST];
    static bool removed[MOST];
    struct scene s = {h, source, preset, 0, clock, 1 + below(h, 4), 0};
    struct retention_rules rules = {
        .now = clock,
        .source = source_names[source],
        .preset = preset_names[preset],
        .keep_min = (size_t)s.keep_min,
        .preset_exists = h->keep[preset] != GONE,
        .keep_seconds = h->keep[preset] > 0 ? (int64_t)h->keep[preset] * DAY : 0,
    };
    size_t stay = 0;
    int after;

    if (once_in(h, 2))
        s.system = newest_system(&s);
    else
        rules.system_identifier = systems[0];
    s.good = good_ones(&s, NULL, 0);
    for (size_t i = 0; i < h->count; i++)
        archives[i] = as_input(&h->archives[i]);
    retention_decide(&rules, archives, h->count, verdicts);
    for (size_t i = 0; i < h->count; i++)
        removed[i] = verdicts[i].remove;
    for (size_t i = 0; i < h->count; i++)
        check_verdict(&s, i, &verdicts[i], removed);
    after = good_ones(&s, removed, 0);
    if (after < s.good && after < s.keep_min)
        fail_msg("RETENTION_SEED=%llu: %d good ones of %d are left", (unsigned long long)h->seed,
                 after, s.good);
    h->checked += h->count;
    for (size_t i = 0; i < h->count; i++)
        if (!removed[i])
            h->archives[stay++] = h->archives[i];
    h->removed += h->count - stay;
    h->count = stay;
}

/* What else happens to a store and to the presets. */
static void let_time_pass(struct history *h)
{
    if (once_in(h, 120))
        h->clock_error = (time_t)(below(h, 1200) - 600) * DAY;
    if (h->clock_error != 0 && once_in(h, 3))
        h->clock_error = 0;
    if (once_in(h, 60))
        h->keep[below(h, PRESETS)] = some_days(h);
    if (once_in(h, 200))
        h->keep[below(h, PRESETS)] = GONE;
    if (h->count > 0 && once_in(h, 10)) {
        struct event *e = &h->archives[below(h, (int)h->count)];

        e->held = !e->held;
    }
    if (h->count > 0 && once_in(h, 20))
        h->archives[below(h, (int)h->count)].damaged = true;
    if (h->count > 0 && once_in(h, 60))
        h->archives[below(h, (int)h->count)].lost_summary = true;
}

static void live(struct history *h, uint64_t seed)
{
    static const int kept[PRESETS] = {7, 7, 30, 365, FOREVER};
    time_t start = NOW;
    int hole = 0, mostly;

    *h = (struct history){.seed = seed, .state = seed};
    memcpy(h->keep, kept, sizeof(kept));
    mostly = 2 + below(h, 30); /* how often prune runs, in days */
    for (int day = 0; day < DAYS; day++) {
        time_t clock = start + (time_t)day * DAY + h->clock_error;

        let_time_pass(h);
        if (hole == 0 && once_in(h, 90))
            hole = below(h, 60);
        hole -= hole > 0 ? 1 : 0;
        for (int source = 0; source < SOURCES && hole == 0; source++)
            for (int preset = 0; preset < PRESETS; preset++)
                if (day % every[preset] == 0 && (source == 0 || once_in(h, 10)) && !once_in(h, 8))
                    run_export(h, source, preset, clock);
        if (once_in(h, mostly))
            run_prune(h, once_in(h, 4) ? below(h, SOURCES) : 0, below(h, PRESETS), clock);
    }
}

static void the_rules_hold_in_every_history(void **state)
{
    static struct history history;
    const char *seed = getenv("RETENTION_SEED");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    uint64_t last = seed != NULL ? first : HISTORIES;
    size_t removed = 0, checked = 0;

    (void)state;
    for (uint64_t i = first; i <= last; i++) {
        live(&history, i);
        removed += history.removed;
        checked += history.checked;
    }
    print_message("seeds %llu to %llu: %zu decisions, %zu archives removed\n",
                  (unsigned long long)first, (unsigned long long)last, checked, removed);
    assert_true(removed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_goes_and_what_is_not_stays),
        cmocka_unit_test(the_longer_of_record_and_preset_counts),
        cmocka_unit_test(the_newest_good_ones_stay_however_old),
        cmocka_unit_test(what_is_dated_in_the_future_stays_and_does_not_count),
        cmocka_unit_test(the_last_one_that_has_not_shrunk_stays),
        cmocka_unit_test(held_unknown_and_foreign_ones_stay),
        cmocka_unit_test(the_rules_hold_in_every_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
