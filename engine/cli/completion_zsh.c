#include <string.h>

#include "engine/cli/completion.h"

/* Between single quotes, and within the brackets of _arguments. */
static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text) != NULL)
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void put_value(FILE *out, const struct cli_option *option)
{
    const char *const *words = cli_option_words(option->key);

    fprintf(out, ":");
    put_text(out, option->argument);
    switch (completion_of_option(option)) {
    case COMPLETION_WORDS:
        fprintf(out, ":(");
        for (size_t i = 0; words[i] != NULL; i++)
            fprintf(out, "%s%s", i > 0 ? " " : "", words[i]);
        fprintf(out, ")");
        break;
    case COMPLETION_FILES:
        fprintf(out, ":_files");
        break;
    case COMPLETION_FOLDERS:
        fprintf(out, ":_files -/");
        break;
    default:
        fprintf(out, ": ");
        break;
    }
}

static void put_option(FILE *out, const struct cli_option *option)
{
    fprintf(out, " \\\n                ");
    if (option->has_letter)
        fprintf(out, "\\*{-%c,--%s}", option->key, option->name);
    else
        fprintf(out, "'*--%s", option->name);
    fprintf(out, "%s%s[", option->has_letter ? "'" : "",
            option->argument == NULL ? ""
            : option->has_letter     ? ""
                                     : "=");
    put_text(out, option->help);
    fprintf(out, "]");
    if (option->argument != NULL)
        put_value(out, option);
    fprintf(out, "'");
}

static void put_arguments(FILE *out, const struct cli_command *command)
{
    struct completion_arguments takes = completion_of_command(command);

    fprintf(out, " \\\n                '*: :_larder_arguments");
    fprintf(out, "%s%s%s%s", takes.presets ? " presets" : "", takes.archives ? " archives" : "",
            takes.files ? " files" : "", takes.folders ? " folders" : "");
    if (takes.words[0] != '\0')
        fprintf(out, " %s", takes.words);
    fprintf(out, "'\n            ;;\n");
}

static const char head[] =
    "#compdef larder\n"
    "# zsh completion for larder; made by `larder help --completion zsh`.\n"
    "\n"
    "_larder_arguments()\n"
    "{\n"
    "    local kind result=1\n"
    "    local -a found\n"
    "\n"
    "    for kind in \"$@\"; do\n"
    "        case $kind in\n"
    "            presets | archives)\n"
    "                found=(${(f)\"$(\"$larder_program\" complete $kind $larder_words "
    "2>/dev/null)\"})\n"
    "                compadd -a found && result=0\n"
    "                ;;\n"
    "            files) _files && result=0 ;;\n"
    "            folders) _files -/ && result=0 ;;\n"
    "            -*) ;;\n"
    "            [a-z]*) compadd -- $kind && result=0 ;;\n"
    "        esac\n"
    "    done\n"
    "    return result\n"
    "}\n"
    "\n"
    "_larder()\n"
    "{\n"
    "    local larder_program=$words[1]\n"
    "    local -a larder_commands larder_words\n"
    "\n"
    "    larder_commands=(\n"
    "        'help:Show what there is, or what a command takes'\n";

void completion_print_zsh(FILE *out)
{
    fprintf(out, "%s", head);
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, "        '%s:", cli_commands[i].name);
        put_text(out, cli_commands[i].summary);
        fprintf(out, "'\n");
    }
    fprintf(out, "    )\n"
                 "    if ((CURRENT == 2)); then\n"
                 "        _describe command larder_commands\n"
                 "        return\n"
                 "    fi\n"
                 "    larder_words=(\"${(@)words[2,CURRENT-1]}\")\n"
                 "    shift words\n"
                 "    ((CURRENT--))\n"
                 "    case $words[1] in\n"
                 "        help) _describe command larder_commands ;;\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, "        %s)\n            _arguments -S", cli_commands[i].name);
        for (const char *key = cli_commands[i].letters; *key != '\0'; key++)
            put_option(out, cli_option_of(&cli_commands[i], *key));
        put_arguments(out, &cli_commands[i]);
    }
    fprintf(out, "    esac\n}\n\n_larder \"$@\"\n");
}
