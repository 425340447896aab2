/* What an S3 store answers: any bytes are read or refused. */
#include "formats/s3_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct s3_document document;

    s3_document_read(data, size, arena, &document, NULL);
    arena_free(arena);
    return 0;
}
