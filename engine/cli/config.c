#include "engine/cli/config.h"

#include <stdlib.h>
#include <string.h>

static bool takes(const char *letters, char key)
{
    return strchr(letters, key) != NULL;
}

bool config_wanted(const struct cli_command *command)
{
    return takes(command->letters, 'c') && command->run != cli_doctor &&
           command->run != cli_setup && command->run != cli_status;
}

/* NULL where it is not set, or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char *first(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

/* S3 stores and rclone find these where the AWS tools do. What the environment says stays. */
static void tell_environment(const char *name, const char *other, const char *value)
{
    if (value != NULL && variable(name) == NULL && (other == NULL || variable(other) == NULL))
        setenv(name, value, 1);
}

/* LARDER_USAGE where there are too many. */
static enum larder_status copy_list(struct cli_list *list, const char *const *items, size_t count,
                                    struct larder_error *error)
{
    if (count > CLI_LIST_MAX)
        return larder_fail(error, LARDER_USAGE, "a list has %zu elements, and %d are the most",
                           count, (int)CLI_LIST_MAX);
    if (count > 0)
        memcpy(list->items, items, count * sizeof(*items));
    list->count = count;
    return LARDER_OK;
}

/* What an export is told of its source. */
static void complete_source(struct cli_values *v)
{
    const struct larder_config *c = &v->config;

    v->lanes = v->lanes != 0 ? v->lanes : c->lanes;
    v->level = v->level != 0 ? v->level : c->level;
    v->lock_timeout = v->lock_timeout != 0 ? v->lock_timeout : c->lock_timeout;
    v->schema_from = first(v->schema_from, c->schema_from);
    if (v->references == LARDER_REFERENCES_NOT && c->follow_references != NULL)
        v->references = strcmp(c->follow_references, "rows") == 0   ? LARDER_REFERENCES_ROWS
                        : strcmp(c->follow_references, "keys") == 0 ? LARDER_REFERENCES_KEYS
                                                                    : LARDER_REFERENCES_NOT;
}

/* Where exports and drills are recorded. */
static enum larder_status complete_record(struct cli_values *v, struct larder_error *error)
{
    if (v->record_to != NULL && v->no_record)
        return larder_fail(error, LARDER_USAGE,
                           "--record-to and --no-record contradict each other");
    if (v->record_to != NULL || v->no_record)
        return LARDER_OK;
    v->record_to = v->config.record_to;
    v->no_record = v->config.no_record;
    return LARDER_OK;
}

/* Whom the file encrypts to. */
static enum larder_status copy_recipients(struct cli_values *v, struct larder_error *error)
{
    const struct larder_config *c = &v->config;
    enum larder_status status;

    if (c->recipient_count + c->recipient_file_count > 0 || c->passphrase_file != NULL)
        v->encrypted_by = c->file;
    status = copy_list(&v->recipients, c->recipients, c->recipient_count, error);
    if (status == LARDER_OK)
        status = copy_list(&v->recipient_files, c->recipient_files, c->recipient_file_count, error);
    return status;
}

/* Whom an export encrypts to. */
static enum larder_status complete_encryption(struct cli_values *v, struct larder_error *error)
{
    if (v->recipients.count + v->recipient_files.count > 0 || v->passphrase_file != NULL)
        return LARDER_OK;
    v->passphrase_file = v->config.passphrase_file;
    return copy_recipients(v, error);
}

/* Whom a restore encrypts its undo archive to; a passphrase that it was given only opens archives. */
static enum larder_status complete_undo(struct cli_values *v, struct larder_error *error)
{
    if (v->recipients.count + v->recipient_files.count > 0)
        return LARDER_OK;
    v->undo_passphrase_file = v->config.passphrase_file;
    return copy_recipients(v, error);
}

/* What opens archives. */
static enum larder_status complete_keys(struct cli_values *v, struct larder_error *error)
{
    const struct larder_config *c = &v->config;

    if (v->identity_files.count > 0 || v->passphrase_file != NULL ||
        variable("LARDER_IDENTITY") != NULL)
        return LARDER_OK;
    v->passphrase_file = c->passphrase_file;
    return copy_list(&v->identity_files, c->identity_files, c->identity_file_count, error);
}

enum larder_status config_complete(const char *letters, struct cli_values *v,
                                   const struct larder_run *run, struct larder_error *error)
{
    enum larder_status status = larder_config_load(v->config_file, run, &v->config, error);

    if (status != LARDER_OK)
        return status;
    tell_environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", v->config.endpoint);
    tell_environment("AWS_REGION", "AWS_DEFAULT_REGION", v->config.region);
    tell_environment("AWS_PROFILE", "AWS_DEFAULT_PROFILE", v->config.profile);
    /* A file to write to stands in place of any store. */
    if (takes(letters, 's') && v->output == NULL)
        v->store = first(v->store, first(variable("LARDER_STORE"), v->config.store));
    if (takes(letters, 'n'))
        v->source_name = first(v->source_name, v->config.source_name);
    if (takes(letters, 'M') && v->keep_min == 0)
        v->keep_min = v->config.keep_min;
    if (takes(letters, 'F'))
        complete_source(v);
    if (takes(letters, 'D'))
        status = complete_record(v, error);
    if (status == LARDER_OK && takes(letters, 'F') && takes(letters, 'r'))
        status = complete_encryption(v, error);
    if (takes(letters, 'u'))
        status = complete_undo(v, error);
    if (status == LARDER_OK && takes(letters, 'i'))
        status = complete_keys(v, error);
    return status;
}

struct larder_connect config_source(const struct cli_values *v)
{
    struct larder_connect source = v->connect;

    source.dbname = first(source.dbname, first(variable("LARDER_SOURCE"), v->config.conninfo));
    return source;
}

bool config_names_database(const struct larder_connect *source)
{
    return source->dbname != NULL || source->host != NULL || source->port != NULL ||
           source->user != NULL;
}

const struct larder_connect *config_recorded_in(const struct cli_values *v,
                                                struct larder_connect *connect)
{
    *connect =
        (struct larder_connect){.dbname = first(variable("LARDER_SOURCE"), v->config.conninfo)};
    return connect->dbname == NULL ? NULL : connect;
}
