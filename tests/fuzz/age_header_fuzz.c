/* A header that parses is written back as it was. */
#include "formats/age/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct age_header header = {0};
    struct age_bytes out = {0};
    size_t from = 0;
    size_t end = 0;

    if (age_header_find_end(data, size, &from, &end, NULL) == LARDER_OK && end > 0 &&
        age_header_parse(&header, data, end, NULL) == LARDER_OK) {
        if (age_header_write(&header, &out, NULL) != LARDER_OK ||
            age_header_write_mac(&header, &out, NULL) != LARDER_OK)
            abort();
        if (out.length != end || memcmp(out.data, data, end) != 0)
            abort();
    }
    age_bytes_free(&out);
    age_header_free(&header);
    return 0;
}
