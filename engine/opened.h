/* An archive that is open: found by path, in a store by its backup's name, or on standard input;
 * encrypted or not. */
#ifndef ENGINE_OPENED_H
#define ENGINE_OPENED_H

#include <stdbool.h>

#include "engine/digest_input.h"
#include "engine/store/store.h"
#include "formats/archive_reader.h"
#include "formats/arena.h"
#include "formats/input.h"
#include "larder/error.h"
#include "larder/keys.h"
#include "larder/run.h"

struct opened {
    struct store *store;           /* NULL where the archive is no object of a store */
    struct archive_reader *reader; /* owns `plain` once it is there */
    struct input *input;           /* the archive as it lies there */
    struct digest_input *digest; /* that is `input` too, where the digest is taken along; or NULL */
    struct input *plain;         /* its plaintext, which owns `input`; NULL before opened_read */
    const char *location;        /* as a person names it */
    const char *name;            /* its key in the store, or its path; NULL for standard input */
    bool encrypted;              /* as its content says */
    char sha256[65]; /* what the file beside it says; "" where there is none, or it is unreadable */
    struct larder_error lost_sha256; /* LARDER_FAILED: there may be one, but reading it failed */
};

/*
 * Finds and opens the file, by path, URL or name, and sees whether it is encrypted; more of its content is not looked at
 * yet. LARDER_USAGE where there is none. To be closed on failure, too.
 */
enum larder_status opened_find(struct opened *opened, const char *archive, const char *store,
                               const struct larder_run *run, struct arena *arena,
                               struct larder_error *error);

/*
 * Opens the archive in it: the end and the manifest are checked. `keys` may be NULL, and are not
 * needed afterwards. LARDER_NO_KEY where it is encrypted and none of them fits.
 */
enum larder_status opened_read(struct opened *opened, struct larder_keys *keys,
                               struct larder_error *error);

/* The digest of the whole, as it lies there. */
enum larder_status opened_digest(struct opened *opened, const struct larder_run *run,
                                 char sha256[65], struct larder_error *error);

/* The digest of anything. */
enum larder_status opened_input_digest(struct input *input, const struct larder_run *run,
                                       char sha256[65], struct larder_error *error);

/* Appends what lies beside the archive under its name with this ending (of engine/inventory.h); LARDER_USAGE where there is no
 * such thing. */
enum larder_status opened_beside(const struct opened *opened, const char *ending, size_t most,
                                 struct buffer *out, struct larder_error *error);

void opened_close(struct opened *opened);

#endif
