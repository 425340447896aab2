/* The dialogue: a question is asked again until what was answered has been tried, and works. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/cli/config.h"
#include "engine/cli/doctor.h"
#include "engine/cli/keys.h"
#include "engine/cli/setup.h"
#include "engine/store/store.h"
#include "engine/store/stream.h"
#include "larder/setup.h"

enum larder_status setup_question(struct setup *s, const char *question, const char *usual,
                                  const char **answer, struct larder_error *error)
{
    char line[SETUP_ANSWER];
    size_t length = 0, got = 1;
    char c = '\0';
    enum larder_status status = LARDER_OK;

    printf("%s%s%s%s: ", question, usual != NULL ? " [" : "", usual != NULL ? usual : "",
           usual != NULL ? "]" : "");
    fflush(stdout);
    while (status == LARDER_OK && got == 1 && c != '\n') {
        status = stream_read(STDIN_FILENO, "the answer", s->run, &c, 1, &got, error);
        if (status == LARDER_OK && got == 1 && c != '\n' && length < sizeof(line) - 1)
            line[length++] = c;
    }
    if (status == LARDER_OK && got == 0)
        status = larder_fail(error, LARDER_INTERRUPTED, "no answer was given; nothing was written");
    if (status != LARDER_OK) {
        printf("\n");
        return status;
    }
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\r'))
        length--;
    *answer = length > 0 ? arena_printf(s->arena, "%.*s", (int)length, line) : usual;
    return arena_failed(s->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* The word that an answer is, or begins as; NULL where there is none. */
static const char *find_word(const char *answer, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strncasecmp(answer, *words, strlen(answer)) == 0)
            return *words;
    return NULL;
}

/* A question that takes some words alone; `takes` says them to whoever answered another. */
static enum larder_status ask_word(struct setup *s, const char *question, const char *usual,
                                   const char *const *words, const char *takes, const char **word,
                                   struct larder_error *error)
{
    for (int i = 0; i < SETUP_TRIES; i++) {
        const char *answer;
        enum larder_status status = setup_question(s, question, usual, &answer, error);

        if (status != LARDER_OK)
            return status;
        *word = find_word(answer, words);
        if (*word != NULL)
            return LARDER_OK;
        printf("That is no answer here: answer %s.\n", takes);
    }
    return larder_fail(error, LARDER_USAGE, "no answer was one that the question takes: answer %s",
                       takes);
}

static enum larder_status check(struct setup *s, enum larder_doctor_part part, bool *no_password,
                                struct larder_error *error)
{
    const struct cli_values *v = s->v;
    struct larder_connect schema_from = {.dbname = v->schema_from};
    struct larder_doctor_options options = {
        .source = config_source(v),
        .source_name = v->source_name,
        .schema_from = v->schema_from != NULL ? &schema_from : NULL,
        .presets = v->config.presets,
        .store = v->store,
        .part = part,
    };
    struct larder_doctor result;
    enum larder_status status = larder_doctor(&options, s->run, &result, error);

    *no_password = false;
    for (size_t i = 0; i < result.count; i++)
        *no_password = *no_password || (result.lines[i].verdict == LARDER_VERDICT_FAILED &&
                                        strcmp(result.lines[i].subject, "connection") == 0 &&
                                        strstr(result.lines[i].message, "password") != NULL);
    if (!v->json)
        doctor_print_lines(&result, v->quiet);
    larder_doctor_free(&result);
    if (status != LARDER_OK && status != LARDER_INTERRUPTED && status != LARDER_TERMINATED)
        larder_context(error, part == LARDER_DOCTOR_SOURCE ? "the source will not do"
                                                           : "the store will not do");
    return status;
}

static bool is_final(const struct setup *s, enum larder_status status)
{
    return !s->ask || status == LARDER_OK || status == LARDER_INTERRUPTED ||
           status == LARDER_TERMINATED;
}

/* A server that wants a password is answered with one, which then stands in the configuration. */
static enum larder_status check_source(struct setup *s, struct larder_error *error)
{
    bool no_password;
    size_t length;
    enum larder_status status = check(s, LARDER_DOCTOR_SOURCE, &no_password, error);

    if (is_final(s, status) || !no_password)
        return status;
    status = password_prompt("Password: ", s->password, PASSWORD_BYTES - 1, &length, s->run, error);
    if (status != LARDER_OK)
        return status;
    s->password[length] = '\0';
    s->v->connect.password = s->password;
    *error = (struct larder_error){0};
    return check(s, LARDER_DOCTOR_SOURCE, &no_password, error);
}

/* What was answered wrongly is asked again, three times at most. */
static enum larder_status ask_source(struct setup *s, struct larder_error *error)
{
    bool given = config_source(s->v).dbname != NULL || s->v->connect.host != NULL;
    enum larder_status status = LARDER_OK;

    for (int i = 0; i < SETUP_TRIES; i++) {
        *error = (struct larder_error){0};
        if (s->ask && (!given || i > 0))
            status = setup_question(s, "Database (its name, a conninfo string or a URI)", NULL,
                                    &s->v->connect.dbname, error);
        if (status == LARDER_OK)
            status = check_source(s, error);
        if (is_final(s, status))
            break;
        s->v->connect.password = NULL;
        status = LARDER_OK;
    }
    return error->message[0] != '\0' ? error->status : status;
}

static enum larder_status ask_store(struct setup *s, struct larder_error *error)
{
    static const char usual[] = "/var/backups/larder";
    bool given = s->v->store != NULL, no_password;
    enum larder_status status = LARDER_OK;

    if (!given && !s->ask)
        return cli_need_store(NULL, error);
    for (int i = 0; i < SETUP_TRIES; i++) {
        *error = (struct larder_error){0};
        if (s->ask && (!given || i > 0))
            status = setup_question(s, "Store (a folder, s3://BUCKET/PREFIX or rclone:REMOTE:PATH)",
                                    usual, &s->v->store, error);
        if (status == LARDER_OK)
            status = check(s, LARDER_DOCTOR_STORE, &no_password, error);
        if (is_final(s, status))
            break;
        status = LARDER_OK;
    }
    return error->message[0] != '\0' ? error->status : status;
}

static enum larder_status check_keys(struct setup *s, struct larder_error *error)
{
    struct larder_encryption to = keys_encryption(s->v);

    return larder_setup_check_keys(&to, s->v->new_key, s->run, error);
}

/* As the doctor tells it. */
static void tell_wrong(const char *subject, const struct larder_error *error)
{
    struct larder_doctor_line line = {.subject = subject,
                                      .verdict = LARDER_VERDICT_FAILED,
                                      .message = error->message,
                                      .help = error->hint[0] != '\0' ? error->hint : NULL};

    doctor_print_lines(&(struct larder_doctor){.lines = &line, .count = 1}, false);
}

/* Words of one answer, by spaces or commas. */
static void take_recipients(struct setup *s, const char *answer)
{
    struct cli_list *list = &s->v->recipients;

    list->count = 0;
    while (answer != NULL) {
        size_t length = strcspn(answer, " ,");

        if (length > 0 && list->count < CLI_LIST_MAX)
            list->items[list->count++] = arena_printf(s->arena, "%.*s", (int)length, answer);
        answer = answer[length] != '\0' ? answer + length + 1 : NULL;
    }
}

static enum larder_status ask_recipients(struct setup *s, const char *question, bool may_be_none,
                                         struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    for (int i = 0; i < SETUP_TRIES; i++) {
        const char *answer = NULL;

        *error = (struct larder_error){0};
        status = setup_question(s, question, NULL, &answer, error);
        take_recipients(s, answer);
        if (status == LARDER_OK && s->v->recipients.count == 0 && !may_be_none)
            status = larder_fail(error, LARDER_USAGE, "no recipient was given");
        else if (status == LARDER_OK)
            status = check_keys(s, error);
        if (is_final(s, status))
            break;
        tell_wrong("encryption", error);
    }
    return status;
}

static enum larder_status ask_new_key(struct setup *s, struct larder_error *error)
{
    const char *file = s->config_file;
    const char *usual =
        arena_printf(s->arena, "%.*s/larder.key", (int)(strrchr(file, '/') - file), file);
    enum larder_status status = LARDER_OK;

    for (int i = 0; i < SETUP_TRIES; i++) {
        *error = (struct larder_error){0};
        status = setup_question(s, "File of the new key", usual, &s->v->new_key, error);
        if (status == LARDER_OK) {
            s->v->new_key = setup_absolute(s->v->new_key, s->arena);
            status = check_keys(s, error);
        }
        if (is_final(s, status))
            break;
        tell_wrong("encryption", error);
    }
    return status;
}

static bool is_key_given(const struct cli_values *v)
{
    return v->recipients.count + v->recipient_files.count > 0 || v->passphrase_file != NULL ||
           v->new_key != NULL;
}

/* Rows leave the host in the clear only where somebody has said so: before the source and the store are tried. */
static enum larder_status check_encryption(const struct setup *s, struct larder_error *error)
{
    const struct cli_values *v = s->v;

    if (s->found)
        return LARDER_OK;
    if (v->no_encryption && is_key_given(v))
        return larder_fail(error, LARDER_USAGE,
                           "archives are encrypted, or not (--no-encryption), and not both");
    if (s->ask || v->no_encryption || is_key_given(v) || v->store == NULL ||
        store_is_local(v->store))
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE,
                "the store is off this host, and nothing says whom archives are encrypted to");
    larder_hint(error, "Give --new-key FILE, -r AGE1..., -R FILE or --passphrase-file FILE; or "
                       "--no-encryption, and whoever reads the store reads them.");
    return LARDER_USAGE;
}

static enum larder_status ask_encryption(struct setup *s, struct larder_error *error)
{
    static const char *const words[] = {"key", "recipients", "not", NULL};
    struct cli_values *v = s->v;
    const char *how = NULL;
    enum larder_status status;

    if (!s->ask || v->no_encryption || is_key_given(v))
        return check_keys(s, error);
    status = ask_word(
        s, "Encrypt archives: make a (k)ey, to (r)ecipients that you have, or (n)ot at all", "k",
        words, "k, r or n", &how, error);
    if (status != LARDER_OK || how[0] == 'n')
        return status;
    if (how[0] == 'r')
        return ask_recipients(s, "Recipients (age1..., with spaces between them)", false, error);
    status = ask_new_key(s, error);
    if (status == LARDER_OK)
        status = ask_recipients(
            s, "Recipient of an escrow key that lies elsewhere, if there is one", true, error);
    return status;
}

static enum larder_status ask_schedule(struct setup *s, struct larder_error *error)
{
    static const char *const words[] = {"systemd", "cron", "github", "none", NULL};
    struct cli_values *v = s->v;
    enum larder_status status = LARDER_OK;

    for (int i = 0; s->ask && i < SETUP_TRIES; i++) {
        *error = (struct larder_error){0};
        status = ask_word(s, "Schedule: systemd, cron, github or none", "systemd", words,
                          "systemd, cron, github or none", &v->schedule, error);
        if (status == LARDER_OK && strcmp(v->schedule, "none") == 0)
            v->schedule = NULL;
        if (status != LARDER_OK)
            break;
        status = setup_check_schedule(s, error);
        if (status == LARDER_OK)
            break;
        tell_wrong("schedule", error);
    }
    return status;
}

static enum larder_status ask_to_go(struct setup *s, struct larder_error *error)
{
    static const char *const words[] = {"yes", "no", NULL};
    const char *answer = NULL;
    enum larder_status status;

    if (!s->ask)
        return LARDER_OK;
    printf("\nNow larder will\n");
    if (s->v->new_key != NULL && !s->found)
        printf("  make a key in %s\n", s->v->new_key);
    if (!s->found)
        printf("  write %s\n", s->config_file);
    printf("  see to the schema \"backups\" in the database\n"
           "  export a first archive, and restore it into a database of its own, to prove it\n");
    if (s->v->schedule != NULL)
        printf("  make a schedule for %s\n", s->v->schedule);
    status = ask_word(s, "Go ahead (y or n)", "y", words, "y or n", &answer, error);
    if (status == LARDER_OK && strcmp(answer, "no") == 0)
        status = larder_fail(error, LARDER_INTERRUPTED, "nothing was written, as you wish");
    return status;
}

enum larder_status setup_ask(struct setup *s, struct larder_error *error)
{
    enum larder_status status = check_encryption(s, error);

    if (status == LARDER_OK && !s->ask)
        status = setup_check_schedule(s, error);
    if (status == LARDER_OK)
        status = ask_source(s, error);
    if (status == LARDER_OK)
        status = ask_store(s, error);
    if (status == LARDER_OK && !s->found)
        status = ask_encryption(s, error);
    if (status == LARDER_OK)
        status = ask_schedule(s, error);
    if (status == LARDER_OK)
        status = ask_to_go(s, error);
    return status;
}
