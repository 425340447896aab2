/* Reads the options and arguments of a command. */
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

enum { LONG_BASE = 1000, DIGEST_DIGITS = 64 };

static enum larder_status usage(const struct cli_command *command, struct larder_error *error,
                                const char *what, const char *value)
{
    larder_fail(error, LARDER_USAGE, "%s \"%s\"", what, value);
    larder_hint(error, "`larder %s --help` shows what it takes.", command->name);
    return LARDER_USAGE;
}

/*
 * The word that getopt found an unknown option in. It is done with the word only where the option is a long one, or the last letter of it.
 */
static const char *refused_word(char *const *argv)
{
    const char *last = argv[optind - 1];
    size_t length = strlen(last);
    bool is_letter = optopt != 0 && optopt < LONG_BASE;

    return is_letter && (last[0] != '-' || last[length - 1] != (char)optopt) ? argv[optind] : last;
}

static enum larder_status no_option(const struct cli_command *command, const char *given,
                                    struct larder_error *error)
{
    const char *names[CLI_OPTIONS_MAX], *meant;
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
    {'p', "a number from 1 to 65535"}, {'j', "a number from 1 to 64"},
    {'Z', "zstd:1 to zstd:19"},        {'T', "a number from 1 to 86400"},
    {'M', "a number from 1 to 10000"}, {'H', "64 hexadecimal digits"},
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

/* As libpq has it: one, or one for each host, of which an empty one is the usual. */
static bool is_port(const char *text)
{
    char port[8];
    int number;

    for (size_t length;; text += length + 1) {
        length = strcspn(text, ",");
        snprintf(port, sizeof(port), "%.*s", (int)length, text);
        if (length >= sizeof(port) || (length > 0 && !to_number(port, 1, 65535, &number)))
            return false;
        if (text[length] == '\0')
            return true;
    }
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
        ok = is_port(value);
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
        ok = value[0] != '\0';
        v->undo = value;
        break;
    case 'l':
        v->no_undo = true;
        break;
    case 'b':
        ok = value[0] != '\0';
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
    case '=':
        v->no_encryption = true;
        break;
    case '7':
        ok = set_word(key, value, strlen(value), &word);
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
    struct option longs[CLI_OPTIONS_MAX + 1] = {0};
    char shorts[2 * CLI_OPTIONS_MAX + 2] = ":";
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
            return no_option(command, refused_word(argv), error);
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
