/* Copying an archive, and what lies beside it, to another store: a second place. */
#ifndef LARDER_COPY_H
#define LARDER_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "larder/error.h"
#include "larder/keys.h"
#include "larder/run.h"

struct larder_copy_options {
    const char *archive; /* a path, a URL, or a backup's name in the store `from` */
    const char *from;    /* may be NULL */
    const char *to;      /* the store that it is copied to */
    bool lock;           /* lock the copy there for as long as its summary says that it is kept */

    /* Whom the copy is encrypted to, in place of the archive's own recipients; nobody: it is copied as it is. */
    struct larder_encryption recipients;
    struct larder_keys *keys; /* what opens it, where it gets other recipients */
};

struct larder_copy {
    const char *archive, *copy; /* as a person names them */
    const char *backup_name, *preset, *source;
    uint64_t bytes; /* of the copy */
    bool encrypted;
    char sha256[65];          /* of the copy */
    char original_sha256[65]; /* of the archive, where the copy has other recipients; else "" */
    bool already;             /* the store had it, equal, before */
    double seconds;
    void *memory;
};

/*
 * Copies the archive, its .sha256 and its summary, in this order, under the same names. What is read must have the
 * SHA-256 that the summary says, and what the store then holds is read back and must have that of what was sent: only
 * then come .sha256 and summary. Nothing is overwritten: what the store has under that name must be equal, and what is
 * missing of it is added; else LARDER_FAILED. LARDER_DAMAGED where the archive is not what lies beside it says, or has
 * no summary. LARDER_LOCKED where another run of the preset writes to the store. LARDER_USAGE where it is to be locked
 * in a store that cannot.
 *
 * Other recipients get a new header; the rest of the file stays as it is. The caller frees the result, on failure too.
 */
enum larder_status larder_copy(const struct larder_copy_options *options,
                               const struct larder_run *run, struct larder_copy *result,
                               struct larder_error *error);
void larder_copy_free(struct larder_copy *result);

#endif
