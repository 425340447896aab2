/*
 * Help, man page, and completion for bash, zsh and fish, each read back as a person or a shell would
 * read it, name the options that the parser takes, with the same letters and arguments, and no others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/completion.h"
#include "engine/cli/manual.h"

enum { OPTIONS_MAX = 128, NAME = 64 };

/* What a text says of a command's options. */
struct told {
    struct told_option {
        char letter; /* 0: none */
        char name[NAME], argument[NAME];
        bool takes; /* an argument, where the text does not name it */
    } options[OPTIONS_MAX];
    size_t count;
};

static struct told_option *tell(struct told *told)
{
    assert_in_range(told->count, 0, OPTIONS_MAX - 1);
    return &told->options[told->count++];
}

/* Inlined, these two make gcc 12 take the stream's memory for theirs. */
__attribute__((noinline)) static char *written(void (*write)(FILE *out,
                                                             const struct cli_command *command),
                                               const struct cli_command *command)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    write(out, command);
    fclose(out);
    return text;
}

__attribute__((noinline)) static char *completion(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    print(out);
    fclose(out);
    return text;
}

/* The next line, without its end; NULL behind the last. */
static const char *next_line(const char **text, char line[4096])
{
    size_t length = strcspn(*text, "\n");

    if (**text == '\0')
        return NULL;
    snprintf(line, 4096, "%.*s", (int)length, *text);
    *text += length + ((*text)[length] == '\n');
    return line;
}

/* ---- Reading each of them ---- */

/* "  -d, --dbname SOURCE         database: ..." */
static void read_help(const char *text, struct told *told)
{
    char line[4096];
    bool options = false;

    while (next_line(&text, line) != NULL) {
        struct told_option *option;
        char *names = line + 6, *end;

        if (line[0] != ' ')
            options = strcmp(line, "Options:") == 0;
        if (!options || strlen(line) < 8 || strncmp(names, "--", 2) != 0)
            continue;
        option = tell(told);
        option->letter = line[2] == '-' ? line[3] : '\0';
        end = strstr(names, "  ");
        if (end == NULL && strlen(line) >= 30 && line[29] == ' ')
            end = line + 29;
        if (end != NULL)
            *end = '\0';
        sscanf(names, "--%63[^ [] %63s", option->name, option->argument);
    }
}

/* ".TP" and "\fB\-d\fR, \fB\-\-dbname\fR \fISOURCE\fR" */
static void read_page(const char *text, struct told *told)
{
    char line[4096], plain[4096] = "";
    bool options = false, tag = false;

    while (next_line(&text, line) != NULL) {
        char *to = plain;

        if (strncmp(line, ".SH ", 4) == 0)
            options = strcmp(line, ".SH OPTIONS") == 0;
        if (options && tag) {
            struct told_option *option = tell(told);

            for (const char *from = line; *from != '\0'; from++) {
                if (strncmp(from, "\\f", 2) == 0)
                    from += 2;
                else if (*from != '\\')
                    *to++ = *from;
            }
            *to = '\0';
            option->letter = strncmp(plain, "--", 2) != 0 ? plain[1] : '\0';
            sscanf(strstr(plain, "--"), "--%63[^ [] %63s", option->name, option->argument);
        }
        tag = strcmp(line, ".TP") == 0;
    }
}

/* Whether what `previous` is compared with has a row for the option, as one that takes something. */
static bool bash_has_value(const char *text, const char *name)
{
    char row[NAME + 16];

    snprintf(row, sizeof(row), "--%s) behind=1", name);
    return strstr(text, row) != NULL;
}

static void read_bash(const char *text, const struct cli_command *command, struct told *told)
{
    char begin[NAME], *words, *word, *rest;
    const char *at;
    char letter = '\0';

    snprintf(begin, sizeof(begin), "\n        %s)\n", command->name);
    at = strstr(text, begin);
    assert_non_null(at);
    at = strstr(at, "options=\"");
    assert_non_null(at);
    at += strlen("options=\"");
    words = strndup(at, strcspn(at, "\""));
    for (word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (word[1] != '-') {
            letter = word[1];
        } else {
            struct told_option *option = tell(told);

            option->letter = letter;
            snprintf(option->name, NAME, "%s", word + 2);
            option->takes = bash_has_value(text, option->name);
            letter = '\0';
        }
    }
    free(words);
}

/* "\*{-d,--dbname}'[database...]:SOURCE: '" or "'*--store=[...]:URL:_files -/'" */
static void read_zsh(const char *text, const struct cli_command *command, struct told *told)
{
    char begin[NAME], line[4096];
    const char *at;

    snprintf(begin, sizeof(begin), "\n        %s)\n            _arguments", command->name);
    at = strstr(text, begin);
    assert_non_null(at);
    at += strlen(begin);
    while (next_line(&at, line) != NULL && strcmp(line, "            ;;") != 0) {
        const char *name = strstr(line, "--"), *end = strstr(line, "]:");
        struct told_option *option;
        size_t length = 0;

        if (name == NULL || strstr(line, "_larder_arguments") != NULL)
            continue;
        option = tell(told);
        snprintf(option->name, NAME, "%.*s", (int)strcspn(name + 2, "}=["), name + 2);
        option->letter = strstr(line, "{-") != NULL ? strstr(line, "{-")[2] : '\0';
        option->takes = end != NULL;
        for (const char *from = end != NULL ? end + 2 : ":"; *from != ':'; from++) {
            from += *from == '\\';
            option->argument[length++] = *from;
        }
    }
}

/* "complete -c larder -n '__fish_seen_subcommand_from export' -s d -l dbname -x -d '...'" */
static void read_fish(const char *text, const struct cli_command *command, struct told *told)
{
    char begin[160], line[4096];

    snprintf(begin, sizeof(begin), "complete -c larder -n '__fish_seen_subcommand_from %s' ",
             command->name);
    while (next_line(&text, line) != NULL) {
        const char *rest = line + strlen(begin), *name;
        struct told_option *option;

        if (strncmp(line, begin, strlen(begin)) != 0 || (name = strstr(rest, "-l ")) == NULL)
            continue;
        option = tell(told);
        option->letter = strncmp(rest, "-s ", 3) == 0 ? rest[3] : '\0';
        sscanf(name, "-l %63s", option->name);
        option->takes = strncmp(name + 3 + strlen(option->name), " -x", 3) == 0 ||
                        strncmp(name + 3 + strlen(option->name), " -r", 3) == 0;
    }
}

/* ---- Comparing them ---- */

static const struct told_option *find(const struct told *told, const char *name)
{
    for (size_t i = 0; i < told->count; i++)
        if (strcmp(told->options[i].name, name) == 0)
            return &told->options[i];
    return NULL;
}

/* Where `named` is true, the text says the argument's name, else only whether there is one. */
static void compare(const char *where, const struct cli_command *command, const struct told *told,
                    bool named)
{
    if (told->count != strlen(command->letters))
        fail_msg("%s of \"%s\" has %zu options, and the table %zu", where, command->name,
                 told->count, strlen(command->letters));
    for (const char *key = command->letters; *key != '\0'; key++) {
        const struct cli_option *option = cli_option_of(command, *key);
        const struct told_option *found = find(told, option->name);
        const char *argument = option->argument != NULL ? option->argument : "";

        if (found == NULL)
            fail_msg("%s of \"%s\" lacks --%s", where, command->name, option->name);
        if (found->letter != (option->has_letter ? option->key : '\0'))
            fail_msg("%s of \"%s\" has another letter for --%s", where, command->name,
                     option->name);
        if (named ? strcmp(found->argument, argument) != 0
                  : found->takes != (option->argument != NULL))
            fail_msg("%s of \"%s\" has another argument for --%s: \"%s\"", where, command->name,
                     option->name, found->argument);
    }
}

static void every_text_names_the_options_of_the_table(void **state)
{
    char *bash = completion(completion_print_bash), *zsh = completion(completion_print_zsh),
         *fish = completion(completion_print_fish);

    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        char *help = written(manual_print_help, command),
             *page = written(manual_print_page, command);
        struct told told[5] = {0};

        read_help(help, &told[0]);
        compare("the help", command, &told[0], true);
        read_page(page, &told[1]);
        compare("the man page", command, &told[1], true);
        read_bash(bash, command, &told[2]);
        compare("the completion for bash", command, &told[2], false);
        read_zsh(zsh, command, &told[3]);
        compare("the completion for zsh", command, &told[3], true);
        read_fish(fish, command, &told[4]);
        compare("the completion for fish", command, &told[4], false);
        free(help);
        free(page);
    }
    free(bash);
    free(zsh);
    free(fish);
}

static bool is_taken(const struct cli_command *command, const struct cli_option *option)
{
    return strchr(command->letters, option->key) != NULL;
}

/* Then getopt takes it for the longer one. */
static bool abbreviates(const struct cli_command *command, const struct cli_option *option)
{
    for (const char *key = command->letters; *key != '\0'; key++)
        if (strncmp(cli_find_option(*key)->name, option->name, strlen(option->name)) == 0)
            return true;
    return false;
}

static void parse(const struct cli_command *command, char *word, struct larder_error *error)
{
    static struct cli_values values;
    char name[] = "larder", *arguments[] = {name, word, NULL};

    optind = 0; /* getopt begins anew */
    *error = (struct larder_error){0};
    cli_parse(command, 2, arguments, &values, error);
}

static void the_parser_takes_the_options_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++)
        for (size_t j = 0; j < cli_option_count; j++) {
            const struct cli_command *command = &cli_commands[i];
            const struct cli_option *option = &cli_options[j];
            const char *wanted = !is_taken(command, option) ? "there is no option"
                                 : option->argument != NULL && option->argument[0] != '['
                                     ? "an argument is missing"
                                     : "";
            struct larder_error error;
            char word[NAME];

            if (!is_taken(command, option) && abbreviates(command, option))
                continue;
            snprintf(word, sizeof(word), "--%s", option->name);
            parse(command, word, &error);
            if (strncmp(error.message, wanted, strlen(wanted)) != 0 ||
                (wanted[0] == '\0') != (error.message[0] == '\0'))
                fail_msg("larder %s %s: wanted \"%s\", got \"%s\"", command->name, word, wanted,
                         error.message);
        }
}

static void an_unknown_letter_is_told_with_its_own_word(void **state)
{
    static const char *const words[] = {"-x", "-xq", "-qx", "-qxv", "-against", "-\xc3\xa9"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        static struct cli_values values;
        char name[] = "larder", archive[] = "ARCHIVE", word[NAME], wanted[2 * NAME];
        char *arguments[] = {name, archive, word, NULL};
        struct larder_error error = {0};

        snprintf(word, sizeof(word), "%s", words[i]);
        snprintf(wanted, sizeof(wanted), "there is no option \"%s\"", word);
        optind = 0;
        assert_int_equal(cli_parse(cli_find_command("list"), 3, arguments, &values, &error),
                         LARDER_USAGE);
        assert_string_equal(error.message, wanted);
    }
}

static void no_two_options_share_a_key_or_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_option_count; i++)
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(cli_options[i].key, cli_options[j].key);
            assert_string_not_equal(cli_options[i].name, cli_options[j].name);
        }
}

static void help_fits_80_columns(void **state)
{
    char line[4096];

    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        char *help = written(manual_print_help, &cli_commands[i]);
        const char *at = help;

        while (next_line(&at, line) != NULL)
            if (strlen(line) > 79)
                fail_msg("the help of \"%s\" is too wide: %s", cli_commands[i].name, line);
        free(help);
    }
}

/* A page without words is only for a command that is being written. */
static void every_command_has_a_page_with_words_and_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct manual_page *page = manual_page_of(&cli_commands[i]);

        if (page->description[0] == '\0' || page->examples[0].command == NULL)
            fail_msg("\"%s\" has no page in pages.c", cli_commands[i].name);
        for (int j = 0; j < MANUAL_EXAMPLES_MAX && page->examples[j].command != NULL; j++)
            if (strstr(page->examples[j].command, cli_commands[i].name) == NULL)
                fail_msg("an example of \"%s\" is another's: %s", cli_commands[i].name,
                         page->examples[j].command);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_names_the_options_of_the_table),
        cmocka_unit_test(the_parser_takes_the_options_of_the_table),
        cmocka_unit_test(an_unknown_letter_is_told_with_its_own_word),
        cmocka_unit_test(no_two_options_share_a_key_or_a_name),
        cmocka_unit_test(help_fits_80_columns),
        cmocka_unit_test(every_command_has_a_page_with_words_and_an_example),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
