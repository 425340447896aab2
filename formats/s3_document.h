/*
 * What an S3 store says in XML: the answers to ListObjectsV2, ListMultipartUploads,
 * CreateMultipartUpload and CompleteMultipartUpload, and errors. Unknown elements are ignored.
 */
#ifndef FORMATS_S3_DOCUMENT_H
#define FORMATS_S3_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "larder/error.h"

/* An object of a listing, or an upload that was begun and not ended. */
struct s3_item {
    const char *key;
    uint64_t bytes;
    const char *upload_id; /* of an upload, else "" */
    time_t initiated;      /* of an upload; 0 where it is not known */
};

struct s3_document {
    char root[40]; /* "ListBucketResult", "Error", ... */
    struct s3_item *items;
    size_t count;
    bool truncated; /* there is more; `next`, or `next_key` and `next_upload`, say where */
    const char *next, *next_key, *next_upload;
    const char *upload_id, *etag;
    const char *code, *message, *region; /* of an error */
};

/*
 * Reads one; strings lie in the arena, and are "" where the document has none. Keys are decoded
 * where the document says that they are encoded. LARDER_FAILED where it is no such document.
 */
enum larder_status s3_document_read(const void *bytes, size_t length, struct arena *arena,
                                    struct s3_document *document, struct larder_error *error);

#endif
