/*
 * The manual. Help, man pages and completion all come from the tables of commands and options, and
 * from the pages here, which say what these tables do not.
 */
#ifndef ENGINE_CLI_MANUAL_H
#define ENGINE_CLI_MANUAL_H

#include <stddef.h>
#include <stdio.h>

#include "engine/cli/cli.h"

enum { MANUAL_EXAMPLES_MAX = 4 };

struct manual_example {
    const char *what, *command;
};

/* What there is to say of a command beside its rows. */
struct manual_page {
    const char *command;
    const char *description; /* paragraphs, each ended by a newline but the last */
    const char *exits;       /* the codes it ends with beside 0, 1, 2, 130 and 143, as digits */
    struct manual_example examples[MANUAL_EXAMPLES_MAX]; /* the rest is NULL */
    const char *see;                                     /* other commands, by spaces */
};

/* The command's page; one without words where there is none yet. */
const struct manual_page *manual_page_of(const struct cli_command *command);

/* A variable of the environment, or a file; `keys` are the options that it has to do with. */
struct manual_place {
    const char *name, *keys, *what;
};

extern const struct manual_place manual_variables[], manual_files[];
extern const size_t manual_variable_count, manual_file_count;
/* Whether the command has to do with it; NULL: larder as a whole, which has to do with all. */
bool manual_concerns(const struct manual_place *place, const struct cli_command *command);

struct manual_exit {
    const char *code; /* "0", or "130, 143" */
    const char *what;
};

extern const struct manual_exit manual_exits[];
extern const size_t manual_exit_count;
bool manual_ends_with(const struct manual_exit *code, const struct cli_command *command);

/* What `larder help` and `larder COMMAND --help` print: within 80 columns. */
void manual_print_overview(FILE *out);
void manual_print_help(FILE *out, const struct cli_command *command);

/* A man page as roff; NULL: the one of larder itself. */
void manual_print_page(FILE *out, const struct cli_command *command);

/* What completes command lines: LARDER_USAGE where the shell is none of bash, zsh and fish. */
enum larder_status manual_print_completion(FILE *out, const char *shell,
                                           struct larder_error *error);

/* `larder help ...`; `arguments` is what stands behind it. */
enum larder_status manual_help(int count, char **arguments, struct larder_error *error);

#endif
