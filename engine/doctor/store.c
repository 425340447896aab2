#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "engine/doctor/parts.h"
#include "engine/due.h"
#include "engine/inventory.h"
#include "engine/keys.h"
#include "engine/run/run.h"
#include "engine/store/store.h"
#include "formats/archive_reader.h"
#include "formats/buffer.h"
#include "formats/names.h"

enum { HOUR = 3600, DAY = 86400, CLOCK_SECONDS = 60 };

/* A small object goes in, is read, and goes out again: by a key that is no archive's. */
void doctor_probe(struct doctor *d, struct store *store)
{
    static const char subject[] = "store", text[] = "larder doctor was here\n";
    const char *key =
        arena_printf(d->arena, "larder_doctor_%ld_%jd", (long)getpid(), (intmax_t)time(NULL));
    struct larder_error why = {0};
    struct buffer back = {0};
    bool same;

    if (store_put(store, key, text, sizeof(text) - 1, &why) != LARDER_OK) {
        larder_context(&why, "could not write into the store");
        doctor_fail(d, subject, &why);
        return;
    }
    same = store_get(store, key, sizeof(text), &back, &why) == LARDER_OK &&
           back.length == sizeof(text) - 1 && memcmp(back.bytes, text, back.length) == 0;
    buffer_free(&back);
    if (!same) {
        if (why.message[0] == '\0')
            larder_fail(&why, LARDER_FAILED, "what was read is not what was written");
        larder_context(&why, "could not read back what was written into the store");
        doctor_fail(d, subject, &why);
    }
    if (store->kind->remove(store, key, &why) != LARDER_OK)
        doctor_warn(
            d, subject,
            "That is fine for a nightly key: prune with another. Remove this object by hand.",
            "the key may write but not delete (%s); \"%s\" stays", why.message, key);
    else if (same)
        doctor_ok(d, subject, "it can be written, read and deleted in");
}

void doctor_lock(struct doctor *d, struct store *store)
{
    struct larder_error why = {0};

    if (!d->options->lock)
        return;
    if (store->kind->retains) {
        doctor_ok(d, "lock", "archives are locked in the store until their keep_days are over");
        return;
    }
    larder_fail(&why, LARDER_USAGE,
                "this kind of store cannot lock objects until a date, as lock = yes wants");
    larder_hint(&why, "S3 stores can, in buckets with Object Lock.");
    doctor_fail(d, "lock", &why);
}

/* Of a folder, whose disk and clock can be asked; `largest` is the largest archive in it. */
void doctor_room(struct doctor *d, struct store *store, uint64_t largest)
{
    struct buffer path = {0};
    struct statvfs disk;
    uint64_t room;

    if (store->kind != &store_folder)
        return;
    store->kind->location(store, "", &path);
    if (statvfs(buffer_text(&path), &disk) == 0) {
        room = (uint64_t)disk.f_bavail * disk.f_frsize;
        if (room < 2 * largest)
            doctor_warn(d, "room", "Make room, or let `larder prune` remove what is over.",
                        "%" PRIu64 " MB are free, less than two archives as large as the largest "
                        "(%" PRIu64 " MB)",
                        room / 1000000, largest / 1000000);
        else
            doctor_ok(d, "room", "%" PRIu64 " MB are free; the largest archive has %" PRIu64 " MB",
                      room / 1000000, largest / 1000000);
    }
    buffer_free(&path);
}

static const char *age_text(struct doctor *d, int64_t seconds)
{
    if (seconds < 2 * HOUR)
        return arena_printf(d->arena, "%" PRId64 " minute%s", seconds / 60,
                            seconds / 60 == 1 ? "" : "s");
    if (seconds < 2 * DAY)
        return arena_printf(d->arena, "%" PRId64 " hours", seconds / HOUR);
    return arena_printf(d->arena, "%" PRId64 " days", seconds / DAY);
}

/* What a preset has in the store. */
struct kept {
    const struct inventory_backup *newest, *newest_good; /* NULL: none */
    const struct inventory_backup *encrypted;            /* the newest good one that is */
    size_t count;
};

/* Whether the store's backup is of the preset of our source; without a source, of any. */
static bool is_of(const char *source_key, const struct inventory_backup *b, const char *preset)
{
    return strcmp(b->preset, preset) == 0 &&
           (source_key == NULL || strcmp(b->source, source_key) == 0);
}

static bool is_encrypted(const struct inventory_backup *b)
{
    return b->archive != NULL && names_is_encrypted(b->archive->key);
}

static struct kept find_kept(const struct inventory *inventory, const char *source_key,
                             const char *preset)
{
    struct kept kept = {0};

    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_backup *b = &inventory->backups[i];

        if (!is_of(source_key, b, preset))
            continue;
        kept.count++;
        kept.newest = b;
        if (b->problem_count == 0)
            kept.newest_good = b;
        if (b->problem_count == 0 && is_encrypted(b))
            kept.encrypted = b;
    }
    return kept;
}

static void report_age(struct doctor *d, const char *subject, const struct inventory_backup *good,
                       int64_t every)
{
    int64_t age = (int64_t)time(NULL) - (int64_t)good->facts.started_at;

    if (age < -CLOCK_SECONDS)
        doctor_warn(d, subject, "Look at the clocks; nothing dated in the future is ever pruned.",
                    "%s is dated in the future", good->backup_name);
    else if (every > 0 && age > every + due_grace(every))
        doctor_warn(d, subject, "Look at what should have exported it, and export it now.",
                    "overdue: the newest good one, %s, is %s old", good->backup_name,
                    age_text(d, age));
    else
        doctor_ok(d, subject, "%s is %s old, %s", good->backup_name, age_text(d, age < 0 ? 0 : age),
                  good->verified_at != 0 ? "and verified" : "and never verified");
}

static void check_kept(struct doctor *d, const char *preset, int64_t every, const struct kept *kept)
{
    const char *subject = arena_printf(d->arena, "archive %s", preset);

    if (kept->count == 0 && every > 0)
        doctor_warn(d, subject, arena_printf(d->arena, "`larder export %s` makes one.", preset),
                    "there is none yet");
    else if (kept->count == 0)
        doctor_ok(d, subject, "there is none, and none is scheduled");
    else if (kept->newest_good == NULL)
        doctor_warn(d, subject, "Export at once; `larder list` says what is wrong with each.",
                    "none of %zu is good", kept->count);
    else
        report_age(d, subject, kept->newest_good, every);
    if (kept->newest != kept->newest_good && kept->newest_good != NULL)
        doctor_warn(d, subject, "`larder list` says what is wrong; export again.",
                    "the newest, %s, is not good: %s", kept->newest->backup_name,
                    kept->newest->problems[0]);
}

/* Another system's archives under our name keep the next export from running. */
static void check_system(struct doctor *d, const struct kept *kept)
{
    struct larder_error why = {0};
    const char *theirs =
        kept->newest_good == NULL ? NULL : kept->newest_good->facts.system_identifier;

    if (theirs == NULL || d->server.system_identifier == NULL ||
        strcmp(theirs, d->server.system_identifier) == 0)
        return;
    larder_fail(&why, LARDER_USAGE, "%s is of another database system",
                kept->newest_good->backup_name);
    larder_hint(&why, "Give this source a name of its own: [source] name, or --source-name.");
    doctor_fail(d, "archives", &why);
}

/* The archive's manifest, which stands at its end: little of it is read. */
static enum larder_status open_whole(struct doctor *d, struct input *input,
                                     struct larder_error *why)
{
    struct archive_reader *reader = NULL;
    struct input *plain = NULL;
    enum larder_status status = keys_open(d->keys, input, &plain, why);

    if (status != LARDER_OK) {
        input_close(input);
        return status;
    }
    status = archive_reader_open(plain, &reader, why);
    if (status == LARDER_OK)
        archive_reader_close(reader);
    else
        input_close(plain);
    return status;
}

/* The newest is opened, of the others the header alone is tried. */
static enum larder_status try_keys(struct doctor *d, struct store *store,
                                   const struct inventory_backup *b, bool newest,
                                   struct larder_error *why)
{
    struct input *input;
    enum larder_status status = store->kind->read(store, b->archive->key, &input, why);

    if (status != LARDER_OK)
        return status;
    if (newest)
        return open_whole(d, input, why);
    status = keys_fit(d->keys, input, why);
    input_close(input);
    return status;
}

/* All archives of one preset that are encrypted. */
static enum larder_status check_keys(struct doctor *d, struct store *store,
                                     const struct inventory *inventory, const char *source_key,
                                     const char *preset, const struct kept *kept,
                                     struct larder_error *error)
{
    const char *subject = arena_printf(d->arena, "keys %s", preset);
    const struct inventory_backup *newest =
        kept->newest_good != NULL ? kept->newest_good : kept->newest;
    size_t opened = 0;

    for (size_t i = 0; d->keys != NULL && i < inventory->count; i++) {
        const struct inventory_backup *b = &inventory->backups[i];
        struct larder_error why = {0};
        enum larder_status status = run_check(d->run, error);

        if (status != LARDER_OK)
            return status;
        if (!is_of(source_key, b, preset) || !is_encrypted(b))
            continue;
        status = try_keys(d, store, b, b == newest, &why);
        if (status == LARDER_OK && b == newest)
            doctor_ok(d, subject, "they open the newest, %s", b->backup_name);
        if (status == LARDER_OK) {
            opened++;
        } else if (b == newest || status != LARDER_NO_KEY) {
            larder_context(&why, "%s", b->backup_name);
            doctor_fail(d, subject, &why);
        } else {
            doctor_warn(d, subject, "Keep the key that does for as long as the archive lies there.",
                        "they do not open %s", b->backup_name);
        }
    }
    if (opened > 1)
        doctor_ok(d, subject, "they open %zu archives", opened);
    return LARDER_OK;
}

static void check_plain(struct doctor *d, const struct inventory *inventory, const char *source_key)
{
    size_t plain = 0;

    for (size_t i = 0; i < inventory->count; i++)
        if ((source_key == NULL || strcmp(inventory->backups[i].source, source_key) == 0) &&
            inventory->backups[i].archive != NULL && !is_encrypted(&inventory->backups[i]))
            plain++;
    if (plain > 0 && !store_is_local(d->options->store))
        doctor_warn(d, "encryption", "Whoever reads the store reads them; encrypt what comes next.",
                    plain == 1 ? "%zu archive in a store off this host is not encrypted"
                               : "%zu archives in a store off this host are not encrypted",
                    plain);
}

/* Where recipients get lost, by a slip or on a new host, no export fails. */
static void check_still_encrypted(struct doctor *d, const char *preset, const struct kept *kept)
{
    const char *subject = arena_printf(d->arena, "encryption %s", preset);

    if (d->options->part != LARDER_DOCTOR_ALL || kept->encrypted == NULL)
        return;
    if (kept->encrypted != kept->newest_good)
        doctor_warn(d, subject, "Unless that is meant, name recipients, and export again.",
                    "the newest, %s, is not encrypted, and %s is", kept->newest_good->backup_name,
                    kept->encrypted->backup_name);
    else if (!keys_name_recipients(&d->options->encryption))
        doctor_warn(d, subject, "Unless every export has its own -r, name recipients.",
                    "%s is encrypted, and the configuration names nobody to encrypt the next to",
                    kept->encrypted->backup_name);
}

/* Presets that are defined, and then those that are only in the store. */
static enum larder_status check_archives(struct doctor *d, struct store *store,
                                         const struct inventory *inventory, const char *source_key,
                                         struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    const char *last = "";

    for (size_t i = 0; status == LARDER_OK && i < d->presets.count; i++) {
        const struct catalog_preset *preset = &d->presets.items[i];
        struct kept kept = find_kept(inventory, source_key, preset->name);

        check_kept(d, preset->name, preset->every, &kept);
        check_still_encrypted(d, preset->name, &kept);
        check_system(d, &kept);
        status = check_keys(d, store, inventory, source_key, preset->name, &kept, error);
    }
    for (size_t i = 0; status == LARDER_OK && i < inventory->count; i++) {
        const char *preset = inventory->backups[i].preset;
        struct catalog_preset known;
        struct kept kept;

        if ((source_key != NULL && strcmp(inventory->backups[i].source, source_key) != 0) ||
            strcmp(preset, last) == 0 ||
            presets_find(&d->presets, preset, d->arena, &known, NULL) == LARDER_OK)
            continue;
        last = preset;
        kept = find_kept(inventory, source_key, preset);
        check_kept(d, preset, 0, &kept);
        check_still_encrypted(d, preset, &kept);
        status = check_keys(d, store, inventory, source_key, preset, &kept, error);
    }
    check_plain(d, inventory, source_key);
    return status;
}

static const char *key_of_source(struct doctor *d)
{
    struct buffer key = {0};

    if (d->source == NULL)
        return NULL;
    names_source(&key, d->source);
    return arena_take(d->arena, &key);
}

static enum larder_status check_opened(struct doctor *d, struct store *store,
                                       struct larder_error *error)
{
    const char *source_key = key_of_source(d);
    const char *prefix = source_key == NULL ? "" : arena_printf(d->arena, "%s/", source_key);
    struct inventory inventory = {0};
    struct larder_error why = {0};
    uint64_t largest = 0;

    doctor_lock(d, store);
    doctor_probe(d, store);
    if (inventory_read(store, prefix, d->arena, &inventory, &why) != LARDER_OK) {
        doctor_fail(d, "archives", &why);
        return run_check(d->run, error);
    }
    for (size_t i = 0; i < inventory.count; i++)
        if (inventory.backups[i].archive != NULL && inventory.backups[i].archive->bytes > largest)
            largest = inventory.backups[i].archive->bytes;
    doctor_room(d, store, largest);
    return check_archives(d, store, &inventory, source_key, error);
}

enum larder_status doctor_check_store(struct doctor *d, struct larder_error *error)
{
    struct larder_error why = {0};
    struct store *store = NULL;
    enum larder_status status;

    if (d->options->store == NULL) {
        doctor_warn(d, "store", "Name one: [store] url, LARDER_STORE, or --store.",
                    "there is none, so every export needs -o FILE");
        return LARDER_OK;
    }
    status = store_open_existing(d->options->store, d->run, &store, &why);
    if (status != LARDER_OK && d->options->part == LARDER_DOCTOR_STORE &&
        store_is_local(d->options->store))
        return doctor_check_new_folder(d, error);
    if (status == LARDER_USAGE && d->options->part == LARDER_DOCTOR_STORE &&
        strncmp(d->options->store, "rclone:", 7) == 0)
        return doctor_check_new_remote(d, error);
    if (status == LARDER_OK) {
        status = check_opened(d, store, error);
    } else {
        if (why.hint[0] == '\0')
            larder_hint(&why, "The first export makes a folder; where there was one, see whether "
                              "its disk is mounted.");
        doctor_fail(d, "store", &why);
        status = run_check(d->run, error);
    }
    store_close(store);
    return status;
}
