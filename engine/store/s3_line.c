/* One request through libcurl, which signs it, on a connection that is kept for the next. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/run/run.h"
#include "engine/store/s3_parts.h"
#include "formats/uri.h"

enum {
    CONNECT_SECONDS = 15,
    POLL_MS = 1000,
    ANSWER_MAX = 16 * 1024 * 1024, /* of answers that are no range */
    SEND_BYTES = 512 * 1024,
};

struct s3_line {
    struct s3_line *next;
    CURL *easy;
    CURLM *multi; /* holds the connection, and waits for it together with what may stop it */
};

/* What one attempt is about, for libcurl's callbacks. */
struct attempt {
    const struct s3_request *request;
    struct s3_answer *answer;
    struct buffer *body;
    bool too_long;
};

static void line_free(struct s3_line *line)
{
    if (line->easy != NULL)
        curl_easy_cleanup(line->easy);
    if (line->multi != NULL)
        curl_multi_cleanup(line->multi);
    free(line);
}

void s3_lines_free(struct s3_line *line)
{
    while (line != NULL) {
        struct s3_line *next = line->next;

        line_free(line);
        line = next;
    }
}

static struct s3_line *line_take(struct s3 *s3)
{
    struct s3_line *line;

    pthread_mutex_lock(&s3->lock);
    line = s3->idle;
    if (line != NULL)
        s3->idle = line->next;
    pthread_mutex_unlock(&s3->lock);
    if (line != NULL)
        return line;
    line = calloc(1, sizeof(*line));
    if (line == NULL)
        return NULL;
    line->easy = curl_easy_init();
    line->multi = curl_multi_init();
    if (line->easy == NULL || line->multi == NULL) {
        line_free(line);
        return NULL;
    }
    return line;
}

static void line_give(struct s3 *s3, struct s3_line *line)
{
    pthread_mutex_lock(&s3->lock);
    line->next = s3->idle;
    s3->idle = line;
    pthread_mutex_unlock(&s3->lock);
}

/* The value of a header, where the line is of this one. */
static bool header_is(const char *line, size_t length, const char *name, char *value, size_t size)
{
    size_t at = strlen(name), end = length;

    if (length <= at || line[at] != ':' || strncasecmp(line, name, at) != 0)
        return false;
    for (at++; at < end && strchr(" \t\"", line[at]) != NULL;)
        at++;
    while (end > at && strchr(" \t\r\n\"", line[end - 1]) != NULL)
        end--;
    snprintf(value, size, "%.*s", (int)(end - at), line + at);
    return true;
}

/* "bytes 0-99/1234"; "bytes *\/1234" of a range that is not there, and "bytes 0-99/\*" where it is not known of how many, are none. */
static void take_range(struct s3_answer *answer, const char *value)
{
    const char *slash = strchr(value, '/'), *first = strpbrk(value, "0123456789");

    if (slash == NULL || first == NULL || first > slash || slash[1] < '0' || slash[1] > '9')
        return;
    answer->is_range = true;
    answer->offset = strtoull(first, NULL, 10);
    answer->size = strtoull(slash + 1, NULL, 10);
}

static size_t take_header(char *line, size_t size, size_t count, void *arg)
{
    struct s3_answer *answer = ((struct attempt *)arg)->answer;
    const size_t length = size * count;
    /* What curl hands over need not end with a zero: the blank has to stand before the line's end. */
    const char *blank = length > 4 ? memchr(line, ' ', length - 4) : NULL;
    char value[256];

    /* A status line; there may be several, as "100 Continue". */
    if (blank != NULL && strncmp(line, "HTTP/", 5) == 0)
        answer->status = strtol(blank, NULL, 10);
    else if (header_is(line, length, "etag", value, sizeof(value)))
        snprintf(answer->etag, sizeof(answer->etag), "%s", value);
    else if (header_is(line, length, "content-range", value, sizeof(value)))
        take_range(answer, value);
    else if (header_is(line, length, S3_NONCE_HEADER, value, sizeof(value)))
        snprintf(answer->nonce, sizeof(answer->nonce), "%s", value);
    else if (header_is(line, length, "x-amz-object-lock-retain-until-date", value, sizeof(value)))
        snprintf(answer->retain_until, sizeof(answer->retain_until), "%s", value);
    else if (header_is(line, length, "x-amz-object-lock-legal-hold", value, sizeof(value)))
        answer->held = strcasecmp(value, "ON") == 0;
    else if (header_is(line, length, "x-amz-bucket-region", value, sizeof(value)))
        snprintf(answer->region, sizeof(answer->region), "%s", value);
    else if (header_is(line, length, "x-amz-server-side-encryption", value, sizeof(value)))
        answer->is_opaque = answer->is_opaque || strcmp(value, "AES256") != 0;
    else if (header_is(line, length, "x-amz-server-side-encryption-customer-algorithm", value,
                       sizeof(value)))
        answer->is_opaque = true;
    return length;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    const size_t length = size * count;
    struct s3_answer *answer = attempt->answer;

    if (attempt->request->into != NULL && answer->status == 206) {
        if (length > attempt->request->most - answer->got)
            attempt->too_long = true;
        else
            memcpy((uint8_t *)attempt->request->into + answer->got, bytes, length);
        answer->got += attempt->too_long ? 0 : length;
    } else if (length > ANSWER_MAX - attempt->body->length) {
        attempt->too_long = true;
    } else {
        buffer_append(attempt->body, bytes, length);
    }
    return attempt->too_long || attempt->body->failed ? 0 : length;
}

/* The URL, where keys and queries are encoded as signatures want them. */
static const char *url_of(const struct s3 *s3, const struct s3_request *request, struct buffer *url)
{
    buffer_puts(url, s3->base);
    if (request->key != NULL) {
        buffer_puts(url, "/");
        uri_encode(url, s3->prefix, true);
        uri_encode(url, request->key, true);
    }
    if (request->query != NULL)
        buffer_printf(url, "?%s", request->query);
    return buffer_text(url);
}

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    struct buffer line = {0};
    struct curl_slist *longer;

    buffer_printf(&line, "%s%s", name, value);
    longer = line.failed ? NULL : curl_slist_append(*headers, buffer_text(&line));
    buffer_free(&line);
    if (longer != NULL)
        *headers = longer;
    return longer != NULL;
}

/* libcurl takes these into the signature. A header without a value would break that. */
static bool headers_of(const struct s3 *s3, const struct s3_request *request,
                       const struct s3_payload *payload, struct curl_slist **headers)
{
    bool added = add_header(headers, "x-amz-content-sha256: ", payload->sha256);

    if (s3->settings.token != NULL)
        added = added && add_header(headers, "x-amz-security-token: ", s3->settings.token);
    if (request->body != NULL)
        added = added && add_header(headers, "Content-Type: ", "application/octet-stream");
    if (request->is_object && payload->md5[0] != '\0')
        added = added && add_header(headers, "Content-MD5: ", payload->md5);
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        added = added && add_header(headers, request->headers[i], "");
    return added;
}

static void set_body(CURL *easy, const struct s3_request *request)
{
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->body == NULL)
        return;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES);
}

static void set_options(CURL *easy, const struct s3 *s3, struct attempt *attempt)
{
    const struct s3_settings *settings = &s3->settings;
    const struct s3_request *request = attempt->request;
    char text[128];

    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, LARDER_NAME "/" LARDER_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, settings->silence);
    snprintf(text, sizeof(text), "aws:amz:%s:s3", settings->region);
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, text);
    curl_easy_setopt(easy, CURLOPT_USERNAME, settings->id);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, settings->secret);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt);
    set_body(easy, request);
    if (request->into == NULL)
        return;
    snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)request->offset,
             (unsigned long long)(request->offset + request->most - 1));
    curl_easy_setopt(easy, CURLOPT_RANGE, text);
}

/* The run's status, if it ends the request: one that may have been done is waited for some time longer. */
static enum larder_status check_run(const struct s3 *s3, const struct s3_request *request,
                                    double *until, struct larder_error *error)
{
    if (run_check(s3->store.run, NULL) == LARDER_OK)
        return LARDER_OK;
    if (*until == 0)
        *until = run_clock() + request->await;
    return run_clock() < *until ? LARDER_OK : run_check(s3->store.run, error);
}

/* Until the request is over, or is to stop. */
static enum larder_status wait_for(const struct s3 *s3, const struct s3_request *request,
                                   CURLM *multi, bool heed_run, bool *stopped,
                                   struct larder_error *error)
{
    const struct larder_run *run = s3->store.run;
    struct curl_waitfd fds[2];
    unsigned count = 0;
    int running = 1;
    double until = 0;

    if (heed_run && run->stop_signal != NULL)
        fds[count++] = (struct curl_waitfd){.fd = run->wake_fd, .events = CURL_WAIT_POLLIN};
    if (request->stop_fd > 0)
        fds[count++] = (struct curl_waitfd){.fd = request->stop_fd, .events = CURL_WAIT_POLLIN};
    while (true) {
        enum larder_status status = heed_run ? check_run(s3, request, &until, error) : LARDER_OK;

        /* wake_fd stays readable. */
        if (until > 0)
            fds[0].fd = -1;
        if (status == LARDER_OK && request->stop_fd > 0 && (fds[count - 1].revents) != 0)
            status = larder_fail(error, LARDER_FAILED, "stopped");
        *stopped = status != LARDER_OK;
        if (*stopped)
            return status;
        if (curl_multi_perform(multi, &running) != CURLM_OK || running == 0)
            return LARDER_OK;
        if (curl_multi_poll(multi, fds, count, POLL_MS, NULL) != CURLM_OK)
            return LARDER_OK;
    }
}

static CURLcode result_of(CURLM *multi, struct attempt *attempt)
{
    const struct CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            return attempt->body->failed ? CURLE_OUT_OF_MEMORY : message->data.result;
    return CURLE_FAILED_INIT;
}

/* What will not be otherwise when it is tried again. */
static bool is_final(CURLcode code)
{
    return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT || code == CURLE_WRITE_ERROR;
}

static enum s3_outcome perform(struct s3 *s3, struct s3_line *line, struct attempt *attempt,
                               bool heed_run, struct larder_error *error)
{
    char why[CURL_ERROR_SIZE] = "";
    bool stopped = false;
    CURLcode code;
    curl_off_t length = -1;

    curl_easy_setopt(line->easy, CURLOPT_ERRORBUFFER, why);
    curl_multi_add_handle(line->multi, line->easy);
    wait_for(s3, attempt->request, line->multi, heed_run, &stopped, error);
    code = stopped ? CURLE_OK : result_of(line->multi, attempt);
    curl_easy_getinfo(line->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_multi_remove_handle(line->multi, line->easy);
    curl_easy_setopt(line->easy, CURLOPT_ERRORBUFFER, NULL);
    if (stopped)
        return S3_STOPPED;
    if (code != CURLE_OK) {
        attempt->answer->status = 0;
        snprintf(attempt->answer->message, sizeof(attempt->answer->message), "%s",
                 attempt->too_long ? "the answer is longer than it may be"
                 : why[0] != '\0'  ? why
                                   : curl_easy_strerror(code));
        return is_final(code) ? S3_NO : S3_AGAIN;
    }
    if (attempt->answer->size == 0 && length > 0)
        attempt->answer->size = (uint64_t)length;
    return S3_DONE;
}

enum s3_outcome s3_line_try(struct s3 *s3, const struct s3_request *request,
                            const struct s3_payload *payload, long deadline_ms,
                            struct s3_answer *answer, struct buffer *body,
                            struct larder_error *error)
{
    struct attempt attempt = {.request = request, .answer = answer, .body = body};
    struct s3_line *line = line_take(s3);
    struct curl_slist *headers = NULL;
    struct buffer url = {0};
    enum s3_outcome outcome = S3_NO;

    snprintf(answer->message, sizeof(answer->message), "out of memory");
    if (line == NULL)
        return S3_NO;
    curl_easy_reset(line->easy);
    set_options(line->easy, s3, &attempt);
    if (deadline_ms > 0)
        curl_easy_setopt(line->easy, CURLOPT_TIMEOUT_MS, deadline_ms);
    curl_easy_setopt(line->easy, CURLOPT_URL, url_of(s3, request, &url));
    if (headers_of(s3, request, payload, &headers) && !url.failed) {
        answer->message[0] = '\0';
        curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, headers);
        outcome = perform(s3, line, &attempt, deadline_ms == 0, error);
    }
    curl_easy_reset(line->easy);
    curl_slist_free_all(headers);
    buffer_free(&url);
    line_give(s3, line);
    return outcome;
}
