/* A stage that keeps what it is given, and an input that reads bytes: for tests in memory. */
#ifndef TESTS_FORMATS_MEMORY_H
#define TESTS_FORMATS_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "formats/buffer.h"
#include "formats/input.h"
#include "formats/stage.h"

struct memory_stage {
    struct stage stage;
    struct buffer *out;  /* the caller's */
    int *finished;       /* the caller's; may be NULL */
    uint64_t fail_after; /* pushes fail once this many bytes came; 0: never */
};

static inline enum larder_status memory_push(struct stage *stage, const void *bytes, size_t length,
                                             struct larder_error *error)
{
    struct memory_stage *memory = (struct memory_stage *)stage;

    if (memory->fail_after > 0 && memory->out->length + length > memory->fail_after)
        return larder_fail(error, LARDER_FAILED, "the disk is full");
    buffer_append(memory->out, bytes, length);
    return memory->out->failed ? larder_fail_memory(error) : LARDER_OK;
}

static inline enum larder_status memory_finish(struct stage *stage, struct larder_error *error)
{
    struct memory_stage *memory = (struct memory_stage *)stage;

    (void)error;
    if (memory->finished != NULL)
        (*memory->finished)++;
    return LARDER_OK;
}

static inline void memory_free(struct stage *stage)
{
    free(stage);
}

static inline struct stage *memory_stage_new(struct buffer *out, int *finished, uint64_t fail_after)
{
    static const struct stage_ops ops = {memory_push, memory_finish, memory_free};
    struct memory_stage *memory = calloc(1, sizeof(*memory));

    if (memory == NULL)
        abort();
    *memory = (struct memory_stage){{&ops}, out, finished, fail_after};
    return &memory->stage;
}

struct memory_input {
    struct input input;
    const uint8_t *bytes;
};

static inline enum larder_status memory_read_at(struct input *input, uint64_t offset, void *buffer,
                                                size_t length, struct larder_error *error)
{
    (void)error;
    if (length == 0)
        abort();
    memcpy(buffer, ((struct memory_input *)input)->bytes + offset, length);
    return LARDER_OK;
}

static inline void memory_close(struct input *input)
{
    free(input);
}

/* The bytes must stay as long as the input. */
static inline struct input *memory_input_new(const uint8_t *bytes, uint64_t length)
{
    static const struct input_ops ops = {memory_read_at, memory_close};
    struct memory_input *memory = calloc(1, sizeof(*memory));

    if (memory == NULL)
        abort();
    *memory = (struct memory_input){.input = {.ops = &ops, .size = length}, .bytes = bytes};
    return &memory->input;
}

#endif
