/*
 * The reader of archives behind a good end: the input is the manifest of an archive whose members
 * are those of the sample.
 */
#include <stdlib.h>

#include "tests/formats/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buffer good; /* made once */
    struct buffer bytes = {0};
    struct larder_error error = {0};
    struct pieces pieces;

    if (good.length == 0)
        manifest_free(sample_archive(2, &good));
    pieces_take(&pieces, &good);
    pieces.manifest_text.length = 0;
    buffer_append(&pieces.manifest_text, data, size);
    pieces_lay_out(&pieces, SIGN_END, &bytes);
    pieces_close(&pieces, SIGN_END, NULL, &bytes);
    if (sample_check(bytes.bytes, bytes.length, &error) != LARDER_OK && error.message[0] == '\0')
        abort();
    pieces_free(&pieces);
    buffer_free(&bytes);
    return 0;
}
