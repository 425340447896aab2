/* From nothing to a scheduled, drilled backup: questions, what is written, and then the commands that every night will run. */
#include "engine/cli/setup.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/become.h"
#include "engine/cli/config.h"
#include "engine/cli/keys.h"
#include "engine/cli/print.h"
#include "formats/json_text.h"
#include "larder/setup.h"

static const char host_config[] = "/etc/larder/larder.conf";

const char *setup_absolute(const char *path, struct arena *arena)
{
    char *here;
    const char *whole;

    if (path == NULL || path[0] == '/')
        return path;
    here = realpath(".", NULL);
    whole = arena_printf(arena, "%s/%s", here != NULL ? here : "", path);
    free(here);
    return whole;
}

static bool is_path(const char *store)
{
    return store != NULL && strchr(store, ':') == NULL;
}

/* Before the user changes, whose folder is another. */
static void make_absolute(struct setup *s)
{
    struct cli_values *v = s->v;

    v->config_file = setup_absolute(v->config_file, s->arena);
    v->new_key = setup_absolute(v->new_key, s->arena);
    v->passphrase_file = setup_absolute(v->passphrase_file, s->arena);
    v->output = setup_absolute(v->output, s->arena);
    if (is_path(v->store))
        v->store = setup_absolute(v->store, s->arena);
    for (size_t i = 0; i < v->identity_files.count; i++)
        v->identity_files.items[i] = setup_absolute(v->identity_files.items[i], s->arena);
    for (size_t i = 0; i < v->recipient_files.count; i++)
        v->recipient_files.items[i] = setup_absolute(v->recipient_files.items[i], s->arena);
}

static const char *user_name(struct arena *arena)
{
    struct passwd entry, *user = NULL;
    char texts[4096];

    return getpwuid_r(geteuid(), &entry, texts, sizeof(texts), &user) == 0 && user != NULL
               ? arena_strdup(arena, user->pw_name)
               : arena_printf(arena, "%u", (unsigned)geteuid());
}

/* Where it is, or is to be; and what it says, if it is there. */
static enum larder_status find_config(struct setup *s, struct larder_error *error)
{
    struct cli_values *v = s->v;
    const char *named = getenv("LARDER_CONFIG"), *home = getenv("HOME"),
               *folder = getenv("XDG_CONFIG_HOME");
    bool host = geteuid() == 0 || strcmp(s->user, BECOME_USER) == 0;
    const char *usual = host_config;
    struct cli_values *given = arena_alloc(s->arena, 1, sizeof(*given));
    enum larder_status status;

    if (given == NULL)
        return larder_fail_memory(error);
    *given = *v;
    if (!host && folder != NULL && folder[0] == '/')
        usual = arena_printf(s->arena, "%s/larder/larder.conf", folder);
    else if (!host && home != NULL)
        usual = arena_printf(s->arena, "%s/.config/larder/larder.conf", home);
    s->config_file = v->config_file != NULL              ? v->config_file
                     : named != NULL && named[0] != '\0' ? setup_absolute(named, s->arena)
                                                         : usual;
    s->usual_place = strcmp(s->config_file, host_config) == 0;
    s->option = strcmp(s->config_file, usual) == 0
                    ? ""
                    : arena_printf(s->arena, " --config %s", s->config_file);
    s->found = !v->replace && access(s->config_file, F_OK) == 0;
    v->config_file = s->found ? s->config_file : "";
    v->output = NULL; /* a folder, and not what stands in place of the store */
    status = config_complete("snFDrRiK", v, s->run, error);
    v->output = given->output;
    return status == LARDER_OK && s->found ? setup_check_given(s, given, error) : status;
}

static enum larder_status write_config(struct setup *s, char recipient[LARDER_RECIPIENT_SIZE],
                                       struct larder_error *error)
{
    const struct cli_values *v = s->v;
    struct larder_setup_options options = {
        .config_file = s->config_file,
        .replace = v->replace,
        .source = config_source(v),
        .source_name = v->source_name,
        .schema_from = v->schema_from,
        .record_to = v->record_to,
        .no_record = v->no_record,
        .store = v->store,
        .encryption = {.recipients = v->recipients.items,
                       .recipient_count = v->recipients.count,
                       .recipient_files = v->recipient_files.items,
                       .recipient_file_count = v->recipient_files.count,
                       .passphrase_file = v->passphrase_file},
        .new_key = v->new_key,
        .identity_files = v->identity_files.items,
        .identity_file_count = v->identity_files.count,
    };

    if (strncmp(v->store, "s3://", 5) == 0) {
        options.endpoint = getenv("AWS_ENDPOINT_URL_S3");
        options.endpoint = options.endpoint != NULL ? options.endpoint : getenv("AWS_ENDPOINT_URL");
        options.region = getenv("AWS_REGION");
        options.profile = getenv("AWS_PROFILE");
    }
    keys_guard();
    return larder_setup_config(&options, s->run, recipient, error);
}

/* Runs a command as it will be typed, with nothing but the file. */
static enum larder_status as_typed(struct setup *s, const char *name, const char *argument,
                                   struct larder_error *error)
{
    const struct cli_command *command = cli_commands;
    struct cli_values *v = calloc(1, sizeof(*v));
    enum larder_status status = LARDER_OK;

    if (v == NULL)
        return larder_fail_memory(error);
    while (strcmp(command->name, name) != 0)
        command++;
    v->config_file = s->config_file;
    v->quiet = s->v->quiet || s->v->json;
    v->embedded = strcmp(name, "drill") == 0;
    if (argument != NULL)
        v->arguments.items[v->arguments.count++] = argument;
    if (!v->quiet)
        printf("\n$ larder %s%s%s%s%s\n", name, argument != NULL ? " " : "",
               argument != NULL ? argument : "", v->embedded ? " --embedded" : "", s->option);
    fflush(stdout);
    if (config_wanted(command))
        status = config_complete(command->letters, v, s->run, error);
    if (status == LARDER_OK)
        status = command->run(v, s->run, error);
    larder_config_free(&v->config);
    free(v);
    return status;
}

/* Reads what was just written, since that is what nights will go by. */
static enum larder_status reread(struct setup *s, struct larder_error *error)
{
    const char *schedule = s->v->schedule, *output = s->v->output;
    bool replace = s->v->replace, quiet = s->v->quiet, json = s->v->json;

    larder_config_free(&s->v->config);
    *s->v = (struct cli_values){.config_file = s->config_file,
                                .schedule = schedule,
                                .output = NULL,
                                .replace = replace,
                                .quiet = quiet,
                                .json = json};
    if (config_complete("snFDrRiK", s->v, s->run, error) != LARDER_OK)
        return error->status;
    s->v->output = output;
    /* Else the first night would be spent elsewhere than all that follow. */
    if (s->v->config.store != NULL) {
        unsetenv("LARDER_STORE");
        s->v->store = s->v->config.store;
    }
    if (s->v->config.conninfo != NULL)
        unsetenv("LARDER_SOURCE");
    return LARDER_OK;
}

/* A paragraph that breaks between words, however wide the screen is. */
static void say(const char *text)
{
    printf("\n");
    print_sentence(text, 0, 0);
}

static void say_where_the_key_goes(const char *file, const char *recipient)
{
    printf("\nThe key is in %s; its recipient, which is no secret, is\n  %s\n", file, recipient);
    print_sentence(
        "Copy the key off this host now: into a password manager, or onto paper. Without it "
        "nobody opens the archives, you neither; whoever has it opens all of them. It must "
        "not live on this host alone.",
        0, 0);
    print_sentence("Scheduled drills read it here. A host that must not be able to read its own "
                   "archives does without: remove it, and its line in the configuration, and drill "
                   "where the key is.",
                   0, 0);
}

static void say_what_is_missing(struct setup *s)
{
    if (strncmp(s->v->store, "s3://", 5) == 0 && getenv("AWS_ACCESS_KEY_ID") != NULL)
        say("The keys of the store came from this shell. For the schedule put AWS_ACCESS_KEY_ID=... "
            "and AWS_SECRET_ACCESS_KEY=... into /etc/larder/environment (chmod 600).");
    say(arena_printf(
        s->arena,
        "`larder doctor%s` repeats all checks, `larder status%s` says where each preset "
        "stands, and docs/restore.md is for the worst day.",
        s->option, s->option));
    printf("The configuration is in %s.\n", s->config_file);
}

/* The export, the drill and the doctor; a drill that could not be is told, and what follows is done all the same. */
static enum larder_status first_night(struct setup *s, const char *preset,
                                      struct larder_error *error)
{
    struct larder_error drill = {0};
    enum larder_status status = as_typed(s, "export", preset, error);

    if (status != LARDER_OK)
        return status;
    status = as_typed(s, "drill", preset, &drill);
    if (status == LARDER_INTERRUPTED || status == LARDER_TERMINATED) {
        *error = drill;
        return status;
    }
    if (status == LARDER_OK)
        return s->v->json ? LARDER_OK : as_typed(s, "doctor", NULL, error);
    *error = drill;
    return larder_context(error, "the first archive is there, but its drill did not prove it");
}

static enum larder_status apply(struct setup *s, struct larder_error *error)
{
    char recipient[LARDER_RECIPIENT_SIZE] = "", first[LARDER_PRESET_SIZE] = "";
    const char *new_key = s->v->new_key;
    enum larder_status status = LARDER_OK, night;
    struct larder_connect source;

    if (!s->found)
        status = write_config(s, recipient, error);
    if (status == LARDER_OK)
        status = reread(s, error);
    if (status != LARDER_OK)
        return status;
    source = config_source(s->v);
    if (s->v->config.presets.count == 0)
        status = larder_setup_schema(&source, s->run, error);
    if (status == LARDER_OK)
        status = larder_setup_presets(&source, &s->v->config.presets, s->run, first, error);
    if (status != LARDER_OK)
        return status;
    night = first_night(s, first, error);
    if (recipient[0] != '\0' && !s->v->json)
        say_where_the_key_goes(new_key, recipient);
    if ((night == LARDER_OK || night == LARDER_UNVERIFIED || night == LARDER_NO_KEY) &&
        s->v->schedule != NULL) {
        struct larder_error why = {0};

        if (!s->v->json)
            printf("\n");
        status = setup_schedule(s, &why);
        if (status != LARDER_OK && night == LARDER_OK)
            *error = why;
    }
    if (!s->v->json)
        say_what_is_missing(s);
    else
        print_json(json_pack("{s:o, s:o, s:s?, s:s, s:b}", "config", json_text(s->config_file),
                             "key", json_text(recipient[0] != '\0' ? new_key : NULL), "recipient",
                             recipient[0] != '\0' ? recipient : NULL, "preset", first, "drilled",
                             night == LARDER_OK),
                   NULL);
    return night != LARDER_OK ? night : status;
}

static enum larder_status begin(struct setup *s, struct larder_error *error)
{
    enum larder_status status;

    make_absolute(s);
    status = become_user(s->v->as_user, &s->was_root, error);
    if (status != LARDER_OK)
        return status;
    if (s->was_root && chdir("/") != 0)
        return larder_fail(error, LARDER_FAILED, "could not go to /");
    s->user = user_name(s->arena);
    status = find_config(s, error);
    if (status != LARDER_OK || s->v->json || s->v->quiet)
        return status;
    if (s->was_root)
        printf("This works as the user %s, who will run larder at night.\n", s->user);
    if (s->found)
        printf("%s is there already, and is used as it is; --replace writes it anew.\n",
               s->config_file);
    else if (s->ask)
        printf("Nothing is written before the last question.\n");
    return LARDER_OK;
}

enum larder_status cli_setup(const struct cli_values *values, struct larder_run *run,
                             struct larder_error *error)
{
    struct setup *s;
    enum larder_status status = LARDER_OK;

    if (values->arguments.count > 0)
        return larder_fail(error, LARDER_USAGE, "setup takes no argument \"%s\"",
                           values->arguments.items[0]);
    if (values->schedule != NULL && !values->yes)
        return setup_schedule_alone(values, run, error);
    if (!values->yes && !isatty(STDIN_FILENO)) {
        larder_fail(error, LARDER_USAGE,
                    "setup asks its questions on a terminal, and there is none");
        larder_hint(error, "--yes asks nothing: -d, --store, and --new-key or -r then say all.");
        return LARDER_USAGE;
    }
    s = calloc(1, sizeof(*s));
    if (s != NULL) {
        s->arena = arena_new();
        s->v = malloc(sizeof(*s->v));
    }
    if (s == NULL || s->arena == NULL || s->v == NULL)
        status = larder_fail_memory(error);
    if (status == LARDER_OK) {
        *s->v = *values;
        s->run = run;
        s->ask = !values->yes;
        status = begin(s, error);
        if (status == LARDER_OK)
            status = setup_ask(s, error);
        if (status == LARDER_OK)
            status = apply(s, error);
        larder_config_free(&s->v->config);
        explicit_bzero(s->password, sizeof(s->password));
    }
    if (s != NULL) {
        arena_free(s->arena);
        free(s->v);
        free(s);
    }
    return status;
}
