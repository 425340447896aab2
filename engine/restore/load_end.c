#include <string.h>

#include "engine/restore/load.h"
#include "engine/restore/preflight.h"
#include "formats/sql_split.h"
#include "formats/sql_text.h"
#include "formats/stub_sql.h"

static bool is_ours(const struct restore *r, const struct manifest_reference *reference)
{
    return preflight_is_made(r, reference->schema, reference->name) ||
           preflight_is_selected(r, reference->schema, reference->name);
}

/* Keys that the rows refer to: into stand-ins, and, as asked, into tables that were there before. */
static void put_rows_referred_to(struct buffer *sql, const struct restore *r,
                                 const struct manifest_table *table)
{
    for (size_t j = 0; j < table->reference_count; j++) {
        const struct manifest_reference *reference = &table->references[j];

        if (preflight_is_made(r, reference->schema, reference->name))
            stub_sql_fill(sql, table, reference);
        else if (r->options->externals == LARDER_EXTERNALS_STUB && !is_ours(r, reference))
            stub_sql_add(sql, table, reference);
    }
}

/* Whether rows of tables that this restore has not made are changed in the last transaction. */
static bool changes_others(const struct restore *r)
{
    bool changes = r->merge_count > 0 || r->manifest->referenced_count > 0;

    for (size_t i = 0; r->options->externals == LARDER_EXTERNALS_STUB && i < r->table_count; i++)
        for (size_t j = 0; j < r->tables[i]->reference_count; j++)
            changes = changes || !is_ours(r, &r->tables[i]->references[j]);
    return changes;
}

/* Nor where a partition is joined in it to a table that was there before: a key may refer to its rows. */
static bool keys_may_come_before(const struct load *load, const struct schema_block *last,
                                 size_t last_count)
{
    bool before = !load->changes_others;

    for (size_t i = 0; i < last_count; i++)
        before = before && strcmp(last[i].entry->what, "TABLE ATTACH") != 0;
    return before;
}

/* The foreign key of that OID in the archive, of the table at *place; NULL where there is none of these. */
static const struct manifest_reference *find_key(const struct restore *r, uint32_t oid,
                                                 size_t *place)
{
    for (*place = 0; *place < r->table_count; (*place)++)
        for (size_t j = 0; j < r->tables[*place]->reference_count; j++)
            if (r->tables[*place]->references[j].oid == oid)
                return &r->tables[*place]->references[j];
    return NULL;
}

/* Whether what a key refers to has its unique index by now: that of a partitioned table is put together in the last transaction. */
static bool is_parent_ready(const struct restore *r, const struct manifest_reference *key)
{
    for (size_t i = 0; i < r->table_count; i++)
        if (strcmp(r->tables[i]->name, key->name) == 0 &&
            strcmp(r->tables[i]->schema, key->schema) == 0)
            return manifest_has_rows(r->tables[i]);
    return true;
}

static bool ends_with(const struct sql_statement *statement, const char *end)
{
    size_t length = strlen(end);

    return statement->length > length &&
           memcmp(statement->text + statement->length - length, end, length) == 0;
}

static void put_validation(struct buffer *sql, const struct manifest_table *table,
                           const struct manifest_reference *key)
{
    buffer_puts(sql, "ALTER TABLE ");
    sql_qualified(sql, table->schema, table->name);
    buffer_puts(sql, " VALIDATE CONSTRAINT ");
    sql_identifier(sql, key->constraint);
    buffer_puts(sql, ";\n");
}

/*
 * A foreign key of a plain table is added without a look at the rows; the look is a job for each table. What the source
 * had not validated stays as it is.
 */
static bool put_key(struct load *load, const struct schema_block *block)
{
    static const char begin[] = "ALTER TABLE ONLY ";
    const struct restore *r = load->restore;
    const struct manifest_reference *key = NULL;
    const char *sql = block->sql;
    size_t length = strlen(sql), place;
    struct sql_statement add, more;

    if (strcmp(block->entry->what, "FK CONSTRAINT") == 0)
        key = find_key(r, block->entry->oid, &place);
    if (key == NULL || !is_parent_ready(r, key))
        return false;
    do {
        if (!sql_split_next(&sql, &length, &add))
            return false;
    } while (strncmp(add.text, "SET ", 4) == 0);
    if (strncmp(add.text, begin, strlen(begin)) != 0 || ends_with(&add, "NOT VALID") ||
        ends_with(&add, "NOT ENFORCED") || sql_split_next(&sql, &length, &more))
        return false;
    buffer_printf(&load->keys, "%.*s NOT VALID;\n", (int)add.length, add.text);
    put_validation(&load->tables[place].validate, r->tables[place], key);
    return true;
}

enum larder_status load_write_end(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    struct schema_block *blocks;
    size_t count;
    enum larder_status status =
        schema_blocks(&r->schema, SCHEMA_LAST, r->arena, &blocks, &count, error);
    bool apart;

    load->changes_others = changes_others(r);
    apart = status == LARDER_OK && keys_may_come_before(load, blocks, count);
    for (size_t i = 0; status == LARDER_OK && i < r->table_count; i++)
        put_rows_referred_to(apart ? &load->keys : &load->last, r, r->tables[i]);
    for (size_t i = 0; status == LARDER_OK && i < count; i++)
        if (!apart || !put_key(load, &blocks[i]))
            buffer_puts(&load->last, blocks[i].sql);
    for (size_t i = 0; i < manifest_sequences(r->manifest); i++)
        if (schema_has(&r->schema, r->manifest->sequences[i].oid))
            sql_setval(&load->last, &r->manifest->sequences[i]);
    for (size_t i = 0; i < r->table_count; i++)
        load->last.failed = load->last.failed || load->tables[i].validate.failed;
    if (status == LARDER_OK && (load->last.failed || load->keys.failed))
        status = larder_fail_memory(error);
    return status;
}
