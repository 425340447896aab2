/*
 * What an archive holds: manifest.json and header.json, FORMAT.md section 6.
 *
 * Everything that a manifest points to lives in its arena; manifest_free frees it all. Strings are
 * UTF-8 and never NULL but where this says so.
 */
#ifndef FORMATS_MANIFEST_H
#define FORMATS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "formats/buffer.h"
#include "formats/fingerprint.h"
#include "formats/rows.h"
#include "formats/sha256.h"
#include "larder/error.h"

#define MANIFEST_FORMAT_VERSION "1.0"
#define MANIFEST_FORMAT_REFERENCED "1.1" /* of an archive that holds referenced rows, too */
#define MANIFEST_NAME "manifest.json"
enum {
    MANIFEST_FORMAT_MAJOR = 1,
    MANIFEST_MAX_BYTES = 256 * 1024 * 1024,
    MANIFEST_MAX_TABLES = 99999,
    MANIFEST_MAX_PARTS = 999999,
    MANIFEST_NAME_BYTES = 100, /* a member's name, with its zero byte */
};

struct manifest_column {
    const char *name, *type;
    bool notnull, generated;
    const char *identity; /* "always", "by default" or NULL */
};

struct manifest_object {
    uint32_t catalog, oid;
};

struct manifest_reference {
    const char *constraint, *schema, *name; /* the table that it refers to */
    const char **columns, **referenced_columns;
    size_t column_count;
    uint32_t oid;
    bool period; /* its last column is that of PERIOD */
};

struct manifest_part {
    uint64_t offset, bytes, raw_bytes, rows;
    uint8_t sha256[SHA256_BYTES];
};

struct manifest_table {
    const char *schema, *name, *kind;
    const char *parent_schema, *parent_name; /* both NULL where there is none */
    const char *why_all_rows;                /* for people; NULL where it is not known */
    const char
        *only; /* "keys" or "rows": what is kept of a table of which this is not all; or NULL */
    uint32_t oid;
    struct manifest_object *objects;
    size_t object_count;
    struct manifest_reference *references;
    size_t reference_count;
    struct manifest_column *columns;
    size_t column_count;
    enum copy_format copy_format;
    uint64_t rows, raw_bytes;
    struct fingerprint fingerprint;
    struct manifest_part *parts; /* grows by manifest_add_part; freed by manifest_free */
    size_t part_count, part_capacity;
};

struct manifest_sequence {
    const char *schema, *name;
    uint32_t oid;
    int64_t last_value;
    bool is_called;
};

struct manifest_external {
    const char *kind, *schema, *name, *definition, *used_by; /* all but kind and name may be NULL */
    uint32_t oid;                                            /* of a table; else 0 */
};

/* A trigger or policy that was added to a table which a platform manages. */
struct manifest_addition {
    const char *kind, *schema, *table, *name, *definition;
};

struct manifest_metadata {
    const char *backup_date, *backup_name, *table_name, *kind;
    const char *schema, *name; /* the table that table_name means */
    int64_t row_count;
};

struct manifest_member {
    const char *path;
    uint64_t offset, bytes;
    uint8_t sha256[SHA256_BYTES];
};

enum { MANIFEST_MEMBERS = 6 };

struct manifest {
    struct arena *arena;
    const char *format_version, *larder_version;
    const char *backup_name, *preset, *source, *database;
    const char *system_identifier; /* NULL where it is not known */
    const char *server_version, *server_encoding, *pg_dump_version;
    time_t started_at, finished_at;
    const char *snapshot;
    struct manifest_table *tables;
    size_t table_count;
    size_t referenced_count; /* behind the tables: rows of others, which foreign keys refer to */
    struct manifest_sequence *sequences;
    size_t sequence_count;
    size_t unused_sequence_count; /* behind these: those of the schemas that no table uses */
    const char **schemas;         /* those whose definition schema.dump holds */
    size_t schema_count;
    struct manifest_external *externals;
    size_t external_count;
    struct manifest_addition *additions;
    size_t addition_count;
    struct manifest_metadata *metadata;
    size_t metadata_count;
    struct manifest_member members[MANIFEST_MEMBERS];
    size_t member_count;
};

/* An empty manifest with its arena; NULL when memory is short. */
struct manifest *manifest_new(void);
void manifest_free(struct manifest *manifest);

enum larder_status manifest_add_part(struct manifest_table *table, const struct manifest_part *part,
                                     struct larder_error *error);

/* manifest.json, or with `header` header.json. Fails with LARDER_FAILED (a name that is no UTF-8,
 * memory). */
enum larder_status manifest_write(const struct manifest *manifest, bool header, struct buffer *out,
                                  struct larder_error *error);

/*
 * Reads manifest.json. On success the caller owns `*manifest`. LARDER_DAMAGED where it is
 * malformed, LARDER_UNVERIFIED where its format is newer.
 */
enum larder_status manifest_read(const uint8_t *bytes, size_t length, struct manifest **manifest,
                                 struct larder_error *error);

/* The number before the dot of a format_version, such as "1.0"; 0 where it is none. */
long manifest_major(const char *version);

/* The name of a table's part; both numbers count from 1. */
void manifest_part_name(const struct manifest_table *table, size_t table_number, size_t part_number,
                        char name[MANIFEST_NAME_BYTES]);

/* Whether rows are its own: those of a partitioned table are its partitions'. */
bool manifest_has_rows(const struct manifest_table *table);

/* How many columns a COPY of the table has. */
int manifest_copied_columns(const struct manifest_table *table);

/* What definitions and scripts are in: UTF-8; of a database in SQL_ASCII, where any bytes are text, the bytes as they are. */
const char *manifest_text_encoding(const struct manifest *manifest);

/* How many tables have parts: the whole ones, and behind them those of which only referenced rows are kept. */
size_t manifest_stored(const struct manifest *manifest);

/* How many sequences there are, the unused ones with them. */
static inline size_t manifest_sequences(const struct manifest *manifest)
{
    return manifest->sequence_count + manifest->unused_sequence_count;
}

/* The sum of rows and of raw bytes over all whole tables. */
uint64_t manifest_rows(const struct manifest *manifest);
uint64_t manifest_raw_bytes(const struct manifest *manifest);

/* A whole table by its names; NULL where there is none. */
struct manifest_table *manifest_find(const struct manifest *manifest, const char *schema,
                                     const char *name);
/* The same for who looks for many in about the manifest's order: `*place`, 0 at first, is where the search begins. */
struct manifest_table *manifest_find_next(const struct manifest *manifest, const char *schema,
                                          const char *name, size_t *place);

/* The first `count` tables in the order of their names, in the arena, and one of so many; NULL where memory is short, and where there is none. */
const struct manifest_table **manifest_sorted(const struct manifest *manifest, size_t count,
                                              struct arena *arena);
const struct manifest_table *manifest_find_sorted(const struct manifest_table *const *sorted,
                                                  size_t count, const char *schema,
                                                  const char *name);

/*
 * For each table the place of its parent in the manifest; its own where it has none there. In the
 * arena; NULL when memory is short.
 */
size_t *manifest_parents(const struct manifest *manifest, struct arena *arena);
/* For each table its rows with those of its descendants; by place. In the arena; NULL when memory is short. */
uint64_t *manifest_rows_below(const struct manifest *manifest, struct arena *arena);

/* Whether a key refers to the table of that name. */
bool manifest_refers_to(const struct manifest_reference *reference, const char *schema,
                        const char *name);

#endif
