#include "engine/proof.h"

#include <inttypes.h>
#include <string.h>

#include "engine/pg/copy.h"
#include "engine/record.h"
#include "engine/run/run.h"

/* The kind of findings that are a difference by themselves. */
static const char lost_table[] = "lost table";

enum larder_status proof_begin(struct larder_proof *proof, const struct manifest *manifest,
                               const struct manifest_table *const *tables, size_t count,
                               struct larder_error *error)
{
    struct arena *arena = proof->memory;

    proof->backup_name = arena_strdup(arena, manifest->backup_name);
    proof->preset = arena_strdup(arena, manifest->preset);
    proof->source = arena_strdup(arena, manifest->source);
    proof->tables = arena_alloc(arena, count, sizeof(*proof->tables));
    if (arena_failed(arena))
        return larder_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        struct larder_table_proof *table = &proof->tables[i];

        *table = (struct larder_table_proof){.schema = arena_strdup(arena, tables[i]->schema),
                                             .name = arena_strdup(arena, tables[i]->name),
                                             .rows_archive = (int64_t)tables[i]->rows,
                                             .rows_metadata = -1,
                                             .rows_target = -1,
                                             .agree = LARDER_AGREE_UNKNOWN};
        fingerprint_to_hex(tables[i]->fingerprint, table->fingerprint_archive);
    }
    proof->table_count = count;
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status proof_read_table(struct pg *pg, const struct manifest *manifest,
                                    const struct manifest_table *table, uint64_t *rows,
                                    struct fingerprint *fingerprint, struct larder_error *error)
{
    struct rows *scanner = rows_new(table->copy_format, manifest_copied_columns(table));
    struct copy_out copy = {0};
    const uint8_t *bytes;
    size_t length = 1;
    enum larder_status status;

    *rows = 0;
    *fingerprint = (struct fingerprint){0};
    if (scanner == NULL)
        return larder_fail_memory(error);
    status = copy_out_begin(&copy, pg, &(struct copy_rows){.table = table}, 1,
                            manifest->server_encoding, error);
    while (status == LARDER_OK && length > 0) {
        status = copy_out_next(&copy, &bytes, &length, rows, error);
        if (status == LARDER_OK)
            status = rows_take(scanner, bytes, length, error);
    }
    copy_out_end(&copy);
    *fingerprint = rows_fingerprint(scanner);
    if (status == LARDER_OK && *rows != rows_count(scanner))
        status = larder_fail(error, LARDER_FAILED,
                             "the server counted %" PRIu64 " rows, but %" PRIu64 " arrived", *rows,
                             rows_count(scanner));
    rows_free(scanner);
    if (status != LARDER_OK)
        larder_context(error, "could not read table \"%s.%s\" of the target", table->schema,
                       table->name);
    return status;
}

void proof_set_target(struct larder_table_proof *table, uint64_t rows,
                      struct fingerprint fingerprint)
{
    table->rows_target = (int64_t)rows;
    fingerprint_to_hex(fingerprint, table->fingerprint_target);
}

/* What is proven of each table of the manifest; NULL for those that are not among the proof's. */
static struct larder_table_proof **find_all(struct larder_proof *proof,
                                            const struct manifest *manifest)
{
    struct larder_table_proof **found =
        arena_alloc(proof->memory, manifest->table_count, sizeof(struct larder_table_proof *));
    size_t place = 0;

    for (size_t i = 0; found != NULL && i < proof->table_count; i++)
        found[manifest_find_next(manifest, proof->tables[i].schema, proof->tables[i].name, &place) -
              manifest->tables] = &proof->tables[i];
    return found;
}

/* What the metadata of the database says, where it can be asked. */
struct asked {
    int64_t *counts;
    const char **others; /* tables that the archive has no row of metadata for */
    bool answered;
};

static enum larder_status ask_database(const struct manifest *manifest,
                                       const struct larder_connect *metadata, struct pg *target,
                                       const struct larder_run *run, struct arena *arena,
                                       struct asked *asked, struct larder_error *error)
{
    struct pg *pg = NULL;
    enum larder_status status = LARDER_OK;

    if (metadata != NULL) {
        /* That it cannot be reached is no failure: the manifest has a copy. */
        if (pg_connect(metadata, run, -1, PG_CONNECT_SECONDS, &pg, NULL) == LARDER_OK)
            status = record_read_counts(pg, manifest, arena, asked->counts, &asked->others,
                                        &asked->answered, error);
        else
            status = run_check(run, error);
        pg_close(pg);
    }
    if (status == LARDER_OK && !asked->answered && target != NULL)
        status = record_read_counts(target, manifest, arena, asked->counts, &asked->others,
                                    &asked->answered, error);
    return status;
}

/* A table that was backed up, and that the archive does not hold. */
static void add_lost(struct larder_proof *proof, const char *table)
{
    findings_add(&proof->findings, proof->memory, lost_table, table,
                 "table \"%s\" is in backup_metadata (of the %s), but not in the archive", table,
                 proof->metadata_from);
}

enum larder_status proof_add_metadata(struct larder_proof *proof, const struct manifest *manifest,
                                      const struct larder_connect *metadata, struct pg *target,
                                      const struct larder_run *run, struct larder_error *error)
{
    struct asked asked = {
        .counts = arena_alloc(proof->memory, manifest->metadata_count, sizeof(*asked.counts))};
    struct larder_table_proof **proven = find_all(proof, manifest);
    const struct manifest_table **sorted =
        manifest_sorted(manifest, manifest->table_count, proof->memory);
    enum larder_status status;

    if (asked.counts == NULL || proven == NULL || sorted == NULL)
        return larder_fail_memory(error);
    status = ask_database(manifest, metadata, target, run, proof->memory, &asked, error);
    if (status != LARDER_OK)
        return status;
    proof->metadata_from = asked.answered ? "database" : "manifest";
    for (size_t i = 0; i < manifest->metadata_count; i++) {
        const struct manifest_metadata *row = &manifest->metadata[i];
        const struct manifest_table *table =
            manifest_find_sorted(sorted, manifest->table_count, row->schema, row->name);

        if (table == NULL)
            add_lost(proof, row->table_name);
        else if (proven[table - manifest->tables] != NULL)
            proven[table - manifest->tables]->rows_metadata =
                asked.answered ? asked.counts[i] : row->row_count;
    }
    for (size_t i = 0; asked.others != NULL && asked.others[i] != NULL; i++)
        add_lost(proof, asked.others[i]);
    return LARDER_OK;
}

/* `whole`: its rows with those of its descendants, as metadata counts them. */
static void judge_table(struct larder_proof *proof, struct larder_table_proof *t, int64_t whole,
                        bool with_target)
{
    if (t->agree == LARDER_AGREE_NO)
        return; /* it could not even be read, and a finding says so */
    t->agree = LARDER_AGREE_YES;
    if (t->rows_metadata >= 0 && t->rows_metadata != whole) {
        t->agree = LARDER_AGREE_NO;
        findings_add(&proof->findings, proof->memory, "difference", t->name,
                     "table \"%s.%s\" has %" PRId64 " rows in the archive, but %" PRId64
                     " in backup_metadata (of the %s)",
                     t->schema, t->name, whole, t->rows_metadata, proof->metadata_from);
    }
    if (!with_target)
        return;
    if (t->proven != NULL)
        return;
    if (t->rows_target < 0) {
        t->agree = t->agree == LARDER_AGREE_NO ? LARDER_AGREE_NO : LARDER_AGREE_UNKNOWN;
        return;
    }
    if (t->rows_target != t->rows_archive) {
        t->agree = LARDER_AGREE_NO;
        findings_add(&proof->findings, proof->memory, "difference", t->name,
                     "table \"%s.%s\" has %" PRId64 " rows in the archive, but %" PRId64
                     " in the target",
                     t->schema, t->name, t->rows_archive, t->rows_target);
    } else if (strcmp(t->fingerprint_archive, t->fingerprint_target) != 0) {
        t->agree = LARDER_AGREE_NO;
        findings_add(&proof->findings, proof->memory, "difference", t->name,
                     "table \"%s.%s\" has as many rows in the target as in the archive, but not "
                     "the same content",
                     t->schema, t->name);
    }
}

enum larder_status proof_judge(struct larder_proof *proof, const struct manifest *manifest,
                               bool with_target, struct larder_error *error)
{
    const uint64_t *rows = manifest_rows_below(manifest, proof->memory);
    size_t differing = 0, unread = 0, place = 0;
    const struct larder_table_proof *first = NULL;
    const char *lost = NULL;

    if (rows == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < proof->table_count; i++) {
        struct larder_table_proof *t = &proof->tables[i];
        const struct manifest_table *table =
            manifest_find_next(manifest, t->schema, t->name, &place);

        judge_table(proof, t, (int64_t)rows[table - manifest->tables], with_target);
        if (t->agree == LARDER_AGREE_NO) {
            differing++;
            first = first == NULL ? t : first;
        }
        unread += t->agree == LARDER_AGREE_UNKNOWN ? 1 : 0;
    }
    for (size_t i = 0; i < proof->findings.count && lost == NULL; i++)
        if (strcmp(proof->findings.items[i].kind, lost_table) == 0)
            lost = proof->findings.items[i].message;
    proof->agree = differing > 0 || lost != NULL ? LARDER_AGREE_NO
                   : unread > 0                  ? LARDER_AGREE_UNKNOWN
                                                 : LARDER_AGREE_YES;
    if (proof->agree == LARDER_AGREE_YES)
        return LARDER_OK;
    if (lost != NULL && differing == 0)
        return larder_fail(error, LARDER_DIFFERENCE, "%s", lost);
    if (differing == 0)
        return larder_fail(error, LARDER_UNVERIFIED,
                           "%zu of %zu tables could not be read in the target", unread,
                           proof->table_count);
    return larder_fail(error, LARDER_DIFFERENCE, "%zu of %zu tables differ, the first is \"%s.%s\"",
                       differing, proof->table_count, first->schema, first->name);
}
