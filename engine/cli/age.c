#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/keys.h"
#include "engine/cli/print.h"
#include "formats/json_text.h"

enum larder_status cli_keygen(const struct cli_values *v, struct larder_run *run,
                              struct larder_error *error)
{
    bool to_stdout = v->output == NULL || strcmp(v->output, "-") == 0;
    char recipient[LARDER_RECIPIENT_SIZE];
    enum larder_status status;

    if (v->arguments.count > 0)
        return larder_fail(error, LARDER_USAGE, "keygen takes no argument; -o names the file");
    keys_guard();
    status = larder_keygen(to_stdout ? NULL : v->output, run, recipient, error);
    if (status != LARDER_OK)
        return status;
    if (!to_stdout && v->json)
        return print_json(
            json_pack("{s:o, s:s}", "file", json_text(v->output), "recipient", recipient), error);
    if (!to_stdout)
        printf("%s\n", recipient);
    else if (!isatty(STDOUT_FILENO) && !v->quiet)
        fprintf(stderr, "larder: the recipient is %s\n", recipient);
    return LARDER_OK;
}

static enum larder_status encrypt(const struct cli_values *v, const struct larder_run *run,
                                  struct larder_error *error)
{
    struct larder_encryption to = keys_encryption(v);

    if (v->identity_files.count > 0)
        return larder_fail(error, LARDER_USAGE, "-i is for decrypting; give a recipient with -r");
    if (!v->armor && isatty(STDOUT_FILENO)) {
        larder_fail(error, LARDER_USAGE,
                    "standard output is a terminal, and an encrypted file is no text");
        larder_hint(error, "Send it into a file, or give --armor.");
        return LARDER_USAGE;
    }
    return larder_age_encrypt(&to, v->armor, STDIN_FILENO, STDOUT_FILENO, run, error);
}

static enum larder_status decrypt(const struct cli_values *v, const struct larder_run *run,
                                  struct larder_error *error)
{
    struct larder_keys *keys;
    enum larder_status status;

    if (v->recipients.count + v->recipient_files.count > 0 || v->armor)
        return larder_fail(error, LARDER_USAGE,
                           "-r, -R and --armor are for encrypting; give an identity with -i");
    status = keys_given(v, run, &keys, error);
    if (status == LARDER_OK)
        status = larder_age_decrypt(keys, STDIN_FILENO, STDOUT_FILENO, run, error);
    larder_keys_free(keys);
    return status;
}

enum larder_status cli_age(const struct cli_values *v, struct larder_run *run,
                           struct larder_error *error)
{
    const char *what = v->arguments.count == 1 ? v->arguments.items[0] : "";

    if (strcmp(what, "encrypt") == 0)
        return encrypt(v, run, error);
    if (strcmp(what, "decrypt") == 0)
        return decrypt(v, run, error);
    larder_fail(error, LARDER_USAGE, "age either encrypts or decrypts");
    larder_hint(error, "larder age encrypt -r AGE1... < FILE > FILE.age, or "
                       "larder age decrypt -i IDENTITY_FILE < FILE.age > FILE");
    return LARDER_USAGE;
}
