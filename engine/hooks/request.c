#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

#include "engine/hooks/parts.h"
#include "engine/run/run.h"

enum { CONNECT_MS = 5000, PAUSE_US = 900000 };

const char *hook_host(const char *url, struct arena *arena)
{
    const char *host = strstr(url, "://"), *at;
    size_t length;

    host = host == NULL ? url : host + 3;
    length = strcspn(host, "/?#");
    at = memchr(host, '@', length);
    if (at != NULL) {
        length -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    return arena_printf(arena, "%.*s", (int)length, host);
}

static size_t drop(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

/* Not 0 ends the request. */
static int watch(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct hook_limit *limit = arg;

    (void)a, (void)b, (void)c, (void)d;
    return limit->run->stop_signal != NULL && *limit->run->stop_signal != limit->signal;
}

static void set_up(CURL *easy, const char *url, const struct buffer *body,
                   struct curl_slist *headers, const struct hook_limit *limit)
{
    long left = (long)((limit->until - run_clock()) * 1000);

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, LARDER_NAME "/" LARDER_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left > 1 ? left : 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, limit);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (body == NULL)
        return;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->bytes);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
}

/* One try. `*again`: another may have more luck. */
static enum larder_status ask(CURL *easy, const char *host, bool *again, struct larder_error *error)
{
    long answer = 0;
    CURLcode code = curl_easy_perform(easy);

    *again = code != CURLE_OK && code != CURLE_ABORTED_BY_CALLBACK;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return larder_fail(error, LARDER_FAILED, "interrupted");
    if (code != CURLE_OK)
        return larder_fail(error, LARDER_FAILED, "could not reach %s: %s", host,
                           curl_easy_strerror(code));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer);
    *again = answer >= 500 || answer == 429;
    if (answer >= 200 && answer < 300)
        return LARDER_OK;
    return larder_fail(error, LARDER_FAILED, "%s answered %ld%s", host, answer,
                       answer >= 300 && answer < 400 ? ", a redirect, which is not followed" : "");
}

enum larder_status hook_request(const char *url, const struct buffer *body, int tries,
                                const struct hook_limit *limit, struct arena *arena,
                                struct larder_error *error)
{
    const char *host = hook_host(url, arena);
    struct curl_slist *headers =
        body == NULL ? NULL : curl_slist_append(NULL, "Content-Type: application/json");
    enum larder_status status = LARDER_FAILED;
    bool again = true;
    CURL *easy;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        curl_slist_free_all(headers);
        return larder_fail(error, LARDER_FAILED, "libcurl could not be started");
    }
    easy = curl_easy_init();
    if (easy == NULL)
        larder_fail_memory(error);
    for (int i = 0; easy != NULL && again && i < tries; i++) {
        if (i > 0 && run_clock() + 1 > limit->until)
            break;
        if (i > 0)
            usleep(PAUSE_US);
        set_up(easy, url, body, headers, limit);
        status = ask(easy, host, &again, error);
        again = status != LARDER_OK && again;
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return status;
}
