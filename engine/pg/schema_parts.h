/* What the list of a schema, the choice out of it and its SQL share. Internal to the files engine/pg/schema*.c. */
#ifndef ENGINE_PG_SCHEMA_PARTS_H
#define ENGINE_PG_SCHEMA_PARTS_H

#include "engine/pg/schema.h"

enum {
    SCHEMA_CLASS = 1259, /* catalogs, by their OIDs */
    SCHEMA_FUNCTION = 1255,
    SCHEMA_PUBLIC = 2200, /* of the schema, in every database */
};

/* Whether an entry is of that kind. */
bool schema_is(const struct schema_entry *entry, const char *what);

/* Tables and views, which are there because they were chosen. */
bool schema_is_relation(const struct schema_entry *entry);

/* Entries that follow what they stand on, and are never wanted for themselves. */
bool schema_is_attachment(const struct schema_entry *entry);

/*
 * Takes out of the text, from a place on, what no server takes that it may be for: the options of columns that only the source has, and
 * MAINTAIN where it is not to be named.
 */
void schema_cut(const struct schema *schema, struct buffer *out, size_t place);

/*
 * Puts what attaches indexes before all others, since a partition that is itself partitioned can be joined to a table only with whole indexes; and
 * the entries that switch triggers of partitions behind all others, those of a table before those of its partitions. False where there is no memory.
 */
bool schema_order(const struct schema *schema, struct schema_entry **entries, size_t count,
                  struct arena *arena);

/*
 * Appends the SQL of such an entry, or of a `half`, which does nothing where the trigger or the other half is not there, or where the trigger is a
 * constraint's own; false where the entry is neither.
 */
bool schema_put_guarded(const struct schema *schema, const struct schema_entry *entry,
                        struct buffer *out);

/* The entry of that id; NULL where there is none. */
struct schema_entry *schema_find(const struct schema *schema, int id);

/* Of the tables that an entry depends on the one whose name it begins with, as what is of a table does; else the first. NULL: none. */
const struct schema_entry *schema_find_table(const struct schema *schema,
                                             const struct schema_entry *entry);

#endif
