#include <stdlib.h>
#include <string.h>

#include "formats/age/age.h"
#include "formats/age/armor.h"
#include "formats/age/base64.h"

enum {
    LINES = 64,      /* that are decoded before they are handed on */
    DETECTED = 1024, /* bytes that are looked at to find out whether there is armor */
};

enum place {
    DETECTING,
    BEFORE, /* white space, then the first line */
    INSIDE,
    AT_END,  /* the last line must come */
    AFTER,   /* white space */
    THROUGH, /* there is no armor */
};

struct dearmor {
    struct stage stage;
    struct stage *next;
    enum place place;
    size_t start_length;
    char start[DETECTED];
    size_t line_length;
    char line[AGE_ARMOR_LINE + 2]; /* with room for a carriage return, and to find it too long */
    size_t length;
    uint8_t bytes[(LINES + 1) * AGE_ARMOR_LINE_BYTES];
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum larder_status flush(struct dearmor *dearmor, struct larder_error *error)
{
    size_t length = dearmor->length;

    dearmor->length = 0;
    return length == 0 ? LARDER_OK : stage_push(dearmor->next, dearmor->bytes, length, error);
}

/* What was right up to here is handed on first: if the next stage refuses that, this is the first
 * cause. */
static enum larder_status fail(struct dearmor *dearmor, struct larder_error *error,
                               const char *what)
{
    enum larder_status status = flush(dearmor, error);

    if (status != LARDER_OK)
        return status;
    return larder_fail(error, LARDER_DAMAGED, "armor failure: %s", what);
}

static bool line_is(const struct dearmor *dearmor, const char *text)
{
    return dearmor->line_length == strlen(text) &&
           memcmp(dearmor->line, text, dearmor->line_length) == 0;
}

static enum larder_status read_data(struct dearmor *dearmor, struct larder_error *error)
{
    size_t size;

    if (dearmor->line_length == 0)
        return fail(dearmor, error, "there is an empty line");
    if (dearmor->line_length > AGE_ARMOR_LINE)
        return fail(dearmor, error, "a line is too long");
    if (!age_base64_decode(dearmor->bytes + dearmor->length, &size, dearmor->line,
                           dearmor->line_length, true))
        return fail(dearmor, error, "a line is not canonical base64");
    dearmor->length += size;
    if (size < AGE_ARMOR_LINE_BYTES)
        dearmor->place = AT_END;
    return dearmor->length < LINES * AGE_ARMOR_LINE_BYTES ? LARDER_OK : flush(dearmor, error);
}

/* A whole line, without its end. */
static enum larder_status read_line(struct dearmor *dearmor, struct larder_error *error)
{
    if (dearmor->place == BEFORE) {
        if (!line_is(dearmor, AGE_ARMOR_BEGIN))
            return fail(dearmor, error, "the first line is not " AGE_ARMOR_BEGIN);
        dearmor->place = INSIDE;
        return LARDER_OK;
    }
    if (dearmor->place == AT_END)
        return fail(dearmor, error, "a line that is not full is followed by something");
    return read_data(dearmor, error);
}

static enum larder_status end_line(struct dearmor *dearmor, struct larder_error *error)
{
    enum larder_status status;

    if (dearmor->line_length > 0 && dearmor->line[dearmor->line_length - 1] == '\r')
        dearmor->line_length--;
    status = read_line(dearmor, error);
    dearmor->line_length = 0;
    return status;
}

static enum larder_status take(struct dearmor *dearmor, char c, struct larder_error *error)
{
    if (dearmor->place == AFTER)
        return is_space(c) ? LARDER_OK : fail(dearmor, error, "something follows the last line");
    if (dearmor->place == BEFORE && dearmor->line_length == 0 && is_space(c))
        return LARDER_OK;
    if (c == '\n')
        return end_line(dearmor, error);
    if (dearmor->line_length == sizeof(dearmor->line))
        return fail(dearmor, error, "a line is too long");
    dearmor->line[dearmor->line_length++] = c;
    if (c == '-' && dearmor->place != BEFORE && line_is(dearmor, AGE_ARMOR_END))
        dearmor->place = AFTER;
    return LARDER_OK;
}

static enum larder_status take_all(struct dearmor *dearmor, const char *text, size_t length,
                                   struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (dearmor->place == THROUGH)
        return length == 0 ? LARDER_OK : stage_push(dearmor->next, text, length, error);
    for (size_t i = 0; i < length && status == LARDER_OK; i++)
        status = take(dearmor, text[i], error);
    return status;
}

/* Damaged armor must be told from a damaged file without armor, so any line of dashes counts, at
 * its place or not. */
static bool is_armored(const char *start, size_t length)
{
    const char *plain = "age-encryption.org/";
    size_t spaces = 0;

    if (length >= strlen(plain) && memcmp(start, plain, strlen(plain)) == 0)
        return false;
    while (spaces < length && is_space(start[spaces]))
        spaces++;
    return length > 0 && (spaces == length || memmem(start, length, "-----", 5) != NULL);
}

/* Decides, and goes on with what was held back. */
static enum larder_status detect(struct dearmor *dearmor, struct larder_error *error)
{
    dearmor->place = is_armored(dearmor->start, dearmor->start_length) ? BEFORE : THROUGH;
    return take_all(dearmor, dearmor->start, dearmor->start_length, error);
}

static enum larder_status push(struct stage *stage, const void *bytes, size_t length,
                               struct larder_error *error)
{
    struct dearmor *dearmor = (struct dearmor *)stage;
    const char *text = bytes;

    if (dearmor->place == DETECTING) {
        size_t room = DETECTED - dearmor->start_length;
        size_t taken = length < room ? length : room;
        enum larder_status status;

        memcpy(dearmor->start + dearmor->start_length, text, taken);
        dearmor->start_length += taken;
        if (dearmor->start_length < DETECTED)
            return LARDER_OK;
        status = detect(dearmor, error);
        if (status != LARDER_OK)
            return status;
        text += taken;
        length -= taken;
    }
    return take_all(dearmor, text, length, error);
}

static enum larder_status finish(struct stage *stage, struct larder_error *error)
{
    struct dearmor *dearmor = (struct dearmor *)stage;
    enum larder_status status = LARDER_OK;

    if (dearmor->place == DETECTING)
        status = detect(dearmor, error);
    if (status == LARDER_OK && dearmor->place != THROUGH) {
        if (dearmor->place != AFTER)
            status = fail(dearmor, error, "the last line is missing");
        if (status == LARDER_OK)
            status = flush(dearmor, error);
    }
    return status != LARDER_OK ? status : stage_finish(dearmor->next, error);
}

static void free_stage(struct stage *stage)
{
    struct dearmor *dearmor = (struct dearmor *)stage;

    stage_free(dearmor->next);
    free(dearmor);
}

enum larder_status age_dearmor_new(struct stage **stage, enum age_armor armor, struct stage *next,
                                   struct larder_error *error)
{
    static const struct stage_ops ops = {push, finish, free_stage};
    struct dearmor *dearmor = calloc(1, sizeof(*dearmor));

    if (dearmor == NULL)
        return larder_fail_memory(error);
    dearmor->stage.ops = &ops;
    dearmor->next = next;
    dearmor->place = armor == AGE_ARMOR_DETECTED ? DETECTING : BEFORE;
    *stage = &dearmor->stage;
    return LARDER_OK;
}
