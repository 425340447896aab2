/* The manifest: what is read must be written, and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "formats/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest *first, *second;
    struct buffer a = {0}, b = {0};
    struct larder_error error = {0};

    if (manifest_read(data, size, &first, &error) != LARDER_OK) {
        must(first == NULL && error.message[0] != '\0');
        return 0;
    }
    must(manifest_write(first, false, &a, NULL) == LARDER_OK);
    must(manifest_read(a.bytes, a.length, &second, NULL) == LARDER_OK);
    must(manifest_write(second, false, &b, NULL) == LARDER_OK);
    must(a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0);
    manifest_free(first);
    manifest_free(second);
    buffer_free(&a);
    buffer_free(&b);
    return 0;
}
