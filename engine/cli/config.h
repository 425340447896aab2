/* What the configuration file and the environment say, where the command line says nothing. */
#ifndef ENGINE_CLI_CONFIG_H
#define ENGINE_CLI_CONFIG_H

#include "engine/cli/cli.h"

/* Whether the configuration is to be completed before the command runs; doctor, setup and status do it
 * by themselves. */
bool config_wanted(const struct cli_command *command);

/*
 * Reads the file, and fills in what a command with these letters takes and was not given, out of the
 * environment or the file. Strings live as long as `values->config`, which the caller frees.
 */
enum larder_status config_complete(const char *letters, struct cli_values *values,
                                   const struct larder_run *run, struct larder_error *error);

/* The source: -d, else LARDER_SOURCE, else the file's; its dbname is NULL where none of them names it. */
struct larder_connect config_source(const struct cli_values *values);

/* Whether it names a database at all; PGDATABASE alone names none for what works without one. */
bool config_names_database(const struct larder_connect *source);

/* Whom to ask what was recorded of an archive: LARDER_SOURCE, else the file's source, else NULL. */
const struct larder_connect *config_recorded_in(const struct cli_values *values,
                                                struct larder_connect *connect);

#endif
