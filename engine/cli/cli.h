/*
 * The command line: what was typed, as values; and what the commands share. The only place that
 * prints.
 *
 * A new command is one file with a run function, one row in `cli_commands`, its options in the table
 * in options.c, and a page in pages.c: from these come parsing, help, manual and completion.
 */
#ifndef ENGINE_CLI_CLI_H
#define ENGINE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/config.h"
#include "larder/error.h"
#include "larder/export.h"
#include "larder/restore.h"
#include "larder/run.h"

enum { CLI_LIST_MAX = 1024, CLI_COPY_CHOICES_MAX = 64 };

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

/* Everything that any command takes; what was not given, and is not in the configuration, is zero. */
struct cli_values {
    struct larder_connect connect;
    bool never_password, force_password;
    const char *store, *output, *source_name, *schema_from, *record_to, *sha256, *into_source,
        *against;
    const char *passphrase_file, *config_file;
    struct larder_config config; /* as the file has it */
    struct cli_list tables;
    struct cli_list recipients, recipient_files, identity_files;
    const char *encrypted_by; /* the configuration file, where it is what says whom to encrypt to */
    struct cli_list arguments; /* what is no option */
    int lanes, level, lock_timeout, keep_min;
    enum larder_copy_format copy_format;
    struct larder_copy_choice copy_choices[CLI_COPY_CHOICES_MAX];
    size_t copy_choice_count;
    enum larder_references references;
    bool additions;
    enum larder_externals externals;
    enum larder_existing existing;
    const char *undo, *undo_passphrase_file, *into_schema;
    bool allow_cascade, no_undo;
    int whole_schema; /* 0: needed, 1: all */
    bool no_owner, allow_older;
    bool no_record, whole_tables, quick, create_roles, preview, no_verify, print, armor, dry_run,
        prune;
    const char *checks;
    bool embedded, keep;
    bool prometheus, nagios;
    bool fail_on_shrink, accept_shrink, no_hooks;
    const char *schedule, *new_key, *as_user;
    bool yes, replace, no_encryption;
    bool quiet, verbose, json, help;
};

struct cli_command {
    const char *name;
    const char *synopsis; /* its arguments */
    const char *summary;  /* one line */
    const char *letters;  /* of the option table: which options it takes */
    enum larder_status (*run)(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;
const struct cli_command *cli_find_command(const char *name); /* NULL: there is none */
/* LARDER_USAGE: there is none of that name; the hint says which may be meant, or what lists them. */
enum larder_status cli_no_command(const char *name, struct larder_error *error);

struct cli_option {
    char key; /* the short letter, or a made-up one */
    bool has_letter;
    const char *name;     /* long name */
    const char *argument; /* what its argument is, or NULL */
    const char *help;
};

/* Every option there is; a command names those that it takes by their keys. */
enum { CLI_OPTIONS_MAX = 96 };

extern const struct cli_option cli_options[];
extern const size_t cli_option_count;
const struct cli_option *cli_find_option(char key);
/* The same in the words of the command that takes it. */
const struct cli_option *cli_option_of(const struct cli_command *command, char key);

/* The words that an option takes, ending with NULL; NULL where it takes other things. */
const char *const *cli_option_words(char key);

/* LARDER_USAGE with a message where the arguments are none of the command's. */
enum larder_status cli_parse(const struct cli_command *command, int argc, char **argv,
                             struct cli_values *values, struct larder_error *error);
void cli_print_version(void);

/* LARDER_USAGE where no store is known. */
enum larder_status cli_need_store(const char *store, struct larder_error *error);

/* The commands. */
enum larder_status cli_age(const struct cli_values *values, struct larder_run *run,
                           struct larder_error *error);
enum larder_status cli_cat(const struct cli_values *values, struct larder_run *run,
                           struct larder_error *error);
enum larder_status cli_copy(const struct cli_values *values, struct larder_run *run,
                            struct larder_error *error);
enum larder_status cli_drill(const struct cli_values *values, struct larder_run *run,
                             struct larder_error *error);
enum larder_status cli_doctor(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error);
enum larder_status cli_export(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error);
enum larder_status cli_hold(const struct cli_values *values, struct larder_run *run,
                            struct larder_error *error);
enum larder_status cli_init(const struct cli_values *values, struct larder_run *run,
                            struct larder_error *error);
enum larder_status cli_keygen(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error);
enum larder_status cli_list(const struct cli_values *values, struct larder_run *run,
                            struct larder_error *error);
enum larder_status cli_prune(const struct cli_values *values, struct larder_run *run,
                             struct larder_error *error);
enum larder_status cli_release(const struct cli_values *values, struct larder_run *run,
                               struct larder_error *error);
enum larder_status cli_restore(const struct cli_values *values, struct larder_run *run,
                               struct larder_error *error);
enum larder_status cli_status(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error);
enum larder_status cli_setup(const struct cli_values *values, struct larder_run *run,
                             struct larder_error *error);
enum larder_status cli_verify(const struct cli_values *values, struct larder_run *run,
                              struct larder_error *error);

#endif
