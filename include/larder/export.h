/* Exporting: tables of a database leave as one archive. */
#ifndef LARDER_EXPORT_H
#define LARDER_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "larder/error.h"
#include "larder/keys.h"
#include "larder/preset.h"
#include "larder/run.h"

/* Of tables that are not exported, and that foreign keys refer to: the rows that they refer to. */
enum larder_references {
    LARDER_REFERENCES_NOT,
    LARDER_REFERENCES_KEYS, /* the columns that foreign keys refer to */
    LARDER_REFERENCES_ROWS, /* all columns, and the rows that these rows refer to in turn */
};

enum larder_copy_format { LARDER_COPY_AUTO, LARDER_COPY_TEXT, LARDER_COPY_BINARY };

/* A format for those tables of the export that a name or pattern means, and for their partitions. */
struct larder_copy_choice {
    const char *table;
    enum larder_copy_format format;
};

/* What to export and where to. Zero means default; strings stay the caller's. */
struct larder_export_options {
    struct larder_connect source;

    /* Either a preset of backups.presets, or names and patterns of tables. */
    const char *preset;
    const char *const *tables;
    size_t table_count;
    struct larder_presets presets; /* where the source has no backups.presets; both is refused */

    /* Either a store's URL or path, or a file ("-": standard output). */
    const char *store;
    const char *output;

    struct larder_encryption encryption; /* default: none */

    const char *source_name;             /* default: the project's or the database's name */
    int lanes;                           /* connections; default: one per processor, at most 8 */
    int level;                           /* zstd's; default 1 */
    enum larder_copy_format copy_format; /* default: as the preset says, else auto */
    const struct larder_copy_choice *copy_choices; /* come before copy_format; the last one holds */
    size_t copy_choice_count;
    const struct larder_connect *schema_from; /* where pg_dump goes; default: the source */
    const struct larder_connect *record_to;   /* where to record it; default: the source */
    bool no_record;
    bool lock;        /* what goes into the store stays locked there until its keep_days are over */
    int lock_timeout; /* seconds; default 10 */
    enum larder_references references;
    bool whole_tables; /* never cut a table into ranges of pages */

    /*
     * Tables of a preset that lost many of their rows since its last good archive in the store are warned of. To fail is to end with
     * LARDER_DIFFERENCE, with the archive published all the same, since it may be the last there will be; to accept is not to compare,
     * and to be what the next export compares with.
     */
    bool fail_on_shrink, accept_shrink;
};

struct larder_export_table {
    const char *schema, *name, *copy_format, *fingerprint;
    uint64_t rows, bytes; /* bytes: in the archive */
    const char
        *only; /* "keys" or "rows" of a table of which only referenced rows are there; or NULL */
};

struct larder_export_shrunk {
    const char *
        table; /* as backup_metadata names it; NULL: all of them together, where no more is known */
    int64_t rows_before, rows; /* -1: the table is not in this archive */
};

struct larder_export_result {
    const char *archive; /* path or URL; "-" for standard output */
    const char *backup_name, *preset, *source, *database;
    uint64_t rows, bytes, raw_bytes;
    double seconds;
    char sha256[65];
    bool encrypted, recorded;
    struct larder_export_table *tables;
    size_t table_count;
    struct larder_export_table *referenced; /* tables that foreign keys refer to */
    size_t referenced_count;
    const char **warnings;
    size_t warning_count;
    const char *shrunk_since; /* the backup that had those rows; NULL: nothing has shrunk */
    struct larder_export_shrunk *shrunk;
    size_t shrunk_count; /* 0 with `shrunk_since`: as before, which cannot be compared now */
    struct larder_findings findings; /* what stood in the way; filled on failure, too */
    void *memory;                    /* what all of this lies in */
};

/*
 * Exports. The caller frees `result` with larder_export_result_free, on failure too. Fails with
 * LARDER_USAGE (no such preset, no pg_dump for the server, ...), LARDER_LOCKED, LARDER_FAILED, or a
 * signal's status; then nothing was published and nothing is left behind. LARDER_DIFFERENCE: see fail_on_shrink.
 */
enum larder_status larder_export(const struct larder_export_options *options,
                                 const struct larder_run *run, struct larder_export_result *result,
                                 struct larder_error *error);
void larder_export_result_free(struct larder_export_result *result);

#endif
