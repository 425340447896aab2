/* What an answer means to a person, and what would help. */
#include <stdio.h>
#include <string.h>

#include "engine/store/s3_parts.h"

struct meaning {
    const char *code;
    enum larder_status status;
    const char *hint; /* %s: where the key came from */
};

/* Of 403 and the like: what to set, by the code that the store gives. */
static const struct meaning meanings[] = {
    {"SignatureDoesNotMatch", LARDER_USAGE,
     "The secret key and the access key do not belong together. They came from %s. The region (AWS_REGION) and the endpoint "
     "(AWS_ENDPOINT_URL) are signed, too."},
    {"InvalidAccessKeyId", LARDER_USAGE,
     "The store does not know this access key. It came from %s; AWS_ENDPOINT_URL says which store is asked."},
    {"ExpiredToken", LARDER_USAGE,
     "The session of AWS_SESSION_TOKEN has ended: get new keys. They came from %s."},
    {"TokenRefreshRequired", LARDER_USAGE,
     "The session of AWS_SESSION_TOKEN has ended: get new keys. They came from %s."},
    {"InvalidToken", LARDER_USAGE,
     "AWS_SESSION_TOKEN does not belong to the access key. The keys came from %s."},
    {"AccessDenied", LARDER_FAILED,
     "The key, from %s, may not do this: docs/stores.md lists what each command needs."},
    {"NoSuchBucket", LARDER_USAGE,
     "Buckets are not made by larder: create it, or look at the name and at AWS_ENDPOINT_URL."},
    {"RequestTimeTooSkewed", LARDER_FAILED,
     "The clock of this machine and that of the store differ too much: set this one right."},
    {"NoSuchUpload", LARDER_FAILED,
     "Another run, or a rule of the bucket, has ended the upload meanwhile."},
    {"EntityTooLarge", LARDER_FAILED, "The store takes no objects of this size."},
    {"QuotaExceeded", LARDER_FAILED, "The store is full."},
};

static void hint_region(const struct s3_answer *answer, struct larder_error *error)
{
    if (answer->region[0] != '\0')
        larder_hint(error, "The bucket is in the region %s: set AWS_REGION to it.", answer->region);
    else
        larder_hint(error, "The bucket is in another region: set AWS_REGION to it.");
}

static const char *action_of(const struct s3_request *request)
{
    if (request->key == NULL)
        return "list";
    if (strcmp(request->method, "DELETE") == 0)
        return "remove";
    return request->body != NULL ? "write" : "read";
}

static void set_hint(const struct s3 *s3, const struct meaning *meaning, struct larder_error *error)
{
    char hint[1024];
    const char *place = strstr(meaning->hint, "%s");

    if (place == NULL)
        snprintf(hint, sizeof(hint), "%s", meaning->hint);
    else
        snprintf(hint, sizeof(hint), "%.*s%s%s", (int)(place - meaning->hint), meaning->hint,
                 s3->settings.origin, place + 2);
    larder_hint(error, "%s", hint);
}

enum larder_status s3_fail(const struct s3 *s3, const struct s3_request *request,
                           const struct s3_answer *answer, struct larder_error *error)
{
    struct buffer place = {0};
    const struct meaning *meaning = NULL;
    const char *code = answer->code;
    enum larder_status status = LARDER_FAILED;
    char tries[40] = "", http[32] = "";
    bool moved = answer->status == 301 || answer->status == 307 ||
                 strcmp(answer->code, "AuthorizationHeaderMalformed") == 0;

    /* An answer to HEAD has no body that would say more. */
    if (answer->status == 403 && code[0] == '\0')
        code = "AccessDenied";
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (strcmp(code, meanings[i].code) == 0)
            meaning = &meanings[i];
    if (answer->status == 404 && request->key != NULL && request->body == NULL)
        status = LARDER_USAGE; /* as with a path where there is no file */
    if (meaning != NULL)
        status = meaning->status;
    if (moved)
        status = LARDER_USAGE;
    if ((meaning != NULL || moved) && s3->has_served)
        status = LARDER_FAILED;
    s3_location((struct store *)s3, request->key != NULL ? request->key : "", &place);
    if (answer->tries > 1)
        snprintf(tries, sizeof(tries), " (tried %u times)", answer->tries);
    if (answer->status != 0)
        snprintf(http, sizeof(http), "the store answered %ld", answer->status);
    larder_fail(
        error, status, "could not %s \"%s\": %s%s%s%s%s%s", action_of(request), buffer_text(&place),
        http, answer->code[0] != '\0' && http[0] != '\0' ? ", " : "", answer->code,
        answer->message[0] != '\0' && (http[0] != '\0' || answer->code[0] != '\0') ? ": " : "",
        answer->message, tries);
    buffer_free(&place);
    if (moved)
        hint_region(answer, error);
    else if (meaning != NULL)
        set_hint(s3, meaning, error);
    return status;
}
