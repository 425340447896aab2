/* Keys, region and endpoint, where the AWS tools have them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/store/file.h"
#include "engine/store/s3_parts.h"
#include "formats/aws_profile.h"

enum { PROFILE_FILE_MAX = 1024 * 1024, SILENCE_SECONDS = 20 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *first(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

/* Adds what one of the two files has of the profile; that there is no such file is fine. */
static enum larder_status read_profile(const char *path, const char *name, struct arena *arena,
                                       struct aws_profile *profile, struct larder_error *error)
{
    struct input *input;
    enum larder_status status;
    char *text;

    if (access(path, F_OK) != 0)
        return LARDER_OK;
    status = file_read(path, &input, error);
    if (status != LARDER_OK)
        return status;
    if (input->size > PROFILE_FILE_MAX) {
        status = larder_fail(error, LARDER_USAGE, "\"%s\" is too large for a profile file", path);
    } else if (input->size > 0) {
        text = malloc((size_t)input->size);
        status = text == NULL ? larder_fail_memory(error)
                              : input_read_at(input, 0, text, (size_t)input->size, error);
        if (status == LARDER_OK)
            aws_profile_read(text, (size_t)input->size, name, arena, profile);
        free(text);
    }
    input_close(input);
    return status;
}

static const char *file_of(const char *from_variable, const char *name, struct arena *arena)
{
    const char *home = variable("HOME");

    if (from_variable != NULL)
        return from_variable;
    return arena_printf(arena, "%s/.aws/%s", home != NULL ? home : "", name);
}

static enum larder_status fail_keys(const struct aws_profile *profile, const char *name,
                                    struct larder_error *error)
{
    if (profile->found && profile->elsewhere) {
        larder_fail(error, LARDER_USAGE,
                    "the AWS profile \"%s\" gets its keys from a role, a program or SSO, and not "
                    "from the profile file",
                    name);
        larder_hint(error,
                    "Get keys as variables: eval \"$(aws configure export-credentials --profile %s "
                    "--format env)\"",
                    name);
        return LARDER_USAGE;
    }
    larder_fail(error, LARDER_USAGE, "there are no keys for the store%s%s%s",
                profile->found ? ": they are not all in the AWS profile \"" : "",
                profile->found ? name : "", profile->found ? "\"" : "");
    larder_hint(error, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN "
                       "where there is one), or AWS_PROFILE to a profile of ~/.aws/credentials.");
    return LARDER_USAGE;
}

/* Keys of the environment come before those of a profile, as in the AWS tools. */
static enum larder_status take_keys(const struct aws_profile *profile, const char *name,
                                    struct arena *arena, struct s3_settings *settings,
                                    struct larder_error *error)
{
    settings->id = variable("AWS_ACCESS_KEY_ID");
    settings->secret = variable("AWS_SECRET_ACCESS_KEY");
    settings->token = variable("AWS_SESSION_TOKEN");
    settings->origin = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    if (settings->id == NULL && settings->secret == NULL) {
        settings->id = profile->access_key_id;
        settings->secret = profile->secret_access_key;
        settings->token = profile->session_token;
        settings->origin = arena_printf(arena, "the AWS profile \"%s\"", name);
    } else if (settings->id == NULL || settings->secret == NULL) {
        return larder_fail(error, LARDER_USAGE, "%s is set, but %s is not",
                           settings->id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                           settings->id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    }
    return settings->id == NULL || settings->secret == NULL ? fail_keys(profile, name, error)
                                                            : LARDER_OK;
}

static enum larder_status take_endpoint(const char *endpoint, struct arena *arena,
                                        struct s3_settings *settings, struct larder_error *error)
{
    size_t length;

    if (endpoint == NULL)
        return LARDER_OK;
    if (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0) {
        larder_fail(error, LARDER_USAGE, "the endpoint \"%s\" is no http or https URL", endpoint);
        larder_hint(error, "AWS_ENDPOINT_URL takes one such as https://minio.example.com:9000.");
        return LARDER_USAGE;
    }
    length = strlen(endpoint);
    while (endpoint[length - 1] == '/')
        length--;
    settings->endpoint = arena_printf(arena, "%.*s", (int)length, endpoint);
    return LARDER_OK;
}

static enum larder_status take_silence(struct s3_settings *settings, struct larder_error *error)
{
    const char *text = variable("LARDER_STORE_TIMEOUT");
    char *end = NULL;

    settings->silence = text == NULL ? SILENCE_SECONDS : strtol(text, &end, 10);
    if (end != NULL && (*end != '\0' || settings->silence < 1 || settings->silence > 3600))
        return larder_fail(error, LARDER_USAGE,
                           "LARDER_STORE_TIMEOUT is a number of seconds from 1 to 3600, not \"%s\"",
                           text);
    return LARDER_OK;
}

enum larder_status s3_settings_find(struct arena *arena, struct s3_settings *settings,
                                    struct larder_error *error)
{
    const char *asked = first(variable("AWS_PROFILE"), variable("AWS_DEFAULT_PROFILE"));
    const char *name = first(asked, "default");
    struct aws_profile profile = {0};
    enum larder_status status;

    *settings = (struct s3_settings){0};
    /* Of two equal settings the last one read counts, and keys belong into `credentials`. */
    status = read_profile(file_of(variable("AWS_CONFIG_FILE"), "config", arena), name, arena,
                          &profile, error);
    if (status == LARDER_OK)
        status =
            read_profile(file_of(variable("AWS_SHARED_CREDENTIALS_FILE"), "credentials", arena),
                         name, arena, &profile, error);
    if (status == LARDER_OK && asked != NULL && !profile.found)
        status = larder_fail(error, LARDER_USAGE,
                             "there is no AWS profile \"%s\", which AWS_PROFILE names", asked);
    if (status == LARDER_OK)
        status = take_keys(&profile, name, arena, settings, error);
    if (status == LARDER_OK)
        status = take_endpoint(
            first(first(variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL")),
                  profile.endpoint_url),
            arena, settings, error);
    if (status == LARDER_OK)
        status = take_silence(settings, error);
    settings->region = first(first(variable("AWS_REGION"), variable("AWS_DEFAULT_REGION")),
                             first(profile.region, "us-east-1"));
    return status;
}
