#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/hooks.h"
#include "engine/cli/keys.h"
#include "engine/cli/log.h"
#include "engine/cli/password.h"
#include "engine/cli/print.h"
#include "engine/cli/progress.h"
#include "formats/buffer.h"
#include "formats/json_text.h"
#include "formats/names.h"
#include "larder/drill.h"

enum { CHECKS_MAX_BYTES = 16 * 1024 * 1024, PIECE = 65536 };

/* The file that was named; else ./drill.sql, which need not be there. */
static enum larder_status read_checks(const char *given, struct buffer *sql,
                                      struct larder_error *error)
{
    const char *path = given != NULL ? given : "drill.sql";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;

    if (fd < 0 && given == NULL && errno == ENOENT)
        return LARDER_OK;
    while (got > 0 && sql->length <= CHECKS_MAX_BYTES && buffer_reserve(sql, PIECE)) {
        got = read(fd, sql->bytes + sql->length, PIECE);
        sql->length += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return larder_fail_errno(error, LARDER_USAGE, errno, "could not read the checks in \"%s\"",
                                 path);
    if (sql->length > CHECKS_MAX_BYTES || memchr(buffer_text(sql), '\0', sql->length) != NULL)
        return larder_fail(error, LARDER_USAGE,
                           "\"%s\" holds no checks: it is too large, or no text", path);
    return sql->failed ? larder_fail_memory(error) : LARDER_OK;
}

/* Phases are one or two words each: the line breaks between words, where it must. */
static void print_phases(const struct larder_drill *drill)
{
    struct buffer line = {0};

    for (size_t i = 0; i < drill->phase_count; i++)
        buffer_printf(&line, "%s%s %.1f s", i > 0 ? ", " : "", drill->phases[i].name,
                      drill->phases[i].seconds);
    if (drill->phase_count > 0)
        print_sentence(buffer_text(&line), 0, 2);
    buffer_free(&line);
}

/* Checks are asked only where all is equal, so what they find is no difference of tables. */
static void print_drill_proof(const struct larder_drill *drill, bool all)
{
    struct larder_proof proof = drill->proof;
    char more[80] = "";

    if (drill->checks_found > 0) {
        proof.agree = LARDER_AGREE_YES;
        snprintf(more, sizeof(more), "; %zu of %zu check%s found something", drill->checks_found,
                 drill->checks, drill->checks == 1 ? "" : "s");
    }
    print_proof(&proof, all, more, NULL);
}

static void print_drill(const struct larder_drill *drill, bool all)
{
    if (drill->proof.table_count > 0 && drill->proof.metadata_from != NULL)
        print_drill_proof(drill, all);
    print_phases(drill);
    if (drill->checks > 0)
        printf("%zu check%s run\n", drill->checks, drill->checks == 1 ? " was" : "s were");
    if (drill->recovery_seconds > 0 && drill->proof.agree == LARDER_AGREE_YES)
        printf("restoring it took %.1f s (PostgreSQL %s)%s\n", drill->recovery_seconds,
               drill->server, drill->recorded ? ", recorded in the database" : "");
    if (drill->kept != NULL)
        printf("kept: psql '%s'\n", drill->kept);
}

static json_t *drill_json(const struct larder_drill *drill, const struct hooks *hooks)
{
    json_t *json = print_proof_json(&drill->proof), *phases = json_array();

    for (size_t i = 0; i < drill->phase_count; i++)
        json_array_append_new(phases, json_pack("{s:s, s:f}", "name", drill->phases[i].name,
                                                "seconds", drill->phases[i].seconds));
    json_object_set_new(json, "recovery_seconds", json_real(drill->recovery_seconds));
    json_object_set_new(json, "phases", phases);
    json_object_set_new(json, "checks", json_integer((json_int_t)drill->checks));
    json_object_set_new(json, "server", json_text(drill->server));
    json_object_set_new(json, "kept", json_text(drill->kept));
    json_object_set_new(json, "recorded", json_boolean(drill->recorded));
    hooks_add_json(hooks, json);
    return json;
}

static enum larder_status show(const struct cli_values *v, const struct larder_drill *drill,
                               const struct hooks *hooks, enum larder_status status,
                               struct larder_error *error)
{
    if (v->json)
        return print_json(drill_json(drill, hooks), status == LARDER_OK ? error : NULL) == LARDER_OK
                   ? status
                   : LARDER_FAILED;
    if (!v->quiet)
        print_drill(drill, v->verbose);
    if (drill->proof.findings.count > 0)
        log_findings(&drill->proof.findings);
    return status;
}

enum larder_status cli_drill(const struct cli_values *v, struct larder_run *run,
                             struct larder_error *error)
{
    struct larder_connect metadata, record_to = {.dbname = v->record_to};
    struct larder_drill_options options = {
        .archive = v->arguments.count > 0 ? v->arguments.items[0] : NULL,
        .store = v->store,
        .presets = v->config.presets,
        .source_name = v->source_name,
        .server = v->connect,
        .embedded = v->embedded,
        .metadata = config_recorded_in(v, &metadata),
        .record_to = v->record_to != NULL ? &record_to : NULL,
        .no_record = v->no_record,
        .sha256 = v->sha256,
        .lanes = v->lanes,
        .whole_schema = v->whole_schema == 1,
        .keep = v->keep,
    };
    struct buffer checks = {0};
    struct larder_drill drill = {0};
    struct hooks hooks;
    char password[PASSWORD_BYTES];
    enum larder_status status;

    if (v->arguments.count != 1) {
        larder_fail(error, LARDER_USAGE, "drill takes one preset or archive, and got %zu",
                    v->arguments.count);
        larder_hint(error, "larder drill PRESET -d SERVER, or: larder drill ARCHIVE --embedded");
        return LARDER_USAGE;
    }
    status = read_checks(v->checks, &checks, error);
    if (status == LARDER_OK && !v->embedded)
        status = password_ask(v, &options.server, password, run, error);
    if (status == LARDER_OK)
        status = keys_given(v, run, &options.keys, error);
    if (status == LARDER_OK) {
        options.checks = checks.length > 0 ? buffer_text(&checks) : NULL;
        options.checks_length = checks.length;
        hooks_begin(&hooks, v, run, "drill",
                    names_is_preset(options.archive) ? options.archive : NULL);
        status = larder_drill(&options, run, &drill, error);
        progress_pause(run);
        hooks.event.archive = drill.proof.archive;
        hooks_end(&hooks, status, error);
        status = show(v, &drill, &hooks, status, error);
    }
    larder_keys_free(options.keys);
    larder_drill_free(&drill);
    buffer_free(&checks);
    return status;
}
