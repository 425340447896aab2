#include "engine/due.h"
#include "engine/status_parts.h"

/* Good, and not of the future: one that is would hide that nothing has come for a while. */
static bool counts(const struct inventory_backup *b, time_t now)
{
    return b->problem_count == 0 && b->facts.started_at <= now;
}

static time_t later(time_t a, time_t b)
{
    return a > b ? a : b;
}

static void add_problems(struct larder_status_preset *preset, const struct inventory_backup *b,
                         struct arena *arena)
{
    for (size_t i = 0; i < b->problem_count; i++)
        preset->problems[preset->problem_count++] =
            arena_printf(arena, "%s: %s", b->backup_name, b->problems[i]);
}

/* Sizes, dates and problems, from the newest to the oldest. */
static const struct inventory_backup *look(time_t now, const struct inventory_backup *backups,
                                           size_t count, struct arena *arena,
                                           struct larder_status_preset *preset)
{
    const struct inventory_backup *newest = NULL;

    for (size_t i = count; i > 0; i--) {
        const struct inventory_backup *b = &backups[i - 1];

        preset->archives += b->archive != NULL ? 1 : 0;
        preset->total_bytes += b->archive != NULL ? b->archive->bytes : 0;
        preset->verified_at = later(preset->verified_at, b->verified_at);
        preset->drilled_at = later(preset->drilled_at, b->drilled_at);
        add_problems(preset, b, arena);
        if (b->problem_count == 0 && b->facts.started_at > now)
            preset->problems[preset->problem_count++] =
                arena_printf(arena, "%s: it is dated in the future", b->backup_name);
        if (!counts(b, now))
            continue;
        preset->good++;
        newest = newest == NULL ? b : newest;
        if (preset->size_count < LARDER_STATUS_SIZES)
            preset->sizes[preset->size_count++] = b->facts.bytes;
    }
    return newest;
}

/* One that failed is to be looked at until another one has succeeded; of what is not good, the problems say why. */
static void add_failed_drill(struct larder_status_preset *preset,
                             const struct inventory_backup *backups, size_t count,
                             struct arena *arena)
{
    const struct inventory_backup *last = NULL;

    for (size_t i = 0; i < count; i++)
        if (backups[i].problem_count == 0 && backups[i].drill_failed_at != 0 &&
            (last == NULL || backups[i].drill_failed_at >= last->drill_failed_at))
            last = &backups[i];
    if (last != NULL && last->drill_failed_at >= preset->drilled_at)
        preset->problems[preset->problem_count++] =
            arena_printf(arena, "%s: %s", last->backup_name, inventory_drill_failure(last));
}

/* When the next one may go, and how many would go now. */
static enum larder_status ask_retention(const struct retention_rules *rules,
                                        const struct inventory_backup *backups, size_t count,
                                        struct arena *arena, struct larder_status_preset *preset,
                                        struct larder_error *error)
{
    struct retention_archive *archives = arena_alloc(arena, count + 1, sizeof(*archives));
    struct retention_verdict *verdicts = arena_alloc(arena, count + 1, sizeof(*verdicts));

    if (archives == NULL || verdicts == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++)
        archives[i] = inventory_as_kept(&backups[i]);
    retention_decide(rules, archives, count, verdicts);
    for (size_t i = 0; i < count; i++) {
        time_t at = verdicts[i].goes_at;

        preset->over += verdicts[i].remove ? 1 : 0;
        if (at != 0 && (preset->prune_at == 0 || at < preset->prune_at))
            preset->prune_at = at;
    }
    return LARDER_OK;
}

static void describe_newest(const struct inventory_backup *newest, struct store *store,
                            struct arena *arena, struct larder_status_preset *preset)
{
    const char *shrunk = inventory_shrunk(newest, arena);

    preset->archive = inventory_location(store, newest, arena);
    preset->backup_name = newest->backup_name;
    preset->started_at = newest->facts.started_at;
    preset->bytes = newest->facts.bytes;
    preset->rows = newest->facts.rows;
    preset->shrunk_since = newest->facts.shrunk_since;
    preset->shrunk_tables = newest->facts.shrunk_tables;
    if (shrunk != NULL)
        preset->problems[preset->problem_count++] =
            arena_printf(arena, "%s: %s", newest->backup_name, shrunk);
}

/* How often there should be one: as the preset says now, else as the newest one recorded it. */
static int64_t find_every(const struct status_rules *rules, const struct inventory_backup *newest)
{
    if (rules->presets_known)
        return rules->every;
    return newest == NULL ? 0 : newest->facts.every;
}

/* Also of those that are not good, where there is no other. */
static const struct inventory_backup *newest_known(const struct inventory_backup *backups,
                                                   size_t count)
{
    for (size_t i = count; i > 0; i--)
        if (backups[i - 1].known)
            return &backups[i - 1];
    return NULL;
}

/* What could not be read may be a good one, and newer, and what another stays for. */
static void doubt(struct larder_status_preset *preset)
{
    if (preset->backup_name == NULL || preset->standing == LARDER_STANDING_OVERDUE)
        preset->standing = LARDER_STANDING_UNKNOWN;
    preset->over = 0;
    preset->prune_at = 0;
}

static void judge(time_t now, struct larder_status_preset *preset)
{
    if (preset->started_at != 0 && preset->every > 0) {
        preset->due_at = preset->started_at + preset->every;
        preset->overdue_at = preset->due_at + due_grace(preset->every);
    }
    if (preset->every == 0)
        preset->standing = LARDER_STANDING_UNSCHEDULED;
    else if (preset->backup_name == NULL)
        preset->standing = LARDER_STANDING_MISSING;
    else if (preset->overdue_at < now)
        preset->standing = LARDER_STANDING_OVERDUE;
}

enum larder_status status_of_preset(const struct status_rules *rules, struct store *store,
                                    const struct inventory_backup *backups, size_t count,
                                    struct arena *arena, struct larder_status_preset *preset,
                                    struct larder_error *error)
{
    const struct inventory_backup *newest;
    size_t problems = count + 2;
    enum larder_status status;

    for (size_t i = 0; i < count; i++)
        problems += backups[i].problem_count;
    *preset = (struct larder_status_preset){
        .preset = rules->kept.preset,
        .problems = arena_alloc(arena, problems + 1, sizeof(*preset->problems)),
    };
    if (preset->problems == NULL)
        return larder_fail_memory(error);
    newest = look(rules->kept.now, backups, count, arena, preset);
    add_failed_drill(preset, backups, count, arena);
    if (newest != NULL)
        describe_newest(newest, store, arena, preset);
    preset->every = find_every(rules, newest != NULL ? newest : newest_known(backups, count));
    judge(rules->kept.now, preset);
    status = ask_retention(&rules->kept, backups, count, arena, preset, error);
    if (inventory_unread(backups, count) != NULL)
        doubt(preset);
    return status;
}
