#include <string.h>

#include "engine/cli/manual.h"

enum { WIDTH = 79 };

/* Words from column `at` on, and on the following lines from column `indent` on. */
static void put_wrapped(FILE *out, const char *text, size_t length, int at, int indent)
{
    for (size_t i = 0; i < length;) {
        size_t word = strcspn(text + i, " \n");

        if (i + word > length)
            word = length - i;
        if (at > indent && at + 1 + (int)word > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (i > 0) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)word, text + i);
        at += (int)word;
        i += word + 1;
    }
    fputc('\n', out);
}

static void put_paragraphs(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        fputc('\n', out);
        put_wrapped(out, text, length, 0, 0);
        text += length + (text[length] == '\n');
    }
}

/* A name, and what it is from a column on; where the name is too long, on the next line. */
static void put_item(FILE *out, const char *name, const char *what, int column)
{
    int at = fprintf(out, "  %s", name);

    if (at + 1 > column)
        fprintf(out, "\n%*s", column, "");
    else
        fprintf(out, "%*s", column - at, "");
    put_wrapped(out, what, strlen(what), column, column);
}

static void put_option(FILE *out, const struct cli_option *option)
{
    char name[96];

    snprintf(name, sizeof(name), "%s%c%s--%s%s%s", option->has_letter ? "-" : " ",
             option->has_letter ? option->key : ' ', option->has_letter ? ", " : "  ", option->name,
             option->argument != NULL && option->argument[0] != '[' ? " " : "",
             option->argument != NULL ? option->argument : "");
    put_item(out, name, option->help, 30);
}

static void put_examples(FILE *out, const struct manual_example *examples)
{
    if (examples[0].what != NULL)
        fprintf(out, "\nExamples:\n");
    for (int i = 0; i < MANUAL_EXAMPLES_MAX && examples[i].what != NULL; i++) {
        fprintf(out, "  %s:\n      ", examples[i].what);
        put_wrapped(out, examples[i].command, strlen(examples[i].command), 6, 10);
    }
}

static void put_exits(FILE *out, const struct cli_command *command)
{
    fprintf(out, "\nExit codes:\n");
    for (size_t i = 0; i < manual_exit_count; i++)
        if (manual_ends_with(&manual_exits[i], command))
            put_item(out, manual_exits[i].code, manual_exits[i].what, 12);
}

static void put_places(FILE *out, const char *head, const struct manual_place *places, size_t count,
                       const struct cli_command *command)
{
    fprintf(out, "\n%s:\n", head);
    for (size_t i = 0; i < count; i++)
        if (manual_concerns(&places[i], command))
            put_item(out, places[i].name, places[i].what, 22);
}

void manual_print_help(FILE *out, const struct cli_command *command)
{
    const struct manual_page *page = manual_page_of(command);

    fprintf(out, "larder %s ", command->name);
    put_wrapped(out, command->synopsis, strlen(command->synopsis), 8 + (int)strlen(command->name),
                8);
    fputc('\n', out);
    put_wrapped(out, command->summary, strlen(command->summary), 0, 0);
    put_paragraphs(out, page->description);
    fprintf(out, "\nOptions:\n");
    for (const char *key = command->letters; *key != '\0'; key++)
        put_option(out, cli_option_of(command, *key));
    put_examples(out, page->examples);
    put_exits(out, command);
    put_places(out, "Environment", manual_variables, manual_variable_count, command);
}

void manual_print_overview(FILE *out)
{
    fprintf(out, "larder %s: an offline dump-and-archive engine for PostgreSQL\n\nCommands:\n",
            LARDER_VERSION);
    for (size_t i = 0; i < cli_command_count; i++)
        put_item(out, cli_commands[i].name, cli_commands[i].summary, 12);
    fprintf(out, "\n`larder help COMMAND` or `larder COMMAND --help` shows what a command takes;\n"
                 "so does `man larder-COMMAND`, where the manual is installed.\n");
}

static enum larder_status find(const char *name, const struct cli_command **command,
                               struct larder_error *error)
{
    *command = name == NULL ? NULL : cli_find_command(name);
    return name == NULL || *command != NULL ? LARDER_OK : cli_no_command(name, error);
}

/* The build writes the manual with these. */
enum larder_status manual_help(int count, char **arguments, struct larder_error *error)
{
    const char *first = count > 0 ? arguments[0] : "", *second = count > 1 ? arguments[1] : NULL;
    bool page = strcmp(first, "--man") == 0;
    const struct cli_command *command;
    enum larder_status status;

    if (strcmp(first, "--commands") == 0) {
        for (size_t i = 0; i < cli_command_count; i++)
            printf("%s\n", cli_commands[i].name);
        return LARDER_OK;
    }
    if (strcmp(first, "--completion") == 0)
        return manual_print_completion(stdout, second != NULL ? second : "", error);
    status = find(page ? second : count > 0 ? first : NULL, &command, error);
    if (status != LARDER_OK)
        return status;
    if (page)
        manual_print_page(stdout, command);
    else if (command != NULL)
        manual_print_help(stdout, command);
    else
        manual_print_overview(stdout);
    return LARDER_OK;
}
