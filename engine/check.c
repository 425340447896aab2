#include "engine/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/crew.h"
#include "engine/run/run.h"

/* With fewer, what two digests side by side save is more than what it costs that one lane alone takes both. */
enum { WHOLE_ALONE_LANES = 4 };

/* What was counted of a table. */
struct counted {
    uint64_t rows;
    struct fingerprint fingerprint;
};

/*
 * The digest of the whole is taken from the first byte to the last, by one lane at a time, and entries are decoded by all of them. Where a
 * file is read for it, these are steps of their own: for each entry one that takes the digest up to its end, and its own with it, and one
 * that decodes it. A lane takes whichever is due, so that none waits while there is either.
 */
struct steps {
    struct digest_input *whole; /* NULL: entries are checked in one go */
    bool parts_too;             /* the digests of parts are taken with that of the whole */
    bool *known;      /* for each entry of the archive: its digest was found to be the manifest's */
    size_t ahead_max; /* entries digested, but not begun: few, so that they are still in memory */
    pthread_cond_t changed;
    bool digesting; /* a lane is at it */
    size_t digested, begun;
};

struct check {
    struct opened *opened;
    size_t *entries; /* those to be read, in the order of the file */
    size_t entry_count;
    bool decode;
    struct steps steps;           /* its counts are under the lock, too */
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
                                  check->steps.whole != NULL && check->steps.known[entry],
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

static enum larder_status check_entry(struct check *check, int lane, size_t entry,
                                      struct larder_error *error)
{
    struct archive_reader *archive = check->opened->reader;
    const struct manifest_table *table = archive_reader_entry_table(archive, entry);
    enum larder_status status;

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

static enum larder_status check_piece(void *arg, int lane, size_t piece, int stop_fd,
                                      struct larder_error *error)
{
    struct check *check = arg;

    (void)stop_fd;
    return check_entry(check, lane, check->entries[piece], error);
}

/* Takes the digest of the whole to the end of an entry, or, where that is encrypted with it, as far as the entry stands among all. */
static void digest_entry(struct check *check, size_t number)
{
    struct steps *steps = &check->steps;
    struct archive_reader *archive = check->opened->reader;
    size_t entry = check->entries[number];
    uint64_t from = archive_reader_entry_offset(archive, entry);
    uint64_t to = from + archive_reader_entry_bytes(archive, entry);
    bool is_part = archive_reader_entry_table(archive, entry) != NULL;
    struct sha256 *part = is_part && steps->parts_too ? sha256_new() : NULL;
    uint8_t digest[SHA256_BYTES];

    if (check->opened->encrypted)
        from = to = (uint64_t)((double)to / (double)archive_reader_bytes(archive) *
                               (double)check->opened->input->size);
    if (digest_input_advance(steps->whole, from, to, part) && part != NULL &&
        sha256_final(part, digest, NULL) == LARDER_OK)
        steps->known[entry] =
            memcmp(digest, archive_reader_entry_sha256(archive, entry), sizeof(digest)) == 0;
    sha256_free(part);
}

/* Takes the step that is due: whether it is to take digests, and the number of the entry. Each is taken once. */
static bool take_step(struct check *check, size_t *number)
{
    struct steps *steps = &check->steps;
    bool digests;

    pthread_mutex_lock(&check->lock);
    for (;;) {
        digests = !steps->digesting && steps->digested < check->entry_count &&
                  steps->digested - steps->begun < steps->ahead_max;
        if (digests || steps->begun < steps->digested)
            break;
        pthread_cond_wait(&steps->changed, &check->lock); /* for the lane that is digesting */
    }
    *number = digests ? steps->digested : steps->begun++;
    steps->digesting = steps->digesting || digests;
    pthread_mutex_unlock(&check->lock);
    return digests;
}

static enum larder_status check_step(void *arg, int lane, size_t step, int stop_fd,
                                     struct larder_error *error)
{
    struct check *check = arg;
    size_t number;

    (void)step, (void)stop_fd;
    if (!take_step(check, &number))
        return check_entry(check, lane, check->entries[number], error);
    digest_entry(check, number);
    pthread_mutex_lock(&check->lock);
    check->steps.digesting = false;
    check->steps.digested++;
    pthread_cond_broadcast(&check->steps.changed);
    pthread_mutex_unlock(&check->lock);
    return LARDER_OK;
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

/* Checks the entries, all of them or not, and takes the digest of the whole along where all are read and somebody wants it. */
static enum larder_status run_lanes(struct check *check, int lanes, bool all,
                                    struct larder_error *error)
{
    struct digest_input *digest = check->opened->digest;
    struct steps *steps = &check->steps;
    enum larder_status status;

    if (all && digest != NULL && digest_input_is_near(digest)) {
        steps->whole = digest;
        steps->ahead_max = (size_t)(lanes < WHOLE_ALONE_LANES ? lanes : WHOLE_ALONE_LANES);
        steps->parts_too = check->decode && !check->opened->encrypted &&
                           lanes < WHOLE_ALONE_LANES && sha256_beside_is_faster();
        return crew_run(lanes, 2 * check->entry_count, check_step, check, check->run, error);
    }
    digest_input_in_order(digest, all);
    status = crew_run(lanes, check->entry_count, check_piece, check, check->run, error);
    digest_input_in_order(digest, false);
    return status;
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
    size_t entries = archive_reader_entries(archive), before = findings->count;
    enum larder_status status = make_readers(&check, lanes, error);

    pthread_mutex_init(&check.lock, NULL);
    pthread_cond_init(&check.steps.changed, NULL);
    check.entries = arena_alloc(arena, entries, sizeof(*check.entries));
    check.steps.known = arena_alloc(arena, entries, sizeof(*check.steps.known));
    check.counted = arena_alloc(arena, manifest_stored(manifest), sizeof(*check.counted));
    if (status == LARDER_OK &&
        (check.entries == NULL || check.steps.known == NULL || check.counted == NULL))
        status = larder_fail_memory(error);
    for (size_t i = 0; status == LARDER_OK && i < entries; i++)
        if (wanted == NULL || wanted[i]) {
            check.entries[check.entry_count++] = i;
            check.progress.bytes_total += archive_reader_entry_bytes(archive, i);
        }
    if (status == LARDER_OK) {
        check.progress.lanes = check.lanes;
        check.progress.lane_count = (size_t)(lanes < LARDER_LANES_MAX ? lanes : LARDER_LANES_MAX);
        status = run_lanes(&check, lanes, wanted == NULL, error);
    }
    if (status == LARDER_OK && decode_all && findings->count == before)
        compare_tables(&check);
    if (status == LARDER_OK && findings->count > before) {
        status = larder_fail(error, LARDER_DAMAGED, "%s", findings->items[before].message);
        larder_context(error, "\"%s\" is damaged", opened->location);
    }
    pthread_cond_destroy(&check.steps.changed);
    pthread_mutex_destroy(&check.lock);
    free_readers(&check, lanes);
    return status;
}
