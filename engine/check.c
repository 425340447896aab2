#include "engine/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/crew.h"
#include "engine/run/run.h"

/* What was counted of a table. */
struct counted {
    uint64_t rows;
    struct fingerprint fingerprint;
};

struct check {
    struct opened *opened;
    size_t *entries; /* those to be read, in the order of the file */
    bool decode;
    struct part_reader **readers; /* one for each lane */
    const struct larder_run *run;
    struct arena *arena;
    struct larder_findings *findings;

    pthread_mutex_t lock; /* of the findings, the counts and the progress */
    struct counted *counted;
    struct larder_progress progress;
    struct larder_lane lanes[LARDER_LANES_MAX];
};

static void add_finding(struct check *check, const char *object, const char *message)
{
    pthread_mutex_lock(&check->lock);
    findings_add(check->findings, check->arena, "damage", object, "%s", message);
    pthread_mutex_unlock(&check->lock);
}

/* Under the lock: what the lane works on, and what it has done of it. */
static void tell(struct check *check, int lane, const struct manifest_table *table, uint64_t rows,
                 uint64_t bytes)
{
    struct larder_lane *shown = lane < LARDER_LANES_MAX ? &check->lanes[lane] : NULL;

    if (shown != NULL && table != NULL && shown->table != table->name)
        *shown = (struct larder_lane){.schema = table->schema, .table = table->name};
    if (shown != NULL) {
        shown->rows += rows;
        shown->bytes += bytes;
    }
    check->progress.rows += rows;
    check->progress.bytes += bytes;
    run_progress(check->run, &check->progress);
}

static enum larder_status decode(struct check *check, int lane, size_t entry,
                                 const struct manifest_table *table, struct larder_error *error)
{
    struct archive_reader *archive = check->opened->reader;
    size_t place = (size_t)(table - archive_reader_manifest(archive)->tables);
    struct rows *rows = rows_new(table->copy_format, manifest_copied_columns(table));
    enum larder_status status;

    if (rows == NULL)
        return larder_fail_memory(error);
    status = archive_reader_count(archive, table, archive_reader_entry_number(archive, entry),
                                  check->readers[lane], rows, error);
    if (status == LARDER_OK) {
        pthread_mutex_lock(&check->lock);
        check->counted[place].rows += rows_count(rows);
        fingerprint_add(&check->counted[place].fingerprint, rows_fingerprint(rows));
        tell(check, lane, table, rows_count(rows), 0);
        pthread_mutex_unlock(&check->lock);
    }
    rows_free(rows);
    return status;
}

static enum larder_status check_entry(void *arg, int lane, size_t piece, int stop_fd,
                                      struct larder_error *error)
{
    struct check *check = arg;
    struct archive_reader *archive = check->opened->reader;
    size_t entry = check->entries[piece];
    const struct manifest_table *table = archive_reader_entry_table(archive, entry);
    enum larder_status status;

    (void)stop_fd;
    status = table != NULL && check->decode ? decode(check, lane, entry, table, error)
                                            : archive_reader_check(archive, entry, error);
    if (status != LARDER_OK)
        digest_input_in_order(check->opened->digest, false); /* some of it may not have been read */
    if (status == LARDER_DAMAGED) {
        add_finding(check, table != NULL ? table->name : "", error->message);
        status = LARDER_OK; /* the others are looked at, too */
    }
    pthread_mutex_lock(&check->lock);
    tell(check, lane, table, 0, archive_reader_entry_bytes(archive, entry));
    pthread_mutex_unlock(&check->lock);
    return status;
}

/* The sums over all parts must be what the manifest says of the table. */
static void compare_tables(struct check *check)
{
    const struct manifest *manifest = archive_reader_manifest(check->opened->reader);

    for (size_t i = 0; i < manifest_stored(manifest); i++) {
        const struct manifest_table *table = &manifest->tables[i];

        if (check->counted[i].rows != table->rows)
            findings_add(check->findings, check->arena, "damage", table->name,
                         "table \"%s.%s\" has %llu rows in the archive, but its manifest says %llu",
                         table->schema, table->name, (unsigned long long)check->counted[i].rows,
                         (unsigned long long)table->rows);
        else if (!fingerprint_equal(check->counted[i].fingerprint, table->fingerprint))
            findings_add(check->findings, check->arena, "damage", table->name,
                         "the fingerprint of table \"%s.%s\" is not the one in its manifest",
                         table->schema, table->name);
    }
}

static enum larder_status make_readers(struct check *check, int lanes, struct larder_error *error)
{
    check->readers = calloc((size_t)lanes, sizeof(struct part_reader *));
    if (check->readers == NULL)
        return larder_fail_memory(error);
    for (int i = 0; i < lanes; i++) {
        check->readers[i] = part_reader_new();
        if (check->readers[i] == NULL)
            return larder_fail_memory(error);
    }
    return LARDER_OK;
}

static void free_readers(struct check *check, int lanes)
{
    for (int i = 0; check->readers != NULL && i < lanes; i++)
        part_reader_free(check->readers[i]);
    free(check->readers);
}

enum larder_status check_archive(struct opened *opened, const bool *wanted, bool decode_all,
                                 int lanes, const struct larder_run *run, struct arena *arena,
                                 struct larder_findings *findings, struct larder_error *error)
{
    struct archive_reader *archive = opened->reader;
    const struct manifest *manifest = archive_reader_manifest(archive);
    struct check check = {.opened = opened,
                          .decode = decode_all,
                          .run = run,
                          .arena = arena,
                          .findings = findings,
                          .progress = {.phase = "check"}};
    size_t count = 0, before = findings->count;
    enum larder_status status = make_readers(&check, lanes, error);

    pthread_mutex_init(&check.lock, NULL);
    check.entries = arena_alloc(arena, archive_reader_entries(archive), sizeof(*check.entries));
    check.counted = arena_alloc(arena, manifest_stored(manifest), sizeof(*check.counted));
    if (status == LARDER_OK && (check.entries == NULL || check.counted == NULL))
        status = larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < archive_reader_entries(archive); i++)
        if (wanted == NULL || wanted[i]) {
            check.entries[count++] = i;
            check.progress.bytes_total += archive_reader_entry_bytes(archive, i);
        }
    if (status == LARDER_OK) {
        check.progress.lanes = check.lanes;
        check.progress.lane_count = (size_t)(lanes < LARDER_LANES_MAX ? lanes : LARDER_LANES_MAX);
        digest_input_in_order(opened->digest, wanted == NULL);
        status = crew_run(lanes, count, check_entry, &check, run, error);
        digest_input_in_order(opened->digest, false);
    }
    if (status == LARDER_OK && decode_all && findings->count == before)
        compare_tables(&check);
    if (status == LARDER_OK && findings->count > before) {
        status = larder_fail(error, LARDER_DAMAGED, "%s", findings->items[before].message);
        larder_context(error, "\"%s\" is damaged", opened->location);
    }
    pthread_mutex_destroy(&check.lock);
    free_readers(&check, lanes);
    return status;
}
