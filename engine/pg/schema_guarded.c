#include <stdlib.h>
#include <string.h>

#include "engine/pg/schema_parts.h"
#include "formats/sql_split.h"
#include "formats/sql_text.h"

/* Statements that may find nothing to act on where an archive holds a part of what belongs together. */

/*
 * A partition has the triggers of the table that it is one of by itself. Where one of them is switched otherwise there, pg_dump writes an
 * entry of ALTER TABLE alone, which it sorts by the names of the tables: before the trigger is made, as often as not.
 */

static bool find_switch(const struct schema *schema, const struct schema_entry *entry,
                        struct sql_statement *statement)
{
    static const char alter[] = "ALTER TABLE ";
    const struct schema_piece *piece = &schema->pieces[entry - schema->entries];
    const char *sql = piece->at;
    size_t length = piece->length;

    return schema_is(entry, "TRIGGER") && sql_split_next(&sql, &length, statement) &&
           strncmp(statement->text, alter, strlen(alter)) == 0;
}

struct trigger_switch {
    struct schema_entry *entry;
    const struct schema_entry *table;
};

/* A table stands in the list behind the one that it is a partition of. */
static int by_table(const void *a, const void *b)
{
    const struct trigger_switch *x = a, *y = b;

    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return x->entry < y->entry ? -1 : x->entry > y->entry;
}

bool schema_order(const struct schema *schema, struct schema_entry **entries, size_t count,
                  struct arena *arena)
{
    struct trigger_switch *found = arena_alloc(arena, count + 1, sizeof(*found));
    struct schema_entry **others = arena_alloc(arena, count + 1, sizeof(struct schema_entry *));
    struct sql_statement statement;
    size_t kept = 0, n = 0, m = 0;

    if (found == NULL || others == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (schema_is(entries[i], "INDEX ATTACH"))
            entries[kept++] = entries[i];
        else if (find_switch(schema, entries[i], &statement))
            found[n++] = (struct trigger_switch){entries[i], schema_find_table(schema, entries[i])};
        else
            others[m++] = entries[i];
    for (size_t i = 0; i < m; i++)
        entries[kept++] = others[i];
    /* One of a table that has partitions is for these, too. */
    if (n > 1)
        qsort(found, n, sizeof(*found), by_table);
    for (size_t i = 0; i < n; i++)
        entries[kept++] = found[i].entry;
    return true;
}

/* Such a trigger's name ends with its OID: in another database it is another one's, or nobody's. */
static bool is_of_constraint(const struct sql_statement *statement)
{
    static const char *const names[] = {" TRIGGER \"RI_ConstraintTrigger_",
                                        " TRIGGER \"PK_ConstraintTrigger_"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (memmem(statement->text, statement->length, names[i], strlen(names[i])) != NULL)
            return true;
    return false;
}

/* What of a statement's failures is none; NULL: nothing. */
static const char *excuse(const struct schema *schema, const struct schema_entry *entry,
                          struct sql_statement *statement)
{
    const struct schema_piece *piece = &schema->pieces[entry - schema->entries];
    const char *sql = piece->at;
    size_t length = piece->length;

    if (find_switch(schema, entry, statement))
        return "undefined_object";
    return entry->half && sql_split_next(&sql, &length, statement)
               ? "undefined_table OR invalid_schema_name"
               : NULL;
}

bool schema_put_guarded(const struct schema *schema, const struct schema_entry *entry,
                        struct buffer *out)
{
    struct sql_statement statement;
    struct buffer body = {0};
    const char *excused = excuse(schema, entry, &statement);

    if (excused == NULL)
        return false;
    if (schema_is(entry, "TRIGGER") && is_of_constraint(&statement)) {
        buffer_puts(out, "--\n-- A trigger of a key or a constraint stays switched on.\n--\n\n");
        return true;
    }
    buffer_printf(&body, "BEGIN %.*s; EXCEPTION WHEN %s THEN NULL; END", (int)statement.length,
                  statement.text, excused);
    buffer_puts(out, "DO ");
    sql_literal(out, buffer_text(&body));
    buffer_puts(out, ";\n\n");
    out->failed = out->failed || body.failed;
    buffer_free(&body);
    return true;
}
