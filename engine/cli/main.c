#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/completion.h"
#include "engine/cli/config.h"
#include "engine/cli/log.h"
#include "engine/cli/manual.h"
#include "engine/cli/progress.h"
#include "formats/json_memory.h"

/* The two things that a signal handler can reach. */
static volatile sig_atomic_t stop_signal;
static int wake_fd;

static bool output_was_closed; /* by the caller, before the program began */

static void on_signal(int number)
{
    static const unsigned char one[8] = {1};
    int before = errno;

    stop_signal = number;
    if (write(wake_fd, one, sizeof(one)) < 0)
        errno = before; /* it was readable before */
}

static enum larder_status catch_signals(struct larder_error *error)
{
    struct sigaction action = {.sa_handler = on_signal};

    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return larder_fail_errno(error, LARDER_FAILED, errno, "could not prepare for signals");
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    /* A reader that goes away, or a file that may not grow, is an error like others. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    /* Where the caller ignores it, how a program ended could not be learnt. */
    signal(SIGCHLD, SIG_DFL);
    return LARDER_OK;
}

/* A file that we open must not get the number of a standard stream that the caller has closed; and what is written to that, or read from it, must fail. */
static void open_standard_streams(void)
{
    int fd;

    do {
        fd = open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY);
        output_was_closed = output_was_closed || fd == STDOUT_FILENO;
    } while (fd >= 0 && fd <= STDERR_FILENO);
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

/*
 * Nothing has gone well where not all that was printed has arrived, save where nobody wants it. Why, is known only of what was still to be
 * written.
 */
static int report(struct larder_error *error, enum larder_status status)
{
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == LARDER_OK && !output_was_closed) {
        status = errno != 0
                     ? larder_fail_errno(error, LARDER_FAILED, errno,
                                         "could not write to standard output")
                     : larder_fail(error, LARDER_FAILED, "could not write all to standard output");
        larder_hint(error, "Whatever else was to be done is done.");
    }
    if (status == LARDER_OK)
        return LARDER_OK;
    if (error->message[0] != '\0' || error->hint[0] != '\0')
        log_event(LOG_IS_ERROR, error->message, error->hint[0] != '\0' ? error->hint : NULL);
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
        manual_print_help(stdout, command);
        return report(&error, LARDER_OK);
    }
    progress = progress_new(values.quiet, values.verbose, &run);
    if (config_wanted(command))
        status = config_complete(command->letters, &values, &run, &error);
    if (status == LARDER_OK)
        status = command->run(&values, &run, &error);
    progress_free(progress);
    larder_config_free(&values.config);
    return report(&error, status);
}

/*
 * Large buffers are mapped one by one: they grow in their place, and go back to the system when they are freed. By itself malloc does so only
 * until the first is freed, and then takes those of its size out of its heaps, where they leave holes. The number is malloc's own, which it
 * raises no more once it is set.
 */
static void keep_buffers_apart(void)
{
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

int main(int argc, char **argv)
{
    const struct cli_command *command;
    struct larder_error error = {0};
    enum larder_status status;

    open_standard_streams();
    status = catch_signals(&error);
    clean_environment();
    keep_buffers_apart();
    json_memory_watch();
    if (status != LARDER_OK)
        return report(&error, status);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        cli_print_version();
        return report(&error, LARDER_OK);
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0))
        return report(&error, manual_help(argc - 2, argv + 2, &error));
    if (argc > 1 && strcmp(argv[1], "complete") == 0)
        return completion_answer(argc - 2, argv + 2);
    command = argc > 1 ? cli_find_command(argv[1]) : NULL;
    if (command == NULL) {
        if (argc > 1)
            return report(&error, cli_no_command(argv[1], &error));
        larder_fail(&error, LARDER_USAGE, "no command was given");
        larder_hint(&error, "`larder --help` lists the commands.");
        return report(&error, LARDER_USAGE);
    }
    return run_command(command, argc - 1, argv + 1);
}
