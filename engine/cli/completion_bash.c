#include "engine/cli/completion.h"

/* "-d --dbname -h --host ..." */
static void put_options(FILE *out, const struct cli_command *command)
{
    const char *before = "";

    for (const char *key = command->letters; *key != '\0'; key++) {
        const struct cli_option *option = cli_find_option(*key);

        if (option->has_letter)
            fprintf(out, "%s-%c", before, option->key);
        before = option->has_letter ? " " : before;
        fprintf(out, "%s--%s", before, option->name);
        before = " ";
    }
}

static void put_command(FILE *out, const struct cli_command *command)
{
    struct completion_arguments takes = completion_of_command(command);

    fprintf(out, "        %s)\n            options=\"", command->name);
    put_options(out, command);
    fprintf(out, "\"\n            takes=\"%s%s%s%s\"\n", takes.presets ? " presets" : "",
            takes.archives ? " archives" : "", takes.files ? " files" : "",
            takes.folders ? " folders" : "");
    if (takes.words[0] != '\0')
        fprintf(out, "            words=\"%s\"\n", takes.words);
    fprintf(out, "            ;;\n");
}

/* What stands behind each option that takes something. */
static void put_values(FILE *out)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *option = &cli_options[i];
        enum completion_kind kind = completion_of_option(option);
        const char *const *words = cli_option_words(option->key);

        if (option->argument == NULL)
            continue;
        fprintf(out, "        ");
        if (option->has_letter)
            fprintf(out, "-%c | ", option->key);
        fprintf(out, "--%s) behind=1 takes=\"%s\" words=\"", option->name,
                kind == COMPLETION_FILES     ? "files"
                : kind == COMPLETION_FOLDERS ? "folders"
                                             : "");
        for (size_t j = 0; words != NULL && words[j] != NULL; j++)
            fprintf(out, "%s%s", j > 0 ? " " : "", words[j]);
        fprintf(out, "\" ;;\n");
    }
}

static const char head[] =
    "# bash completion for larder; made by `larder help --completion bash`.\n"
    "\n"
    "# Adds the lines of standard input that begin with what is typed.\n"
    "_larder_add()\n"
    "{\n"
    "    local line\n"
    "\n"
    "    while IFS= read -r line; do\n"
    "        [[ $line != \"$1\"* ]] || COMPREPLY+=(\"$line\")\n"
    "    done\n"
    "}\n"
    "\n"
    "_larder()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local options=\"\" takes=\"\" words=\"\" behind=\"\" kind\n"
    "\n"
    "    COMPREPLY=()\n"
    "    # --option=VALUE comes as three words.\n"
    "    if [ \"$current\" = = ]; then\n"
    "        current=\"\"\n"
    "    elif [ \"$previous\" = = ]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n";

static const char tail[] =
    "    if [[ -z $behind && $current == -* ]]; then\n"
    "        _larder_add \"$current\" <<<\"${options// /$'\\n'}\"\n"
    "        return\n"
    "    fi\n"
    "    [ -z \"$words\" ] || _larder_add \"$current\" <<<\"${words// /$'\\n'}\"\n"
    "    for kind in $takes; do\n"
    "        case $kind in\n"
    "            presets | archives)\n"
    "                _larder_add \"$current\" < <(\"${COMP_WORDS[0]}\" complete \"$kind\" "
    "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\" 2>/dev/null)\n"
    "                ;;\n"
    "            files)\n"
    "                compopt -o filenames 2>/dev/null\n"
    "                _larder_add \"$current\" < <(compgen -f -- \"$current\")\n"
    "                ;;\n"
    "            folders)\n"
    "                compopt -o filenames 2>/dev/null\n"
    "                _larder_add \"$current\" < <(compgen -d -- \"$current\")\n"
    "                ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "complete -F _larder larder\n";

void completion_print_bash(FILE *out)
{
    fprintf(out, "%s    local commands=\"", head);
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", cli_commands[i].name);
    fprintf(out, "\"\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        commands+=\" help --help --version\"\n"
                 "        _larder_add \"$current\" <<<\"${commands// /$'\\n'}\"\n"
                 "        return\n    fi\n"
                 "    case ${COMP_WORDS[1]} in\n        help) words=$commands ;;\n");
    for (size_t i = 0; i < cli_command_count; i++)
        put_command(out, &cli_commands[i]);
    fprintf(out, "    esac\n    case $previous in\n");
    put_values(out);
    fprintf(out, "    esac\n%s", tail);
}
