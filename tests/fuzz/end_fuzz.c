/* The end: what is read must be what end_write writes. Its digest is made right first. */
#include <stdlib.h>
#include <string.h>

#include "formats/end.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { COVERED = END_BYTES - 76 };
    uint8_t bytes[END_BYTES], again[END_BYTES], digest[SHA256_BYTES];
    char hex[SHA256_HEX];
    struct end end;

    if (size < COVERED)
        return 0;
    memcpy(bytes, data, COVERED);
    memcpy(bytes + COVERED, "end_sha256 ", 11);
    if (sha256_of(bytes, COVERED, digest, NULL) != LARDER_OK)
        abort();
    sha256_to_hex(digest, hex);
    memcpy(bytes + COVERED + 11, hex, 64);
    bytes[END_BYTES - 1] = '\n';
    if (end_read(bytes, &end, NULL) != LARDER_OK)
        return 0;
    if (end_write(&end, again, NULL) != LARDER_OK || memcmp(bytes, again, END_BYTES) != 0)
        abort();
    return 0;
}
