#include "engine/cli/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/cli/password.h"
#include "engine/keys.h"
#include "engine/run/run.h"
#include "formats/names.h"

/* Of a dump that somebody else makes, root above all: nothing in it. Before the process is guarded,
 * since afterwards the file is root's. */
static void leave_nothing_to_dump(void)
{
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, "0", 1);
    close(fd);
}

void keys_guard(void)
{
    leave_nothing_to_dump();
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    prctl(PR_SET_DUMPABLE, 0);
}

static struct larder_encryption encrypt_to(const struct cli_values *v, const char *passphrase_file)
{
    struct larder_encryption to = {.recipients = v->recipients.items,
                                   .recipient_count = v->recipients.count,
                                   .recipient_files = v->recipient_files.items,
                                   .recipient_file_count = v->recipient_files.count,
                                   .passphrase_file = passphrase_file};

    if (keys_name_recipients(&to))
        keys_guard();
    return to;
}

struct larder_encryption keys_encryption(const struct cli_values *v)
{
    return encrypt_to(v, v->passphrase_file);
}

struct larder_encryption keys_undo_encryption(const struct cli_values *v)
{
    return encrypt_to(v, v->undo_passphrase_file);
}

void keys_warn_of_name(const struct cli_values *v, const char *output,
                       const struct larder_encryption *to, const struct larder_run *run)
{
    if (!keys_name_recipients(to) || output == NULL || output[0] == '\0' ||
        strcmp(output, "-") == 0 || names_says_encrypted(output))
        return;
    if (v->encrypted_by != NULL)
        run_message(run, LARDER_WARNING,
                    "\"%s\" is encrypted, as \"%s\" says: a name that ends in .age would tell",
                    output, v->encrypted_by);
    else
        run_message(run, LARDER_WARNING, "\"%s\" is encrypted: a name that ends in .age would tell",
                    output);
}

/* Where there is no terminal, there is no passphrase. */
static enum larder_status ask(void *arg, const char *identity_file, char *passphrase,
                              size_t *length, struct larder_error *error)
{
    const struct larder_run *run = arg;
    char question[512] = "Passphrase of the archive: ";

    keys_guard();
    if (identity_file != NULL)
        snprintf(question, sizeof(question),
                 "Passphrase of the identity file \"%.400s\": ", identity_file);
    return password_prompt(question, passphrase, LARDER_PASSPHRASE_LIMIT, length, run, error);
}

enum larder_status keys_given(const struct cli_values *v, const struct larder_run *run,
                              struct larder_keys **keys, struct larder_error *error)
{
    const char *variable = getenv("LARDER_IDENTITY");
    struct larder_keys_options options = {.identity_files = v->identity_files.items,
                                          .identity_file_count = v->identity_files.count,
                                          .passphrase_file = v->passphrase_file,
                                          .ask = ask,
                                          .ask_arg = (void *)run};

    if (options.identity_file_count == 0 && variable != NULL && variable[0] != '\0') {
        options.identity_files = &variable;
        options.identity_file_count = 1;
    }
    if (options.identity_file_count > 0 || options.passphrase_file != NULL)
        keys_guard();
    return larder_keys_load(&options, run, keys, error);
}
