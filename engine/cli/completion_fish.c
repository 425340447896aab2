#include "engine/cli/completion.h"

/* Between single quotes. */
static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(out, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void put_begin(FILE *out, const struct cli_command *command)
{
    fprintf(out, "complete -c larder -n '__fish_seen_subcommand_from %s'", command->name);
}

static void put_option(FILE *out, const struct cli_command *command,
                       const struct cli_option *option)
{
    const char *const *words = cli_option_words(option->key);

    put_begin(out, command);
    if (option->has_letter)
        fprintf(out, " -s %c", option->key);
    fprintf(out, " -l %s", option->name);
    switch (completion_of_option(option)) {
    case COMPLETION_WORDS:
        fprintf(out, " -x -a '");
        for (size_t i = 0; words[i] != NULL; i++)
            fprintf(out, "%s%s", i > 0 ? " " : "", words[i]);
        fprintf(out, "'");
        break;
    case COMPLETION_FILES:
        fprintf(out, " -r -F");
        break;
    case COMPLETION_FOLDERS:
        fprintf(out, " -x -a '(__fish_complete_directories)'");
        break;
    default:
        fprintf(out, "%s", option->argument != NULL ? " -x" : "");
        break;
    }
    fprintf(out, " -d '");
    put_text(out, option->help);
    fprintf(out, "'\n");
}

static void put_arguments(FILE *out, const struct cli_command *command)
{
    struct completion_arguments takes = completion_of_command(command);
    const char *const asked[] = {takes.presets ? "presets" : NULL,
                                 takes.archives ? "archives" : NULL};

    for (size_t i = 0; i < 2; i++) {
        if (asked[i] == NULL)
            continue;
        put_begin(out, command);
        fprintf(out, " -a '(__larder_ask %s)'\n", asked[i]);
    }
    if (takes.words[0] != '\0') {
        put_begin(out, command);
        fprintf(out, " -a '%s'\n", takes.words);
    }
    if (takes.files) {
        put_begin(out, command);
        fprintf(out, " -F\n");
    } else if (takes.folders) {
        put_begin(out, command);
        fprintf(out, " -a '(__fish_complete_directories)'\n");
    }
}

void completion_print_fish(FILE *out)
{
    fprintf(out, "# fish completion for larder; made by `larder help --completion fish`.\n\n"
                 "function __larder_ask\n"
                 "    set -l words (commandline -opc)\n"
                 "    $words[1] complete $argv[1] $words[2..-1] 2>/dev/null\n"
                 "end\n\n"
                 "complete -c larder -f\n"
                 "complete -c larder -n __fish_use_subcommand -a help -d 'Show what there is, or "
                 "what a command takes'\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];

        fprintf(out, "complete -c larder -n __fish_use_subcommand -a %s -d '", command->name);
        put_text(out, command->summary);
        fprintf(out, "'\ncomplete -c larder -n '__fish_seen_subcommand_from help' -a %s\n",
                command->name);
        for (const char *key = command->letters; *key != '\0'; key++)
            put_option(out, command, cli_option_of(command, *key));
        put_arguments(out, command);
    }
}
