/*
 * The reader of archives, on a whole file, to the last row. Where the last byte is even, the
 * digests of manifest and end are made right first, so that what lies behind them is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/formats/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The digest of the manifest, where the end says that it is, and then the end's own. */
static void sign(uint8_t *bytes, size_t size)
{
    static const char start[] = "larder end 1\nmanifest_offset ";
    uint8_t *end = bytes + size - END_FROM_LAST + TAR_BLOCK;
    uint64_t offset = strtoull((char *)end + strlen(start), NULL, 10);
    uint64_t length =
        strtoull((char *)end + strlen(start) + 20 + strlen("\nmanifest_bytes "), NULL, 10);
    uint8_t digest[SHA256_BYTES];
    char hex[SHA256_HEX];

    if (offset > size || length > size - offset)
        return;
    SAMPLE_MUST(sha256_of(bytes + offset, (size_t)length, digest, NULL) == LARDER_OK);
    sha256_to_hex(digest, hex);
    memcpy(end + strlen(start) + 20 + strlen("\nmanifest_bytes ") + 20 +
               strlen("\nmanifest_sha256 "),
           hex, 64);
    SAMPLE_MUST(sha256_of(end, END_BYTES - 76, digest, NULL) == LARDER_OK);
    sha256_to_hex(digest, hex);
    memcpy(end + END_BYTES - 65, hex, 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct larder_error error = {0};
    uint8_t *bytes;

    if (size == 0)
        return 0;
    size--;
    bytes = malloc(size + 1);
    memcpy(bytes, data, size);
    bytes[size] = '\0';
    if (data[size] % 2 == 0 && size >= END_FROM_LAST)
        sign(bytes, size);
    if (sample_check(bytes, size, &error) != LARDER_OK && error.message[0] == '\0')
        abort();
    free(bytes);
    return 0;
}
