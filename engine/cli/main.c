#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/progress.h"

#define CONNECT "dhpUwW"
#define PLAIN "qvJ?"
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
    {"cat", "ARCHIVE TABLE [-d SERVER | --embedded]", "Print the rows of a table as CSV",
     CONNECT "1siK" COMMON, cli_cat},
    {"keygen", "[-o FILE]", "Make a key pair for encrypted archives", "o" PLAIN, cli_keygen},
    {"age", "encrypt -r AGE1... | decrypt -i FILE", "Encrypt or decrypt standard input",
     "rRiKA" PLAIN, cli_age},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

/* The two things that a signal handler can reach: nothing else of the program is global. */
static volatile sig_atomic_t stop_signal;
static int wake_fd;

static void on_signal(int number)
{
    static const unsigned char one[8] = {1};

    stop_signal = number;
    if (write(wake_fd, one, sizeof(one)) < 0)
        return;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    /* A reader that goes away, or a file that may not grow, is an error like others. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* A file that we open must not get the number of a standard stream that the caller has closed. */
static void open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* What libpq would put into a connection's start-up packet; design section 2. */
static void clean_environment(void)
{
    static const char *const names[] = {"PGOPTIONS", "PGCLIENTENCODING", "PGDATESTYLE", "PGTZ",
                                        "PGGEQO"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}

static int report(const struct larder_error *error, enum larder_status status)
{
    if (status == LARDER_OK)
        return LARDER_OK;
    if (error->message[0] != '\0')
        fprintf(stderr, "larder: %s\n", error->message);
    if (error->hint[0] != '\0')
        fprintf(stderr, "  help: %s\n", error->hint);
    return (int)status;
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
    static struct cli_values values; /* zero, and too large for the stack */
    struct larder_error error = {0};
    struct larder_run run = {.stop_signal = &stop_signal, .wake_fd = wake_fd};
    struct progress *progress;
    enum larder_status status = cli_parse(command, argc, argv, &values, &error);

    if (status != LARDER_OK)
        return report(&error, status);
    if (values.help) {
        cli_print_help(command);
        return LARDER_OK;
    }
    progress = progress_new(values.quiet, values.verbose, &run);
    if (config_wanted(command))
        status = config_complete(command->letters, &values, &run, &error);
    if (status == LARDER_OK)
        status = command->run(&values, &run, &error);
    progress_free(progress);
    larder_config_free(&values.config);
    if (fflush(stdout) != 0 && status == LARDER_OK)
        status = larder_fail(&error, LARDER_FAILED, "could not write to standard output");
    return report(&error, status);
}

int main(int argc, char **argv)
{
    const struct cli_command *command;
    struct larder_error error = {0};

    open_standard_streams();
    catch_signals();
    clean_environment();
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        printf("larder %s\n", LARDER_VERSION);
        return LARDER_OK;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        command = argc > 2 ? find_command(argv[2]) : NULL;
        if (command != NULL)
            cli_print_help(command);
        else
            cli_print_overview();
        return LARDER_OK;
    }
    command = argc > 1 ? find_command(argv[1]) : NULL;
    if (command == NULL) {
        if (argc > 1)
            larder_fail(&error, LARDER_USAGE, "there is no command \"%s\"", argv[1]);
        else
            larder_fail(&error, LARDER_USAGE, "no command was given");
        larder_hint(&error, "`larder --help` lists the commands.");
        return report(&error, LARDER_USAGE);
    }
    return run_command(command, argc - 1, argv + 1);
}
