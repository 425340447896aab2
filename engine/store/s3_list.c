/* What a bucket holds: objects, and uploads that were begun and not ended. */
#include <string.h>
#include <time.h>

#include "engine/store/listing.h"
#include "engine/store/s3_parts.h"
#include "formats/names.h"
#include "formats/uri.h"

/* The next page of a listing, behind `next`, of at most so many keys. */
static enum larder_status ask_page(struct s3 *s3, const char *prefix, const char *next,
                                   const char *most, struct arena *arena,
                                   struct s3_document *document, struct larder_error *error)
{
    struct buffer query = {0};
    struct s3_request request = {.method = "GET", .document = document, .arena = arena};
    struct s3_answer answer;
    enum larder_status status;

    if (next[0] != '\0') {
        buffer_puts(&query, "continuation-token=");
        uri_encode(&query, next, false);
        buffer_puts(&query, "&");
    }
    buffer_printf(&query, "encoding-type=url&list-type=2&max-keys=%s&prefix=", most);
    uri_encode(&query, s3->prefix, false);
    uri_encode(&query, prefix, false);
    request.query = buffer_text(&query);
    status = query.failed ? larder_fail_memory(error) : s3_ask(s3, &request, &answer, error);
    buffer_free(&query);
    if (status == LARDER_OK && strcmp(document->root, "ListBucketResult") != 0)
        status = larder_fail(error, LARDER_FAILED, "could not list \"s3://%s\": the answer is none",
                             s3->bucket);
    return status;
}

/* What is no object of ours is left out: what stands for a folder, and what has another prefix. */
static void take_page(const struct s3 *s3, const char *prefix, const struct s3_document *document,
                      struct listing *listing)
{
    const size_t skip = strlen(s3->prefix), common = strlen(prefix);

    for (size_t i = 0; i < document->count; i++) {
        const char *key = document->items[i].key;
        size_t length = strlen(key);

        if (length > skip && strncmp(key, s3->prefix, skip) == 0 &&
            strncmp(key + skip, prefix, common) == 0 && key[length - 1] != '/')
            listing_add(listing, key + skip, document->items[i].bytes);
    }
}

/*
 * Whether a listing has come back to a page: its marker is compared with an older one, which is kept for twice as many pages
 * each time (Brent's algorithm), so that a circle of any length is found.
 */
struct progress {
    const char *older;
    uint64_t pages, until;
};

static bool goes_round(struct progress *progress, const char *marker)
{
    if (progress->older != NULL && strcmp(progress->older, marker) == 0)
        return true;
    if (progress->pages++ == progress->until) {
        progress->older = marker;
        progress->until = 2 * progress->until + 1;
    }
    return false;
}

enum larder_status s3_list(struct store *store, const char *prefix, struct arena *arena,
                           struct store_object **objects, size_t *count, struct larder_error *error)
{
    struct s3 *s3 = (struct s3 *)store;
    struct listing listing = {.arena = arena};
    struct s3_document document = {.next = ""};
    struct progress progress = {0};
    enum larder_status status;

    do {
        status = ask_page(s3, prefix, document.next, "1000", arena, &document, error);
        if (status != LARDER_OK)
            return status;
        take_page(s3, prefix, &document, &listing);
        if (document.truncated &&
            (document.next[0] == '\0' || goes_round(&progress, document.next)))
            return larder_fail(error, LARDER_FAILED,
                               "could not list \"s3://%s\": the store does not say how to go on",
                               s3->bucket);
    } while (document.truncated);
    return listing_end(&listing, objects, count, error);
}

enum larder_status s3_find(struct store *store, struct larder_error *error)
{
    struct s3_document document;
    struct arena *arena = arena_new();
    enum larder_status status =
        arena == NULL ? larder_fail_memory(error)
                      : ask_page((struct s3 *)store, "", "", "1", arena, &document, error);

    arena_free(arena);
    return status;
}

/* Whether an upload is of an archive that an export into this folder would have begun. */
static bool is_archive_in(const struct s3 *s3, const char *folder, const char *key)
{
    char stem[NAMES_BACKUP] = "", preset[NAMES_PRESET_MAX + 1];
    const size_t skip = strlen(s3->prefix), inside = strlen(folder);
    size_t length;

    if (strncmp(key, s3->prefix, skip) != 0 || strncmp(key + skip, folder, inside) != 0)
        return false;
    key += skip + inside;
    length = names_stem(key);
    if (key[length] == '\0' || length >= sizeof(stem) || strchr(key, '/') != NULL)
        return false;
    memcpy(stem, key, length);
    return names_is_backup(stem, preset);
}

/* One that says no time may have been begun just now. */
static bool was_begun_before(const struct s3_item *upload, time_t when)
{
    return (upload->initiated != 0 ? upload->initiated : time(NULL)) < when;
}

static enum larder_status end_upload(struct s3 *s3, const struct s3_item *item,
                                     struct larder_error *error)
{
    enum larder_status status;
    struct s3_request request = {
        .method = "DELETE", .key = item->key + strlen(s3->prefix), .accept = {404}};
    struct s3_answer answer;
    struct buffer query = {0};

    buffer_puts(&query, "uploadId=");
    uri_encode(&query, item->upload_id, false);
    request.query = buffer_text(&query);
    status = query.failed ? larder_fail_memory(error) : s3_ask(s3, &request, &answer, error);
    buffer_free(&query);
    return status;
}

/* The next page of the uploads in a folder. */
static enum larder_status ask_uploads(struct s3 *s3, const char *folder, struct arena *arena,
                                      struct s3_document *document, struct larder_error *error)
{
    struct buffer query = {0};
    struct s3_request request = {.method = "GET", .document = document, .arena = arena};
    struct s3_answer answer;
    enum larder_status status;

    buffer_puts(&query, "encoding-type=url");
    if (document->next_key[0] != '\0') {
        buffer_puts(&query, "&key-marker=");
        uri_encode(&query, document->next_key, false);
    }
    buffer_puts(&query, "&prefix=");
    uri_encode(&query, s3->prefix, false);
    uri_encode(&query, folder, false);
    if (document->next_upload[0] != '\0') {
        buffer_puts(&query, "&upload-id-marker=");
        uri_encode(&query, document->next_upload, false);
    }
    buffer_puts(&query, "&uploads=");
    request.query = buffer_text(&query);
    status = query.failed ? larder_fail_memory(error) : s3_ask(s3, &request, &answer, error);
    buffer_free(&query);
    return status;
}

enum larder_status s3_tidy(struct store *store, const char *folder, time_t begun_before,
                           struct larder_error *error)
{
    struct s3 *s3 = (struct s3 *)store;
    struct s3_document document = {.next_key = "", .next_upload = ""};
    struct progress progress = {0};
    struct arena *arena = arena_new();
    enum larder_status status = arena == NULL ? larder_fail_memory(error) : LARDER_OK;

    do {
        if (status == LARDER_OK)
            status = ask_uploads(s3, folder, arena, &document, error);
        for (size_t i = 0; status == LARDER_OK && i < document.count; i++)
            if (is_archive_in(s3, folder, document.items[i].key) &&
                was_begun_before(&document.items[i], begun_before))
                status = end_upload(s3, &document.items[i], error);
    } while (status == LARDER_OK && document.truncated && document.next_key[0] != '\0' &&
             !goes_round(&progress,
                         arena_printf(arena, "%s %s", document.next_key, document.next_upload)));
    arena_free(arena);
    return status == LARDER_OK ? status
                               : larder_context(error, "could not look for uploads that earlier "
                                                       "runs have left");
}
