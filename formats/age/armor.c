#include "formats/age/armor.h"

#include <stdlib.h>
#include <string.h>

#include "formats/age/age.h"
#include "formats/age/base64.h"

enum { LINES = 64 }; /* that are written at once */

struct armor {
    struct stage stage;
    struct stage *next;
    bool begun;
    size_t lines;
    size_t length; /* of the line that is being filled */
    uint8_t line[AGE_ARMOR_LINE_BYTES];
    char text[LINES * (AGE_ARMOR_LINE + 1)];
};

static enum larder_status begin(struct armor *armor, struct larder_error *error)
{
    if (armor->begun)
        return LARDER_OK;
    armor->begun = true;
    return stage_push(armor->next, AGE_ARMOR_BEGIN "\n", strlen(AGE_ARMOR_BEGIN "\n"), error);
}

static enum larder_status flush(struct armor *armor, struct larder_error *error)
{
    size_t length = armor->lines * (AGE_ARMOR_LINE + 1);

    armor->lines = 0;
    return length == 0 ? LARDER_OK : stage_push(armor->next, armor->text, length, error);
}

static enum larder_status write_line(struct armor *armor, struct larder_error *error)
{
    char *text = armor->text + armor->lines * (AGE_ARMOR_LINE + 1);

    age_base64_encode(text, armor->line, AGE_ARMOR_LINE_BYTES, true);
    text[AGE_ARMOR_LINE] = '\n';
    armor->length = 0;
    return ++armor->lines < LINES ? LARDER_OK : flush(armor, error);
}

static enum larder_status push(struct stage *stage, const void *bytes, size_t length,
                               struct larder_error *error)
{
    struct armor *armor = (struct armor *)stage;
    enum larder_status status = begin(armor, error);
    const uint8_t *from = bytes;

    while (status == LARDER_OK && length > 0) {
        size_t room = AGE_ARMOR_LINE_BYTES - armor->length;
        size_t taken = length < room ? length : room;

        memcpy(armor->line + armor->length, from, taken);
        armor->length += taken;
        from += taken;
        length -= taken;
        if (armor->length == AGE_ARMOR_LINE_BYTES)
            status = write_line(armor, error);
    }
    return status;
}

static enum larder_status finish(struct stage *stage, struct larder_error *error)
{
    struct armor *armor = (struct armor *)stage;
    char end[AGE_ARMOR_LINE + 1 + sizeof(AGE_ARMOR_END "\n")];
    enum larder_status status = begin(armor, error);
    size_t length = 0;

    if (status == LARDER_OK)
        status = flush(armor, error);
    if (status != LARDER_OK)
        return status;
    if (armor->length > 0) {
        length = age_base64_encode(end, armor->line, armor->length, true);
        end[length++] = '\n';
    }
    memcpy(end + length, AGE_ARMOR_END "\n", strlen(AGE_ARMOR_END "\n"));
    length += strlen(AGE_ARMOR_END "\n");
    status = stage_push(armor->next, end, length, error);
    return status != LARDER_OK ? status : stage_finish(armor->next, error);
}

static void free_stage(struct stage *stage)
{
    struct armor *armor = (struct armor *)stage;

    stage_free(armor->next);
    free(armor);
}

enum larder_status age_armor_new(struct stage **stage, struct stage *next,
                                 struct larder_error *error)
{
    static const struct stage_ops ops = {push, finish, free_stage};
    struct armor *armor = calloc(1, sizeof(*armor));

    if (armor == NULL)
        return larder_fail_memory(error);
    armor->stage.ops = &ops;
    armor->next = next;
    *stage = &armor->stage;
    return LARDER_OK;
}
