#include <string.h>

#include "engine/export/parts.h"
#include "engine/pg/session.h"
#include "engine/record.h"
#include "engine/run/run.h"
#include "formats/sha256.h"

void export_warn(struct export *e, const char *text)
{
    struct larder_export_result *result = e->result;
    const char **warnings =
        arena_alloc(e->arena, result->warning_count + 1, sizeof(*result->warnings));

    run_message(e->run, LARDER_WARNING, "%s", text);
    if (warnings == NULL)
        return;
    if (result->warning_count > 0)
        memcpy(warnings, result->warnings, result->warning_count * sizeof(*warnings));
    warnings[result->warning_count++] = arena_strdup(e->arena, text);
    result->warnings = warnings;
}

/* The first names of a list, and how many others there are. */
static const char *list_names(struct arena *arena, const char *const *names, size_t count)
{
    enum { SHOWN = 50 };
    struct buffer text = {0};

    for (size_t i = 0; i < count && i < SHOWN; i++)
        buffer_printf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
    if (count > SHOWN)
        buffer_printf(&text, " and %zu other%s", count - SHOWN, count - SHOWN == 1 ? "" : "s");
    return arena_take(arena, &text);
}

void export_warn_of_omissions(struct export *e)
{
    if (e->uncovered_count > 0)
        export_warn(e, arena_printf(e->arena, "no scheduled preset covers %zu table%s: %s",
                                    e->uncovered_count, e->uncovered_count > 1 ? "s" : "",
                                    list_names(e->arena, e->uncovered, e->uncovered_count)));
    if (e->skipped_count > 0)
        export_warn(e,
                    arena_printf(e->arena, "left out, since this role may not read all of it: %s",
                                 list_names(e->arena, e->skipped, e->skipped_count)));
    if (e->has_large_objects)
        export_warn(e, "large objects are not exported, and this database has some");
    if (e->options->lock && e->to.store != NULL && e->preset.keep_seconds == 0)
        export_warn(
            e, "the archive is not locked in the store, since nothing says how long it is kept");
}

void export_summarize(struct export *e, struct summary *summary)
{
    const struct manifest *m = e->manifest;

    sha256_to_hex(e->hash.sha256, e->result->sha256);
    *summary = (struct summary){
        .larder_version = m->larder_version,
        .backup_name = m->backup_name,
        .preset = m->preset,
        .source = m->source,
        .system_identifier = m->system_identifier,
        .started_at = m->started_at,
        .created_at = m->finished_at,
        .bytes = e->hash.bytes,
        .raw_bytes = manifest_raw_bytes(m),
        .rows = manifest_rows(m),
        .sha256 = e->result->sha256,
        .encrypted = e->to.encrypted,
        .keep_until = e->preset.keep_seconds > 0 ? m->started_at + e->preset.keep_seconds : 0,
        .every = e->preset.every,
    };
}

void export_record(struct export *e, const struct summary *summary)
{
    struct larder_error why = {0};
    struct pg *pg = e->control;
    enum larder_status status = LARDER_OK;

    if (e->options->no_record)
        return;
    if (e->options->record_to != NULL) {
        pg = NULL;
        status = pg_connect(e->options->record_to, e->run, -1, PG_CONNECT_SECONDS, &pg, &why);
        if (status == LARDER_OK)
            status = session_begin_write(pg, &why);
    } else if (e->server.is_standby) {
        status = larder_fail(&why, LARDER_FAILED, "the server is a standby");
    }
    if (status == LARDER_OK)
        status = record_archive(pg, e->manifest, summary, e->to.location, &why);
    e->result->recorded = status == LARDER_OK;
    if (!e->result->recorded)
        export_warn(
            e, arena_printf(e->arena,
                            "the archive is complete, but was not recorded in the database: %s%s%s",
                            why.message, why.hint[0] != '\0' ? "; " : "", why.hint));
    if (pg != e->control)
        pg_close(pg);
}

enum larder_status export_describe(struct export *e, struct larder_error *error)
{
    struct larder_export_result *result = e->result;
    const struct manifest *m = e->manifest;

    result->archive = e->to.location;
    result->rows = manifest_rows(m);
    result->bytes = e->hash.bytes;
    result->raw_bytes = manifest_raw_bytes(m);
    result->encrypted = e->to.encrypted;
    result->tables = arena_alloc(e->arena, manifest_stored(m), sizeof(*result->tables));
    for (size_t i = 0; result->tables != NULL && i < manifest_stored(m); i++) {
        const struct manifest_table *table = &m->tables[i];
        char fingerprint[FINGERPRINT_HEX];
        uint64_t bytes = 0;

        for (size_t j = 0; j < table->part_count; j++)
            bytes += table->parts[j].bytes;
        fingerprint_to_hex(table->fingerprint, fingerprint);
        result->tables[i] = (struct larder_export_table){
            .schema = arena_strdup(e->arena, table->schema),
            .name = arena_strdup(e->arena, table->name),
            .copy_format = table->copy_format == COPY_TEXT ? "text" : "binary",
            .fingerprint = arena_strdup(e->arena, fingerprint),
            .rows = table->rows,
            .bytes = bytes,
            .only = arena_strdup(e->arena, table->only),
        };
    }
    result->table_count = m->table_count;
    result->referenced = result->tables == NULL ? NULL : result->tables + m->table_count;
    result->referenced_count = m->referenced_count;
    return arena_failed(e->arena) ? larder_fail_memory(error) : LARDER_OK;
}
