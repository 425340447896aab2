#include "formats/input.h"

#include "formats/buffer.h"

enum larder_status input_read_whole(struct input *input, const char *name, size_t most,
                                    struct buffer *out, struct larder_error *error)
{
    enum larder_status status;

    if (input->size > most)
        return larder_fail(error, LARDER_DAMAGED, "\"%s\" is too large to be what it is named",
                           name);
    if (!buffer_reserve(out, (size_t)input->size))
        return larder_fail_memory(error);
    status = input_read_at(input, 0, out->bytes + out->length, (size_t)input->size, error);
    if (status == LARDER_OK)
        out->length += (size_t)input->size;
    return status;
}
