#include <string.h>

#include "engine/cli/cli.h"
#include "formats/nearest.h"

#define CONNECT "dhpUwW"
#define PLAIN "qvJ6?"
#define COMMON "c" PLAIN

const struct cli_command cli_commands[] = {
    {"init", "[-d DATABASE] [--print]", "Install or upgrade the backups schema", CONNECT "E" COMMON,
     cli_init},
    {"export", "PRESET | -t TABLE... [--store URL | -o FILE]",
     "Stream tables out of a database into one archive", CONNECT "tosjZrRKf4nFDNTGXMzyB" COMMON,
     cli_export},
    {"list", "[PRESET] [--store URL]", "List the archives of a store", "s" COMMON, cli_list},
    {"copy", "ARCHIVE STORE [-r AGE1...]...",
     "Copy an archive to another store, or give it other recipients", "srRiKB" COMMON, cli_copy},
    {"prune", "[PRESET] [--dry-run] [-d SOURCE] [--store URL]",
     "Remove archives whose time is over", CONNECT "snYMB" COMMON, cli_prune},
    {"hold", "BACKUP [--store URL]", "Keep an archive from being removed", "s" COMMON, cli_hold},
    {"release", "BACKUP [--store URL]", "Let an archive go when its time is over", "s" COMMON,
     cli_release},
    {"verify", "ARCHIVE... [--quick] [--against TARGET]",
     "Check archives, and compare them with a database", "skaiKjB" COMMON, cli_verify},
    {"restore", "ARCHIVE -d TARGET [-t TABLE...]",
     "Load an archive into a database, and prove that it is equal",
     CONNECT "tsiKjCxSOLHI5PVeQulrRbT" COMMON, cli_restore},
    {"drill", "PRESET | ARCHIVE -d SERVER | --embedded",
     "Restore an archive into a database of its own, prove it there, and remove it again",
     CONNECT "1sn23iKjSHDNB" COMMON, cli_drill},
    {"status", "[PRESET] [--prometheus [-o FILE] | --nagios]",
     "Say how old, how large and how proven each preset's newest archive is",
     CONNECT "snMmgoB" COMMON, cli_status},
    {"doctor", "[-i FILE]", "Check everything that the configuration promises",
     CONNECT "snFiK" COMMON, cli_doctor},
    {"setup", "[--yes] [--schedule systemd|cron|github [-o DIR]]",
     "From nothing to a scheduled, drilled backup; or a schedule alone",
     CONNECT "snFDNrRiK0=789+o" COMMON, cli_setup},
    {"cat", "ARCHIVE TABLE [-d SERVER | --embedded]", "Print the rows of a table as CSV",
     CONNECT "1siK" COMMON, cli_cat},
    {"keygen", "[-o FILE]", "Make a key pair for encrypted archives", "o" PLAIN, cli_keygen},
    {"age", "encrypt -r AGE1... | decrypt -i FILE", "Encrypt or decrypt standard input",
     "rRiKA" PLAIN, cli_age},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

const struct cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}

enum larder_status cli_no_command(const char *name, struct larder_error *error)
{
    const char *names[sizeof(cli_commands) / sizeof(cli_commands[0])], *meant;

    for (size_t i = 0; i < cli_command_count; i++)
        names[i] = cli_commands[i].name;
    meant = nearest(name, names, cli_command_count);
    larder_fail(error, LARDER_USAGE, "there is no command \"%s\"", name);
    if (name[0] == '-')
        larder_hint(error, "Options come after the command, as in `larder list --config FILE`; "
                           "`larder help` lists the commands.");
    else if (meant != NULL)
        larder_hint(error, "Is \"%s\" meant? `larder help` lists the commands.", meant);
    else
        larder_hint(error, "`larder help` lists the commands.");
    return LARDER_USAGE;
}
