#include "larder/copy.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/destination.h"
#include "engine/inventory.h"
#include "engine/keys.h"
#include "engine/opened.h"
#include "engine/run/run.h"
#include "formats/age/header.h"
#include "formats/hash_stage.h"
#include "formats/names.h"

enum { BLOCK = 1024 * 1024 };

struct copy {
    const struct larder_copy_options *options;
    const struct larder_run *run;
    struct larder_copy *result;
    struct arena *arena; /* the result's */
    struct opened opened;
    struct destination to;
    struct summary facts;
    struct buffer summary, digest; /* as they will lie beside the copy */
    const char *stem;              /* of the keys */
    struct age_bytes old_header;   /* where it gets another one */
    uint64_t new_header;           /* its length */
};

static enum larder_status damaged(const struct copy *c, const char *why, struct larder_error *error)
{
    return larder_fail(error, LARDER_DAMAGED, "\"%s\" is no good archive, and was not copied: %s",
                       c->opened.location, why);
}

/* What lies beside the archive must be there, and agree with it. */
static enum larder_status read_beside(struct copy *c, struct larder_error *error)
{
    const char *base = names_base(c->opened.name != NULL ? c->opened.name : "");
    struct larder_error why = {0};
    enum larder_status status;

    if (c->opened.name == NULL) {
        larder_fail(error, LARDER_USAGE, "standard input has no summary that could be copied");
        larder_hint(error, "Give the archive's path, its URL, or its backup's name in a store.");
        return LARDER_USAGE;
    }
    status = opened_beside(&c->opened, INVENTORY_SUMMARY, SUMMARY_MAX_BYTES, &c->summary, &why);
    if (status == LARDER_OK)
        status = summary_read(c->summary.bytes, c->summary.length, c->arena, &c->facts, &why);
    if (run_check(c->run, error) != LARDER_OK)
        return error->status;
    /* That it cannot be read now says nothing about the archive. */
    if (status != LARDER_FAILED && c->opened.lost_sha256.status == LARDER_FAILED)
        why = c->opened.lost_sha256;
    if (why.status == LARDER_FAILED)
        return larder_fail(error, LARDER_FAILED, "could not read what lies beside \"%s\": %s",
                           c->opened.location, why.message);
    if (status != LARDER_OK) {
        larder_context(&why, "there is no readable summary beside it");
        return damaged(c, why.message, error);
    }
    if (strcmp(c->facts.archive, base) != 0 || !names_is_preset(c->facts.preset))
        return damaged(c, "the summary beside it is another archive's", error);
    if (c->facts.bytes != c->opened.input->size)
        return damaged(c, "it has not the size that its summary says", error);
    if (strcmp(c->facts.sha256, c->opened.sha256) != 0)
        return damaged(c, "its .sha256 is missing, or disagrees with the summary", error);
    return LARDER_OK;
}

/* Names the copy as the archive is named, by what its summary says. */
static enum larder_status name_copy(struct copy *c, struct larder_error *error)
{
    struct buffer source = {0}, location = {0};
    const char *base = names_base(c->opened.name);

    names_source(&source, c->facts.source);
    c->to.archive = arena_printf(c->arena, "%s/%s/%s", buffer_text(&source), c->facts.preset, base);
    c->stem = arena_printf(c->arena, "%.*s", (int)names_stem(c->to.archive), c->to.archive);
    c->to.store->kind->location(c->to.store, c->to.archive, &location);
    *c->result = (struct larder_copy){
        .archive = c->opened.location,
        .copy = arena_take(c->arena, &location),
        .backup_name = c->facts.backup_name,
        .preset = c->facts.preset,
        .source = c->facts.source,
        .bytes = c->facts.bytes,
        .encrypted = c->facts.encrypted,
        .memory = c->arena,
    };
    memcpy(c->result->sha256, c->facts.sha256, sizeof(c->result->sha256) - 1);
    buffer_free(&source);
    return arena_failed(c->arena) ? larder_fail_memory(error) : LARDER_OK;
}

/* Lets all that is written lie locked until the archive's time is over. */
static enum larder_status lock_copy(struct copy *c, struct larder_error *error)
{
    bool can_be = c->facts.keep_until > time(NULL);
    enum larder_status status = destination_retain(&c->to, can_be ? c->facts.keep_until : 0, error);

    if (status != LARDER_OK || can_be)
        return status;
    run_message(c->run, LARDER_WARNING, "the copy is not locked in the store, since %s",
                c->facts.keep_until == 0 ? "nothing says how long it is kept"
                                         : "the archive's time is over");
    return LARDER_OK;
}

static bool has_new_recipients(const struct copy *c)
{
    const struct larder_encryption *to = &c->options->recipients;

    return to->recipient_count > 0 || to->recipient_file_count > 0 || to->passphrase_file != NULL;
}

/* Lets the archive be read as it is with the new header. */
static enum larder_status rewrap(struct copy *c, struct larder_error *error)
{
    struct input *archive = c->opened.input, *rewrapped;
    uint64_t payload;
    enum larder_status status;

    if (!c->opened.encrypted)
        return larder_fail(error, LARDER_USAGE,
                           "\"%s\" is not encrypted, so it cannot be given other recipients",
                           c->opened.location);
    status = age_header_load(archive, &c->old_header, error);
    if (status != LARDER_OK)
        return status;
    payload = archive->size - c->old_header.length;
    status =
        keys_rewrap(c->options->keys, &c->options->recipients, c->run, archive, &rewrapped, error);
    if (status != LARDER_OK)
        return larder_context(error, "could not give \"%s\" other recipients", c->opened.location);
    c->opened.input = rewrapped;
    c->new_header = rewrapped->size - payload;
    return LARDER_OK;
}

/* The archive's own bytes, of what is sent: the old header in place of the new one. */
static enum larder_status hash_original(struct copy *c, struct sha256 *sha, uint64_t at,
                                        const uint8_t *block, size_t length,
                                        struct larder_error *error)
{
    size_t skip = 0;

    if (at < c->new_header)
        skip = c->new_header - at < length ? (size_t)(c->new_header - at) : length;
    if (skip == length)
        return LARDER_OK;
    return sha256_update(sha, block + skip, length - skip, error);
}

static enum larder_status send_blocks(struct copy *c, struct stage *stage, struct sha256 *sha,
                                      uint8_t *block, struct larder_error *error)
{
    uint64_t size = c->opened.input->size;
    enum larder_status status = sha256_update(sha, c->old_header.data, c->old_header.length, error);

    for (uint64_t at = 0; status == LARDER_OK && at < size; at += BLOCK) {
        size_t length = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

        run_progress(c->run,
                     &(struct larder_progress){.phase = "copy", .bytes = at, .bytes_total = size});
        status = run_check(c->run, error);
        if (status == LARDER_OK)
            status = input_read_at(c->opened.input, at, block, length, error);
        if (status == LARDER_OK)
            status = hash_original(c, sha, at, block, length, error);
        if (status == LARDER_OK)
            status = stage_push(stage, block, length, error);
    }
    return status;
}

/* Sends all of it; it becomes visible only where what was read is what the export wrote. */
static enum larder_status send(struct copy *c, struct stage *stage, struct larder_error *error)
{
    struct sha256 *sha = sha256_new();
    uint8_t *block = malloc(BLOCK), digest[SHA256_BYTES];
    char found[SHA256_HEX] = "";
    enum larder_status status = sha == NULL || block == NULL
                                    ? larder_fail_memory(error)
                                    : send_blocks(c, stage, sha, block, error);

    if (status == LARDER_OK)
        status = sha256_final(sha, digest, error);
    if (status == LARDER_OK) {
        sha256_to_hex(digest, found);
        status = strcmp(found, c->facts.sha256) == 0
                     ? stage_finish(stage, error)
                     : damaged(c, "its SHA-256 is not the one in its summary", error);
    }
    free(block);
    sha256_free(sha);
    return status;
}

/* What the store holds under the copy's name must be what was sent: all of it is read. */
static enum larder_status check_arrival(struct copy *c, struct larder_error *error)
{
    struct input *input;
    char found[SHA256_HEX];
    enum larder_status status = c->to.store->kind->read(c->to.store, c->to.archive, &input, error);

    if (status != LARDER_OK)
        return status;
    status = opened_input_digest(input, c->run, found, error);
    if (status == LARDER_OK && strcmp(found, c->result->sha256) != 0)
        status = larder_fail(error, LARDER_FAILED, "the SHA-256 of what it holds is %s, not %s",
                             found, c->result->sha256);
    input_close(input);
    return status;
}

/* What lies there under the copy's name. */
static enum larder_status look_there(struct copy *c, struct inventory_backup *there,
                                     struct larder_error *error)
{
    struct inventory found = {0};
    enum larder_status status = inventory_list(c->to.store, arena_printf(c->arena, "%s.", c->stem),
                                               c->arena, &found, error);

    *there = found.count > 0 ? found.backups[0] : (struct inventory_backup){0};
    return status;
}

/* Takes the archive back, unless another copy has found it there meanwhile, and has put beside it what makes it good. */
static void take_back(struct copy *c)
{
    struct store *store = c->to.store;
    struct inventory_backup there;

    store->cleaning = true;
    if (look_there(c, &there, NULL) == LARDER_OK && there.digest == NULL && there.summary == NULL)
        store->kind->remove(store, c->to.archive, NULL);
    store->cleaning = false;
}

static enum larder_status send_archive(struct copy *c, struct larder_error *error)
{
    struct hash_result sent;
    struct stage *object, *stage;
    enum larder_status status;

    c->to.store->expected_bytes = c->opened.input->size;
    status = c->to.store->kind->create(c->to.store, c->to.archive, &object, error);
    c->to.store->expected_bytes = 0;
    if (status != LARDER_OK)
        return status;
    stage = hash_stage_new(object, &sent);
    if (stage == NULL) {
        stage_free(object);
        return larder_fail_memory(error);
    }
    status = send(c, stage, error);
    stage_free(stage);
    if (status != LARDER_OK)
        return status;
    if (has_new_recipients(c)) {
        memcpy(c->result->original_sha256, c->facts.sha256, SHA256_HEX - 1);
        sha256_to_hex(sent.sha256, c->result->sha256);
        c->result->bytes = sent.bytes;
    }
    status = check_arrival(c, error);
    if (status != LARDER_OK)
        take_back(c);
    return status;
}

/* What will lie beside the copy. */
static enum larder_status write_beside(struct copy *c, struct larder_error *error)
{
    struct buffer summary = {0};
    enum larder_status status = LARDER_OK;

    if (has_new_recipients(c)) {
        status = summary_write_copy(c->summary.bytes, c->summary.length, c->result->sha256,
                                    c->result->bytes, &summary, error);
        buffer_free(&c->summary);
        c->summary = summary;
    }
    summary_write_digest_line(&c->digest, c->result->sha256, names_base(c->to.archive));
    return status == LARDER_OK && c->digest.failed ? larder_fail_memory(error) : status;
}

static bool lies_there(struct copy *c, const char *key, const struct buffer *wanted)
{
    struct buffer found = {0};
    bool same = store_get(c->to.store, key, SUMMARY_MAX_BYTES, &found, NULL) == LARDER_OK &&
                found.length == wanted->length &&
                memcmp(found.bytes, wanted->bytes, found.length) == 0;

    buffer_free(&found);
    return same;
}

/* Puts something beside the copy; that another copy of the same archive was faster is no failure. */
static enum larder_status put_beside(struct copy *c, const char *key, const struct buffer *bytes,
                                     bool *was_put, struct larder_error *error)
{
    struct larder_error why = {0};
    enum larder_status status = store_put(c->to.store, key, bytes->bytes, bytes->length, &why);

    *was_put = status == LARDER_OK;
    if (status == LARDER_OK || (status == LARDER_FAILED && lies_there(c, key, bytes)))
        return LARDER_OK;
    *error = why;
    return status;
}

/* Puts what is not there yet beside the copy; takes back what it has put where that fails. */
static enum larder_status publish(struct copy *c, bool has_digest, bool has_summary,
                                  struct larder_error *error)
{
    const char *digest = arena_printf(c->arena, "%s" INVENTORY_DIGEST, c->stem);
    const char *summary = arena_printf(c->arena, "%s" INVENTORY_SUMMARY, c->stem);
    bool put_digest = false, put_summary = false, looks;
    struct inventory_backup there = {0};
    enum larder_status status = arena_failed(c->arena) ? larder_fail_memory(error) : LARDER_OK;

    if (status == LARDER_OK && !has_digest)
        status = put_beside(c, digest, &c->digest, &put_digest, error);
    if (status == LARDER_OK && !has_summary)
        status = put_beside(c, summary, &c->summary, &put_summary, error);
    /* The copy that had sent the archive may have taken it back before it could see these. */
    looks = c->result->already && (put_digest || put_summary);
    if (status == LARDER_OK && looks)
        status = look_there(c, &there, error);
    if (status == LARDER_OK && looks && there.archive == NULL)
        status = larder_fail(error, LARDER_FAILED, "\"%s\" was removed while it was copied",
                             c->result->copy);
    if (status != LARDER_OK && put_summary)
        c->to.store->kind->remove(c->to.store, summary, NULL);
    if (status != LARDER_OK && put_digest)
        c->to.store->kind->remove(c->to.store, digest, NULL);
    return status;
}

/* As an export does: that recipients were lost nothing else tells. */
static enum larder_status warn_of_clear_text(struct copy *c, struct larder_error *error)
{
    const char *newest;
    enum larder_status status;

    if (c->opened.encrypted)
        return LARDER_OK;
    status = destination_newest(&c->to, c->facts.source, c->facts.preset, c->arena, &newest, error);
    if (status == LARDER_OK && newest != NULL && names_is_encrypted(newest))
        run_message(c->run, LARDER_WARNING,
                    "the copy is not encrypted, and the newest archive of its preset there, %s, "
                    "is: unless that is meant, remove it, and copy one that is encrypted",
                    newest);
    return status;
}

static enum larder_status copy_all(struct copy *c, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (has_new_recipients(c))
        status = rewrap(c, error);
    if (status == LARDER_OK)
        status = warn_of_clear_text(c, error);
    if (status == LARDER_OK)
        status = send_archive(c, error);
    if (status != LARDER_OK)
        return status;
    status = write_beside(c, error);
    if (status == LARDER_OK)
        status = publish(c, false, false, error);
    if (status != LARDER_OK)
        take_back(c);
    return status;
}

static enum larder_status refuse(const struct copy *c, const char *why, struct larder_error *error)
{
    return larder_fail(error, LARDER_FAILED, "\"%s\" exists already, and is never overwritten: %s",
                       c->result->copy, why);
}

/* Whose an archive is that has nothing beside it cannot be told: somebody may be writing it. */
static enum larder_status refuse_archive(const struct copy *c, const struct inventory_backup *there,
                                         const char *why, struct larder_error *error)
{
    refuse(c, why, error);
    if (there->digest == NULL && there->summary == NULL)
        larder_hint(error,
                    "Neither a .sha256 nor a summary lies beside it. If this stays so, and no "
                    "other run is at work there, a run that was cut short has left it: "
                    "remove it with the store's own tools, and copy again.");
    return LARDER_FAILED;
}

/* What is there must be the same, as far as it is there: as a copy that was killed has left it, or all. */
static enum larder_status complete(struct copy *c, const struct inventory_backup *there,
                                   struct larder_error *error)
{
    struct larder_error why = {0};
    enum larder_status status;

    if (there->removing != NULL && there->summary == NULL) {
        refuse(c, "its removal was begun, and not finished", error);
        larder_hint(error, "The next `larder prune` of that store finishes it.");
        return LARDER_FAILED;
    }
    if (there->archive == NULL) {
        refuse(c, "what lies beside an archive is there, and the archive itself is missing", error);
        larder_hint(
            error,
            "Where nobody needs to know any more what it was, remove what is left of it with the store's own "
            "tools, and copy again.");
        return LARDER_FAILED;
    }
    if (has_new_recipients(c))
        return refuse(c, "a copy with other recipients is another file", error);
    if (strcmp(there->archive->key, c->to.archive) != 0)
        return refuse(c, "it is there in another form", error);
    status = write_beside(c, error);
    if (status != LARDER_OK)
        return status;
    if ((there->digest != NULL && !lies_there(c, there->digest->key, &c->digest)) ||
        (there->summary != NULL && !lies_there(c, there->summary->key, &c->summary)))
        return refuse(c, "what lies beside it is another's", error);
    status = check_arrival(c, &why);
    if (status == LARDER_FAILED)
        return refuse_archive(c, there, why.message, error);
    if (status != LARDER_OK)
        return larder_fail(error, status, "%s", why.message);
    c->result->already = true;
    return publish(c, there->digest != NULL, there->summary != NULL, error);
}

static enum larder_status copy_to_store(struct copy *c, struct larder_error *error)
{
    struct inventory_backup there = {0};
    enum larder_status status = destination_check_system(
        &c->to, c->facts.source, c->facts.system_identifier, c->arena, error);

    if (status == LARDER_OK)
        status = destination_lock(&c->to, c->facts.source, c->facts.preset, false, c->arena, error);
    if (status == LARDER_OK)
        status = look_there(c, &there, error);
    if (status != LARDER_OK)
        return status;
    return there.stem != NULL ? complete(c, &there, error) : copy_all(c, error);
}

enum larder_status larder_copy(const struct larder_copy_options *options,
                               const struct larder_run *run, struct larder_copy *result,
                               struct larder_error *error)
{
    struct copy c = {.options = options, .run = run, .result = result, .arena = arena_new()};
    struct larder_error unwanted = {0};
    double begun = run_clock();
    enum larder_status status;

    error = error == NULL ? &unwanted : error;
    *result = (struct larder_copy){.archive = options->archive, .memory = c.arena};
    if (c.arena == NULL)
        return larder_fail_memory(error);
    status = opened_find(&c.opened, options->archive, options->from, run, c.arena, error);
    if (status == LARDER_OK)
        status = read_beside(&c, error);
    if (status == LARDER_OK)
        status = destination_open(&c.to, options->to, NULL, run, error);
    if (status == LARDER_OK && options->lock)
        status = lock_copy(&c, error);
    if (status == LARDER_OK)
        status = name_copy(&c, error);
    if (status == LARDER_OK)
        status = copy_to_store(&c, error);
    if (status != LARDER_OK && c.opened.location != NULL)
        store_hide_secrets(c.opened.location, error);
    result->seconds = run_clock() - begun;
    result->archive = arena_strdup(c.arena, result->archive);
    age_bytes_free(&c.old_header);
    buffer_free(&c.summary);
    buffer_free(&c.digest);
    destination_close(&c.to);
    opened_close(&c.opened);
    return status;
}

void larder_copy_free(struct larder_copy *result)
{
    arena_free(result->memory);
    *result = (struct larder_copy){0};
}
