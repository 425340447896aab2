/*
 * A table (t) beside rows for it in another table (b), as SQL: how both are matched and compared, and what has to be done around
 * a merge. The rules are those of backups.restore_table(): rows are matched by the primary key and compared by their bytes, since
 * not every type has an equality; generated columns follow from the others.
 */
#ifndef ENGINE_PG_MERGE_H
#define ENGINE_PG_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pg/connection.h"
#include "formats/arena.h"
#include "larder/error.h"

/* The column that is true in every row of b; no column of a table is named so. */
#define MERGE_IS_THERE "\"larder has this row\""

/* Texts lie in the arena; a list has its length beside it. */
struct merge_shape {
    uint32_t oid;
    const char *on_key;       /* the condition that t and b are one row; NULL without primary key */
    const char *missing_keys; /* columns of the primary key that b lacks; or NULL */
    const char *source;  /* b's rows in the types of t's columns, with one more: MERGE_IS_THERE */
    const char *differs; /* the condition that t and b differ */
    const char *assignments; /* of an UPDATE; NULL where there is nothing but a key */
    const char *columns;     /* those that both have */
    const char *key;         /* the key as text, of whichever of t and b is there */
    const char *lossy;       /* the condition that a row of b (x) does not fit t's types; or NULL */
    const char **dropped;    /* columns of b that t has not, or computes */
    size_t dropped_count;
    const char **added; /* columns of t that b has not */
    size_t added_count;
    const char **required; /* those of them that a new row could not do without */
    size_t required_count;
    const char **retyped; /* columns of another type, as "name (was TYPE, is TYPE)" */
    size_t retyped_count;
};

/* What is known of a table before anything is put beside it. */
struct merge_access {
    uint32_t oid;
    char kind; /* pg_class.relkind */
    const char *owner, *role;
    bool owns;       /* the role is the owner, or a member of it */
    bool is_limited; /* by row level security */
    bool has_rules, has_triggers,
        has_identity; /* triggers of users; GENERATED ALWAYS out of the key */
    bool may_select, may_insert,
        may_change; /* may_change: UPDATE and DELETE; for LOCK one of them */
    bool may_lock;
};

/* `*found` is false where there is no relation of that quoted name. */
enum larder_status merge_access(struct pg *pg, const char *table, struct arena *arena,
                                struct merge_access *access, bool *found,
                                struct larder_error *error);

enum larder_status merge_shape(struct pg *pg, const char *table, const char *staged,
                               struct arena *arena, struct merge_shape *shape,
                               struct larder_error *error);

/*
 * Locks tables against writers, in the order of their OIDs, within `timeout` seconds; names who is in the way, whom `other`, a
 * second connection, is asked for.
 */
enum larder_status merge_lock(struct pg *pg, struct pg *other, const uint32_t *oids, size_t count,
                              int timeout, struct larder_error *error);

/*
 * SQL before and after a merge of the tables, "" where there is none: user triggers are off meanwhile, and each gets back the
 * state that it had; with `updating`, GENERATED ALWAYS columns take values. In the arena.
 */
enum larder_status merge_around(struct pg *pg, const uint32_t *oids, size_t count, bool updating,
                                struct arena *arena, const char **before, const char **after,
                                struct larder_error *error);

/*
 * How the values of unique constraints are freed that changed rows have exchanged or passed on: the columns, and those of a partial
 * index's condition, become NULL until the merge. `*before` is "" where nothing can be freed.
 */
enum larder_status merge_free_unique(struct pg *pg, const char *table,
                                     const struct merge_shape *shape, const char *staged,
                                     struct arena *arena, const char **before, const char **after,
                                     struct larder_error *error);

/*
 * Puts the sequences that feed the tables' columns behind the largest value there, or the smallest where they descend; never back.
 * `tables`, and `but`, the sequences that are left as they are, are arrays of OIDs in the server's text form.
 */
enum larder_status merge_advance_sequences(struct pg *pg, const char *tables, const char *but,
                                           struct larder_error *error);

/*
 * Locks the rows of a table that `source` lacks, and those whose values it changes that foreign keys pass on: no row of a table that is
 * not among `merged` can come to refer to them. The tables' locks do not keep that off.
 */
enum larder_status merge_lock_referenced(struct pg *pg, const char *table,
                                         const struct merge_shape *shape, const uint32_t *merged,
                                         size_t count, struct larder_error *error);

/*
 * What removing the rows that `source` lacks from a table, and changing those that differ, does to rows of tables that are not among
 * `merged`; in the arena, NULL where it is nothing. `*forbidden` where a foreign key forbids a removal.
 */
enum larder_status merge_consequences(struct pg *pg, const char *table,
                                      const struct merge_shape *shape, const uint32_t *merged,
                                      size_t count, struct arena *arena, const char **effects,
                                      bool *forbidden, struct larder_error *error);

/*
 * Whether a foreign key of one of the `merged` tables, or of one that they are partitions of, does something to its rows when others go from one
 * of these, or change; not one that refers to a primary key, by which rows are matched.
 */
enum larder_status merge_passes_on(struct pg *pg, const uint32_t *oids, size_t count,
                                   const uint32_t *merged, size_t merged_count, bool *passes_on,
                                   struct larder_error *error);

/*
 * The tables, as quoted names, that foreign keys' actions reach from these, and these; `keyless` are those whose rows cannot be matched,
 * for want of a primary key. In the arena.
 */
enum larder_status merge_reached(struct pg *pg, const uint32_t *oids, size_t count,
                                 struct arena *arena, const char ***names, bool **keyless,
                                 size_t *name_count, struct larder_error *error);

/*
 * Those of the tables that inherit from the named plain ones, as quoted names in the arena, that are neither named themselves nor have
 * heirs that are.
 */
enum larder_status merge_heirs(struct pg *pg, const char *const *names, size_t name_count,
                               struct arena *arena, const char ***heirs, size_t *heir_count,
                               struct larder_error *error);

#endif
