/* The options that there are, in the words of the commands that take them. */
#include <string.h>

#include "engine/cli/cli.h"

const struct cli_option cli_options[] = {
    {'d', true, "dbname", "SOURCE", "database: a name, a conninfo string or a URI"},
    {'h', true, "host", "HOST", "host, or folder of the socket"},
    {'p', true, "port", "PORT", "port"},
    {'U', true, "username", "ROLE", "role"},
    {'w', true, "no-password", NULL, "never ask for a password"},
    {'W', true, "password", NULL, "ask for a password"},
    {'t', true, "table", "TABLE", "a table, or a pattern such as 'public.*'; may be repeated"},
    {'o', true, "output", "FILE", "write to a file; - for standard output"},
    {'s', false, "store", "URL",
     "the store: a folder, s3://BUCKET/PREFIX or rclone:REMOTE:PATH (default: LARDER_STORE)"},
    {'c', false, "config", "FILE", "the configuration file (default: LARDER_CONFIG)"},
    {'j', true, "jobs", "N", "connections at once"},
    {'Z', true, "compress", "zstd:LEVEL", "compression (default zstd:1)"},
    {'f', false, "copy-format", "F[:TABLE]",
     "auto, text or binary, for all tables or for some; may be repeated"},
    {'4', false, "follow-references", "[=keys|rows]",
     "also what foreign keys refer to elsewhere: keys (the default), or whole rows"},
    {'n', false, "source-name", "NAME", "name that the archives are kept under"},
    {'F', false, "schema-from", "CONNINFO", "where pg_dump connects, if SOURCE is a pooler"},
    {'r', true, "recipient", "AGE1...", "encrypt the archive to this recipient; may be repeated"},
    {'R', true, "recipients-file", "FILE",
     "encrypt it to the recipients in a file; may be repeated"},
    {'i', true, "identity", "FILE", "what opens it (default: LARDER_IDENTITY); may be repeated"},
    {'K', false, "passphrase-file", "FILE", "the passphrase, on the one line of a file"},
    {'A', false, "armor", NULL, "write text instead of bytes"},
    {'D', false, "record-to", "CONNINFO", "record the export in this database"},
    {'N', false, "no-record", NULL, "do not record the export in the database"},
    {'T', false, "lock-timeout", "S", "seconds to wait for locks (default 10)"},
    {'G', false, "whole-tables", NULL, "never split a table between connections"},
    {'k', false, "quick", NULL, "check only size and SHA-256 of the whole"},
    {'a', false, "against", "TARGET", "compare with this database"},
    {'C', false, "create-roles", NULL, "create missing roles, without login"},
    {'x', false, "externals", "HOW",
     "what the archive needs but does not hold: error, stub or skip"},
    {'S', false, "schema", "WHAT",
     "what comes beside the tables: needed (default) or all (views, functions, ...)"},
    {'O', false, "no-owner", NULL, "let everything belong to the role that restores"},
    {'L', false, "allow-older", NULL, "allow a server older than the source's, for text format"},
    {'H', false, "sha256", "HEX", "digest that the archive must have"},
    {'I', false, "into-source", "NAME", "allow restoring into the source itself"},
    {'e', false, "existing", "HOW", "tables that exist: error (default), rows or missing"},
    {'Q', false, "allow-cascade", NULL,
     "accept what foreign keys do to other tables when rows are removed"},
    {'u', false, "undo", "FILE", "where what was there goes (default: undo_DATABASE_TIME.tar)"},
    {'l', false, "no-undo", NULL, "change tables that exist without an undo archive"},
    {'b', false, "into-schema", "SCHEMA", "load plain tables into this schema, and nothing else"},
    {'5', false, "additions", NULL,
     "make triggers and policies that were added to the platform's tables, too"},
    {'P', false, "preview", NULL, "report what stands in the way and what would change, and stop"},
    {'V', false, "no-verify", NULL, "leave out ANALYZE and the proof"},
    {'E', false, "print", NULL, "print the SQL instead of running it"},
    {'Y', false, "dry-run", NULL, "only say what would be removed, and why"},
    {'M', false, "keep-min", "N",
     "good archives of a preset that always stay (default: its keep_min, or 3)"},
    {'X', false, "prune", NULL, "afterwards remove the preset's archives whose time is over"},
    {'m', false, "prometheus", NULL,
     "print metrics in Prometheus' text format; -o FILE writes them"},
    {'g', false, "nagios", NULL, "print one line, and exit, as Nagios plugins do"},
    {'z', false, "fail-on-shrink", NULL, "exit 3 where tables have lost many of their rows"},
    {'y', false, "accept-shrink", NULL, "take tables as they are, however few rows they have"},
    {'B', false, "no-hooks", NULL, "tell no hooks of the configuration"},
    {'1', false, "embedded", NULL, "on a server that is started for this alone"},
    {'2', false, "keep", NULL, "leave the database where it is afterwards"},
    {'3', false, "checks", "FILE", "SQL whose rows are findings (default: ./drill.sql)"},
    {'0', false, "new-key", "FILE", "make a key, and encrypt archives to it"},
    {'=', false, "no-encryption", NULL, "leave archives as readable as the store"},
    {'7', false, "schedule", "HOW", "systemd, cron or github; without --yes nothing else is done"},
    {'8', false, "yes", NULL, "ask nothing: take what is given, and defaults"},
    {'9', false, "replace", NULL, "write files anew that exist"},
    {'+', false, "as", "USER", "whom root's setup is for (default: larder, where there is one)"},
    {'q', true, "quiet", NULL, "say nothing but errors and warnings; of doctor, what is not ok"},
    {'v', true, "verbose", NULL, "say more"},
    {'J', false, "json", NULL, "print one JSON document"},
    {'6', false, "log-format", "FORMAT",
     "how what happens is told on standard error: text (default) or json, a document a line"},
    {'?', false, "help", NULL, "print this help"},
};
const size_t cli_option_count = sizeof(cli_options) / sizeof(cli_options[0]);
_Static_assert(sizeof(cli_options) / sizeof(cli_options[0]) <= CLI_OPTIONS_MAX, "room for options");

const struct cli_option *cli_find_option(char key)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].key == key)
            return &cli_options[i];
    return NULL;
}

/* Options that mean something else to some commands. */
static const struct {
    const char *command;
    struct cli_option option;
} other_words[] = {
    {"restore",
     {'d', true, "dbname", "TARGET",
      "the database to load into, as a name, a conninfo string or a URI"}},
    {"restore",
     {'r', true, "recipient", "AGE1...",
      "encrypt the undo archive to this recipient (default: larder.conf's); may be repeated"}},
    {"restore",
     {'R', true, "recipients-file", "FILE",
      "encrypt it to the recipients in a file; may be repeated"}},
    {"drill",
     {'d', true, "dbname", "SERVER",
      "server to drill on, by any database there: a name, a conninfo string or a URI"}},
    {"drill", {'D', false, "record-to", "CONNINFO", "record the drill in this database"}},
    {"drill", {'N', false, "no-record", NULL, "do not record the drill in the database"}},
    {"cat",
     {'d', true, "dbname", "SERVER",
      "server that turns binary rows into text: a name, a conninfo string or a URI"}},
    {"setup", {'D', false, "record-to", "CONNINFO", "record exports and drills in this database"}},
    {"setup", {'N', false, "no-record", NULL, "do not record them in any database"}},
};

const struct cli_option *cli_option_of(const struct cli_command *command, char key)
{
    for (size_t i = 0; i < sizeof(other_words) / sizeof(other_words[0]); i++)
        if (other_words[i].option.key == key && strcmp(other_words[i].command, command->name) == 0)
            return &other_words[i].option;
    return cli_find_option(key);
}

/* In the order of the values that they stand for. */
static const struct {
    char key;
    const char *words[4];
} word_lists[] = {
    {'x', {"error", "stub", "skip"}},
    {'S', {"needed", "all"}},
    {'e', {"error", "rows", "missing"}},
    {'f', {"auto", "text", "binary"}},
    {'6', {"text", "json"}},
    {'4', {"keys", "rows"}},
    {'7', {"systemd", "cron", "github"}},
};

const char *const *cli_option_words(char key)
{
    for (size_t i = 0; i < sizeof(word_lists) / sizeof(word_lists[0]); i++)
        if (word_lists[i].key == key)
            return word_lists[i].words;
    return NULL;
}
