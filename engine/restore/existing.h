/*
 * Restoring into tables that exist. The archive's rows are copied into temporary tables (staged), and merged from there by SQL, for
 * all tables in one transaction; so a restore that ends in between has changed nothing. Internal to engine/restore.c and engine/restore/.
 *
 *   stage     temporary tables with the archive's columns, and its rows
 *   lock      the tables, against writers
 *   compare   what is missing, differs, or is too much; and what that would do elsewhere
 *   undo      an archive of what is there
 *   merge     one statement; user triggers are off
 *   prove     by fingerprints, before it is committed
 */
#ifndef ENGINE_RESTORE_EXISTING_H
#define ENGINE_RESTORE_EXISTING_H

#include "engine/pg/merge.h"
#include "engine/restore/parts.h"

/* One table under way. */
struct merged {
    const struct manifest_table *table;
    struct manifest_table staged; /* the same table under its temporary name */
    const char *target, *stage;   /* quoted names */
    struct merge_shape shape;
    struct larder_change *change;
    struct larder_table_proof *proof;
    uint64_t expected_rows;      /* with LARDER_EXISTING_MISSING: what the table must have */
    struct fingerprint expected; /* when the rows are added */
    bool
        alike; /* all of the archive's columns are there, with their types: then fingerprints tell */
};

struct merging {
    struct restore *restore;
    struct pg *pg; /* in a transaction */
    struct merged *items;
    size_t count;
    uint32_t *oids; /* 0 for a partitioned table, which has no rows of its own */
    bool passes_on; /* what is done to one of these tables does something to another of them */
};

/* LARDER_USAGE for options that do not go together. */
enum larder_status existing_check_options(const struct larder_restore_options *options,
                                          struct larder_error *error);

/*
 * Parts the tables that are to be restored into those to be made and those to be merged, here and in the proof; finds what stands
 * in the way of merging, but for columns.
 */
enum larder_status existing_find(struct restore *restore, struct larder_error *error);

/* Finds what has become of the columns, in a transaction of its own. */
enum larder_status existing_check_columns(struct restore *restore, struct larder_error *error);

/* Compares, and changes nothing. */
enum larder_status existing_preview(struct restore *restore, struct larder_error *error);

/* The whole merge in the transaction that is open on `pg`, which the caller commits. */
enum larder_status existing_merge(struct restore *restore, struct pg *pg,
                                  struct larder_error *error);

/* The merge in a transaction of its own. */
enum larder_status existing_merge_alone(struct restore *restore, struct larder_error *error);

/* Where the archive is only to be loaded beside: the tables, their rows and their proof, in one transaction. */
enum larder_status existing_load_beside(struct restore *restore, struct larder_error *error);
enum larder_status existing_check_beside(struct restore *restore, struct larder_error *error);

/* The parts of a merge. Makes the temporary tables, without rows, and learns the shapes. */
enum larder_status merging_begin(struct merging *merging, struct restore *restore, struct pg *pg,
                                 struct larder_error *error);
/* Whether the archived types can become those that columns have now; what cannot is a finding. */
enum larder_status merging_check_types(struct merging *merging, struct larder_error *error);
/* The archive's rows. */
enum larder_status merging_load(struct merging *merging, struct larder_error *error);
/* Fills the changes; with `keys`, the first of the keys, too. What forbids the merge is an error. */
enum larder_status merging_compare(struct merging *merging, bool keys, struct larder_error *error);
/* Writes the archive of what is there. */
enum larder_status merging_write_undo(struct merging *merging, struct larder_error *error);
/* Merges, and proves it. */
enum larder_status merging_apply(struct merging *merging, struct larder_error *error);

/* Counts how a table and its staged rows differ, into `change`; and how many staged rows there are. */
enum larder_status merged_count(const struct merging *merging, const struct merged *merged,
                                struct larder_change *change, int64_t *archived,
                                struct larder_error *error);

/* Whether anything of a table is to be changed. */
bool merged_is_changed(const struct restore *restore, const struct merged *merged);

/* Whether a table is written to. */
bool merging_touches(const struct merging *merging, const struct merged *merged);

/* Makes a table with the archive's columns: "CREATE ... TABLE" is `create`, and `end` stands behind the columns. */
enum larder_status stage_create(struct restore *restore, struct pg *pg, const char *create,
                                const struct manifest_table *table, const char *end,
                                struct larder_error *error);
/* Copies a table's rows into another that stage_create has made. */
enum larder_status stage_load(struct restore *restore, struct pg *pg,
                              const struct manifest_table *table, const struct manifest_table *into,
                              struct larder_error *error);

#endif
