/* One crontab of the user who runs larder: what goes wrong is on standard error, which cron mails. */
#include <string.h>

#include "engine/schedule/parts.h"

/* A word of the shell, in a line of a crontab, where % ends the command. */
static void put_word(struct buffer *text, const char *word)
{
    bool plain = word[strcspn(word, " \t'\"\\$`&;|<>()*?[]{}~#!%")] == '\0';

    buffer_puts(text, plain ? "" : "'");
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            buffer_puts(text, "'\\''");
        else
            buffer_printf(text, "%s%c", *c == '%' ? "\\" : "", *c);
    }
    buffer_puts(text, plain ? "" : "'");
}

static void put_job(const struct schedule *s, const struct schedule_job *job, struct buffer *text)
{
    const struct larder_schedule_options *o = s->options;

    schedule_cron(job->when, text);
    buffer_puts(text, " ");
    put_word(text, s->program);
    buffer_printf(text, " %s -q", job->verb);
    if (job->preset != NULL)
        buffer_printf(text, " %s", job->preset);
    if (strcmp(job->verb, "export") == 0)
        buffer_puts(text, " --prune");
    if (strcmp(job->verb, "drill") == 0)
        buffer_puts(text, " --embedded");
    if (strcmp(job->verb, "drill") == 0 && o->key_file != NULL) {
        buffer_puts(text, " -i ");
        put_word(text, o->key_file);
    }
    if (o->config_file != NULL) {
        buffer_puts(text, " --config ");
        put_word(text, o->config_file);
    }
    buffer_puts(text, " >/dev/null\n");
}

void schedule_crontab(struct schedule *s)
{
    struct buffer text = {0};

    buffer_puts(
        &text,
        "# larder: what is scheduled, by this host's own clock. What fails says so on standard error,\n"
        "# and cron mails that to MAILTO.\n");
    for (size_t i = 0; i < s->job_count; i++)
        put_job(s, &s->jobs[i], &text);
    schedule_add(s, "larder.crontab", &text);
}
