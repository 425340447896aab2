#include <string.h>

#include "formats/age/age.h"
#include "formats/age/armor.h"

/* Collects what is pushed in secret memory of a fixed size. */
struct collector {
    struct stage stage;
    char *bytes;
    size_t most;
    size_t *length;
};

static enum larder_status collect(struct stage *stage, const void *bytes, size_t length,
                                  struct larder_error *error)
{
    struct collector *collector = (struct collector *)stage;

    if (length > collector->most - *collector->length)
        return larder_fail(error, LARDER_USAGE, "what is encrypted in it is too large");
    memcpy(collector->bytes + *collector->length, bytes, length);
    *collector->length += length;
    return LARDER_OK;
}

static enum larder_status collect_nothing_more(struct stage *stage, struct larder_error *error)
{
    (void)stage;
    (void)error;
    return LARDER_OK;
}

/* It is on its maker's stack. */
static void free_nothing(struct stage *stage)
{
    (void)stage;
}

static bool starts_with(const char *text, size_t length, const char *start)
{
    return length >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

bool age_is_protected(const char *text, size_t length)
{
    return starts_with(text, length, "age-encryption.org/") ||
           starts_with(text, length, AGE_ARMOR_BEGIN);
}

enum larder_status age_open_protected(struct age_identities *passphrases, const char *text,
                                      size_t length, char *plain, size_t most, size_t *size,
                                      struct larder_error *error)
{
    static const struct stage_ops ops = {collect, collect_nothing_more, free_nothing};
    struct collector collector = {{&ops}, plain, most, size};
    struct stage *stage = &collector.stage;
    enum larder_status status;

    *size = 0;
    status = age_decrypt_new(&stage, passphrases, stage, error);
    if (status == LARDER_OK)
        status = age_dearmor_new(&stage, AGE_ARMOR_DETECTED, stage, error);
    if (status == LARDER_OK)
        status = stage_push(stage, text, length, error);
    if (status == LARDER_OK)
        status = stage_finish(stage, error);
    stage_free(stage);
    return status;
}
