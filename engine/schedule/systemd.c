/* Services that may do little else than their work, and a timer for each job. */
#include <stdio.h>
#include <string.h>

#include "engine/schedule/parts.h"

/* Exports, prunings and status: connections out, files in the store, and nothing else. */
static const char sandbox[] = "UMask=0077\n"
                              "LimitCORE=0\n"
                              "NoNewPrivileges=yes\n"
                              "CapabilityBoundingSet=\n"
                              "ProtectSystem=strict\n"
                              "PrivateTmp=yes\n"
                              "PrivateDevices=yes\n"
                              "PrivateMounts=yes\n"
                              "ProtectClock=yes\n"
                              "ProtectHostname=yes\n"
                              "ProtectKernelTunables=yes\n"
                              "ProtectKernelModules=yes\n"
                              "ProtectKernelLogs=yes\n"
                              "ProtectControlGroups=yes\n"
                              "ProtectProc=invisible\n"
                              "ProcSubset=pid\n"
                              "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
                              "RestrictNamespaces=yes\n"
                              "RestrictRealtime=yes\n"
                              "RestrictSUIDSGID=yes\n"
                              "RemoveIPC=yes\n"
                              "LockPersonality=yes\n"
                              "KeyringMode=private\n"
                              "SystemCallArchitectures=native\n"
                              "SystemCallFilter=@system-service\n"
                              "SystemCallFilter=~@privileged\n"
                              "SystemCallErrorNumber=EPERM\n";

/* An argument in a unit: % begins a specifier, $ a variable, and " and \ are quotes. */
static void put_quoted(struct buffer *text, const char *argument)
{
    buffer_puts(text, "\"");
    for (const char *c = argument; *c != '\0'; c++)
        buffer_printf(text, "%s%c",
                      *c == '%'                 ? "%"
                      : *c == '$'               ? "$"
                      : *c == '"' || *c == '\\' ? "\\"
                                                : "",
                      *c);
    buffer_puts(text, "\"");
}

static void put_program(struct buffer *text, const char *program)
{
    if (strpbrk(program, " %$\"\\'\t") == NULL)
        buffer_puts(text, program);
    else
        put_quoted(text, program);
}

/* A path in ReadWritePaths or in an assignment, where $ means nothing. */
static void put_path(struct buffer *text, const char *before, const char *path, const char *after)
{
    buffer_puts(text, before);
    for (const char *c = path; *c != '\0'; c++)
        buffer_printf(text, "%s%c", *c == '%' ? "%" : *c == '"' || *c == '\\' ? "\\" : "", *c);
    buffer_puts(text, after);
}

/* A folder of this host, absolute; NULL where the store is none. */
static const char *folder_of(const char *store)
{
    if (store != NULL && strncmp(store, "file://", 7) == 0)
        store += 7;
    return store != NULL && store[0] == '/' ? store : NULL;
}

static void put_user(const struct schedule *s, struct buffer *text)
{
    const struct larder_schedule_options *o = s->options;
    bool own = o->user != NULL && strcmp(o->user, "larder") == 0;
    const char *folder = folder_of(o->store);

    if (o->user != NULL && strcmp(o->user, "root") != 0)
        buffer_printf(text, "User=%s\n", o->user);
    buffer_puts(text, own ? "ProtectHome=yes\nStateDirectory=larder\nStateDirectoryMode=0700\n"
                          : "ProtectHome=read-only\n");
    if (o->config_file != NULL)
        put_path(text, "Environment=\"LARDER_CONFIG=", o->config_file, "\"\n");
    if (o->key_file != NULL)
        put_path(text, "Environment=\"LARDER_IDENTITY=", o->key_file, "\"\n");
    buffer_puts(text,
                "# The keys of an S3 store, and whatever else larder.conf takes out of variables.\n"
                "EnvironmentFile=-/etc/larder/environment\n");
    if (folder != NULL)
        put_path(text, "ReadWritePaths=\"-", folder, "\"\n");
}

static void add_service(struct schedule *s, const char *name, const char *description,
                        const char *arguments, bool is_drill)
{
    struct buffer text = {0};

    buffer_printf(&text,
                  "[Unit]\nDescription=%s\nDocumentation=man:larder(1)\n"
                  "Wants=network-online.target\nAfter=network-online.target postgresql.service\n\n"
                  "[Service]\nType=oneshot\nExecStart=",
                  description);
    put_program(&text, s->program);
    buffer_printf(&text, " %s\n", arguments);
    put_user(s, &text);
    buffer_puts(&text, sandbox);
    /* The server of a drill may compile expressions. */
    if (!is_drill)
        buffer_puts(&text, "MemoryDenyWriteExecute=yes\n");
    schedule_add(s, name, &text);
}

static void add_timer(struct schedule *s, const struct schedule_job *job)
{
    struct buffer text = {0};
    const char *stem = strcmp(job->verb, "export") == 0
                           ? "larder"
                           : arena_printf(s->arena, "larder-%s", job->verb);
    const char *name = job->preset == NULL
                           ? arena_printf(s->arena, "%s.timer", stem)
                           : arena_printf(s->arena, "%s@%s.timer", stem, job->preset);

    buffer_printf(&text,
                  "[Unit]\nDescription=Time of larder's %s%s%s\n\n[Timer]\nOnCalendar=", job->verb,
                  job->preset != NULL ? " " : "", job->preset != NULL ? job->preset : "");
    schedule_calendar(job->when, &text);
    buffer_puts(&text, "\n");
    if (job->when.unit != SCHEDULE_MINUTES)
        buffer_printf(&text, "RandomizedDelaySec=%s\n",
                      job->when.unit == SCHEDULE_HOURS ? "3min" : "15min");
    buffer_puts(&text, "Persistent=yes\n\n[Install]\nWantedBy=timers.target\n");
    schedule_add(s, name, &text);
    s->result->timers[s->result->timer_count++] = name;
}

void schedule_systemd(struct schedule *s)
{
    bool drills = false;

    add_service(s, "larder@.service", "Archive of the preset %i", "export %i --prune", false);
    for (size_t i = 0; i < s->job_count; i++)
        drills = drills || strcmp(s->jobs[i].verb, "drill") == 0;
    if (drills)
        add_service(s, "larder-drill@.service", "Drill of the newest archive of the preset %i",
                    "drill %i --embedded", true);
    add_service(s, "larder-status.service",
                "Whether every preset has an archive that is young enough", "status", false);
    for (size_t i = 0; i < s->job_count; i++)
        add_timer(s, &s->jobs[i]);
}
