/* Looking into an archive: the rows of one table as CSV. */
#ifndef LARDER_CAT_H
#define LARDER_CAT_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/error.h"
#include "larder/keys.h"
#include "larder/run.h"

struct larder_cat_options {
    const char *archive;      /* a path, "-", or a backup's name in `store` */
    const char *store;        /* may be NULL */
    struct larder_keys *keys; /* may be NULL */
    const char *table; /* a name, or a pattern that means one table; its partitions come with it */

    /*
     * For rows in binary format, which only a server can read: as larder_drill_options has them. With neither, such a
     * table is LARDER_USAGE.
     */
    struct larder_connect server;
    bool embedded;

    /* Takes the CSV, piece by piece: a line of names, and the rows, each in the encoding of the source's server where they
     * are in text format, else in UTF-8. */
    enum larder_status (*write)(void *arg, const void *bytes, size_t length,
                                struct larder_error *error);
    void *write_arg;
};

/*
 * What was written before a failure was whole parts that agree with the archive's digests. LARDER_USAGE where the archive has
 * no such table, or several; LARDER_DAMAGED where the archive disagrees with itself, LARDER_UNVERIFIED
 * where its format is newer.
 */
enum larder_status larder_cat(const struct larder_cat_options *options,
                              const struct larder_run *run, struct larder_error *error);

#endif
