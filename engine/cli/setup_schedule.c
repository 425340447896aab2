#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/become.h"
#include "engine/cli/config.h"
#include "engine/cli/print.h"
#include "engine/cli/setup.h"
#include "engine/run/process.h"
#include "engine/run/run.h"
#include "formats/json_text.h"
#include "larder/schedule.h"

static const char units_folder[] = "/etc/systemd/system";

/* Where the program is that runs now. */
static const char *own_path(struct arena *arena)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    return length <= 0 ? NULL : arena_printf(arena, "%.*s", (int)length, path);
}

static enum larder_status show(const struct larder_schedule *schedule, bool json,
                               struct larder_error *error)
{
    json_t *files = json_array();

    if (json) {
        for (size_t i = 0; i < schedule->count; i++)
            json_array_append_new(files, json_pack("{s:o, s:o}", "name",
                                                   json_text(schedule->files[i].name), "text",
                                                   json_text(schedule->files[i].text)));
        return print_json(json_pack("{s:o}", "files", files), error);
    }
    json_decref(files);
    for (size_t i = 0; i < schedule->count; i++)
        printf("%s%s%s%s", schedule->count > 1 ? "# " : "",
               schedule->count > 1 ? schedule->files[i].name : "", schedule->count > 1 ? "\n" : "",
               schedule->files[i].text);
    return LARDER_OK;
}

/* Where it is now, and what to do with it. */
static void tell_written(FILE *stream, const struct larder_schedule *schedule, const char *folder)
{
    if (schedule->count == 1)
        fprintf(stream, "Wrote %s/%s. %s\n", folder, schedule->files[0].name, schedule->help);
    else
        fprintf(stream, "Wrote %zu files into %s. %s\n", schedule->count, folder, schedule->help);
}

static bool has_no_key(const struct larder_config *c)
{
    return c->recipient_count + c->recipient_file_count > 0 && c->identity_file_count == 0;
}

static struct larder_schedule_options options_of(const struct cli_values *v, struct arena *arena)
{
    return (struct larder_schedule_options){
        .kind = v->schedule,
        .source = config_source(v),
        .presets = v->config.presets,
        .program = own_path(arena),
        .store = v->store,
        .no_drill = has_no_key(&v->config) && getenv("LARDER_IDENTITY") == NULL,
    };
}

enum larder_status setup_schedule_alone(const struct cli_values *values,
                                        const struct larder_run *run, struct larder_error *error)
{
    struct cli_values *v = calloc(1, sizeof(*v));
    struct arena *arena = arena_new();
    struct larder_schedule schedule = {0};
    enum larder_status status = larder_fail_memory(error);

    if (v != NULL && arena != NULL) {
        *v = *values;
        v->output = NULL; /* a folder, and not what stands in place of the store */
        status = config_complete("snFDiK", v, run, error);
        v->output = values->output;
    }
    if (status == LARDER_OK) {
        struct larder_schedule_options options = options_of(v, arena);
        char *config = v->config.file != NULL ? realpath(v->config.file, NULL) : NULL;
        bool github = strcmp(v->schedule, "github") == 0,
             written = v->output != NULL && strcmp(v->output, "-") != 0;

        options.user = v->as_user;
        if (config == NULL && !github)
            run_message(run, LARDER_WARNING,
                        "there is no configuration file: what is scheduled is given neither -d nor "
                        "--store, and finds source and store in larder.conf or in its environment");
        if (config != NULL && strcmp(config, "/etc/larder/larder.conf") != 0)
            options.config_file = config;
        status = larder_schedule(&options, run, &schedule, error);
        if (status == LARDER_OK && written)
            status = larder_schedule_write(&schedule, v->output, v->replace, error);
        else if (status == LARDER_OK)
            status = show(&schedule, v->json, error);
        if (status == LARDER_OK && !v->quiet && written)
            tell_written(stderr, &schedule, v->output);
        else if (status == LARDER_OK && !v->quiet && (v->output != NULL || github))
            fprintf(stderr, "%s\n", schedule.help);
        free(config);
    }
    larder_schedule_free(&schedule);
    if (v != NULL)
        larder_config_free(&v->config);
    arena_free(arena);
    free(v);
    return status;
}

enum larder_status setup_check_schedule(const struct setup *s, struct larder_error *error)
{
    struct larder_schedule_options options = options_of(s->v, s->arena);

    return s->v->schedule != NULL ? larder_schedule_check(&options, error) : LARDER_OK;
}

/* Makes the timers part of the next start; of this one, too, where systemd runs. */
static enum larder_status enable(const struct larder_schedule *schedule,
                                 const struct larder_run *run, struct arena *arena,
                                 struct larder_error *error)
{
    bool runs = access("/run/systemd/system", F_OK) == 0;
    const char *const reload[] = {"/usr/bin/systemctl", "daemon-reload", NULL};
    const char **enable = arena_alloc(arena, schedule->timer_count + 4, sizeof(*enable));
    struct process process = {.arguments = reload};
    struct buffer output = {0};
    enum larder_status status = LARDER_OK;
    size_t n = 0;

    if (enable == NULL)
        return larder_fail_memory(error);
    enable[n++] = "/usr/bin/systemctl";
    enable[n++] = "enable";
    if (runs)
        enable[n++] = "--now";
    for (size_t i = 0; i < schedule->timer_count; i++)
        enable[n++] = schedule->timers[i];
    if (runs)
        status = process_run(&process, run, -1, &output, error);
    process.arguments = enable;
    if (status == LARDER_OK)
        status = process_run(&process, run, -1, &output, error);
    buffer_free(&output);
    return status == LARDER_OK ? status : larder_context(error, "could not enable the timers");
}

static enum larder_status install_units(struct setup *s, const struct larder_schedule *schedule,
                                        struct larder_error *error)
{
    const char *folder = s->v->output != NULL ? s->v->output : units_folder;
    enum larder_status status = s->was_root ? become_root(error) : LARDER_OK;

    /* What stands there is what an earlier run wrote, or was edited to stay. */
    if (status == LARDER_OK)
        status = larder_schedule_write(schedule, folder, s->v->replace, error);
    if (status != LARDER_OK || s->v->json)
        return status;
    printf("Wrote %zu units into %s.\n", schedule->count, folder);
    if (strcmp(folder, units_folder) != 0 || access("/usr/bin/systemctl", X_OK) != 0) {
        printf("%s\n", schedule->help);
        return LARDER_OK;
    }
    status = enable(schedule, s->run, s->arena, error);
    for (size_t i = 0; status == LARDER_OK && i < schedule->timer_count; i++)
        printf("  enabled %s\n", schedule->timers[i]);
    return status;
}

static enum larder_status write_files(const struct setup *s, const struct larder_schedule *schedule,
                                      struct larder_error *error)
{
    enum larder_status status = larder_schedule_write(schedule, s->v->output, s->v->replace, error);

    if (status == LARDER_OK && !s->v->json)
        tell_written(stdout, schedule, s->v->output);
    return status;
}

static enum larder_status tell(const struct setup *s, const struct larder_schedule *schedule,
                               struct larder_error *error)
{
    if (s->v->output != NULL)
        return write_files(s, schedule, error);
    if (s->v->json)
        return LARDER_OK;
    if (strcmp(s->v->schedule, "systemd") == 0) {
        printf("The units need root: larder setup --schedule systemd --as %s --config %s -o %s\n",
               s->user, s->config_file, units_folder);
        return LARDER_OK;
    }
    printf("\n");
    show(schedule, false, error);
    printf("\n%s\n", schedule->help);
    return LARDER_OK;
}

enum larder_status setup_schedule(struct setup *s, struct larder_error *error)
{
    struct larder_schedule_options options = options_of(s->v, s->arena);
    struct larder_schedule schedule = {0};
    enum larder_status status;

    options.user = s->user;
    options.config_file = s->usual_place ? NULL : s->config_file;
    status = larder_schedule(&options, s->run, &schedule, error);
    if (status == LARDER_OK && strcmp(options.kind, "systemd") == 0 &&
        (s->was_root || geteuid() == 0))
        status = install_units(s, &schedule, error);
    else if (status == LARDER_OK)
        status = tell(s, &schedule, error);
    larder_schedule_free(&schedule);
    return status;
}
