/* What checks have found: what is read must be written, and read again. */
#include <stdlib.h>
#include <string.h>

#include "formats/checked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct checked checked, again;
    struct buffer out = {0};

    if (checked_read(data, size, arena, &checked, NULL) == LARDER_OK)
        if (checked_write(&checked, &out, NULL) != LARDER_OK ||
            checked_read(out.bytes, out.length, arena, &again, NULL) != LARDER_OK ||
            checked.verified_at != again.verified_at || checked.drilled_at != again.drilled_at ||
            checked.drill_failed_at != again.drill_failed_at ||
            (checked.drill_failure == NULL) != (again.drill_failure == NULL) ||
            checked.good != again.good)
            abort();
    buffer_free(&out);
    arena_free(arena);
    return 0;
}
