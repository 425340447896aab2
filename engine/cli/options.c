#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/log.h"
#include "formats/buffer.h"
#include "formats/nearest.h"

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
enum { ROWS = sizeof(cli_options) / sizeof(cli_options[0]), LONG_BASE = 1000, DIGEST_DIGITS = 64 };
const size_t cli_option_count = ROWS;

const struct cli_option *cli_find_option(char key)
{
    for (size_t i = 0; i < ROWS; i++)
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
      "encrypt the undo archive to this recipient; may be repeated"}},
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

static enum larder_status usage(const struct cli_command *command, struct larder_error *error,
                                const char *what, const char *value)
{
    larder_fail(error, LARDER_USAGE, "%s \"%s\"", what, value);
    larder_hint(error, "`larder %s --help` shows what it takes.", command->name);
    return LARDER_USAGE;
}

static enum larder_status no_option(const struct cli_command *command, const char *given,
                                    struct larder_error *error)
{
    const char *names[ROWS], *meant;
    char name[64];
    size_t count = 0;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(given, "="), given);
    for (const char *key = command->letters; *key != '\0'; key++)
        names[count++] = cli_find_option(*key)->name;
    meant = strncmp(name, "--", 2) == 0 ? nearest(name + 2, names, count) : NULL;
    usage(command, error, "there is no option", given);
    if (meant != NULL)
        larder_hint(error, "Is \"--%s\" meant? `larder %s --help` shows what it takes.", meant,
                    command->name);
    return LARDER_USAGE;
}

/* What options take that is neither a name nor a word of a list. */
static const struct {
    char key;
    const char *what;
} ranges[] = {
    {'j', "a number from 1 to 64"},    {'Z', "zstd:1 to zstd:19"},
    {'T', "a number from 1 to 86400"}, {'M', "a number from 1 to 10000"},
    {'H', "64 hexadecimal digits"},
};

static enum larder_status wrong_value(const struct cli_command *command, char key,
                                      const char *value, struct larder_error *error)
{
    const char *const *words = cli_option_words(key);
    struct buffer all = {0};
    char what[64];

    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        buffer_printf(&all, "%s%s", i > 0 ? ", " : "", words[i]);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (ranges[i].key == key)
            buffer_puts(&all, ranges[i].what);
    snprintf(what, sizeof(what), "--%s: the option does not take", cli_find_option(key)->name);
    usage(command, error, what, value);
    if (all.length > 0)
        larder_hint(error, "It takes %s.", buffer_text(&all));
    buffer_free(&all);
    return LARDER_USAGE;
}

static bool to_number(const char *text, int low, int high, int *number)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
        return false;
    *number = (int)value;
    return true;
}

/* The place of the word, of which `length` bytes count, in the option's list of words. */
static bool set_word(char key, const char *word, size_t length, int *value)
{
    const char *const *words = cli_option_words(key);

    for (int i = 0; words[i] != NULL; i++)
        if (strlen(words[i]) == length && strncmp(words[i], word, length) == 0) {
            *value = i;
            return true;
        }
    return false;
}

static bool is_digest(const char *text)
{
    return strlen(text) == DIGEST_DIGITS && strspn(text, "0123456789abcdefABCDEF") == DIGEST_DIGITS;
}

static bool add(struct cli_list *list, const char *value)
{
    if (list->count == CLI_LIST_MAX)
        return false;
    list->items[list->count++] = value;
    return true;
}

/* FORMAT, or FORMAT:TABLE. */
static bool set_copy_format(struct cli_values *v, const char *value)
{
    enum larder_copy_format format;
    size_t length = strcspn(value, ":");
    int word;

    if (!set_word('f', value, length, &word))
        return false;
    format = (enum larder_copy_format)word;
    if (value[length] == '\0')
        v->copy_format = format;
    else if (v->copy_choice_count < CLI_COPY_CHOICES_MAX)
        v->copy_choices[v->copy_choice_count++] =
            (struct larder_copy_choice){.table = value + length + 1, .format = format};
    else
        return false;
    return true;
}

static bool is_optional(const struct cli_option *row)
{
    return row->argument != NULL && row->argument[0] == '[';
}

static bool set_references(struct cli_values *v, const char *value)
{
    int word = 0;
    bool ok = value == NULL || set_word('4', value, strlen(value), &word);

    v->references = word == 0 ? LARDER_REFERENCES_KEYS : LARDER_REFERENCES_ROWS;
    return ok;
}

static bool set_value(struct cli_values *v, char key, const char *value)
{
    int word = 0;
    bool ok = true;

    switch (key) {
    case 'd':
        v->connect.dbname = value;
        break;
    case 'h':
        v->connect.host = value;
        break;
    case 'p':
        v->connect.port = value;
        break;
    case 'U':
        v->connect.user = value;
        break;
    case 'w':
        v->never_password = true;
        break;
    case 'W':
        v->force_password = true;
        break;
    case 't':
        ok = add(&v->tables, value);
        break;
    case 'o':
        ok = value[0] != '\0';
        v->output = value;
        break;
    case 's':
        v->store = value;
        break;
    case 'c':
        v->config_file = value;
        break;
    case 'j':
        ok = to_number(value, 1, 64, &v->lanes);
        break;
    case 'Z':
        ok = strncmp(value, "zstd:", 5) == 0 && to_number(value + 5, 1, 19, &v->level);
        break;
    case 'f':
        ok = set_copy_format(v, value);
        break;
    case '4':
        ok = set_references(v, value);
        break;
    case 'n':
        v->source_name = value;
        break;
    case 'F':
        v->schema_from = value;
        break;
    case 'r':
        ok = add(&v->recipients, value);
        break;
    case 'R':
        ok = add(&v->recipient_files, value);
        break;
    case 'i':
        ok = add(&v->identity_files, value);
        break;
    case 'K':
        v->passphrase_file = value;
        break;
    case 'A':
        v->armor = true;
        break;
    case 'D':
        v->record_to = value;
        break;
    case 'N':
        v->no_record = true;
        break;
    case 'T':
        ok = to_number(value, 1, 86400, &v->lock_timeout);
        break;
    case 'G':
        v->whole_tables = true;
        break;
    case 'k':
        v->quick = true;
        break;
    case 'a':
        v->against = value;
        break;
    case 'C':
        v->create_roles = true;
        break;
    case 'x':
        ok = set_word(key, value, strlen(value), &word);
        v->externals = (enum larder_externals)word;
        break;
    case 'S':
        ok = set_word(key, value, strlen(value), &v->whole_schema);
        break;
    case 'O':
        v->no_owner = true;
        break;
    case 'L':
        v->allow_older = true;
        break;
    case 'H':
        ok = is_digest(value);
        v->sha256 = value;
        break;
    case 'I':
        v->into_source = value;
        break;
    case 'e':
        ok = set_word(key, value, strlen(value), &word);
        v->existing = (enum larder_existing)word;
        break;
    case 'Q':
        v->allow_cascade = true;
        break;
    case 'u':
        v->undo = value;
        break;
    case 'l':
        v->no_undo = true;
        break;
    case 'b':
        v->into_schema = value;
        break;
    case '5':
        v->additions = true;
        break;
    case 'P':
        v->preview = true;
        break;
    case 'V':
        v->no_verify = true;
        break;
    case 'E':
        v->print = true;
        break;
    case 'Y':
        v->dry_run = true;
        break;
    case 'M':
        ok = to_number(value, 1, 10000, &v->keep_min);
        break;
    case 'X':
        v->prune = true;
        break;
    case 'B':
        v->no_hooks = true;
        break;
    case 'z':
        v->fail_on_shrink = true;
        break;
    case 'y':
        v->accept_shrink = true;
        break;
    case 'm':
        v->prometheus = true;
        break;
    case 'g':
        v->nagios = true;
        break;
    case '1':
        v->embedded = true;
        break;
    case '2':
        v->keep = true;
        break;
    case '3':
        v->checks = value;
        break;
    case '0':
        v->new_key = value;
        break;
    case '7':
        v->schedule = value;
        break;
    case '8':
        v->yes = true;
        break;
    case '9':
        v->replace = true;
        break;
    case '+':
        v->as_user = value;
        break;
    case 'q':
        v->quiet = true;
        break;
    case 'v':
        v->verbose = true;
        break;
    case '6':
        ok = set_word(key, value, strlen(value), &word) &&
             setenv(LOG_FORMAT_VARIABLE, value, 1) == 0;
        break;
    case 'J':
        v->json = true;
        break;
    default:
        v->help = true;
        break;
    }
    return ok;
}

enum larder_status cli_parse(const struct cli_command *command, int argc, char **argv,
                             struct cli_values *values, struct larder_error *error)
{
    struct option longs[ROWS + 1] = {0};
    char shorts[2 * ROWS + 2] = ":";
    size_t n = 0, m = 1;
    char key;
    int found;

    for (const char *letter = command->letters; *letter != '\0'; letter++) {
        const struct cli_option *row = cli_find_option(*letter);

        longs[n++] = (struct option){row->name,
                                     is_optional(row)        ? optional_argument
                                     : row->argument != NULL ? required_argument
                                                             : no_argument,
                                     NULL, LONG_BASE + *letter};
        if (row->has_letter) {
            shorts[m++] = *letter;
            if (row->argument != NULL)
                shorts[m++] = ':';
        }
    }
    opterr = 0;
    while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (found == ':')
            return usage(command, error, "an argument is missing for", argv[optind - 1]);
        if (found == '?')
            return no_option(command, argv[optind - 1], error);
        key = (char)(found >= LONG_BASE ? found - LONG_BASE : found);
        if (!set_value(values, key, optarg))
            return wrong_value(command, key, optarg, error);
    }
    for (; optind < argc; optind++) {
        if (!add(&values->arguments, argv[optind]))
            return usage(command, error, "there are too many arguments, from", argv[optind]);
    }
    return LARDER_OK;
}
