#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/hooks.h"
#include "engine/cli/keys.h"
#include "engine/cli/log.h"
#include "engine/cli/password.h"
#include "engine/cli/print.h"
#include "engine/cli/progress.h"
#include "engine/run/run.h"

/* The only finding, of which the error says the same. */
static bool is_told(const struct larder_findings *findings, enum larder_status status,
                    const struct larder_error *error)
{
    return status != LARDER_OK && findings->count == 1 &&
           strcmp(findings->items[0].message, error->message) == 0;
}

/* The result on standard output, what was found on standard error; whatever became of it. */
static enum larder_status show(const struct cli_values *v, const struct larder_proof *proof,
                               enum larder_status status, struct larder_error *error)
{
    if (v->json)
        return print_json(print_proof_json(proof), status == LARDER_OK ? error : NULL) == LARDER_OK
                   ? status
                   : LARDER_FAILED;
    if (!v->quiet && proof->change_count > 0 &&
        (status == LARDER_OK || proof->metadata_from != NULL || status == LARDER_LEFT_OUT ||
         (v->preview && proof->compared)))
        print_changes(proof, v->preview, NULL);
    if (!v->quiet && proof->table_count > 0 && proof->metadata_from != NULL)
        print_proof(proof, v->verbose, "", NULL);
    if (proof->findings.count > 0 && !is_told(&proof->findings, status, error))
        log_findings(&proof->findings);
    return status;
}

enum larder_status cli_restore(const struct cli_values *v, struct larder_run *run,
                               struct larder_error *error)
{
    struct larder_connect metadata;
    struct larder_restore_options options = {
        .archive = v->arguments.count > 0 ? v->arguments.items[0] : NULL,
        .store = v->store,
        .target = v->connect,
        .metadata = config_recorded_in(v, &metadata),
        .tables = v->tables.items,
        .table_count = v->tables.count,
        .lanes = v->lanes,
        .create_roles = v->create_roles,
        .externals = v->externals,
        .whole_schema = v->whole_schema == 1,
        .no_owner = v->no_owner,
        .allow_older = v->allow_older,
        .sha256 = v->sha256,
        .into_source = v->into_source,
        .additions = v->additions,
        .preview = v->preview,
        .no_verify = v->no_verify,
        .existing = v->existing,
        .allow_cascade = v->allow_cascade,
        .lock_timeout = v->lock_timeout,
        .no_undo = v->no_undo,
        .undo_file = v->undo,
        .undo_encryption = keys_undo_encryption(v),
        .into_schema = v->into_schema,
    };
    struct larder_proof proof;
    char password[PASSWORD_BYTES];
    enum larder_status status;

    if (v->arguments.count != 1) {
        larder_fail(error, LARDER_USAGE, "restore takes one archive, and got %zu",
                    v->arguments.count);
        larder_hint(error, "larder restore ARCHIVE -d TARGET");
        return LARDER_USAGE;
    }
    status = password_ask(v, &options.target, password, run, error);
    if (status == LARDER_OK)
        status = keys_given(v, run, &options.keys, error);
    if (status != LARDER_OK)
        return status;
    if (v->encrypted_by != NULL && !v->preview)
        keys_warn_of_name(v, v->undo, &options.undo_encryption, run);
    status = larder_restore(&options, run, &proof, error);
    larder_keys_free(options.keys);
    progress_pause(run);
    status = show(v, &proof, status, error);
    if (status == LARDER_OK && v->preview && !v->json)
        printf("nothing stands in the way; nothing was touched\n");
    else if (status == LARDER_OK && v->no_verify && !v->json && !v->quiet)
        printf("restored %zu table%s; not verified\n", proof.table_count,
               proof.table_count == 1 ? "" : "s");
    larder_proof_free(&proof);
    return status;
}

/*
 * Of several archives the first that applies of 4, 5, 3, 8, 9; anything else goes before them, and a
 * signal before everything, since the others are not looked at any more.
 */
static int urgency(enum larder_status status)
{
    static const enum larder_status order[] = {LARDER_OK,         LARDER_LEFT_OUT,
                                               LARDER_UNVERIFIED, LARDER_DIFFERENCE,
                                               LARDER_NO_KEY,     LARDER_DAMAGED};

    for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++)
        if (order[i] == status)
            return i;
    return run_is_stopped(status) ? 101 : 100;
}

static enum larder_status verify_one(const struct cli_values *v, const char *archive,
                                     const struct larder_connect *against, struct larder_keys *keys,
                                     const struct larder_run *run, json_t *documents,
                                     struct larder_error *error)
{
    struct larder_connect metadata;
    struct larder_verify_options options = {.archive = archive,
                                            .store = v->store,
                                            .keys = keys,
                                            .lanes = v->lanes,
                                            .quick = v->quick,
                                            .against = against,
                                            .metadata = config_recorded_in(v, &metadata)};
    struct larder_proof proof;
    enum larder_status status = larder_verify(&options, run, &proof, error);

    progress_pause(run);
    if (documents != NULL) {
        json_array_append_new(documents, print_proof_json(&proof));
    } else {
        if (!v->quiet && (status == LARDER_OK || proof.table_count > 0))
            printf("%s\n", proof.archive);
        status = show(v, &proof, status, error);
    }
    larder_proof_free(&proof);
    return status;
}

enum larder_status cli_verify(const struct cli_values *v, struct larder_run *run,
                              struct larder_error *error)
{
    struct larder_connect against = {.dbname = v->against};
    struct larder_keys *keys = NULL;
    struct hooks hooks;
    json_t *documents;
    enum larder_status worst = LARDER_OK;

    if (v->arguments.count == 0) {
        larder_fail(error, LARDER_USAGE, "verify takes one archive or more");
        larder_hint(error, "larder verify ARCHIVE...; `larder list` shows those of a store.");
        return LARDER_USAGE;
    }
    if ((!v->quick || v->against != NULL) && keys_given(v, run, &keys, error) != LARDER_OK)
        return error->status;
    documents = v->json ? json_array() : NULL;
    hooks_begin(&hooks, v, run, "verify", NULL);
    for (size_t i = 0; i < v->arguments.count && !run_is_stopped(worst); i++) {
        struct larder_error one = {0};
        enum larder_status status =
            verify_one(v, v->arguments.items[i], v->against != NULL ? &against : NULL, keys, run,
                       documents, &one);

        if (urgency(status) > urgency(worst)) {
            /* Of several, each is told as it comes. */
            if (worst != LARDER_OK)
                log_event(LOG_IS_ERROR, error->message, NULL);
            worst = status;
            *error = one;
        } else if (status != LARDER_OK) {
            log_event(LOG_IS_ERROR, one.message, NULL);
        }
    }
    larder_keys_free(keys);
    hooks.event.archive = v->arguments.count == 1 ? v->arguments.items[0] : NULL;
    hooks_end(&hooks, worst, error);
    /* One archive gives one object, as restore does; several a list of them. */
    if (documents != NULL && v->arguments.count == 1) {
        json_t *only = json_incref(json_array_get(documents, 0));

        json_decref(documents);
        documents = only;
        hooks_add_json(&hooks, only);
    }
    if (documents != NULL && print_json(documents, NULL) != LARDER_OK)
        worst = LARDER_FAILED;
    return worst;
}
