#include <string.h>

#include "engine/export/parts.h"
#include "engine/run/run.h"

/*
 * Why a table must be copied as text; NULL where binary will do. The ENCODING of a COPY does not hold for binary, whose
 * text-like values are sent in the connection's encoding: only where both are UTF-8 these are the database's own bytes.
 */
static const char *why_text(const struct export *e, const struct catalog_table *extra)
{
    if (strcmp(e->server.encoding, "UTF8") != 0)
        return arena_printf(e->arena, "the database's encoding is %s", e->server.encoding);
    return extra->why_text;
}

/* What is asked for tables that no choice names. */
static enum larder_copy_format wanted_of_all(const struct export *e)
{
    if (e->options->copy_format != LARDER_COPY_AUTO)
        return e->options->copy_format;
    if (strcmp(e->preset.copy_format, "text") == 0)
        return LARDER_COPY_TEXT;
    if (strcmp(e->preset.copy_format, "binary") == 0)
        return LARDER_COPY_BINARY;
    return LARDER_COPY_AUTO;
}

static bool have(const struct catalog_tables *tables, uint32_t oid)
{
    for (size_t i = 0; i < tables->count; i++)
        if (tables->oids[i] == oid)
            return true;
    return false;
}

/* Enters one choice for the tables of the manifest that it means. */
static enum larder_status apply(struct export *e, const struct larder_copy_choice *choice,
                                const struct manifest *manifest, enum larder_copy_format *wanted,
                                bool *again, struct larder_error *error)
{
    struct larder_findings unused = {0};
    struct catalog_tables tables;
    bool found = false;
    enum larder_status status =
        catalog_resolve(e->leader, &choice->table, 1, e->arena, &tables, &unused, error);

    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < manifest->table_count; i++) {
        if (!have(&tables, manifest->tables[i].oid))
            continue;
        wanted[i] = choice->format;
        found = true;
    }
    *again = *again || tables.changed;
    if (found || *again)
        return LARDER_OK;
    return larder_fail(error, LARDER_USAGE,
                       "a copy format is given for \"%s\", which is no table of this export",
                       choice->table);
}

enum larder_status export_choose_formats(struct export *e, struct manifest *manifest, bool *again,
                                         struct larder_error *error)
{
    enum larder_copy_format *wanted = arena_alloc(e->arena, manifest->table_count, sizeof(*wanted));
    enum larder_status status = LARDER_OK;

    if (wanted == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < manifest->table_count; i++)
        wanted[i] = wanted_of_all(e);
    for (size_t i = 0; status == LARDER_OK && i < e->options->copy_choice_count; i++)
        status = apply(e, &e->options->copy_choices[i], manifest, wanted, again, error);
    for (size_t i = 0; status == LARDER_OK && i < manifest->table_count; i++) {
        struct manifest_table *table = &manifest->tables[i];
        const char *why = why_text(e, &e->extra[i]);

        table->copy_format = wanted[i] == LARDER_COPY_TEXT || why != NULL ? COPY_TEXT : COPY_BINARY;
        if (why != NULL && wanted[i] == LARDER_COPY_BINARY)
            findings_add(&e->result->findings, manifest->arena, "copy format", table->name,
                         "table \"%s.%s\" cannot be copied in binary format: %s", table->schema,
                         table->name, why);
    }
    return status;
}
