/* Objects under construction: by one request where they are small, else by an upload in parts. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/store/s3_parts.h"
#include "formats/times.h"
#include "formats/uri.h"

/* Seconds for which a run that is to stop still waits for an answer, since what was asked may have been done. */
enum {
    AWAIT_BEGIN = 5,
    AWAIT_PUT = 10,
    AWAIT_COMPLETION = 45, /* some stores put the parts together first */
};

struct writing {
    struct stage stage;
    struct s3 *s3;
    struct arena *arena;
    const char *key;
    const char *upload_id; /* NULL: there is no upload, or it may have become an object */
    char nonce[S3_NONCE];
    uint64_t bytes; /* of the parts that were given */
    struct s3_sender *sender;
};

static enum larder_status fail_exists(struct s3 *s3, const char *key, struct larder_error *error)
{
    struct buffer place = {0};

    s3_location(&s3->store, key, &place);
    larder_fail(error, LARDER_FAILED, "\"%s\" exists already, and is never overwritten",
                buffer_text(&place));
    buffer_free(&place);
    return LARDER_FAILED;
}

/* Fails where there is such an object. */
static enum larder_status check_absent(struct s3 *s3, const char *key, struct larder_error *error)
{
    struct s3_answer answer;
    bool found = false;
    enum larder_status status = s3_look(s3, key, false, &found, &answer, error);

    return status == LARDER_OK && found ? fail_exists(s3, key, error) : status;
}

/* The headers that an object is begun with, NULL last. */
static const char **headers_of(const struct s3 *s3, const char *nonce, bool once, bool condition,
                               struct arena *arena)
{
    const char **headers = arena_alloc(arena, 5, sizeof(*headers));
    char until[TIMES_TEXT];
    size_t count = 0;

    if (headers == NULL)
        return NULL;
    headers[count++] = arena_printf(arena, S3_NONCE_HEADER ": %s", nonce);
    if (condition)
        headers[count++] = "If-None-Match: *";
    if (once && s3->store.retain_until > 0) {
        times_to_text(s3->store.retain_until, until);
        headers[count++] = "x-amz-object-lock-mode: COMPLIANCE";
        headers[count++] = arena_printf(arena, "x-amz-object-lock-retain-until-date: %s", until);
    }
    return headers;
}

/* Whether a request that failed may have been done: the store has not said no. */
static bool may_be_done(const struct s3_answer *answer)
{
    if (answer->tries == 0 || answer->status == 501)
        return false;
    return answer->status >= 500 || (answer->status < 300 && answer->code[0] == '\0');
}

/* An answer was lost: the object that is there is ours where it has our nonce. */
static enum larder_status check_ours(struct s3 *s3, const char *key, const char *nonce,
                                     struct larder_error *error)
{
    struct s3_answer answer;
    bool found = false;
    enum larder_status status = s3_look(s3, key, true, &found, &answer, error);

    if (status != LARDER_OK)
        return status;
    return found && strcmp(answer.nonce, nonce) == 0 ? LARDER_OK : fail_exists(s3, key, error);
}

static void remove_ours(struct s3 *s3, const char *key, const char *nonce)
{
    if (check_ours(s3, key, nonce, NULL) == LARDER_OK)
        s3->store.kind->remove(&s3->store, key, NULL);
}

enum larder_status s3_put(struct s3 *s3, const char *key, bool once, const void *bytes,
                          size_t length, struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct s3_request request = {.method = "PUT",
                                 .key = key,
                                 .body = length > 0 ? bytes : "",
                                 .length = length,
                                 .is_object = true,
                                 .accept = {412, 501},
                                 .await = once ? AWAIT_PUT : 0};
    struct s3_answer answer = {.status = 501};
    char nonce[S3_NONCE];
    enum larder_status status = arena == NULL ? larder_fail_memory(error) : s3_nonce(nonce, error);

    if (status == LARDER_OK && once && !s3->unconditional) {
        request.headers = headers_of(s3, nonce, true, true, arena);
        status = request.headers == NULL ? larder_fail_memory(error)
                                         : s3_ask(s3, &request, &answer, error);
        if (status == LARDER_OK && answer.status == 412)
            status = check_ours(s3, key, nonce, error);
    }
    if (status == LARDER_OK && answer.status == 501) {
        s3->unconditional = s3->unconditional || once;
        if (once)
            status = check_absent(s3, key, error);
        request.headers = headers_of(s3, nonce, once, false, arena);
        memset(request.accept, 0, sizeof(request.accept));
        if (status == LARDER_OK)
            status = request.headers == NULL ? larder_fail_memory(error)
                                             : s3_ask(s3, &request, &answer, error);
    }
    if (status != LARDER_OK && once && may_be_done(&answer))
        remove_ours(s3, key, nonce);
    arena_free(arena);
    return status;
}

enum larder_status s3_replace(struct store *store, const char *key, const void *bytes,
                              size_t length, struct larder_error *error)
{
    return s3_put((struct s3 *)store, key, false, bytes, length, error);
}

static enum larder_status begin_upload(struct writing *w, struct larder_error *error)
{
    struct s3_document document = {.upload_id = ""};
    struct s3_request request = {.method = "POST",
                                 .key = w->key,
                                 .query = "uploads=",
                                 .body = "",
                                 .document = &document,
                                 .arena = w->arena,
                                 .await = AWAIT_BEGIN};
    struct s3_answer answer;
    enum larder_status status = s3_nonce(w->nonce, error);

    request.headers = headers_of(w->s3, w->nonce, true, false, w->arena);
    if (status == LARDER_OK && request.headers == NULL)
        status = larder_fail_memory(error);
    if (status == LARDER_OK)
        status = s3_ask(w->s3, &request, &answer, error);
    if (status != LARDER_OK)
        return status;
    if (document.upload_id[0] == '\0')
        return larder_fail(error, LARDER_FAILED,
                           "could not write \"%s\": the store began no upload", w->key);
    w->upload_id = document.upload_id;
    return LARDER_OK;
}

static enum larder_status writing_push(struct stage *stage, const void *bytes, size_t length,
                                       struct larder_error *error)
{
    struct writing *w = (struct writing *)stage;
    const uint8_t *from = bytes;
    enum larder_status status = LARDER_OK;

    while (status == LARDER_OK && length > 0) {
        size_t taken = 0, full;

        status = s3_sender_fill(w->sender, from, length, &taken, error);
        from += taken;
        length -= taken;
        w->bytes += taken;
        if (status != LARDER_OK || length == 0)
            break;
        /* The part is full, and there is more. */
        s3_sender_current(w->sender, &full);
        if (w->upload_id == NULL)
            status = begin_upload(w, error);
        if (status == LARDER_OK)
            status = s3_sender_send(w->sender, w->upload_id, error);
    }
    return status;
}

/* The MD5 of the parts' MD5s and their number, as S3 makes an ETag of them; "" where it is not known. */
static void expected_etag(const struct s3_part *parts, size_t count, char etag[S3_ETAG])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t md5[16];
    bool known = context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1;

    etag[0] = '\0';
    for (size_t i = 0; known && i < count; i++)
        known =
            parts[i].has_md5 && EVP_DigestUpdate(context, parts[i].md5, sizeof(parts[i].md5)) == 1;
    known = known && EVP_DigestFinal_ex(context, md5, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!known)
        return;
    for (size_t i = 0; i < sizeof(md5); i++)
        snprintf(etag + 2 * i, 3, "%02x", md5[i]);
    snprintf(etag + 32, S3_ETAG - 32, "-%zu", count);
}

/* Looks at the object that has come of it: ours, as long as it was, of the parts that were sent. */
static enum larder_status check_object(struct writing *w, struct larder_error *error)
{
    struct s3_answer answer;
    char etag[S3_ETAG];
    size_t count;
    const struct s3_part *parts = s3_sender_parts(w->sender, &count);
    bool found = false, comparable;
    enum larder_status status = s3_look(w->s3, w->key, true, &found, &answer, error);

    if (status != LARDER_OK)
        return status;
    if (!found)
        return larder_fail(error, LARDER_FAILED,
                           "could not write \"%s\": it was uploaded, and is not there", w->key);
    if (answer.nonce[0] != '\0' && strcmp(answer.nonce, w->nonce) != 0)
        return fail_exists(w->s3, w->key, error);
    expected_etag(parts, count, etag);
    comparable = etag[0] != '\0' && !answer.is_opaque && strchr(answer.etag, '-') != NULL;
    if (answer.size == w->bytes && (!comparable || strcasecmp(etag, answer.etag) == 0))
        return LARDER_OK;
    w->s3->store.kind->remove(&w->s3->store, w->key, NULL);
    return larder_fail(error, LARDER_FAILED,
                       "could not write \"%s\": the store has made another object of what was sent "
                       "(%llu bytes and ETag %s, not %llu and %s)",
                       w->key, (unsigned long long)answer.size, answer.etag,
                       (unsigned long long)w->bytes, etag);
}

static void list_parts(const struct writing *w, struct buffer *out)
{
    size_t count;
    const struct s3_part *parts = s3_sender_parts(w->sender, &count);

    buffer_puts(out, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag></Part>", i + 1,
                      parts[i].etag);
    buffer_puts(out, "</CompleteMultipartUpload>");
}

/*
 * Where the answer to the first attempt was lost, the next is told that there is no such upload, or that there is an object;
 * or there is no next one. An upload that may have become an object is not ended: in Swift that takes the object's parts.
 */
static enum larder_status settle_completion(struct writing *w, const struct s3_request *request,
                                            const struct s3_answer *answer,
                                            enum larder_status status, struct larder_error *error)
{
    bool lost = status != LARDER_OK && may_be_done(answer);

    if (lost || answer->status == 404)
        w->upload_id = NULL;
    if (!lost && (status != LARDER_OK || (answer->status != 404 && answer->status != 412)))
        return status;
    if (check_ours(w->s3, w->key, w->nonce, NULL) == LARDER_OK)
        return LARDER_OK;
    if (lost)
        return status;
    return answer->status == 412 ? fail_exists(w->s3, w->key, error)
                                 : s3_fail(w->s3, request, answer, error);
}

static enum larder_status complete_upload(struct writing *w, struct larder_error *error)
{
    static const char *const condition[] = {"If-None-Match: *", NULL};
    struct buffer list = {0}, query = {0};
    struct s3_document document;
    struct s3_request request = {.method = "POST",
                                 .key = w->key,
                                 .document = &document,
                                 .arena = w->arena,
                                 .accept = {404, 412, 501},
                                 .await = AWAIT_COMPLETION};
    struct s3_answer answer = {.status = 501};
    enum larder_status status = LARDER_OK;

    list_parts(w, &list);
    buffer_puts(&query, "uploadId=");
    uri_encode(&query, w->upload_id, false);
    request.query = buffer_text(&query);
    request.body = list.bytes;
    request.length = list.length;
    if (list.failed || query.failed)
        status = larder_fail_memory(error);
    if (status == LARDER_OK && !w->s3->unconditional) {
        request.headers = condition;
        status = s3_ask(w->s3, &request, &answer, error);
    }
    if (status == LARDER_OK && answer.status == 501) {
        w->s3->unconditional = true;
        request.headers = NULL;
        request.accept[2] = 0;
        status = s3_ask(w->s3, &request, &answer, error);
    }
    status = settle_completion(w, &request, &answer, status, error);
    buffer_free(&list);
    buffer_free(&query);
    return status;
}

static enum larder_status writing_finish(struct stage *stage, struct larder_error *error)
{
    struct writing *w = (struct writing *)stage;
    const uint8_t *bytes;
    size_t length;
    enum larder_status status;

    bytes = s3_sender_current(w->sender, &length);
    if (w->upload_id == NULL)
        return s3_put(w->s3, w->key, true, bytes, length, error);
    status = s3_sender_send(w->sender, w->upload_id, error);
    if (status == LARDER_OK)
        status = s3_sender_finish(w->sender, error);
    /* Not every store heeds the condition, and not every one says so. */
    if (status == LARDER_OK)
        status = check_absent(w->s3, w->key, error);
    if (status == LARDER_OK)
        status = complete_upload(w, error);
    if (status != LARDER_OK)
        return status;
    w->upload_id = NULL;
    return check_object(w, error);
}

static void writing_free(struct stage *stage)
{
    struct writing *w = (struct writing *)stage;

    s3_sender_free(w->sender);
    if (w->upload_id != NULL) {
        struct s3_request request = {
            .method = "DELETE", .key = w->key, .accept = {404}, .clean_up = true};
        struct s3_answer answer;
        struct buffer query = {0};

        buffer_puts(&query, "uploadId=");
        uri_encode(&query, w->upload_id, false);
        request.query = buffer_text(&query);
        s3_ask(w->s3, &request, &answer, NULL);
        buffer_free(&query);
    }
    arena_free(w->arena);
    free(w);
}

enum larder_status s3_create(struct store *store, const char *key, struct stage **stage,
                             struct larder_error *error)
{
    static const struct stage_ops ops = {writing_push, writing_finish, writing_free};
    struct s3 *s3 = (struct s3 *)store;
    struct writing *w;
    enum larder_status status = check_absent(s3, key, error);

    *stage = NULL;
    if (status != LARDER_OK)
        return status;
    w = calloc(1, sizeof(*w));
    if (w == NULL)
        return larder_fail_memory(error);
    w->stage.ops = &ops;
    w->s3 = s3;
    w->arena = arena_new();
    w->key = w->arena != NULL ? arena_strdup(w->arena, key) : NULL;
    w->sender = w->key != NULL ? s3_sender_new(s3, w->key, store->expected_bytes) : NULL;
    if (w->sender == NULL || arena_failed(w->arena)) {
        writing_free(&w->stage);
        return larder_fail_memory(error);
    }
    *stage = &w->stage;
    return LARDER_OK;
}
