/* What completing a command line has to know, from the same tables; the shells differ in how it is written. */
#ifndef ENGINE_CLI_COMPLETION_H
#define ENGINE_CLI_COMPLETION_H

#include "engine/cli/manual.h"

enum completion_kind {
    COMPLETION_NOTHING, /* it takes none, or anything */
    COMPLETION_WORDS,   /* those of cli_option_words */
    COMPLETION_FILES,
    COMPLETION_FOLDERS,
};

enum completion_kind completion_of_option(const struct cli_option *option);

/* What stands where there is no option, as the command's synopsis has it. */
struct completion_arguments {
    bool presets, archives, files, folders;
    char words[64]; /* by spaces, where it takes words as they are */
};

struct completion_arguments completion_of_command(const struct cli_command *command);

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);
void completion_print_fish(FILE *out);

/*
 * `larder complete presets|archives WORD...`, which the scripts ask; the words are those typed
 * so far. Prints a name a line, or nothing: it is never an error, and takes 2 seconds at most.
 */
int completion_answer(int count, char **arguments);

#endif
