#include <errno.h>
#include <stdio.h>

#include "engine/cli/cli.h"
#include "engine/cli/keys.h"
#include "engine/cli/password.h"
#include "larder/cat.h"

/* A reader that has seen enough goes away, as head does: that needs no words. */
static enum larder_status fail_to_write(struct larder_error *error)
{
    if (errno == EPIPE) {
        *error = (struct larder_error){.status = LARDER_FAILED};
        return LARDER_FAILED;
    }
    return larder_fail_errno(error, LARDER_FAILED, errno, "could not write to standard output");
}

static enum larder_status to_stdout(void *arg, const void *bytes, size_t length,
                                    struct larder_error *error)
{
    (void)arg;
    if (length == 0 || fwrite(bytes, 1, length, stdout) == length)
        return LARDER_OK;
    return fail_to_write(error);
}

enum larder_status cli_cat(const struct cli_values *v, struct larder_run *run,
                           struct larder_error *error)
{
    struct larder_cat_options options = {
        .archive = v->arguments.items[0],
        .store = v->store,
        .table = v->arguments.items[1],
        .server = v->connect,
        .embedded = v->embedded,
        .write = to_stdout,
    };
    char password[PASSWORD_BYTES];
    enum larder_status status;

    if (v->arguments.count != 2) {
        larder_fail(error, LARDER_USAGE,
                    "cat takes two arguments, an archive and a table, and got %zu",
                    v->arguments.count);
        larder_hint(error, "larder cat ARCHIVE TABLE [-d SERVER | --embedded]");
        return LARDER_USAGE;
    }
    status = password_ask(v, &options.server, password, run, error);
    if (status == LARDER_OK)
        status = keys_given(v, run, &options.keys, error);
    if (status == LARDER_OK)
        status = larder_cat(&options, run, error);
    if (status == LARDER_OK && fflush(stdout) != 0)
        status = fail_to_write(error);
    larder_keys_free(options.keys);
    return status;
}
