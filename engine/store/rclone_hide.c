/*
 * A remote that is given on the fly, ":TYPE,KEY=VALUE,...:PATH" or "REMOTE,KEY=VALUE,...:PATH", holds its password among its
 * parameters, and rclone repeats them when it fails.
 */
#include <string.h>

#include "engine/store/rclone_parts.h"
#include "formats/buffer.h"

static const char hidden[] = "...";

/* From behind the first comma to the colon that ends them; where a quote is left open, to the end. 0: there are none. */
static size_t find_parameters(const char *remote, const char **parameters)
{
    size_t name = remote[0] == '\0' ? 0 : strcspn(remote + 1, ",:") + 1, length = 0;
    char quote = '\0';

    *parameters = remote + name + 1;
    if (remote[name] != ',')
        return 0;
    for (const char *c = *parameters; *c != '\0' && (quote != '\0' || *c != ':'); c++, length++) {
        if (quote == '\0' && (*c == '"' || *c == '\''))
            quote = *c;
        else if (*c == quote)
            quote = '\0';
    }
    return length;
}

static void replace(struct larder_error *error, const char *secret)
{
    size_t length = strlen(secret), put = strlen(hidden);

    if (length < put)
        return;
    for (char *at = strstr(error->message, secret); at != NULL; at = strstr(at + put, secret)) {
        memcpy(at, hidden, put);
        memmove(at + put, at + length, strlen(at + length) + 1);
    }
}

void rclone_hide(const char *remote, struct larder_error *error)
{
    const char *parameters;
    size_t length = find_parameters(remote, &parameters);
    struct buffer plain = {0}, quoted = {0};

    if (length == 0 || error == NULL)
        return;
    buffer_append(&plain, parameters, length);
    for (size_t i = 0; i < length; i++)
        buffer_printf(&quoted, "%s%c", strchr("\"\\", parameters[i]) != NULL ? "\\" : "",
                      parameters[i]);
    if (plain.failed || quoted.failed)
        larder_fail_memory(error);
    replace(error, buffer_text(&plain));
    replace(error, buffer_text(&quoted));
    buffer_free(&plain);
    buffer_free(&quoted);
}

void store_hide_secrets(const char *url, struct larder_error *error)
{
    size_t prefix = strlen(store_rclone.prefix);

    if (strncmp(url, store_rclone.prefix, prefix) == 0)
        rclone_hide(url + prefix, error);
}

enum larder_status rclone_context(const struct rclone *rclone, const char *doing, const char *path,
                                  struct larder_error *error)
{
    enum larder_status status = larder_context(error, "could not %s \"%s\"", doing, path);

    rclone_hide(rclone->root, error);
    return status;
}
