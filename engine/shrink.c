#include "engine/shrink.h"

#include <string.h>
#include <time.h>

#include "engine/inventory.h"
#include "formats/archive_reader.h"
#include "formats/names.h"

/*
 * Looks from the newest on, so that few summaries are read; `newest` is the newest good one, shrunk or not. One that is dated in the future
 * would be the last one until then.
 */
static enum larder_status find_backup(struct store *store, const char *source, const char *preset,
                                      struct arena *arena, struct inventory_backup *newest,
                                      struct inventory_backup *found, struct larder_error *error)
{
    struct inventory inventory = {0};
    struct buffer prefix = {0};
    enum larder_status status;

    names_source(&prefix, source);
    buffer_printf(&prefix, "/%s/", preset);
    status = inventory_list(store, buffer_text(&prefix), arena, &inventory, error);
    buffer_free(&prefix);
    for (size_t i = inventory.count; status == LARDER_OK && i > 0; i--) {
        struct inventory_backup *backup = &inventory.backups[i - 1];

        status = inventory_complete(store, arena, backup, error);
        if (status != LARDER_OK || backup->problem_count > 0 ||
            backup->facts.started_at > time(NULL))
            continue;
        if (!newest->known)
            *newest = *backup;
        if (backup->facts.shrunk_since == NULL) {
            *found = *backup;
            break;
        }
    }
    return status;
}

static enum larder_status take_manifest(const struct manifest *manifest, struct arena *arena,
                                        struct shrink_baseline *baseline,
                                        struct larder_error *error)
{
    baseline->counts = arena_alloc(arena, manifest->metadata_count + 1, sizeof(*baseline->counts));
    for (size_t i = 0; baseline->counts != NULL && i < manifest->metadata_count; i++)
        baseline->counts[baseline->count++] = (struct record_count){
            arena_strdup(arena, manifest->metadata[i].table_name), manifest->metadata[i].row_count};
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

static enum larder_status read_archive(struct store *store, const char *key, struct arena *arena,
                                       struct shrink_baseline *baseline, struct larder_error *error)
{
    struct archive_reader *reader = NULL;
    struct input *input = NULL;
    enum larder_status status = store->kind->read(store, key, &input, error);

    if (status != LARDER_OK)
        return status;
    status = archive_reader_open(input, &reader, error);
    if (status != LARDER_OK) {
        input_close(input);
        return status;
    }
    status = take_manifest(archive_reader_manifest(reader), arena, baseline, error);
    archive_reader_close(reader);
    return status;
}

enum larder_status shrink_find(struct store *store, const char *source, const char *preset,
                               struct pg *pg, struct arena *arena, struct shrink_baseline *baseline,
                               struct larder_error *error)
{
    struct inventory_backup newest = {0}, found = {0};
    enum larder_status status = find_backup(store, source, preset, arena, &newest, &found, error);

    *baseline = (struct shrink_baseline){.shrunk_since = newest.facts.shrunk_since,
                                         .shrunk_tables = newest.facts.shrunk_tables};
    if (status != LARDER_OK || !found.known)
        return status;
    if (!found.facts.encrypted)
        status = read_archive(store, found.archive->key, arena, baseline, error);
    else if (pg != NULL)
        status = record_read_tables(pg, source, found.backup_name, arena, &baseline->counts,
                                    &baseline->count, error);
    baseline->backup_name = found.backup_name;
    baseline->rows = (int64_t)found.facts.rows;
    return status;
}

static bool is_alarming(int64_t before, int64_t now, int percent)
{
    if (before < SHRINK_ROWS_LEAST || now >= before)
        return false;
    return now == 0 || (double)(before - now) * 100 > (double)before * percent;
}

/* -1: it is in the archive no more. */
static int64_t rows_now(const struct manifest *manifest, const char *table)
{
    for (size_t i = 0; i < manifest->metadata_count; i++)
        if (strcmp(manifest->metadata[i].table_name, table) == 0)
            return manifest->metadata[i].row_count;
    return -1;
}

enum larder_status shrink_compare(const struct shrink_baseline *baseline,
                                  const struct manifest *manifest, int percent, struct arena *arena,
                                  struct larder_export_shrunk **tables, size_t *count,
                                  struct larder_error *error)
{
    *count = 0;
    *tables = arena_alloc(arena, baseline->count + 1, sizeof(**tables));
    if (*tables == NULL)
        return larder_fail_memory(error);
    if (baseline->backup_name == NULL)
        return LARDER_OK;
    for (size_t i = 0; i < baseline->count; i++) {
        const struct record_count *before = &baseline->counts[i];
        int64_t now = rows_now(manifest, before->table);

        if (is_alarming(before->rows, now < 0 ? 0 : now, percent))
            (*tables)[(*count)++] = (struct larder_export_shrunk){before->table, before->rows, now};
    }
    if (baseline->count == 0 &&
        is_alarming(baseline->rows, (int64_t)manifest_rows(manifest), percent))
        (*tables)[(*count)++] =
            (struct larder_export_shrunk){NULL, baseline->rows, (int64_t)manifest_rows(manifest)};
    return LARDER_OK;
}
