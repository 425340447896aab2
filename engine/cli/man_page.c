#include <ctype.h>
#include <string.h>

#include "engine/cli/manual.h"

/* Of the texts; a date of the build would make every build another. */
static const char date[] = "2026-11-26";

/* Text in which no character means something to roff; a hyphen is the one that is typed. */
static void put_text(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (i == 0 && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", out);
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else if (text[i] == '\'')
            fputs("\\(aq", out);
        else if (text[i] == '`')
            fputs("\\(ga", out);
        else if (text[i] == '~')
            fputs("\\(ti", out);
        else
            fputc(text[i], out);
    }
}

static void put(FILE *out, const char *text)
{
    put_text(out, text, strlen(text));
}

/* Sentences begin on lines of their own, so that roff knows where they end. */
static void put_paragraphs(FILE *out, const char *text)
{
    while (*text != '\0') {
        const char *end = strstr(text, ". "), *line = strchr(text, '\n');
        bool paragraph = line != NULL && (end == NULL || line < end);
        size_t length = paragraph     ? (size_t)(line - text)
                        : end != NULL ? (size_t)(end - text) + 1
                                      : strlen(text);

        put_text(out, text, length);
        fputs(paragraph ? "\n.PP\n" : "\n", out);
        text += length;
        text += *text != '\0' ? 1 : 0;
    }
}

static void put_item(FILE *out, const char *name, const char *what)
{
    fputs(".TP\n\\fB", out);
    put(out, name);
    fputs("\\fR\n", out);
    put(out, what);
    fputc('\n', out);
}

static void put_option(FILE *out, const struct cli_option *option)
{
    fputs(".TP\n", out);
    if (option->has_letter)
        fprintf(out, "\\fB\\-%c\\fR, ", option->key);
    fputs("\\fB\\-\\-", out);
    put(out, option->name);
    fputs("\\fR", out);
    if (option->argument != NULL) {
        fputs(option->argument[0] == '[' ? "\\fI" : " \\fI", out);
        put(out, option->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put(out, option->help);
    fputs(".\n", out);
}

static void put_exits(FILE *out, const struct cli_command *command)
{
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < manual_exit_count; i++)
        if (manual_ends_with(&manual_exits[i], command))
            put_item(out, manual_exits[i].code, manual_exits[i].what);
}

static void put_places(FILE *out, const char *head, const struct manual_place *places, size_t count,
                       const struct cli_command *command)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (!manual_concerns(&places[i], command))
            continue;
        if (!any)
            fprintf(out, ".SH %s\n", head);
        any = true;
        put_item(out, places[i].name, places[i].what);
    }
}

static void put_examples(FILE *out, const struct manual_example *examples)
{
    if (examples[0].what != NULL)
        fputs(".SH EXAMPLES\n", out);
    for (int i = 0; i < MANUAL_EXAMPLES_MAX && examples[i].what != NULL; i++) {
        if (i > 0)
            fputs(".PP\n", out);
        put(out, examples[i].what);
        fputs(":\n.PP\n.in +4n\n.nf\n", out);
        put(out, examples[i].command);
        fputs("\n.fi\n.in\n", out);
    }
}

/* Only pages that there are; the command may be newer, or older, than the text that names it. */
static void put_see(FILE *out, const char *names)
{
    fputs(".SH SEE ALSO\n.BR larder (1),\n", out);
    for (const char *at = names; *at != '\0'; at += strspn(at, " ")) {
        char name[32];
        size_t length = strcspn(at, " ");

        snprintf(name, sizeof(name), "%.*s", (int)length, at);
        if (cli_find_command(name) != NULL)
            fprintf(out, ".BR larder\\-%s (1),\n", name);
        at += length;
    }
    fputs(".BR larder.conf (5)\n", out);
}

static void put_head(FILE *out, const char *name, const char *summary)
{
    fputs(".\\\" Made by `larder help --man`: not to be changed by hand.\n.TH ", out);
    for (const char *c = name; *c != '\0'; c++)
        fputc(toupper((unsigned char)*c), out);
    fprintf(out, " 1 \"%s\" \"larder %s\" \"larder manual\"\n.SH NAME\n", date, LARDER_VERSION);
    put(out, name);
    fputs(" \\- ", out);
    fputc(tolower((unsigned char)summary[0]), out);
    put(out, summary + 1);
    fputs("\n.SH SYNOPSIS\n", out);
}

static void put_command_page(FILE *out, const struct cli_command *command)
{
    const struct manual_page *page = manual_page_of(command);
    char name[64];

    snprintf(name, sizeof(name), "larder-%s", command->name);
    put_head(out, name, command->summary);
    fprintf(out, ".B larder %s\n", command->name);
    put(out, command->synopsis);
    fputs("\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n", out);
    put_paragraphs(out, page->description[0] != '\0' ? page->description : command->summary);
    fputs(".SH OPTIONS\n", out);
    for (const char *key = command->letters; *key != '\0'; key++)
        put_option(out, cli_option_of(command, *key));
    put_exits(out, command);
    put_places(out, "ENVIRONMENT", manual_variables, manual_variable_count, command);
    put_places(out, "FILES", manual_files, manual_file_count, command);
    put_examples(out, page->examples);
    put_see(out, page->see);
}

static void put_main_page(FILE *out)
{
    static const char text[] =
        "Larder streams the tables of a preset out of a PostgreSQL database into one compressed, "
        "checksummed, optionally encrypted archive. It keeps those archives off the host for as long as "
        "the preset says, loads them back, and proves that what came back is what left.\n"
        "Options win over the environment, which wins over the configuration file. Results go to "
        "standard output, everything else to standard error. Keys and passphrases are never taken from "
        "arguments.\n"
        "An archive is a plain tar of zstd files and SQL: tar, zstd and psql get the data out without "
        "larder, as the file RECOVERY.md in each of them says.";
    static const struct manual_example examples[MANUAL_EXAMPLES_MAX] = {
        {"A backup, and the proof of it",
         "larder export daily -d kitchai --store /var/backups/larder"},
        {"Back again", "larder restore daily_20261126_020000 -d fresh --store /var/backups/larder"},
    };

    put_head(out, "larder", "An offline dump-and-archive engine for PostgreSQL");
    fputs(".B larder\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR]... [\\fIOPTION\\fR]...\n.br\n"
          ".B larder help\n[\\fICOMMAND\\fR]\n.br\n.B larder \\-\\-version\n.SH DESCRIPTION\n",
          out);
    put_paragraphs(out, text);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, ".TP\n.BR larder\\-%s (1)\n", cli_commands[i].name);
        put(out, cli_commands[i].summary);
        fputs(".\n", out);
    }
    put_exits(out, NULL);
    put_places(out, "ENVIRONMENT", manual_variables, manual_variable_count, NULL);
    put_places(out, "FILES", manual_files, manual_file_count, NULL);
    put_examples(out, examples);
    put_see(out, "");
}

void manual_print_page(FILE *out, const struct cli_command *command)
{
    if (command == NULL)
        put_main_page(out);
    else
        put_command_page(out, command);
}
