#include "formats/manifest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_load.h"
#include "formats/json_memory.h"
#include "formats/manifest_fields.h"
#include "formats/tar.h"

static void read_columns(struct reading *r, const json_t *json, struct manifest_table *table)
{
    const json_t *array;
    size_t count = field_array(r, json, "columns", SHRT_MAX, &array);

    table->columns = field_room(r, "columns", count, sizeof(*table->columns));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        struct manifest_column *column = &table->columns[i];
        const json_t *item = json_array_get(array, i);

        column->name = field_name(r, item, "name");
        column->type = field_text(r, item, "type");
        column->notnull = field_flag(r, item, "notnull");
        column->generated = field_flag(r, item, "generated");
        column->identity = field_text_or_null(r, item, "identity");
        if (column->identity != NULL && strcmp(column->identity, "always") != 0 &&
            strcmp(column->identity, "by default") != 0)
            field_wrong(r, "identity");
    }
    table->column_count = count;
}

static void read_objects(struct reading *r, const json_t *json, struct manifest_table *table)
{
    const json_t *array;
    size_t count = field_array(r, json, "objects", INT_MAX, &array);

    table->objects = field_room(r, "objects", count, sizeof(*table->objects));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        table->objects[i].catalog = field_oid(r, json_array_get(json_array_get(array, i), 0));
        table->objects[i].oid = field_oid(r, json_array_get(json_array_get(array, i), 1));
    }
    table->object_count = count;
}

static const char **read_names(struct reading *r, const json_t *json, const char *key,
                               size_t *count)
{
    const json_t *array;
    const char **names;

    *count = field_array(r, json, key, SHRT_MAX, &array);
    names = field_room(r, key, *count, sizeof(*names));
    for (size_t i = 0; i < *count && r->wrong == NULL; i++) {
        if (!json_is_string(json_array_get(array, i)))
            field_wrong(r, key);
        else
            names[i] =
                arena_strdup(r->manifest->arena, json_string_value(json_array_get(array, i)));
    }
    return names;
}

static void read_references(struct reading *r, const json_t *json, struct manifest_table *table)
{
    const json_t *array;
    size_t count = field_array(r, json, "references", INT_MAX, &array), referenced;

    table->references = field_room(r, "references", count, sizeof(*table->references));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        struct manifest_reference *reference = &table->references[i];
        const json_t *item = json_array_get(array, i), *period = json_object_get(item, "period");

        reference->constraint = field_name(r, item, "constraint");
        reference->schema = field_name(r, item, "schema");
        reference->name = field_name(r, item, "name");
        reference->columns = read_names(r, item, "columns", &reference->column_count);
        reference->referenced_columns = read_names(r, item, "referenced_columns", &referenced);
        reference->oid = field_oid(r, json_object_get(item, "oid"));
        reference->period = json_is_true(period);
        if (referenced != reference->column_count)
            field_wrong(r, "referenced_columns");
        if ((period != NULL && !json_is_boolean(period)) ||
            (reference->period && reference->column_count < 2))
            field_wrong(r, "period");
    }
    table->reference_count = count;
}

static void read_parts(struct reading *r, const json_t *json, struct manifest_table *table,
                       size_t number)
{
    const json_t *array;
    size_t count = field_array(r, json, "parts", MANIFEST_MAX_PARTS, &array);
    uint64_t rows = table->rows, raw_bytes = table->raw_bytes;
    char name[MANIFEST_NAME_BYTES];

    table->rows = table->raw_bytes = 0;
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);
        struct manifest_part part = {
            .offset = field_size(r, item, "offset"),
            .bytes = field_size(r, item, "bytes"),
            .raw_bytes = field_size(r, item, "raw_bytes"),
            .rows = field_size(r, item, "rows"),
        };

        field_digest(r, item, part.sha256);
        manifest_part_name(table, number, i + 1, name);
        if (strcmp(field_text(r, item, "path"), name) != 0)
            field_wrong(r, "path");
        /* So neither sum ever exceeds what the table states. */
        if (part.rows == 0 || part.rows > rows - table->rows)
            field_wrong(r, "rows");
        if (part.raw_bytes < part.rows || part.raw_bytes > raw_bytes - table->raw_bytes)
            field_wrong(r, "raw_bytes");
        if (r->wrong == NULL && manifest_add_part(table, &part, NULL) != LARDER_OK) {
            r->no_memory = true;
            field_wrong(r, "parts");
        }
    }
    if (table->rows != rows || table->raw_bytes != raw_bytes)
        field_wrong(r, "rows");
}

static void read_table(struct reading *r, const json_t *json, struct manifest_table *table,
                       size_t number)
{
    const json_t *parent = json_object_get(json, "parent");
    const char *format = field_text(r, json, "copy_format");

    table->schema = field_name(r, json, "schema");
    table->name = field_name(r, json, "name");
    table->kind = field_text(r, json, "kind");
    if (strcmp(table->kind, "table") != 0 && strcmp(table->kind, "partitioned table") != 0)
        field_wrong(r, "kind");
    if (!json_is_null(parent)) {
        table->parent_schema = field_name(r, parent, "schema");
        table->parent_name = field_name(r, parent, "name");
    }
    if (strcmp(format, "text") != 0 && strcmp(format, "binary") != 0)
        field_wrong(r, "copy_format");
    table->copy_format = strcmp(format, "binary") == 0 ? COPY_BINARY : COPY_TEXT;
    table->oid = field_oid(r, json_object_get(json, "oid"));
    if (json_object_get(json, "why_all_rows") != NULL)
        table->why_all_rows = field_text_or_null(r, json, "why_all_rows");
    table->rows = field_size(r, json, "rows");
    table->raw_bytes = field_size(r, json, "raw_bytes");
    if (!fingerprint_from_hex(field_text(r, json, "fingerprint"), &table->fingerprint))
        field_wrong(r, "fingerprint");
    read_columns(r, json, table);
    read_objects(r, json, table);
    read_references(r, json, table);
    read_parts(r, json, table, number);
}

static void read_only(struct reading *r, const json_t *json, struct manifest_table *table)
{
    table->only = field_text(r, json, "only");
    if (strcmp(table->only, "keys") != 0 && strcmp(table->only, "rows") != 0)
        field_wrong(r, "only");
}

static void read_tables(struct reading *r, const json_t *json)
{
    const json_t *array;
    const json_t *referenced = NULL;
    struct manifest *m = r->manifest;
    size_t count = field_array(r, json, "tables", MANIFEST_MAX_TABLES, &array), more = 0;

    if (json_object_get(json, "referenced") != NULL)
        more = field_array(r, json, "referenced", MANIFEST_MAX_TABLES - count, &referenced);
    m->tables = field_room(r, "tables", count + more, sizeof(*m->tables));
    /* Counted first: what read_parts allocates is freed by manifest_free. */
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        m->table_count = i + 1;
        read_table(r, json_array_get(array, i), &m->tables[i], i + 1);
        if (!manifest_has_rows(&m->tables[i]) && m->tables[i].part_count > 0)
            field_wrong(r, "parts");
    }
    for (size_t i = 0; i < more && r->wrong == NULL; i++) {
        m->referenced_count = i + 1;
        read_table(r, json_array_get(referenced, i), &m->tables[count + i], count + i + 1);
        read_only(r, json_array_get(referenced, i), &m->tables[count + i]);
    }
}

static void check_names(struct reading *r)
{
    const struct manifest *m = r->manifest;
    size_t count = manifest_stored(m);
    const struct manifest_table **sorted =
        r->wrong == NULL ? manifest_sorted(m, count, m->arena) : NULL;

    for (size_t i = 1; sorted != NULL && i < count; i++)
        if (strcmp(sorted[i - 1]->schema, sorted[i]->schema) == 0 &&
            strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            field_wrong(r, "name");
}

static void read_sequences(struct reading *r, const json_t *json)
{
    const json_t *array, *unused_array = NULL;
    size_t used = field_array(r, json, "sequences", INT_MAX, &array);
    size_t unused = json_object_get(json, "unused_sequences") == NULL
                        ? 0
                        : field_array(r, json, "unused_sequences", INT_MAX, &unused_array);
    struct manifest_sequence *sequences =
        field_room(r, "sequences", used + unused, sizeof(*sequences));

    for (size_t i = 0; i < used + unused && r->wrong == NULL; i++) {
        const json_t *item =
            i < used ? json_array_get(array, i) : json_array_get(unused_array, i - used);

        sequences[i].schema = field_name(r, item, "schema");
        sequences[i].name = field_name(r, item, "name");
        sequences[i].last_value = field_integer(r, item, "last_value");
        sequences[i].oid = field_oid(r, json_object_get(item, "oid"));
        sequences[i].is_called = field_flag(r, item, "is_called");
    }
    r->manifest->sequences = sequences;
    r->manifest->sequence_count = used;
    r->manifest->unused_sequence_count = unused;
}

static void read_externals(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = field_array(r, json, "externals", INT_MAX, &array);
    struct manifest_external *externals = field_room(r, "externals", count, sizeof(*externals));

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        externals[i].kind = field_text(r, item, "kind");
        externals[i].schema = field_text_or_null(r, item, "schema");
        externals[i].name = field_text(r, item, "name");
        externals[i].definition = field_text_or_null(r, item, "definition");
        externals[i].used_by = field_text_or_null(r, item, "used_by");
        if (!json_is_null(json_object_get(item, "oid")))
            externals[i].oid = field_oid(r, json_object_get(item, "oid"));
        if (externals[i].name[0] == '\0' ||
            (externals[i].schema == NULL && strcmp(externals[i].kind, "table") == 0))
            field_wrong(r, "externals");
    }
    r->manifest->externals = externals;
    r->manifest->external_count = count;
}

static void read_additions(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = 0;
    struct manifest_addition *additions;

    if (json_object_get(json, "additions") == NULL)
        return;
    count = field_array(r, json, "additions", INT_MAX, &array);
    additions = field_room(r, "additions", count, sizeof(*additions));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        additions[i].kind = field_text(r, item, "kind");
        additions[i].schema = field_name(r, item, "schema");
        additions[i].table = field_name(r, item, "table");
        additions[i].name = field_name(r, item, "name");
        additions[i].definition = field_text(r, item, "definition");
    }
    r->manifest->additions = additions;
    r->manifest->addition_count = count;
}

static void read_metadata(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = field_array(r, json, "backup_metadata", INT_MAX, &array);
    struct manifest_metadata *metadata = field_room(r, "backup_metadata", count, sizeof(*metadata));

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        metadata[i].backup_date = field_text(r, item, "backup_date");
        metadata[i].backup_name = field_text(r, item, "backup_name");
        metadata[i].table_name = field_text(r, item, "table_name");
        metadata[i].kind = field_text(r, item, "kind");
        metadata[i].schema = field_name(r, item, "schema");
        metadata[i].name = field_name(r, item, "name");
        metadata[i].row_count = field_integer(r, item, "row_count");
    }
    r->manifest->metadata = metadata;
    r->manifest->metadata_count = count;
}

static void read_members(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = field_array(r, json, "members", MANIFEST_MEMBERS, &array);

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        struct manifest_member *member = &r->manifest->members[i];
        const json_t *item = json_array_get(array, i);

        member->path = field_name(r, item, "path");
        member->offset = field_size(r, item, "offset");
        member->bytes = field_size(r, item, "bytes");
        field_digest(r, item, member->sha256);
    }
    r->manifest->member_count = count;
}

static void read_all(struct reading *r, const json_t *json)
{
    struct manifest *m = r->manifest;

    m->larder_version = field_text(r, json, "larder_version");
    m->backup_name = field_name(r, json, "backup_name");
    m->preset = field_name(r, json, "preset");
    m->source = field_name(r, json, "source");
    m->database = field_name(r, json, "database");
    m->system_identifier = field_text_or_null(r, json, "system_identifier");
    m->server_version = field_text(r, json, "server_version");
    m->server_encoding = field_text(r, json, "server_encoding");
    m->pg_dump_version = field_text(r, json, "pg_dump_version");
    m->started_at = field_time(r, json, "started_at");
    m->finished_at = field_time(r, json, "finished_at");
    m->snapshot = field_text(r, json, "snapshot");
    if (m->started_at > TAR_TIME_MAX)
        field_wrong(r, "started_at");
    read_tables(r, json);
    check_names(r);
    read_sequences(r, json);
    m->schemas = read_names(r, json, "schemas", &m->schema_count);
    read_externals(r, json);
    read_additions(r, json);
    read_metadata(r, json);
    read_members(r, json);
}

long manifest_major(const char *version)
{
    char *rest;
    long major = strtol(version, &rest, 10);
    size_t minor_digits = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;

    if (version[0] < '1' || version[0] > '9' || minor_digits == 0 || rest[1 + minor_digits] != '\0')
        return 0;
    return major;
}

static enum larder_status read_version(struct reading *r, const json_t *json,
                                       struct larder_error *error)
{
    const char *version = field_text(r, json, "format_version");
    long major = manifest_major(version);

    r->manifest->format_version = version;
    if (arena_failed(r->manifest->arena))
        return larder_fail_memory(error);
    if (major == 0)
        return larder_fail(error, LARDER_DAMAGED, "its manifest has no format_version");
    if (major > MANIFEST_FORMAT_MAJOR) {
        larder_fail(error, LARDER_UNVERIFIED,
                    "its format version %s is newer than this larder reads (%s)", version,
                    MANIFEST_FORMAT_REFERENCED);
        larder_hint(error, "Use a larder of version %ld or later; it was written by larder %s.",
                    major, field_text(r, json, "larder_version"));
        return LARDER_UNVERIFIED; /* whoever knows that version may find it whole */
    }
    return LARDER_OK;
}

enum larder_status manifest_read(const uint8_t *bytes, size_t length, struct manifest **manifest,
                                 struct larder_error *error)
{
    struct reading r = {.manifest = manifest_new()};
    enum larder_status status = LARDER_OK;
    json_t *json;

    *manifest = NULL;
    if (r.manifest == NULL)
        return larder_fail_memory(error);
    json = json_load_object(bytes, length, MANIFEST_MAX_BYTES);
    if (json == NULL) {
        status = json_memory_lacked()
                     ? larder_fail_memory(error)
                     : larder_fail(error, LARDER_DAMAGED,
                                   "its manifest is no JSON object within the limits");
        goto done;
    }
    status = read_version(&r, json, error);
    if (status != LARDER_OK)
        goto done;
    read_all(&r, json);
    if (r.no_memory || arena_failed(r.manifest->arena))
        status = larder_fail_memory(error);
    else if (r.wrong != NULL)
        status = larder_fail(error, LARDER_DAMAGED, "its manifest has a wrong or missing \"%s\"",
                             r.wrong);
done:
    json_decref(json);
    if (status == LARDER_OK)
        *manifest = r.manifest;
    else
        manifest_free(r.manifest);
    return status;
}
