#include "larder/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/pg/connection.h"
#include "engine/pg/session.h"
#include "engine/presets.h"
#include "engine/replace_file.h"
#include "engine/schedule/parts.h"

enum { DAY = 86400, FILES_MORE = 4, TEXT_LIMIT = 1024 * 1024 };

static const struct kind_row {
    const char *name;
    void (*render)(struct schedule *schedule);
    const char *help;
    /* LARDER_USAGE where that which runs it lacks something; NULL: it is this host. */
    enum larder_status (*check)(const struct larder_schedule_options *options,
                                struct larder_error *error);
} kinds[] = {
    {"systemd", schedule_systemd,
     "Put these into /etc/systemd/system (-o), then: systemctl daemon-reload, and systemctl enable "
     "--now of each timer.",
     NULL},
    {"cron", schedule_crontab,
     "Install it with `crontab -`, beside what `crontab -l` shows already.", NULL},
    {"github", schedule_github,
     "Put it into .github/workflows, and larder.conf beside .github; its secrets and variables stand "
     "at its head.",
     schedule_github_check},
};

static const struct kind_row *find_kind(const char *name, struct larder_error *error)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    larder_fail(error, LARDER_USAGE, "there is no kind of schedule \"%s\"", name);
    larder_hint(error, "The kinds are: systemd, cron, github.");
    return NULL;
}

void schedule_add(struct schedule *schedule, const char *name, struct buffer *text)
{
    struct larder_schedule *r = schedule->result;

    r->files[r->count++] = (struct larder_schedule_file){arena_strdup(schedule->arena, name),
                                                         arena_take(schedule->arena, text)};
}

/* The presets as the source has them; where the configuration has some, the source has none. */
static enum larder_status read_presets(const struct larder_schedule_options *o,
                                       const struct larder_run *run, struct arena *arena,
                                       struct presets *presets, int *major,
                                       struct larder_error *error)
{
    struct pg *pg = NULL;
    enum larder_status status;

    if (o->presets.count > 0)
        return presets_read(NULL, &o->presets, arena, presets, error);
    status = pg_connect(&o->source, run, -1, PG_CONNECT_SECONDS, &pg, error);
    if (status == LARDER_OK)
        status = session_begin_plain(pg, error);
    if (status == LARDER_OK)
        status = presets_read(pg, &o->presets, arena, presets, error);
    if (status == LARDER_OK)
        *major = pg_server_version(pg) / 10000;
    pg_close(pg);
    if (status != LARDER_OK)
        larder_context(error, "could not read the presets");
    return status;
}

/* An archive that comes more often than weekly is drilled weekly, others as often as they come. */
static size_t plan(const struct presets *presets, bool drill, struct schedule_job *jobs)
{
    size_t count = 0, exports = 0;

    for (size_t i = 0; i < presets->count; i++)
        if (presets->items[i].every > 0)
            jobs[count++] = (struct schedule_job){"export", presets->items[i].name, i,
                                                  schedule_when((long)presets->items[i].every, i)};
    exports = count;
    for (size_t i = 0; drill && i < exports; i++) {
        struct schedule_job job = jobs[i];

        job.verb = "drill";
        if (job.when.unit < SCHEDULE_WEEK)
            job.when = schedule_when(7 * DAY, job.place);
        job.when.hour += 6;
        jobs[count++] = job;
    }
    if (exports > 0)
        jobs[count++] = (struct schedule_job){
            .verb = "status", .when = {.unit = SCHEDULE_HOURS, .step = 1, .minute = 50}};
    return count;
}

static enum larder_status render(const struct kind_row *kind, struct schedule *s,
                                 struct larder_error *error)
{
    size_t room = 2 * s->job_count + FILES_MORE;

    s->result->files = arena_alloc(s->arena, room, sizeof(*s->result->files));
    s->result->timers = arena_alloc(s->arena, room, sizeof(*s->result->timers));
    s->result->help = kind->help;
    if (!arena_failed(s->arena))
        kind->render(s);
    return arena_failed(s->arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status larder_schedule_check(const struct larder_schedule_options *options,
                                         struct larder_error *error)
{
    const struct kind_row *kind = find_kind(options->kind, error);

    if (kind == NULL)
        return LARDER_USAGE;
    return kind->check != NULL ? kind->check(options, error) : LARDER_OK;
}

enum larder_status larder_schedule(const struct larder_schedule_options *options,
                                   const struct larder_run *run, struct larder_schedule *result,
                                   struct larder_error *error)
{
    struct schedule s = {.options = options, .arena = arena_new(), .result = result};
    struct presets presets = {0};
    struct schedule_job *jobs;
    enum larder_status status;

    *result = (struct larder_schedule){.memory = s.arena};
    if (s.arena == NULL)
        return larder_fail_memory(error);
    status = larder_schedule_check(options, error);
    if (status != LARDER_OK)
        return status;
    s.program = options->program != NULL ? options->program : "/usr/bin/larder";
    status = read_presets(options, run, s.arena, &presets, &s.major, error);
    if (status != LARDER_OK)
        return status;
    jobs = arena_alloc(s.arena, 2 * presets.count + 1, sizeof(*jobs));
    if (jobs == NULL)
        return larder_fail_memory(error);
    s.jobs = jobs;
    s.job_count = plan(&presets, !options->no_drill, jobs);
    if (s.job_count > 0)
        return render(find_kind(options->kind, error), &s, error);
    larder_fail(error, LARDER_USAGE, "no preset has a schedule");
    larder_hint(error, "Say how often: `every` in backups.presets, or in a [preset] section.");
    return LARDER_USAGE;
}

/* Whether the file is there with another content. */
static bool differs(const char *path, const char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = strlen(text), have = 0;
    bool other = false;
    char piece[4096];
    ssize_t got;

    if (fd < 0)
        return errno != ENOENT;
    while (!other && (got = read(fd, piece, sizeof(piece))) > 0) {
        other = (size_t)got > length - have || memcmp(text + have, piece, (size_t)got) != 0;
        have += (size_t)got;
    }
    close(fd);
    return other || have != length;
}

enum larder_status larder_schedule_write(const struct larder_schedule *schedule, const char *folder,
                                         bool replace, struct larder_error *error)
{
    struct buffer path = {0};
    enum larder_status status = LARDER_OK;

    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not make the folder \"%s\"",
                                 folder);
    for (size_t i = 0; !replace && status == LARDER_OK && i < schedule->count; i++) {
        path.length = 0;
        buffer_printf(&path, "%s/%s", folder, schedule->files[i].name);
        if (differs(buffer_text(&path), schedule->files[i].text)) {
            status = larder_fail(error, LARDER_USAGE, "\"%s\" exists, with another content",
                                 buffer_text(&path));
            larder_hint(error, "--replace writes it anew.");
        }
    }
    for (size_t i = 0; status == LARDER_OK && i < schedule->count; i++) {
        path.length = 0;
        buffer_printf(&path, "%s/%s", folder, schedule->files[i].name);
        status = replace_file(buffer_text(&path), schedule->files[i].text,
                              strlen(schedule->files[i].text), error);
    }
    buffer_free(&path);
    return status;
}

void larder_schedule_free(struct larder_schedule *schedule)
{
    arena_free(schedule->memory);
    *schedule = (struct larder_schedule){0};
}
