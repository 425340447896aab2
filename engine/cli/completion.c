#include "engine/cli/completion.h"

#include <ctype.h>
#include <string.h>

enum completion_kind completion_of_option(const struct cli_option *option)
{
    if (cli_option_words(option->key) != NULL)
        return COMPLETION_WORDS;
    if (option->argument != NULL && strstr(option->argument, "FILE") != NULL)
        return COMPLETION_FILES;
    if (option->argument != NULL &&
        (strcmp(option->argument, "URL") == 0 || strcmp(option->argument, "FOLDER") == 0))
        return COMPLETION_FOLDERS;
    return COMPLETION_NOTHING;
}

static bool is(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(word, name, length) == 0;
}

/* The words of a synopsis that are no option and no option's argument; brackets and dots are only
 * for the eye. */
struct completion_arguments completion_of_command(const struct cli_command *command)
{
    struct completion_arguments found = {0};
    bool behind_option = false;
    size_t used = 0;

    for (const char *at = command->synopsis; *at != '\0';) {
        size_t length =
            strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

        if (length == 0) {
            at++;
            continue;
        }
        if (at[0] != '-' && !behind_option) {
            found.presets |= is(at, length, "PRESET");
            found.archives |= is(at, length, "ARCHIVE") || is(at, length, "BACKUP");
            found.files |= is(at, length, "ARCHIVE") || is(at, length, "FILE");
            found.folders |= is(at, length, "STORE");
            if (islower((unsigned char)at[0]) && used + length + 2 < sizeof(found.words))
                used += (size_t)snprintf(found.words + used, sizeof(found.words) - used, "%s%.*s",
                                         used > 0 ? " " : "", (int)length, at);
        }
        /* "-d SERVER" and "--schedule systemd|cron" have arguments, "[--quick]" has none. */
        if (at[0] == '-')
            behind_option = at[length] == ' ' && isalnum((unsigned char)at[length + 1]);
        else
            behind_option = behind_option && at[length] == '|';
        at += length;
    }
    return found;
}

enum larder_status manual_print_completion(FILE *out, const char *shell, struct larder_error *error)
{
    static const struct {
        const char *name;
        void (*print)(FILE *out);
    } shells[] = {{"bash", completion_print_bash},
                  {"zsh", completion_print_zsh},
                  {"fish", completion_print_fish}};

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(out);
            return LARDER_OK;
        }
    larder_fail(error, LARDER_USAGE, "there is no completion for \"%s\"", shell);
    larder_hint(error, "larder help --completion bash, zsh or fish");
    return LARDER_USAGE;
}
