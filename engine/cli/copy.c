#include "larder/copy.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/hooks.h"
#include "engine/cli/keys.h"
#include "engine/cli/print.h"
#include "engine/cli/progress.h"
#include "formats/json_text.h"

static json_t *result_json(const struct larder_copy *r)
{
    return json_pack("{s:o, s:o, s:s, s:s, s:o, s:I, s:b, s:s, s:s?, s:b, s:s, s:f}", "archive",
                     json_text(r->archive), "copy", json_text(r->copy), "backup_name",
                     r->backup_name, "preset", r->preset, "source", json_text(r->source), "bytes",
                     (json_int_t)r->bytes, "encrypted", r->encrypted, "sha256", r->sha256,
                     "original_sha256", r->original_sha256[0] != '\0' ? r->original_sha256 : NULL,
                     "already_there", r->already, "verified", "read back", "seconds", r->seconds);
}

static void print_result(const struct larder_copy *r)
{
    char bytes[PRINT_SIZE];

    printf("%s\n  %s%s, read back there and equal (%.1f s)\n  sha256 %s\n", r->copy,
           r->already ? "was there already: " : "", print_size(r->bytes, bytes), r->seconds,
           r->sha256);
    if (r->original_sha256[0] != '\0')
        printf(
            "  was    %s\n  It has other recipients, so it is another file than the one that was "
            "exported: to restore it, give the new SHA-256 with --sha256.\n",
            r->original_sha256);
}

/* Whether a store is the configuration's, or a folder in it: then what is said of that one is said of it. */
static bool is_configured(const char *store, const char *configured)
{
    size_t length = configured == NULL ? 0 : strlen(configured);

    while (length > 0 && configured[length - 1] == '/')
        length--;
    return length > 0 && strncmp(store, configured, length) == 0 &&
           (store[length] == '\0' || store[length] == '/');
}

enum larder_status cli_copy(const struct cli_values *v, struct larder_run *run,
                            struct larder_error *error)
{
    struct larder_copy_options options = {
        .from = v->store,
        .recipients = keys_encryption(v),
    };
    struct larder_copy result;
    struct hooks hooks;
    json_t *json;
    enum larder_status status;

    if (v->arguments.count != 2) {
        larder_fail(error, LARDER_USAGE,
                    "copy takes two arguments, an archive and a store, and got %zu",
                    v->arguments.count);
        larder_hint(error, "larder copy ARCHIVE STORE");
        return LARDER_USAGE;
    }
    options.archive = v->arguments.items[0];
    options.to = v->arguments.items[1];
    options.lock = v->config.lock && is_configured(options.to, v->config.store);
    options.recipients.passphrase_file = NULL; /* that one opens the archive */
    status = keys_given(v, run, &options.keys, error);
    if (status != LARDER_OK)
        return status;
    hooks_begin(&hooks, v, run, "copy", NULL);
    status = larder_copy(&options, run, &result, error);
    progress_pause(run);
    larder_keys_free(options.keys);
    hooks.event.preset = result.preset;
    hooks.event.source = result.source;
    hooks.event.backup_name = result.backup_name;
    hooks.event.archive = result.copy;
    hooks.event.bytes = result.bytes;
    hooks_end(&hooks, status, error);
    if (status == LARDER_OK && v->json) {
        json = result_json(&result);
        hooks_add_json(&hooks, json);
        status = print_json(json, error);
    } else if (status == LARDER_OK && !v->quiet)
        print_result(&result);
    larder_copy_free(&result);
    return status;
}
