#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/cli/print.h"
#include "engine/cli/status_print.h"

/* ---- Prometheus ---- */

enum metric {
    LAST_GOOD,
    LAST_SIZE,
    LAST_ROWS,
    INTERVAL,
    DUE,
    OVERDUE,
    ARCHIVES,
    GOOD,
    TOTAL_SIZE,
    PROBLEMS,
    SHRUNK,
    VERIFIED,
    DRILLED,
    PRUNES,
    METRICS
};

static const struct {
    const char *name, *help;
} metrics[METRICS] = {
    [LAST_GOOD] = {"larder_last_good_archive_timestamp_seconds",
                   "The moment that the rows of the newest good archive are of."},
    [LAST_SIZE] = {"larder_last_good_archive_size_bytes", "Size of the newest good archive."},
    [LAST_ROWS] = {"larder_last_good_archive_rows", "Rows in the newest good archive."},
    [INTERVAL] = {"larder_schedule_interval_seconds", "How often there should be an archive."},
    [DUE] = {"larder_overdue_timestamp_seconds",
             "When the preset is overdue, unless there is a newer archive."},
    [OVERDUE] = {"larder_overdue",
                 "Whether the newest good archive is too old, or missing (1), or not (0)."},
    [ARCHIVES] = {"larder_archives", "Archives of the preset."},
    [GOOD] = {"larder_good_archives", "Archives of the preset that are good."},
    [TOTAL_SIZE] = {"larder_archives_size_bytes", "Size of all archives of the preset."},
    [PROBLEMS] = {"larder_problems", "What is wrong with archives of the preset."},
    [SHRUNK] =
        {"larder_shrunk",
         "Whether tables had lost many of their rows in the newest good archive (1), or not (0)."},
    [VERIFIED] = {"larder_last_verification_timestamp_seconds",
                  "When an archive of the preset was last verified."},
    [DRILLED] = {"larder_last_drill_timestamp_seconds",
                 "When a drill of an archive of the preset last succeeded."},
    [PRUNES] = {"larder_next_pruning_timestamp_seconds",
                "When the next archive of the preset may be removed."},
};

/* False where there is no such value. */
static bool value_of(const struct larder_status_preset *p, enum metric metric, int64_t *value)
{
    const int64_t values[METRICS] = {
        [LAST_GOOD] = p->started_at,
        [LAST_SIZE] = (int64_t)p->bytes,
        [LAST_ROWS] = (int64_t)p->rows,
        [INTERVAL] = p->every,
        [DUE] = p->overdue_at,
        [OVERDUE] =
            p->standing == LARDER_STANDING_OVERDUE || p->standing == LARDER_STANDING_MISSING,
        [ARCHIVES] = (int64_t)p->archives,
        [GOOD] = (int64_t)p->good,
        [TOTAL_SIZE] = (int64_t)p->total_bytes,
        [PROBLEMS] = (int64_t)p->problem_count,
        [SHRUNK] = p->shrunk_since != NULL,
        [VERIFIED] = p->verified_at,
        [DRILLED] = p->drilled_at,
        [PRUNES] = p->prune_at,
    };

    *value = values[metric];
    switch (metric) {
    case LAST_SIZE:
    case LAST_ROWS:
        return p->backup_name != NULL;
    case LAST_GOOD:
    case INTERVAL:
    case DUE:
    case VERIFIED:
    case DRILLED:
    case PRUNES:
        return *value != 0;
    default:
        return true;
    }
}

static void put_label(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            buffer_puts(out, "\\n");
        else if (*value == '"' || *value == '\\')
            buffer_printf(out, "\\%c", *value);
        else
            buffer_append(out, value, 1);
    }
    buffer_puts(out, "\"");
}

static void put_head(struct buffer *out, const char *name, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void put_metric(const struct larder_status_report *report, enum metric metric,
                       struct buffer *out)
{
    bool begun = false;

    for (size_t i = 0; i < report->count; i++) {
        const struct larder_status_preset *p = &report->presets[i];
        int64_t value;

        if (!value_of(p, metric, &value))
            continue;
        if (!begun)
            put_head(out, metrics[metric].name, metrics[metric].help);
        begun = true;
        buffer_printf(out, "%s{", metrics[metric].name);
        put_label(out, "source", p->source != NULL ? p->source : "");
        buffer_puts(out, ",");
        put_label(out, "preset", p->preset);
        buffer_printf(out, "} %" PRId64 "\n", value);
    }
}

static void put_single(struct buffer *out, const char *name, const char *help, int64_t value)
{
    put_head(out, name, help);
    buffer_printf(out, "%s %" PRId64 "\n", name, value);
}

void status_metrics(const struct larder_status_report *report, bool success, struct buffer *out)
{
    for (int metric = 0; success && metric < METRICS; metric++)
        put_metric(report, (enum metric)metric, out);
    if (success && report->asked)
        put_single(out, "larder_uncovered_tables", "Tables that no scheduled preset backs up.",
                   (int64_t)report->uncovered_count);
    put_single(out, "larder_status_success",
               "Whether the store could be read, and holds anything (1), or not (0).", success);
    put_single(out, "larder_status_timestamp_seconds", "When this was written.",
               report->now != 0 ? report->now : time(NULL));
    put_head(out, "larder_build_info", "The larder that wrote this.");
    buffer_puts(out, "larder_build_info{");
    put_label(out, "version", LARDER_VERSION);
    buffer_puts(out, "} 1\n");
}

/* ---- Nagios ---- */

enum { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };

static const char *const nagios_names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

/* What is text for people: on one line, and without the mark that perfdata begin with. */
static void put_plain(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++)
        buffer_append(out, (unsigned char)*text < ' ' ? " " : *text == '|' ? "/" : text, 1);
}

void status_put_state(struct buffer *out, const struct larder_status_report *report, size_t place)
{
    const struct larder_status_preset *p = &report->presets[place];
    char age[PRINT_SIZE], every[PRINT_SIZE];

    print_age(report->now, p->started_at, age, sizeof(age));
    print_duration(p->every, every, sizeof(every));
    if (p->source != NULL && status_has_sources(report)) {
        put_plain(out, p->source);
        buffer_puts(out, "/");
    }
    buffer_printf(out, "%s ", p->preset);
    if (p->standing == LARDER_STANDING_MISSING)
        buffer_puts(out, "MISSING");
    else if (p->standing == LARDER_STANDING_UNKNOWN)
        buffer_puts(out, "UNKNOWN");
    else if (p->standing == LARDER_STANDING_OVERDUE)
        buffer_printf(out, "OVERDUE (%s old, due every %s)", age, every);
    else
        buffer_printf(out, "%s", p->backup_name != NULL ? age : "none good");
    if (p->problem_count > 0)
        buffer_printf(out, " (%zu problem%s)", p->problem_count, p->problem_count > 1 ? "s" : "");
}

/* "'SOURCE/PRESET age'=10800s;86400;108000;0 'SOURCE/PRESET size'=123B;;;0" */
static void put_perfdata(struct buffer *out, const struct larder_status_preset *p, time_t now)
{
    char label[160];

    if (p->backup_name == NULL)
        return;
    snprintf(label, sizeof(label), "%s/%s", p->source != NULL ? p->source : "", p->preset);
    for (char *c = label; *c != '\0'; c++)
        if (*c == '\'' || *c == '=' || *c == '|' || (unsigned char)*c < ' ')
            *c = '_';
    buffer_printf(out, " '%s age'=%" PRId64 "s;", label, (int64_t)(now - p->started_at));
    if (p->every > 0)
        buffer_printf(out, "%" PRId64 ";%" PRId64 ";0", p->every,
                      (int64_t)(p->overdue_at - p->started_at));
    else
        buffer_puts(out, ";;0");
    buffer_printf(out, " '%s size'=%" PRIu64 "B;;;0", label, p->bytes);
}

static int nagios_code(const struct larder_status_report *report, enum larder_status status)
{
    if (status == LARDER_OVERDUE)
        return NAGIOS_CRITICAL;
    if (status != LARDER_OK)
        return NAGIOS_UNKNOWN;
    for (size_t i = 0; i < report->count; i++)
        if (report->presets[i].problem_count > 0)
            return NAGIOS_WARNING;
    return NAGIOS_OK;
}

/* Good news that nobody could read is none, and 1, a failure of other commands, would be a warning. */
static int print_line(const char *line, int code, struct larder_error *error)
{
    *error = (struct larder_error){0};
    if (puts(line) >= 0 && fflush(stdout) == 0)
        return code;
    larder_fail_errno(error, LARDER_FAILED, errno, "could not write to standard output");
    return code == NAGIOS_CRITICAL ? code : NAGIOS_UNKNOWN;
}

int status_print_nagios(const struct larder_status_report *report, enum larder_status status,
                        struct larder_error *error)
{
    int code = nagios_code(report, status);
    struct buffer line = {0};
    bool told = code != NAGIOS_UNKNOWN && !report->empty;

    buffer_printf(&line, "LARDER %s - ", nagios_names[code]);
    if (!told)
        put_plain(&line, error->message);
    for (size_t i = 0; told && i < report->count; i++) {
        buffer_puts(&line, i > 0 ? ", " : "");
        status_put_state(&line, report, i);
    }
    if (told)
        buffer_puts(&line, " |");
    for (size_t i = 0; told && i < report->count; i++)
        put_perfdata(&line, &report->presets[i], report->now);
    code = print_line(buffer_text(&line), code, error);
    buffer_free(&line);
    return code;
}
