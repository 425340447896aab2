/* SQL as text: names and literals quoted so that they mean themselves whatever is in them. */
#ifndef FORMATS_SQL_TEXT_H
#define FORMATS_SQL_TEXT_H

#include "formats/buffer.h"
#include "formats/manifest.h"

/* "name", always quoted. */
void sql_identifier(struct buffer *out, const char *name);
/* "schema"."name" */
void sql_qualified(struct buffer *out, const char *schema, const char *name);
/* 'text', for a session with standard_conforming_strings on. */
void sql_literal(struct buffer *out, const char *text);
/* '"schema"."name"', as regclass takes it. */
void sql_qualified_literal(struct buffer *out, const char *schema, const char *name);
/* A line that sets the sequence to where it was. */
void sql_setval(struct buffer *out, const struct manifest_sequence *sequence);
/* ("a", "b"): the columns of a table that are not generated; nothing at all where there are none.
 */
void sql_columns(struct buffer *out, const struct manifest_table *table);

/* load.sql of an archive: FORMAT.md section 2. */
enum larder_status sql_load_script(const struct manifest *manifest, struct buffer *out,
                                   struct larder_error *error);

#endif
