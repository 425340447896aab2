/*
 * SQL that makes, where it is missing, what an archive's tables need and the archive does not hold:
 * roles without login, schemas, extensions, functions from their definitions, and tables that hold
 * nothing but the keys that foreign keys refer to.
 *
 * Used in schema/pre-data.sql and schema/post-data.sql, and by a restore that is told to make
 * stubs.
 */
#ifndef FORMATS_STUB_SQL_H
#define FORMATS_STUB_SQL_H

#include "formats/buffer.h"
#include "formats/manifest.h"

/* What the comment on a table that is a stub begins with. */
#define STUB_COMMENT "larder stub:"

/* Makes a stand-in's schema where it is missing, for nobody else to use. */
void stub_sql_schema(struct buffer *out, const char *schema);
/* Makes the schema "public" where it is missing, as a new database has it. */
void stub_sql_public(struct buffer *out);
/* The grants of an external of kind "schema", where it is there, to roles that are. */
void stub_sql_grant(struct buffer *out, const struct manifest_external *schema);
/* Makes one external where it is missing, a schema with its grants; what a role has for a definition becomes its comment. */
void stub_sql_create(struct buffer *out, const struct manifest_external *external);
/*
 * The definition of a stand-in for a table of which rows are kept, whole: all its columns, and a unique constraint for each list of
 * them that a foreign key of the manifest's tables refers to.
 */
void stub_sql_define(struct buffer *out, const struct manifest *manifest,
                     const struct manifest_table *table);
/* Gives a stub table the keys that the rows of `table` refer to by the reference; nothing where the
 * table is no stub. */
void stub_sql_fill(struct buffer *out, const struct manifest_table *table,
                   const struct manifest_reference *reference);
/*
 * Gives a table that is no stub, and is not ours, the keys that the rows of `table` refer to and it lacks: new rows of
 * nothing but these. Triggers do not fire where the role may keep them from it; a warning says how many rows were added.
 */
void stub_sql_add(struct buffer *out, const struct manifest_table *table,
                  const struct manifest_reference *reference);

#endif
