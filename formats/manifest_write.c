#include "formats/manifest.h"

#include <string.h>

#include "formats/json_load.h"
#include "formats/json_memory.h"
#include "formats/json_times.h"

/*
 * jansson makes the values; the outermost object is put together here, table by table, so that
 * memory grows with the largest table and not with the whole manifest.
 */

static enum larder_status fail(struct larder_error *error)
{
    return larder_fail(
        error, LARDER_FAILED,
        "could not write the manifest: a name is no valid UTF-8, or memory is short");
}

static json_t *digest_json(const uint8_t digest[SHA256_BYTES])
{
    char hex[SHA256_HEX];

    sha256_to_hex(digest, hex);
    return json_string(hex);
}

static json_t *columns_json(const struct manifest_table *table)
{
    json_t *array = json_array();

    for (size_t i = 0; i < table->column_count; i++) {
        const struct manifest_column *column = &table->columns[i];

        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:b, s:s?, s:b}", "name", column->name, "type",
                                        column->type, "notnull", column->notnull, "identity",
                                        column->identity, "generated", column->generated));
    }
    return array;
}

static json_t *objects_json(const struct manifest_table *table)
{
    json_t *array = json_array();

    for (size_t i = 0; i < table->object_count; i++)
        json_array_append_new(array, json_pack("[I, I]", (json_int_t)table->objects[i].catalog,
                                               (json_int_t)table->objects[i].oid));
    return array;
}

static json_t *names_json(const char **names, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(names[i]));
    if (json_array_size(array) == count)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *references_json(const struct manifest_table *table)
{
    json_t *array = json_array();

    for (size_t i = 0; i < table->reference_count; i++) {
        const struct manifest_reference *r = &table->references[i];

        json_array_append_new(
            array, json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o*}", "constraint", r->constraint,
                             "schema", r->schema, "name", r->name, "columns",
                             names_json(r->columns, r->column_count), "referenced_columns",
                             names_json(r->referenced_columns, r->column_count), "oid",
                             (json_int_t)r->oid, "period", r->period ? json_true() : NULL));
    }
    return array;
}

static json_t *parts_json(const struct manifest_table *table, size_t number)
{
    json_t *array = json_array();
    char name[MANIFEST_NAME_BYTES];

    for (size_t i = 0; i < table->part_count; i++) {
        const struct manifest_part *part = &table->parts[i];

        manifest_part_name(table, number, i + 1, name);
        json_array_append_new(
            array, json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "path", name, "offset",
                             (json_int_t)part->offset, "bytes", (json_int_t)part->bytes,
                             "raw_bytes", (json_int_t)part->raw_bytes, "rows",
                             (json_int_t)part->rows, "sha256", digest_json(part->sha256)));
    }
    return array;
}

static json_t *parent_json(const struct manifest_table *table)
{
    if (table->parent_name == NULL)
        return json_null();
    return json_pack("{s:s, s:s}", "schema", table->parent_schema, "name", table->parent_name);
}

static json_t *table_json(const struct manifest_table *table, size_t number, bool header)
{
    char fingerprint[FINGERPRINT_HEX];
    json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:s}", "schema", table->schema, "name",
                             table->name, "kind", table->kind, "columns", columns_json(table),
                             "copy_format", table->copy_format == COPY_TEXT ? "text" : "binary");

    if (json != NULL && table->only != NULL)
        json_object_set_new(json, "only", json_string(table->only));
    if (json == NULL || header)
        return json;
    fingerprint_to_hex(table->fingerprint, fingerprint);
    json_object_set_new(json, "parent", parent_json(table));
    json_object_set_new(json, "why_all_rows",
                        table->why_all_rows == NULL ? json_null()
                                                    : json_string(table->why_all_rows));
    json_object_set_new(json, "oid", json_integer(table->oid));
    json_object_set_new(json, "objects", objects_json(table));
    json_object_set_new(json, "references", references_json(table));
    json_object_set_new(json, "rows", json_integer((json_int_t)table->rows));
    json_object_set_new(json, "raw_bytes", json_integer((json_int_t)table->raw_bytes));
    json_object_set_new(json, "fingerprint", json_string(fingerprint));
    json_object_set_new(json, "parts", parts_json(table, number));
    return json;
}

static json_t *sequences_json(const struct manifest_sequence *sequences, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:I, s:I, s:b}", "schema",
                                               sequences[i].schema, "name", sequences[i].name,
                                               "oid", (json_int_t)sequences[i].oid, "last_value",
                                               (json_int_t)sequences[i].last_value, "is_called",
                                               sequences[i].is_called));
    return array;
}

static json_t *externals_json(const struct manifest *m)
{
    json_t *array = json_array();

    for (size_t i = 0; i < m->external_count; i++) {
        const struct manifest_external *e = &m->externals[i];

        json_array_append_new(array, json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:o}", "kind", e->kind,
                                               "schema", e->schema, "name", e->name, "definition",
                                               e->definition, "used_by", e->used_by, "oid",
                                               e->oid == 0 ? json_null() : json_integer(e->oid)));
    }
    return array;
}

static json_t *additions_json(const struct manifest *m)
{
    json_t *array = json_array();

    for (size_t i = 0; i < m->addition_count; i++) {
        const struct manifest_addition *a = &m->additions[i];

        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", a->kind,
                                               "schema", a->schema, "table", a->table, "name",
                                               a->name, "definition", a->definition));
    }
    return array;
}

static json_t *metadata_json(const struct manifest *m)
{
    json_t *array = json_array();

    for (size_t i = 0; i < m->metadata_count; i++) {
        const struct manifest_metadata *row = &m->metadata[i];

        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "backup_date",
                                               row->backup_date, "backup_name", row->backup_name,
                                               "table_name", row->table_name, "row_count",
                                               (json_int_t)row->row_count, "kind", row->kind,
                                               "schema", row->schema, "name", row->name));
    }
    return array;
}

static json_t *members_json(const struct manifest *m)
{
    json_t *array = json_array();

    for (size_t i = 0; i < m->member_count; i++) {
        const struct manifest_member *member = &m->members[i];

        json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:o}", "path", member->path,
                                               "offset", (json_int_t)member->offset, "bytes",
                                               (json_int_t)member->bytes, "sha256",
                                               digest_json(member->sha256)));
    }
    return array;
}

/* Everything but the tables. */
static json_t *head_json(const struct manifest *m, bool header)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:o, s:s}", "format_version",
        m->format_version, "larder_version", m->larder_version, "backup_name", m->backup_name,
        "preset", m->preset, "source", m->source, "database", m->database, "system_identifier",
        m->system_identifier, "server_version", m->server_version, "server_encoding",
        m->server_encoding, "started_at", json_time(m->started_at), "snapshot", m->snapshot);

    if (json == NULL || header)
        return json;
    json_object_set_new(json, "pg_dump_version", json_string(m->pg_dump_version));
    json_object_set_new(json, "finished_at", json_time(m->finished_at));
    json_object_set_new(json, "sequences", sequences_json(m->sequences, m->sequence_count));
    if (m->unused_sequence_count > 0)
        json_object_set_new(
            json, "unused_sequences",
            sequences_json(m->sequences + m->sequence_count, m->unused_sequence_count));
    json_object_set_new(json, "schemas", names_json(m->schemas, m->schema_count));
    json_object_set_new(json, "externals", externals_json(m));
    if (m->addition_count > 0)
        json_object_set_new(json, "additions", additions_json(m));
    json_object_set_new(json, "backup_metadata", metadata_json(m));
    json_object_set_new(json, "members", members_json(m));
    return json;
}

static int append_dumped(const char *bytes, size_t length, void *out)
{
    struct buffer *buffer = out;

    buffer_append(buffer, bytes, length);
    return buffer->failed ? -1 : 0;
}

/* Appends and frees. The values that json_pack could not make are absent, so the count is checked.
 */
static enum larder_status dump(json_t *json, size_t keys, struct buffer *out,
                               struct larder_error *error)
{
    bool ok = json != NULL && !json_memory_lacked() && json_object_size(json) == keys &&
              json_dump_callback(json, append_dumped, out, JSON_COMPACT) == 0;

    json_decref(json);
    return ok ? LARDER_OK : fail(error);
}

/* jansson leaves out of an array what it could not make; a table that lost a column must not be
 * written. */
static bool is_whole(const json_t *json, const struct manifest_table *table, bool header)
{
    if (json_array_size(json_object_get(json, "columns")) != table->column_count)
        return false;
    return header ||
           (json_array_size(json_object_get(json, "parts")) == table->part_count &&
            json_array_size(json_object_get(json, "objects")) == table->object_count &&
            json_array_size(json_object_get(json, "references")) == table->reference_count);
}

static enum larder_status write_table(const struct manifest *m, size_t i, bool header,
                                      struct buffer *out, struct larder_error *error)
{
    json_t *json = table_json(&m->tables[i], i + 1, header);

    if (json == NULL || !is_whole(json, &m->tables[i], header)) {
        json_decref(json);
        larder_fail(error, LARDER_FAILED, "a name is no valid UTF-8, or memory is short");
        return larder_context(error, "could not describe table \"%s.%s\" in the manifest",
                              m->tables[i].schema, m->tables[i].name);
    }
    buffer_puts(out, i > 0 && i != m->table_count ? ",\n" : "\n");
    return dump(json, (header ? 5U : 14U) + (m->tables[i].only != NULL), out, error);
}

enum larder_status manifest_write(const struct manifest *manifest, bool header, struct buffer *out,
                                  struct larder_error *error)
{
    json_t *head = head_json(manifest, header);
    size_t before = out->length;
    enum larder_status status;

    if (head != NULL && !header &&
        (json_array_size(json_object_get(head, "sequences")) != manifest->sequence_count ||
         json_array_size(json_object_get(head, "unused_sequences")) !=
             manifest->unused_sequence_count ||
         json_array_size(json_object_get(head, "schemas")) != manifest->schema_count ||
         json_array_size(json_object_get(head, "externals")) != manifest->external_count ||
         json_array_size(json_object_get(head, "additions")) != manifest->addition_count ||
         json_array_size(json_object_get(head, "backup_metadata")) != manifest->metadata_count ||
         json_array_size(json_object_get(head, "members")) != manifest->member_count)) {
        json_decref(head);
        return fail(error);
    }
    status = dump(
        head,
        header ? 11 : 18U + (manifest->addition_count > 0) + (manifest->unused_sequence_count > 0),
        out, error);
    if (status != LARDER_OK)
        return status;
    out->length--; /* the closing brace: the tables go before it */
    buffer_puts(out, ",\"tables\":[");
    for (size_t i = 0; i < manifest_stored(manifest); i++) {
        if (i == manifest->table_count)
            buffer_puts(out, "\n],\"referenced\":[");
        status = write_table(manifest, i, header, out, error);
        if (status != LARDER_OK)
            return status;
    }
    buffer_puts(out, "\n]}\n");
    if (out->failed)
        return larder_fail_memory(error);
    if (manifest_stored(manifest) > MANIFEST_MAX_TABLES ||
        out->length - before > MANIFEST_MAX_BYTES ||
        !json_is_within_limits(out->bytes + before, out->length - before))
        return larder_fail(error, LARDER_FAILED,
                           "the manifest of so many tables and parts would be beyond its limits");
    return LARDER_OK;
}
