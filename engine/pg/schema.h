/*
 * The schema of an archive: what pg_dump made of it, and the choice of what some tables need out of
 * it.
 *
 * The choice is made on pg_restore's own list: an entry is known by its catalog and OID, and by
 * what it depends on. SQL comes from pg_restore, too; nothing of it touches the disk.
 */
#ifndef ENGINE_PG_SCHEMA_H
#define ENGINE_PG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pg/tools.h"
#include "formats/arena.h"
#include "formats/buffer.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

enum { SCHEMA_VERSION = 32 }; /* bytes of a version, with its end */

/* When an entry is created; in this order. */
enum schema_pass {
    SCHEMA_CREATE, /* schemas, types, functions, tables, defaults, policies, row security */
    SCHEMA_GRANT,  /* what the source granted on these */
    SCHEMA_INDEX,  /* primary keys, unique constraints, indexes */
    SCHEMA_LAST,   /* foreign keys, triggers, rules, statistics objects, and comments on these */
    SCHEMA_REST,   /* the same of what no table needs */
};

struct schema_entry {
    int id;
    uint32_t catalog, oid;
    const char *what; /* "TABLE", "FK CONSTRAINT", ...: as far as it matters here */
    const char *text; /* the list's line, for people */
    int *depends;     /* ids */
    size_t depend_count;
    bool selected;
    bool
        stand_in; /* a table that something else takes the place of: it can be had, and is never taken */
    char had;      /* whether it can be had: 'y', 'n', or 0 where nobody has looked */
    bool left_out; /* by the caller: what stands on it is left out, too */
    bool optional; /* a function that no table needs by what the catalogs say, or what it needs */
    bool rest;     /* no table needs it */
    bool half;     /* joins a partition to what the dump does not have */
    enum schema_pass pass;
};

/* Where an entry's SQL is, in what pg_restore has written. */
struct schema_piece {
    const char *settings, *at;
    size_t length;
};

struct schema {
    struct tool restore;
    const struct larder_run *run;
    int stop_fd;         /* -1: none */
    const uint8_t *dump; /* the caller's */
    size_t dump_length;
    char pg_dump_version[SCHEMA_VERSION]; /* of the one that made it, as "15.20" */
    struct schema_entry *entries;
    size_t count;
    struct schema_entry **by_id; /* NULL where there is none of that id */
    int id_limit;
    struct arena *arena;         /* of entries and pieces */
    bool taken;                  /* the pieces are there */
    struct schema_piece *pieces; /* of each entry */
    bool all;                    /* views may be had, too */
    bool no_owner; /* SQL sets no owners; for the caller to set once it is open, before any SQL */
    bool no_tablespaces; /* nor tablespaces */
    bool no_maintain;    /* nor does it grant MAINTAIN, which servers before 17 lack */
};

/* Reads the list of a dump. Entries live in the arena; the dump and the run must stay. */
enum larder_status schema_open(struct schema *schema, const struct tool *restore,
                               const uint8_t *dump, size_t length, const struct larder_run *run,
                               struct arena *arena, struct larder_error *error);

/* The same with the list at hand, which is changed: what `pg_restore --list --verbose` writes of the dump. `stop_fd` is process_run()'s. */
enum larder_status schema_open_listed(struct schema *schema, const struct tool *restore,
                                      const uint8_t *dump, size_t length,
                                      const struct larder_run *run, int stop_fd,
                                      struct buffer *list, struct arena *arena,
                                      struct larder_error *error);

/*
 * Takes the SQL out of what `pg_restore --verbose --file -` writes of the whole dump, so that schema_sql() runs no program any more; not where
 * the beginning of an entry stands in it twice. The text must stay.
 */
void schema_take_sql(struct schema *schema, const char *text);

/* From here on SQL sets no tablespaces. */
void schema_omit_tablespaces(struct schema *schema);

/*
 * Selects what the tables need, and all functions that can be had with it, as optional. `left_out`,
 * `left_out_count`: OIDs of objects of the tables that must not be taken. Entries of a table that
 * need something that is not there are not selected, and added to the findings with kind "left
 * out".
 */
enum larder_status schema_select(struct schema *schema, const struct manifest_table *const *tables,
                                 size_t count, const uint32_t *left_out, size_t left_out_count,
                                 const uint32_t *stand_ins, size_t stand_in_count,
                                 struct arena *arena, struct larder_findings *findings,
                                 struct larder_error *error);

/*
 * After schema_select(): selects everything else that can be had without a table that is not selected. What cannot is added
 * to the findings with kind "left out", but for what belongs to such a table.
 */
enum larder_status schema_select_rest(struct schema *schema, struct arena *arena,
                                      struct larder_findings *findings, struct larder_error *error);

/*
 * Appends the SQL of the selected entries of one pass, without `\restrict` lines and the settings of the whole dump. Where nobody has, it
 * takes the SQL first; where it could not be taken, pg_restore is run for each entry.
 */
enum larder_status schema_sql(struct schema *schema, enum schema_pass pass, struct buffer *out,
                              struct larder_error *error);

/* Whether SQL grants MAINTAIN, or revokes it, in just the form that pg_restore gives it. */
bool schema_names_maintain(const char *sql);

/* One entry's SQL; first in it are the settings, one a line, that say where and how what it makes is stored. */
struct schema_block {
    struct schema_entry *entry;
    const char *settings, *sql;
};

/* The same, entry by entry; in the arena. */
enum larder_status schema_blocks(struct schema *schema, enum schema_pass pass, struct arena *arena,
                                 struct schema_block **blocks, size_t *count,
                                 struct larder_error *error);

/* The owner that it gives to what it makes; NULL where it gives none. */
const char *schema_owner(const struct schema_block *block, struct arena *arena);

/*
 * A table of which one policy is left out gets none: the others alone could show rows that this one hides. Row security
 * without a policy shows nothing. What is left out for that is added to the findings.
 */
void schema_close_policies(struct schema *schema, struct arena *arena,
                           struct larder_findings *findings);

/* Adds to the findings the policies that do not come with their table, since that one was not chosen. To be called when all is selected. */
void schema_name_policies(const struct schema *schema, struct arena *arena,
                          struct larder_findings *findings);

/* Whether an entry is left out, or is on one that is: a comment, a grant or the like, and on a view that no table needs whatever else is its. */
bool schema_is_left_out(const struct schema *schema, const struct schema_entry *entry);

/* Whether the relation of that OID is among what was selected. */
bool schema_has(const struct schema *schema, uint32_t oid);

/* The OID of the table that an entry is of, or else depends on first, among those of the schema; 0 where there is none. */
uint32_t schema_table_of(const struct schema *schema, const struct schema_entry *entry);

/* The OID of the table that a table is a partition or child of, among those of the schema; 0 where there is none. */
uint32_t schema_parent_of(const struct schema *schema, uint32_t oid);

/* Whether it is joined to that table when it is made; else it is made as one that inherits from it. */
bool schema_is_partition(const struct schema *schema, uint32_t oid);

#endif
