#include "formats/end.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COVERED = END_BYTES - 76
}; /* all lines but the last, which is "end_sha256 " and the digest */

enum larder_status end_write(const struct end *end, uint8_t bytes[END_BYTES],
                             struct larder_error *error)
{
    char text[END_BYTES + 1], hex[SHA256_HEX];
    uint8_t digest[SHA256_BYTES];
    enum larder_status status;

    sha256_to_hex(end->manifest_sha256, hex);
    snprintf(text, sizeof(text),
             "larder end 1\nmanifest_offset %020" PRIu64 "\nmanifest_bytes %020" PRIu64
             "\nmanifest_sha256 %s\narchive_bytes %020" PRIu64 "\n",
             end->manifest_offset, end->manifest_bytes, hex, end->archive_bytes);
    status = sha256_of(text, COVERED, digest, error);
    if (status != LARDER_OK)
        return status;
    sha256_to_hex(digest, hex);
    snprintf(text + COVERED, sizeof(text) - COVERED, "end_sha256 %s\n", hex);
    memcpy(bytes, text, END_BYTES);
    return LARDER_OK;
}

/* Reads a number of twenty digits that stands behind `name` on a line of its own. */
static const char *read_number(const char *at, const char *name, uint64_t *number)
{
    char digits[21] = {0};

    at += strlen(name);
    memcpy(digits, at, 20);
    *number = strtoull(digits, NULL, 10);
    return at + 21;
}

enum larder_status end_read(const uint8_t bytes[END_BYTES], struct end *end,
                            struct larder_error *error)
{
    char text[END_BYTES + 1], hex[SHA256_HEX] = {0};
    uint8_t again[END_BYTES];
    enum larder_status status;
    const char *at = text + strlen("larder end 1\n");

    memcpy(text, bytes, END_BYTES);
    text[END_BYTES] = '\0';
    if (strncmp(text, "larder end ", strlen("larder end ")) != 0)
        return larder_fail(
            error, LARDER_DAMAGED,
            "it is incomplete: its end is missing (cut short, or still being written)");
    at = read_number(at, "manifest_offset ", &end->manifest_offset);
    at = read_number(at, "manifest_bytes ", &end->manifest_bytes);
    at += strlen("manifest_sha256 ");
    memcpy(hex, at, SHA256_HEX - 1);
    if (!sha256_from_hex(hex, end->manifest_sha256))
        return larder_fail(error, LARDER_DAMAGED, "its end is damaged");
    read_number(at + SHA256_HEX, "archive_bytes ", &end->archive_bytes);

    /* Strict by construction: whatever was read must be written the same way again. */
    status = end_write(end, again, error);
    if (status != LARDER_OK)
        return status;
    if (memcmp(again, bytes, END_BYTES) != 0)
        return larder_fail(error, LARDER_DAMAGED, "its end is damaged");
    return LARDER_OK;
}
