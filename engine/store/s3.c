/* A store that speaks S3, such as AWS, Supabase Storage, R2, Ceph, MinIO or Swift. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/store/s3_parts.h"
#include "formats/times.h"

static bool is_bucket_name(const char *name, size_t length)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

    return length >= 1 && length <= 255 && strspn(name, allowed) >= length && name[0] != '.';
}

/* "s3://BUCKET/PREFIX": the prefix as it is, nothing in it is decoded. */
static enum larder_status take_url(struct s3 *s3, const char *url, struct larder_error *error)
{
    const char *bucket = url + strlen("s3://"), *prefix = strchr(bucket, '/');
    size_t length = prefix != NULL ? (size_t)(prefix - bucket) : strlen(bucket);

    if (!is_bucket_name(bucket, length)) {
        larder_fail(error, LARDER_USAGE, "\"%s\" names no bucket", url);
        larder_hint(error, "A store is named as s3://BUCKET or s3://BUCKET/PREFIX; the endpoint is "
                           "AWS_ENDPOINT_URL.");
        return LARDER_USAGE;
    }
    s3->bucket = arena_printf(s3->arena, "%.*s", (int)length, bucket);
    while (prefix != NULL && *prefix == '/')
        prefix++;
    length = prefix != NULL ? strlen(prefix) : 0;
    while (length > 0 && prefix[length - 1] == '/')
        length--;
    s3->prefix = length > 0 ? arena_printf(s3->arena, "%.*s/", (int)length, prefix) : "";
    return LARDER_OK;
}

/* A bucket with a dot in its name has no host of its own that a certificate would fit. */
static void set_base(struct s3 *s3)
{
    const char *region = s3->settings.region;
    const char *china = strncmp(region, "cn-", 3) == 0 ? ".cn" : "";

    if (s3->settings.endpoint != NULL)
        s3->base = arena_printf(s3->arena, "%s/%s", s3->settings.endpoint, s3->bucket);
    else if (strchr(s3->bucket, '.') != NULL)
        s3->base =
            arena_printf(s3->arena, "https://s3.%s.amazonaws.com%s/%s", region, china, s3->bucket);
    else
        s3->base =
            arena_printf(s3->arena, "https://%s.s3.%s.amazonaws.com%s", s3->bucket, region, china);
}

static void close_store(struct store *store)
{
    struct s3 *s3 = (struct s3 *)store;

    s3_lines_free(s3->idle);
    pthread_mutex_destroy(&s3->lock);
    arena_free(s3->arena);
    free(s3);
    curl_global_cleanup();
}

static enum larder_status open_store(const char *url, const struct larder_run *run,
                                     struct store **store, struct larder_error *error)
{
    struct s3 *s3;
    enum larder_status status;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return larder_fail(error, LARDER_FAILED, "libcurl could not be started");
    s3 = calloc(1, sizeof(*s3));
    if (s3 == NULL) {
        curl_global_cleanup();
        return larder_fail_memory(error);
    }
    s3->store = (struct store){.kind = &store_s3, .run = run};
    pthread_mutex_init(&s3->lock, NULL);
    s3->arena = arena_new();
    status = s3->arena == NULL ? larder_fail_memory(error) : take_url(s3, url, error);
    if (status == LARDER_OK)
        status = s3_settings_find(s3->arena, &s3->settings, error);
    if (status == LARDER_OK) {
        set_base(s3);
        if (arena_failed(s3->arena))
            status = larder_fail_memory(error);
    }
    if (status != LARDER_OK) {
        close_store(&s3->store);
        return status;
    }
    *store = &s3->store;
    return LARDER_OK;
}

void s3_location(struct store *store, const char *key, struct buffer *out)
{
    const struct s3 *s3 = (const struct s3 *)store;

    buffer_printf(out, "s3://%s/%s%s", s3->bucket, s3->prefix, key);
}

/* A bucket with locks keeps versions: there a removal hides the object, and the lock shows in its headers alone. */
static enum larder_status check_lock(struct s3 *s3, const char *key, const struct s3_answer *answer,
                                     struct larder_error *error)
{
    struct buffer place = {0};
    bool locked = false;
    time_t until = 0;
    char date[sizeof(answer->retain_until)];

    snprintf(date, sizeof(date), "%.19sZ", answer->retain_until);
    if (answer->retain_until[0] != '\0')
        locked = !times_from_text(date, &until) || until > time(NULL);
    if (!locked && !answer->held)
        return LARDER_OK;
    s3_location(&s3->store, key, &place);
    if (locked)
        larder_fail(error, LARDER_FAILED, "\"%s\" is locked until %s, and cannot be removed before",
                    buffer_text(&place), date);
    else
        larder_fail(error, LARDER_FAILED,
                    "\"%s\" is under a legal hold, and cannot be removed before it is lifted",
                    buffer_text(&place));
    buffer_free(&place);
    return LARDER_FAILED;
}

static enum larder_status remove_object(struct store *store, const char *key,
                                        struct larder_error *error)
{
    struct s3 *s3 = (struct s3 *)store;
    struct s3_request look = {.method = "HEAD", .key = key, .accept = {404, 403}, .clean_up = true};
    struct s3_request delete = {.method = "DELETE", .key = key, .accept = {404}, .clean_up = true};
    struct s3_answer answer;
    enum larder_status status = s3_ask(s3, &look, &answer, error);

    if (status != LARDER_OK || answer.status == 404)
        return status;
    status = check_lock(s3, key, &answer, error);
    return status == LARDER_OK ? s3_ask(s3, &delete, &answer, error) : status;
}

const struct store_kind store_s3 = {
    .prefix = "s3://",
    .open = open_store,
    .close = close_store,
    .create = s3_create,
    .read = s3_read,
    .list = s3_list,
    .remove = remove_object,
    .location = s3_location,
    .find = s3_find,
    .replace = s3_replace,
    .tidy = s3_tidy,
    .retains = true,
};
