/*
 * What the catalogs say: presets, which tables a list of names means, what these are made of, and
 * what stands in the way of reading them. The number of queries does not depend on the number of
 * tables.
 *
 * All text goes into the arena that is given. Everything that stands in the way is reported at
 * once, as findings.
 */
#ifndef ENGINE_PG_CATALOG_H
#define ENGINE_PG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pg/connection.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

struct catalog_preset {
    const char *name;
    const char **tables;
    size_t table_count;
    int64_t keep_seconds; /* 0: until removed by hand */
    int64_t every;        /* seconds; 0: not scheduled */
    const char *copy_format;
    int shrink_alarm; /* as struct larder_preset has it, but never 0 */
    int keep_min;     /* archives that a prune leaves at least; 0: not said, or not asked */
};

/* LARDER_USAGE where there is no such preset (the message lists those there are) or no backups
 * schema. */
enum larder_status catalog_preset(struct pg *pg, const char *name, struct arena *arena,
                                  struct catalog_preset *preset, struct larder_error *error);

/*
 * The tables (not the partitions of these) that none of the presets with a schedule backs up, as quoted names, schema and name; in
 * the arena.
 */
enum larder_status catalog_uncovered(struct pg *pg, const struct catalog_preset *presets,
                                     size_t preset_count, struct arena *arena, const char ***names,
                                     size_t *count, struct larder_error *error);

/* Whether the database has large objects, which belong to no table. */
enum larder_status catalog_has_large_objects(struct pg *pg, bool *has, struct larder_error *error);

/* All presets of backups.presets, by name; none, and `*exists` false, where there is no such table. */
enum larder_status catalog_presets(struct pg *pg, struct arena *arena,
                                   struct catalog_preset **presets, size_t *count, bool *exists,
                                   struct larder_error *error);

/* What the server says of itself. */
struct catalog_server {
    const char *database, *version, *encoding;
    const char *system_identifier; /* NULL where the role may not ask */
    bool is_standby;
};

enum larder_status catalog_server(struct pg *pg, struct arena *arena, struct catalog_server *server,
                                  struct larder_error *error);

struct catalog_tables {
    uint32_t *oids;
    /* The table that was named and that brought this one (a partition, a child) along, or its own
     * OID. */
    uint32_t *named;
    size_t count;
    size_t followed; /* how many at the end are there for the rows that foreign keys refer to */
    const char *
        *skipped; /* names that stand beside *.* for what is only taken where it may be read */
    size_t skipped_count;
    bool changed; /* a table went while it was looked up: to be done again */
};

/*
 * The tables that the names mean, in the order of the names, with the descendants of each. Adds a
 * finding for every name that means no table.
 */
enum larder_status catalog_resolve(struct pg *pg, const char *const *names, size_t count,
                                   struct arena *arena, struct catalog_tables *tables,
                                   struct larder_findings *findings, struct larder_error *error);

/*
 * Adds, behind the tables, those others that foreign keys of theirs refer to; with `rows` also those that these refer to in turn.
 */
enum larder_status catalog_follow(struct pg *pg, bool rows, struct arena *arena,
                                  struct catalog_tables *tables, struct larder_error *error);

/* What the engine wants to know of a table beside what the manifest records. */
struct catalog_table {
    uint32_t named;          /* as in catalog_tables */
    const char *label;       /* as backups.backup_metadata names it */
    double estimated_rows;   /* the planner's; -1 where it has none */
    uint32_t pages;          /* of the heap */
    uint64_t bytes;          /* heap and TOAST */
    bool has_rows;           /* a partitioned table has none */
    bool has_rows_elsewhere; /* unlogged, and this is a standby */
    const char *why_text;    /* why it must be copied as text; NULL where binary will do */
    const char *query;       /* of a table that is followed: what gives its rows; else NULL */
};

/*
 * Fills in the manifest's tables by schema, name and kind, in the given order; those that are followed go behind the whole ones. `extra`
 * gets one element a table. Adds a finding for every table that the role may not read, or not wholly.
 */
enum larder_status catalog_name_tables(struct pg *pg, const struct catalog_tables *tables,
                                       struct manifest *manifest, struct catalog_table **extra,
                                       struct larder_findings *findings,
                                       struct larder_error *error);

/*
 * After that: fills in what the tables are made of, which is columns, objects and references, and their sequences without values. Adds
 * a finding for every sequence that the role may not read.
 */
enum larder_status catalog_describe(struct pg *pg, struct manifest *manifest,
                                    struct catalog_table *extra, struct larder_findings *findings,
                                    struct larder_error *error);

/*
 * Says, of a manifest that catalog_describe has filled, what is kept of the tables that are followed: the columns that keys refer to,
 * or with `rows` all, and how their rows are asked for.
 */
enum larder_status catalog_follow_rows(struct pg *pg, bool rows, struct manifest *manifest,
                                       struct catalog_table *extra, struct larder_error *error);

/*
 * Fills in `pages` and `bytes`. Only with the tables locked: the server's size functions wait for
 * locks of their own.
 */
enum larder_status catalog_sizes(struct pg *pg, const struct manifest *manifest,
                                 struct catalog_table *extra, struct larder_error *error);

/*
 * Fills in the sequences' values. To be called after the snapshot, which sequences ignore. Of those that no table uses the ones that
 * cannot be read at once are dropped from the manifest; `*unread` says how many.
 */
enum larder_status catalog_read_sequences(struct pg *pg, struct manifest *manifest, size_t *unread,
                                          struct larder_error *error);

/* Schemas whose definition an archive of the tables needs, and tables in them that the role may not
 * read. */
struct catalog_schemas {
    const char **names;
    size_t count;
    const char **unreadable; /* as patterns of pg_dump, many tables in each */
    size_t unreadable_count;
};

enum larder_status catalog_schemas(struct pg *pg, const struct manifest *manifest,
                                   struct arena *arena, struct catalog_schemas *schemas,
                                   struct larder_error *error);

/* What the tables need and the schemas do not hold. */
enum larder_status catalog_externals(struct pg *pg, const struct catalog_schemas *schemas,
                                     struct manifest *manifest, struct larder_error *error);

/* Triggers and policies that were added to tables which a platform manages. */
enum larder_status catalog_additions(struct pg *pg, struct manifest *manifest,
                                     struct larder_error *error);

/*
 * How many more connections this role could open to this database now, by the limits of server, database and role; `but` those of that
 * application_name, which do not count.
 */
enum larder_status catalog_free_connections(struct pg *pg, const char *but, int *count,
                                            struct larder_error *error);

#endif
