/* Asks until there is an answer that counts. */
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "engine/run/run.h"
#include "engine/store/s3_parts.h"
#include "formats/sha256.h"

enum {
    TRIES = 8,
    FIRST_PAUSE_MS = 200,     /* doubles each time */
    LONGEST_PAUSE_MS = 10000, /* or as long as the store may be silent */
    CLEAN_UP_TRIES = 2,
    CLEAN_UP_MS = 5000,
};

/* The hashes of the body; MD5 may be switched off on this machine, and then there is none. */
static enum larder_status take_hashes(const struct s3_request *request, struct s3_payload *payload,
                                      struct s3_answer *answer, struct larder_error *error)
{
    const void *bytes = request->body != NULL ? request->body : "";
    uint8_t digest[SHA256_BYTES];
    enum larder_status status = sha256_of(bytes, request->length, digest, error);

    if (status != LARDER_OK)
        return status;
    sha256_to_hex(digest, payload->sha256);
    payload->md5[0] = '\0';
    answer->has_md5 = request->body != NULL &&
                      EVP_Digest(bytes, request->length, answer->md5, NULL, EVP_md5(), NULL) == 1;
    if (answer->has_md5)
        EVP_EncodeBlock((unsigned char *)payload->md5, answer->md5, sizeof(answer->md5));
    return LARDER_OK;
}

/*
 * Whether an ETag says that what is there is not what was sent. It is an MD5 but where a store encrypts with keys of
 * others; where it does not look like one, it is taken as it is.
 */
static bool is_other(struct s3_answer *answer)
{
    char hex[33];

    if (answer->is_opaque || strspn(answer->etag, "0123456789abcdefABCDEF") != 32 ||
        answer->etag[32] != '\0')
        answer->has_md5 = false;
    if (!answer->has_md5)
        return false;
    for (size_t i = 0; i < sizeof(answer->md5); i++)
        snprintf(hex + 2 * i, 3, "%02x", answer->md5[i]);
    return strcasecmp(answer->etag, hex) != 0;
}

static void take_error(struct s3_answer *answer, const struct s3_document *document)
{
    snprintf(answer->code, sizeof(answer->code), "%.60s", document->code);
    snprintf(answer->message, sizeof(answer->message), "%.250s", document->message);
    for (char *c = answer->message; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    if (document->region[0] != '\0')
        snprintf(answer->region, sizeof(answer->region), "%.60s", document->region);
}

static enum s3_outcome reject(struct s3_answer *answer, enum s3_outcome outcome, const char *why)
{
    snprintf(answer->message, sizeof(answer->message), "%s", why);
    return outcome;
}

static bool is_retried(const struct s3_answer *answer)
{
    static const char *const codes[] = {"InternalError",      "SlowDown",
                                        "ServiceUnavailable", "RequestTimeout",
                                        "OperationAborted",   "ConditionalRequestConflict",
                                        "BadDigest",          "XAmzContentSHA256Mismatch",
                                        "IncompleteBody"};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(answer->code, codes[i]) == 0)
            return true;
    return answer->status == 408 || answer->status == 429 ||
           (answer->status >= 500 && answer->status != 501);
}

/* An answer 2xx, which may be none: an error in its body, a range that is not the one, another object's ETag. */
static enum s3_outcome judge_good(const struct s3_request *request, struct s3_answer *answer,
                                  const struct s3_document *document, bool has_document)
{
    if (has_document && strcmp(document->root, "Error") == 0) {
        take_error(answer, document);
        return is_retried(answer) || request->document == NULL ? S3_AGAIN : S3_NO;
    }
    if (request->document != NULL && !has_document)
        return reject(answer, S3_AGAIN, "the answer is no XML that a store would give");
    if (request->into != NULL && (answer->status != 206 || !answer->is_range))
        return reject(answer, S3_AGAIN, "a range was asked for, and the answer is none");
    if (request->into != NULL && answer->offset != request->offset)
        return reject(answer, S3_AGAIN, "the answer is another range");
    if (request->into != NULL && (answer->size <= request->offset ||
                                  answer->got != (request->most < answer->size - request->offset
                                                      ? request->most
                                                      : (size_t)(answer->size - request->offset))))
        return reject(answer, S3_AGAIN, "the answer is not as long as the range");
    if (request->is_object && (answer->etag[0] == '\0' || strpbrk(answer->etag, "<>&") != NULL))
        return reject(answer, S3_AGAIN, "the answer has no ETag");
    if (request->is_object && is_other(answer))
        return reject(answer, S3_AGAIN, "the ETag is not that of what was sent");
    return S3_DONE;
}

static enum s3_outcome judge(const struct s3_request *request, struct s3_answer *answer,
                             const struct buffer *body, struct larder_error *error)
{
    struct arena *arena = request->arena != NULL ? request->arena : arena_new();
    struct s3_document other = {.code = ""};
    struct s3_document *document = request->document != NULL ? request->document : &other;
    enum s3_outcome outcome = S3_NO;
    bool has_document;

    if (arena == NULL) {
        larder_fail_memory(error);
        return S3_STOPPED;
    }
    has_document = body->length > 0 &&
                   s3_document_read(body->bytes, body->length, arena, document, NULL) == LARDER_OK;
    for (size_t i = 0; i < sizeof(request->accept) / sizeof(request->accept[0]); i++)
        if (request->accept[i] != 0 && request->accept[i] == answer->status)
            outcome = S3_DONE;
    if (answer->status >= 200 && answer->status < 300) {
        outcome = judge_good(request, answer, document, has_document);
    } else {
        if (has_document)
            take_error(answer, document);
        if (outcome != S3_DONE && is_retried(answer))
            outcome = S3_AGAIN;
    }
    if (request->arena == NULL)
        arena_free(arena);
    return outcome;
}

/* Waits, at random between half of the time and all of it, so that many do not come back at once. */
static enum larder_status pause_for(const struct s3 *s3, const struct s3_request *request,
                                    unsigned tries, bool heed_run, struct larder_error *error)
{
    const struct larder_run *run = s3->store.run;
    struct pollfd fds[2] = {{.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    unsigned random = 0;
    long most = (long)FIRST_PAUSE_MS << (tries - 1), longest = s3->settings.silence * 1000;

    longest = longest > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : longest;
    most = most > longest ? longest : most;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = 0;
    if (heed_run && run->stop_signal != NULL)
        fds[0].fd = run->wake_fd;
    if (request->stop_fd > 0)
        fds[1].fd = request->stop_fd;
    poll(fds, 2, (int)(most / 2 + (long)(random % (unsigned)(most / 2 + 1))));
    if (fds[1].revents != 0)
        return larder_fail(error, LARDER_FAILED, "stopped");
    return heed_run ? run_check(run, error) : LARDER_OK;
}

static void forget(struct s3_answer *answer)
{
    struct s3_answer fresh = {.has_md5 = answer->has_md5, .tries = answer->tries};

    memcpy(fresh.md5, answer->md5, sizeof(fresh.md5));
    *answer = fresh;
}

enum larder_status s3_ask(struct s3 *s3, const struct s3_request *request, struct s3_answer *answer,
                          struct larder_error *error)
{
    /* What is cleaned up after a signal is cleaned up all the same, but nobody waits long for it. */
    const bool clean_up = request->clean_up || s3->store.cleaning;
    const bool hurry = clean_up && run_check(s3->store.run, NULL) != LARDER_OK;
    const unsigned tries = hurry ? CLEAN_UP_TRIES : TRIES;
    struct s3_payload payload;
    struct buffer body = {0};
    enum s3_outcome outcome = S3_AGAIN;
    enum larder_status status;

    *answer = (struct s3_answer){0};
    status = clean_up ? LARDER_OK : run_check(s3->store.run, error);
    if (status == LARDER_OK)
        status = take_hashes(request, &payload, answer, error);
    while (status == LARDER_OK && outcome == S3_AGAIN && answer->tries < tries) {
        if (answer->tries > 0)
            status = pause_for(s3, request, answer->tries, !hurry, error);
        if (status != LARDER_OK)
            break;
        answer->tries++;
        forget(answer);
        body.length = 0;
        outcome = s3_line_try(s3, request, &payload, hurry ? CLEAN_UP_MS : 0, answer, &body, error);
        if (outcome == S3_DONE)
            outcome = judge(request, answer, &body, error);
    }
    buffer_free(&body);
    /* The signal came meanwhile: once more, in a hurry. */
    if (clean_up && !hurry && outcome != S3_DONE && run_check(s3->store.run, NULL) != LARDER_OK)
        return s3_ask(s3, request, answer, error);
    if (status != LARDER_OK)
        return status;
    if (outcome == S3_DONE) {
        if (answer->status >= 200 && answer->status < 300)
            s3->has_served = true;
        return LARDER_OK;
    }
    if (outcome == S3_STOPPED)
        return run_check(s3->store.run, NULL) != LARDER_OK ? run_check(s3->store.run, error)
                                                           : LARDER_FAILED;
    /* The store would have been waited for longer, but for the signal. */
    if (outcome == S3_AGAIN && hurry)
        return run_check(s3->store.run, error);
    return s3_fail(s3, request, answer, error);
}

enum larder_status s3_look(struct s3 *s3, const char *key, bool clean_up, bool *found,
                           struct s3_answer *answer, struct larder_error *error)
{
    struct s3_request request = {
        .method = "HEAD", .key = key, .accept = {404}, .clean_up = clean_up};
    enum larder_status status = s3_ask(s3, &request, answer, error);

    *found = status == LARDER_OK && answer->status != 404;
    return status;
}

enum larder_status s3_nonce(char nonce[S3_NONCE], struct larder_error *error)
{
    uint8_t bytes[(S3_NONCE - 1) / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return larder_fail(error, LARDER_FAILED, "this machine gives no random bytes");
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    return LARDER_OK;
}
