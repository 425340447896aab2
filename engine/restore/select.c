#include <string.h>

#include "engine/pg/pattern.h"
#include "engine/restore/parts.h"
#include "engine/run/run.h"

/* The tables that a pattern means, with their descendants. */
static bool find_matches(const struct manifest *manifest, const struct pattern *pattern,
                         const size_t *parents, bool *matched)
{
    bool any = false;

    for (size_t i = 0; i < manifest->table_count; i++) {
        matched[i] = pattern_matches(pattern, manifest->tables[i].schema, manifest->tables[i].name);
        any = any || matched[i];
    }
    for (size_t i = 0; any && i < manifest->table_count; i++)
        for (size_t at = i, steps = 0; !matched[i] && parents[at] != at && steps < 1000; steps++) {
            at = parents[at];
            matched[i] = matched[at];
        }
    return any;
}

/* The patterns in their order: each adds tables, or takes some away. Where the first takes away, all were there. */
static enum larder_status mark_all(struct restore *r, bool *wanted, struct larder_error *error)
{
    const struct manifest *manifest = r->manifest;
    bool *matched = arena_alloc(r->arena, manifest->table_count, sizeof(*matched));
    const size_t *parents = manifest_parents(manifest, r->arena);

    if (matched == NULL || parents == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < r->options->table_count; i++) {
        struct pattern pattern;
        enum larder_status status = pattern_parse(r->options->tables[i], r->arena, &pattern, error);

        if (status != LARDER_OK)
            return status;
        if (!find_matches(manifest, &pattern, parents, matched))
            findings_add(&r->proof->findings, r->arena, "table", pattern.text,
                         "the archive has no table \"%s\"", pattern.text);
        for (size_t j = 0; j < manifest->table_count; j++)
            wanted[j] =
                matched[j] ? !pattern.leave_out : wanted[j] || (i == 0 && pattern.leave_out);
    }
    return LARDER_OK;
}

enum larder_status restore_select(struct restore *r, struct larder_error *error)
{
    const struct manifest *manifest = r->manifest;
    bool *wanted = arena_alloc(r->arena, manifest->table_count, sizeof(*wanted));
    enum larder_status status = LARDER_OK;

    r->tables = arena_alloc(r->arena, manifest->table_count, sizeof(struct manifest_table *));
    if (wanted == NULL || r->tables == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < manifest->table_count; i++)
        wanted[i] = r->options->table_count == 0;
    status = mark_all(r, wanted, error);
    for (size_t i = 0; status == LARDER_OK && i < manifest->table_count; i++)
        if (wanted[i])
            r->tables[r->table_count++] = &manifest->tables[i];
    if (status == LARDER_OK && r->proof->findings.count > 0) {
        larder_fail(error, LARDER_USAGE, "%s", r->proof->findings.items[0].message);
        larder_hint(error, "`larder verify` lists the tables of an archive.");
        return LARDER_USAGE;
    }
    return status;
}
