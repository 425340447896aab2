/* Options beside a configuration that exists: it is used as it is, so none of them may want something else. */
#include <string.h>

#include "engine/cli/config.h"
#include "engine/cli/setup.h"
#include "engine/pg/conninfo.h"

static bool is_said(const char *given, const char *text)
{
    return given == NULL || (text != NULL && strcmp(given, text) == 0);
}

static bool is_among(const char *given, const char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_said(given, items[i]))
            return true;
    return given == NULL;
}

static bool are_among(const struct cli_list *given, const char *const *items, size_t count)
{
    for (size_t i = 0; i < given->count; i++)
        if (!is_among(given->items[i], items, count))
            return false;
    return true;
}

/* By all that is known of both but for the password, since a name alone may mean the same as a URI. */
static enum larder_status compare_source(const struct cli_values *given,
                                         const struct larder_config *c, struct arena *arena,
                                         bool *same, struct larder_error *error)
{
    const struct larder_connect written = {.dbname = c->conninfo};
    const char *wanted, *said;
    enum larder_status status;

    *same = !config_names_database(&given->connect);
    if (*same || c->conninfo == NULL)
        return LARDER_OK;
    status = conninfo_complete(&given->connect, arena, &wanted, error);
    if (status == LARDER_OK)
        status = conninfo_complete(&written, arena, &said, error);
    if (status == LARDER_OK)
        *same = is_said(conninfo_without_password(wanted, arena),
                        conninfo_without_password(said, arena));
    return status;
}

static bool is_encrypting(const struct larder_config *c)
{
    return c->recipient_count + c->recipient_file_count > 0 || c->passphrase_file != NULL;
}

enum larder_status setup_check_given(const struct setup *s, const struct cli_values *given,
                                     struct larder_error *error)
{
    const struct larder_config *c = &s->v->config;
    bool same_source;
    enum larder_status status = compare_source(given, c, s->arena, &same_source, error);
    const struct {
        const char *option;
        bool same;
    } options[] = {
        {given->connect.dbname != NULL ? "-d" : "-h, -p or -U", same_source},
        {"--source-name", is_said(given->source_name, c->source_name)},
        {"--schema-from", is_said(given->schema_from, c->schema_from)},
        {"--record-to", is_said(given->record_to, c->record_to)},
        {"--no-record", !given->no_record || c->no_record},
        {"--store", is_said(given->store, c->store)},
        {"-r", are_among(&given->recipients, c->recipients, c->recipient_count)},
        {"-R", are_among(&given->recipient_files, c->recipient_files, c->recipient_file_count)},
        {"--passphrase-file", is_said(given->passphrase_file, c->passphrase_file)},
        {"--new-key", is_among(given->new_key, c->identity_files, c->identity_file_count)},
        {"--no-encryption", !given->no_encryption || !is_encrypting(c)},
        {"-i", are_among(&given->identity_files, c->identity_files, c->identity_file_count)},
    };

    for (size_t i = 0; status == LARDER_OK && i < sizeof(options) / sizeof(options[0]); i++) {
        if (options[i].same)
            continue;
        status =
            larder_fail(error, LARDER_USAGE, "%s is not what \"%s\" says, which is used as it is",
                        options[i].option, s->config_file);
        larder_hint(error, "--replace writes the file anew; leave the option out to use it.");
    }
    return status;
}
