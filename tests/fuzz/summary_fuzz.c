/* The summary beside an archive: what is read must be written, and read again. */
#include <stdlib.h>
#include <string.h>

#include "formats/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct summary summary, again;
    struct buffer out = {0};
    char sha256[65];

    if (summary_read(data, size, arena, &summary, NULL) == LARDER_OK)
        if (summary_write(&summary, &out, NULL) != LARDER_OK ||
            summary_read(out.bytes, out.length, arena, &again, NULL) != LARDER_OK ||
            strcmp(summary.sha256, again.sha256) != 0 || summary.bytes != again.bytes)
            abort();
    summary_read_digest_line(data, size, "a.tar", sha256);
    buffer_free(&out);
    arena_free(arena);
    return 0;
}
