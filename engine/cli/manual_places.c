#include <string.h>

#include "engine/cli/manual.h"

const struct manual_place manual_variables[] = {
    {"LARDER_CONFIG", "c",
     "The configuration file, in place of the usual ones. Set but empty: no file at all."},
    {"LARDER_STORE", "s", "The store, where --store is not given."},
    {"LARDER_SOURCE", "FDMECa",
     "The database that is exported, and that is asked what was recorded of an archive."},
    {"LARDER_IDENTITY", "i", "The file of the key that opens archives, where -i is not given."},
    {"LARDER_PGBIN", "FCS1",
     "The folder of pg_dump and pg_restore, and of the server of --embedded, where Debian's folders "
     "and PATH are not to be searched."},
    {"PGHOST, PGPORT, PGUSER, PGPASSWORD, PGSERVICE, ...", "d",
     "What libpq takes, as in psql. What is written to never comes from PGDATABASE."},
    {"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, ...", "s",
     "Keys, region and endpoint of an S3 store, as the AWS tools take them."},
    {"LARDER_LOG_FORMAT", "6", "As --log-format."},
    {"NO_COLOR", "q", "Set and not empty: nothing is printed in colour."},
    {"COLUMNS", "J", "The width of tables on standard output, in place of the terminal's."},
    {"JOURNAL_STREAM", "q",
     "Set by systemd: lines for the journal bear their priority, as sd-daemon(3) has it."},
};
const size_t manual_variable_count = sizeof(manual_variables) / sizeof(manual_variables[0]);

const struct manual_place manual_files[] = {
    {"~/.config/larder/larder.conf, /etc/larder/larder.conf", "c",
     "The configuration; the first that is there. See larder.conf(5)."},
    {"~/.pgpass, ~/.pg_service.conf", "d", "Passwords and services, as in psql."},
    {"~/.aws/credentials, ~/.aws/config", "s", "Profiles of S3 stores."},
    {"drill.sql", "3", "In the folder where a drill is started: its checks."},
};
const size_t manual_file_count = sizeof(manual_files) / sizeof(manual_files[0]);

bool manual_concerns(const struct manual_place *place, const struct cli_command *command)
{
    return command == NULL || strpbrk(command->letters, place->keys) != NULL;
}

const struct manual_exit manual_exits[] = {
    {"0", "done, and everything that was checked agrees"},
    {"1", "failed; nothing was published, or what was changed is named"},
    {"2", "wrong usage or configuration; nothing was touched"},
    {"3", "a difference was found: the archive disagrees with a database or with its metadata; of "
          "export, tables have lost many of their rows (--fail-on-shrink)"},
    {"4", "the archive disagrees with itself, is incomplete, or is no archive"},
    {"5", "no key or passphrase given fits"},
    {"6", "another run holds the lock"},
    {"7", "a preset's newest good archive is too old, or missing"},
    {"8", "could not be verified (never reported as agreement)"},
    {"9", "restored and equal, but something asked to be left out was left out, and is listed"},
    {"130, 143", "interrupted, after cleaning up"},
};
const size_t manual_exit_count = sizeof(manual_exits) / sizeof(manual_exits[0]);

bool manual_ends_with(const struct manual_exit *code, const struct cli_command *command)
{
    if (command == NULL || strlen(code->code) > 1 || strchr("012", code->code[0]) != NULL)
        return true;
    return strchr(manual_page_of(command)->exits, code->code[0]) != NULL;
}
