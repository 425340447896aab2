/* Restoring and verifying: what an archive holds, loaded into a database, counted, and compared. */
#ifndef LARDER_RESTORE_H
#define LARDER_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "larder/error.h"
#include "larder/keys.h"
#include "larder/run.h"

/* What becomes of tables that exist in the target: the words of backups.restore_table. */
enum larder_existing {
    LARDER_EXISTING_ERROR,   /* they stand in the way */
    LARDER_EXISTING_ROWS,    /* their rows become those of the archive */
    LARDER_EXISTING_MISSING, /* rows that they lack, by primary key, are added */
};

enum larder_externals { LARDER_EXTERNALS_ERROR, LARDER_EXTERNALS_STUB, LARDER_EXTERNALS_SKIP };

struct larder_restore_options {
    const char *archive;      /* a path, "-" for standard input, or a backup's name in `store` */
    const char *store;        /* may be NULL */
    struct larder_keys *keys; /* what opens it where it is encrypted; may be NULL */
    struct larder_connect target; /* must be named: its dbname is never taken from PGDATABASE */
    const struct larder_connect
        *metadata; /* where backup_metadata is asked for first; may be NULL */

    const char *const *tables; /* patterns of tables of the archive; none: all */
    size_t table_count;
    int lanes; /* default: one per processor, at most 8 */
    bool create_roles;
    const char *role_comment; /* what is said of roles that it creates; may be NULL */
    enum larder_externals externals;
    bool whole_schema;  /* views and whatever else the archived schemas hold, too */
    bool no_owner;      /* everything belongs to the role that restores */
    bool allow_older;   /* an archive in text format, into an older major version */
    const char *sha256; /* what the whole archive must have, 64 hexadecimal digits; may be NULL */
    const char *into_source; /* the database's name, where the target is the source */
    bool additions; /* make triggers and policies that were added to the platform's tables, too */
    bool preview;   /* stop after the preflight */
    bool no_verify; /* leave out ANALYZE and the proof */

    enum larder_existing existing;
    bool allow_cascade;    /* accept what foreign keys do to other tables */
    int lock_timeout;      /* seconds to wait for locks on tables that exist; default 10 */
    bool no_undo;          /* change tables that exist without an archive of what they held */
    const char *undo_file; /* where that goes; default: undo_DATABASE_TIME.tar in this folder */
    struct larder_encryption undo_encryption; /* default: none */
    const char *into_schema; /* load plain tables into this schema, and nothing else */
};

struct larder_verify_options {
    const char *archive;
    const char *store;
    struct larder_keys *keys; /* may be NULL */
    int lanes;
    bool quick; /* the whole against its digest, without decoding; needs no keys */
    const struct larder_connect *against; /* a database to compare with; may be NULL */
    const struct larder_connect *metadata;
};

enum larder_agree { LARDER_AGREE_UNKNOWN = -1, LARDER_AGREE_NO = 0, LARDER_AGREE_YES = 1 };

/* One table, counted in up to three places; a count of -1 is not known, and so is an empty
 * fingerprint. */
struct larder_table_proof {
    const char *schema, *name;
    int64_t rows_archive, rows_metadata, rows_target;
    char fingerprint_archive[33], fingerprint_target[33];
    enum larder_agree agree;
    const char *proven; /* by what else than the fingerprint the target agrees; or NULL */
};

enum { LARDER_CHANGE_KEYS = 10 };

/* How a table that existed and the archive differed, before anything was changed. */
struct larder_change {
    const char *schema, *name;
    int64_t rows_before;
    int64_t added, changed,
        removed; /* rows that the table lacked; that differed; that the archive lacks */
    const char **added_keys, **changed_keys, **removed_keys; /* of a preview: the first of them */
    size_t added_key_count, changed_key_count, removed_key_count;
    const char *effects; /* what removing and changing would do to other tables; or NULL */
    bool forbidden;      /* a foreign key forbids it, whatever is allowed */
};

/* How long a part of a run took, in the order in which they came. */
struct larder_phase {
    const char *name; /* constant */
    double seconds;
};

struct larder_proof {
    const char *archive, *backup_name, *preset, *source;
    enum larder_agree agree;
    double seconds;
    uint64_t rows, bytes; /* of the archive */
    struct larder_table_proof *tables;
    size_t table_count;
    struct larder_change
        *changes; /* of tables that existed, with LARDER_EXISTING_ROWS or _MISSING */
    size_t change_count;
    bool compared; /* the changes are known, whatever became of the run */
    enum larder_existing existing;
    const char *undo;   /* the archive of what was there; or NULL */
    const char *origin; /* a restore's: "sha256" or "source", by which it is proven; or NULL */
    const char *metadata_from;     /* "database" or "manifest"; NULL where nothing was compared */
    struct larder_phase phases[4]; /* a restore's */
    size_t phase_count;
    struct larder_findings findings;
    void *memory; /* what all of this lies in */
};

/*
 * Both fill `proof` as far as they come, on failure too; the caller frees it with
 * larder_proof_free.
 *
 * LARDER_DAMAGED: the archive disagrees with itself, and nothing was touched; of one in a newer format that is LARDER_UNVERIFIED. LARDER_DIFFERENCE: it
 * disagrees with the database or with its metadata. LARDER_FAILED with findings: they stand in the
 * way, and nothing was touched; without: the message says what was changed. LARDER_LEFT_OUT:
 * restored and equal, but what the findings list was left out as asked.
 */
enum larder_status larder_restore(const struct larder_restore_options *options,
                                  const struct larder_run *run, struct larder_proof *proof,
                                  struct larder_error *error);
enum larder_status larder_verify(const struct larder_verify_options *options,
                                 const struct larder_run *run, struct larder_proof *proof,
                                 struct larder_error *error);
void larder_proof_free(struct larder_proof *proof);

#endif
