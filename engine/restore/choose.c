#include <string.h>

#include "engine/restore/parts.h"
#include "engine/run/run.h"

/* Tables that a stub is made for, and those that are there. */
static const uint32_t *list_stand_ins(struct restore *r, size_t *count)
{
    uint32_t *oids = arena_alloc(r->arena, r->to_make_count + r->present_count + r->outside_count,
                                 sizeof(*oids));

    *count = 0;
    for (size_t i = 0; oids != NULL && i < r->to_make_count; i++)
        if (r->to_make[i].oid != 0)
            oids[(*count)++] = r->to_make[i].oid;
    for (size_t i = 0; oids != NULL && i < r->present_count; i++)
        oids[(*count)++] = r->present[i];
    for (size_t i = 0; oids != NULL && i < r->outside_count; i++)
        oids[(*count)++] = r->outside[i];
    return oids;
}

static bool has_value(const struct manifest *manifest, uint32_t sequence)
{
    for (size_t i = 0; i < manifest_sequences(manifest); i++)
        if (manifest->sequences[i].oid == sequence)
            return true;
    return false;
}

/* Of what a role might not read, and of what older archives did not keep, nobody knows how far it was. */
static void tell_begun_anew(const struct restore *r)
{
    for (size_t i = 0; i < r->schema.count; i++) {
        const struct schema_entry *entry = &r->schema.entries[i];

        if (entry->selected && strcmp(entry->what, "SEQUENCE") == 0 &&
            !has_value(r->manifest, entry->oid))
            run_message(r->run, LARDER_WARNING, "%s begins anew: %sits value is not there",
                        entry->text, entry->rest ? "no table of the archive uses it, and " : "");
    }
}

enum larder_status restore_choose(struct restore *r, struct larder_error *error)
{
    size_t count;
    const uint32_t *stand_ins = list_stand_ins(r, &count);
    enum larder_status status =
        stand_ins == NULL
            ? larder_fail_memory(error)
            : schema_select(&r->schema, r->tables, r->table_count, r->left_out, r->left_out_count,
                            stand_ins, count, r->arena, &r->proof->findings, error);

    if (status == LARDER_OK && r->options->whole_schema)
        status = schema_select_rest(&r->schema, r->arena, &r->proof->findings, error);
    if (status == LARDER_OK)
        schema_name_policies(&r->schema, r->arena, &r->proof->findings);
    if (status == LARDER_OK)
        tell_begun_anew(r);
    return status;
}
