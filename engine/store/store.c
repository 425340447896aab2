#include "engine/store/store.h"

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const struct store_kind *const kinds[] = {
    &store_s3,
    &store_rclone,
    &store_folder,
};

/* "WORD:..." of a kind that is not known: "s3:/bucket" is rather mistyped than a folder. */
static enum larder_status refuse_unknown_kind(const char *url, struct larder_error *error)
{
    size_t word = strspn(url, LETTERS);
    bool begins = word > 0 && url[word] == ':';
    bool is_path = url[0] == '/' || url[0] == '.';

    if (store_is_url(url) || is_path || (!begins && strstr(url, "://") == NULL))
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE, "there is no kind of store for \"%s\"", url);
    larder_hint(
        error,
        "Give a path, s3://BUCKET/PREFIX, or rclone:REMOTE:PATH; a folder of that name is \"./%s\".",
        url);
    return LARDER_USAGE;
}

enum larder_status store_open(const char *url, const struct larder_run *run, struct store **store,
                              struct larder_error *error)
{
    *store = NULL;
    if (url[0] == '\0')
        return larder_fail(error, LARDER_USAGE, "the store has no name");
    if (refuse_unknown_kind(url, error) != LARDER_OK)
        return LARDER_USAGE;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(url, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0) {
            enum larder_status status = kinds[i]->open(url, run, store, error);

            if (status != LARDER_OK) {
                larder_context(error, "could not open the store \"%s\"", url);
                store_hide_secrets(url, error);
            }
            return status;
        }
    return larder_fail(error, LARDER_USAGE, "there is no kind of store for \"%s\"", url);
}

bool store_is_url(const char *text)
{
    if (strncmp(text, "file://", 7) == 0)
        return true;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i]->prefix[0] != '\0' &&
            strncmp(text, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0)
            return true;
    return false;
}

bool store_is_local(const char *url)
{
    return strncmp(url, "file://", 7) == 0 ||
           (strstr(url, "://") == NULL && strncmp(url, "rclone:", 7) != 0);
}

bool store_split(const char *location, struct arena *arena, const char **store, const char **key)
{
    const char *scheme = strstr(location, "://");
    size_t at = strlen(location);

    for (int parts = 0; parts < 3; parts++) {
        size_t end = at;

        while (at > 0 && location[at - 1] != '/' && (parts < 2 || location[at - 1] != ':'))
            at--;
        if (at < 2 || at == end)
            return false;
        *key = location + at;
        at--;
    }
    /* A scheme alone is no store: "s3://BUCKET/NAME.tar". */
    if (scheme != NULL && location + at < scheme + strlen("://"))
        return false;
    /* What a colon ends is part of the store, and so is the root behind it: "rclone:REMOTE:", "rclone:REMOTE:/", "file:///". */
    if (location[at] == ':' || location[at - 1] == ':' || location[at - 1] == '/')
        at++;
    *store = arena_printf(arena, "%.*s", (int)at, location);
    *key = arena_strdup(arena, *key);
    return *store != NULL && *key != NULL;
}

void store_close(struct store *store)
{
    if (store != NULL)
        store->kind->close(store);
}

enum larder_status store_open_existing(const char *url, const struct larder_run *run,
                                       struct store **store, struct larder_error *error)
{
    enum larder_status status = store_open(url, run, store, error);

    if (status == LARDER_OK && (*store)->kind->find != NULL)
        status = (*store)->kind->find(*store, error);
    if (status != LARDER_OK) {
        store_close(*store);
        *store = NULL;
    }
    return status;
}

enum larder_status store_replace(struct store *store, const char *key, const void *bytes,
                                 size_t length, struct larder_error *error)
{
    enum larder_status status;

    if (store->kind->replace != NULL)
        return store->kind->replace(store, key, bytes, length, error);
    status = store->kind->remove(store, key, error);
    return status == LARDER_OK ? store_put(store, key, bytes, length, error) : status;
}

enum larder_status store_put(struct store *store, const char *key, const void *bytes, size_t length,
                             struct larder_error *error)
{
    struct stage *stage;
    enum larder_status status = store->kind->create(store, key, &stage, error);

    if (status != LARDER_OK)
        return status;
    status = stage_push(stage, bytes, length, error);
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    stage_free(stage);
    return status;
}

enum larder_status store_get(struct store *store, const char *key, size_t most, struct buffer *out,
                             struct larder_error *error)
{
    struct input *input;
    enum larder_status status = store->kind->read(store, key, &input, error);

    if (status != LARDER_OK)
        return status;
    status = input_read_whole(input, key, most, out, error);
    input_close(input);
    return status;
}
