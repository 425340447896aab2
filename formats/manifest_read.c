#include "formats/manifest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_load.h"
#include "formats/json_memory.h"
#include "formats/tar.h"
#include "formats/times.h"

enum { NAME_BYTES = 255 };

/*
 * One reading: where it stands, and the first thing that was wrong. The getters below return a
 * harmless value for what is wrong, so that a whole object is read before one look at `wrong`.
 */
struct reading {
    struct manifest *manifest;
    const char *wrong; /* the key, NULL so long as all is well */
    bool no_memory;
};

static void set_wrong(struct reading *r, const char *key)
{
    if (r->wrong == NULL)
        r->wrong = key;
}

static void *take_array(struct reading *r, const char *key, size_t count, size_t size)
{
    void *array = arena_alloc(r->manifest->arena, count, size);

    if (array == NULL) {
        r->no_memory = true;
        set_wrong(r, key);
    }
    return array;
}

static const char *get_text_or_null(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_null(value))
        return NULL;
    if (!json_is_string(value)) {
        set_wrong(r, key);
        return NULL;
    }
    return arena_strdup(r->manifest->arena, json_string_value(value));
}

static const char *get_text(struct reading *r, const json_t *object, const char *key)
{
    const char *text = get_text_or_null(r, object, key);

    if (text == NULL) {
        set_wrong(r, key);
        return "";
    }
    return text;
}

/* A name that PostgreSQL could bear. */
static const char *get_name(struct reading *r, const json_t *object, const char *key)
{
    const char *name = get_text(r, object, key);

    if (name[0] == '\0' || strlen(name) > NAME_BYTES)
        set_wrong(r, key);
    return name;
}

static int64_t get_integer(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value)) {
        set_wrong(r, key);
        return 0;
    }
    return json_integer_value(value);
}

static uint64_t get_size(struct reading *r, const json_t *object, const char *key)
{
    int64_t value = get_integer(r, object, key);

    if (value < 0) {
        set_wrong(r, key);
        return 0;
    }
    return (uint64_t)value;
}

static uint32_t as_oid(struct reading *r, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT32_MAX) {
        set_wrong(r, "oid");
        return 0;
    }
    return (uint32_t)json_integer_value(value);
}

static bool get_flag(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        set_wrong(r, key);
    return json_is_true(value);
}

static time_t get_time(struct reading *r, const json_t *object, const char *key)
{
    time_t time = 0;

    if (!times_from_text(get_text(r, object, key), &time))
        set_wrong(r, key);
    return time;
}

static void get_digest(struct reading *r, const json_t *object, uint8_t digest[SHA256_BYTES])
{
    if (!sha256_from_hex(get_text(r, object, "sha256"), digest))
        set_wrong(r, "sha256");
}

/* The elements of an array; 0 where it is none or longer than `most`. */
static size_t get_array(struct reading *r, const json_t *object, const char *key, size_t most,
                        const json_t **array)
{
    *array = json_object_get(object, key);
    if (!json_is_array(*array) || json_array_size(*array) > most) {
        set_wrong(r, key);
        return 0;
    }
    return json_array_size(*array);
}

static void read_columns(struct reading *r, const json_t *json, struct manifest_table *table)
{
    const json_t *array;
    size_t count = get_array(r, json, "columns", SHRT_MAX, &array);

    table->columns = take_array(r, "columns", count, sizeof(*table->columns));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        struct manifest_column *column = &table->columns[i];
        const json_t *item = json_array_get(array, i);

        column->name = get_name(r, item, "name");
        column->type = get_text(r, item, "type");
        column->notnull = get_flag(r, item, "notnull");
        column->generated = get_flag(r, item, "generated");
        column->identity = get_text_or_null(r, item, "identity");
        if (column->identity != NULL && strcmp(column->identity, "always") != 0 &&
            strcmp(column->identity, "by default") != 0)
            set_wrong(r, "identity");
    }
    table->column_count = count;
}

static void read_objects(struct reading *r, const json_t *json, struct manifest_table *table)
{
    const json_t *array;
    size_t count = get_array(r, json, "objects", INT_MAX, &array);

    table->objects = take_array(r, "objects", count, sizeof(*table->objects));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        table->objects[i].catalog = as_oid(r, json_array_get(json_array_get(array, i), 0));
        table->objects[i].oid = as_oid(r, json_array_get(json_array_get(array, i), 1));
    }
    table->object_count = count;
}

static const char **read_names(struct reading *r, const json_t *json, const char *key,
                               size_t *count)
{
    const json_t *array;
    const char **names;

    *count = get_array(r, json, key, SHRT_MAX, &array);
    names = take_array(r, key, *count, sizeof(*names));
    for (size_t i = 0; i < *count && r->wrong == NULL; i++) {
        if (!json_is_string(json_array_get(array, i)))
            set_wrong(r, key);
        else
            names[i] =
                arena_strdup(r->manifest->arena, json_string_value(json_array_get(array, i)));
    }
    return names;
}

static void read_references(struct reading *r, const json_t *json, struct manifest_table *table)
{
    const json_t *array;
    size_t count = get_array(r, json, "references", INT_MAX, &array), referenced;

    table->references = take_array(r, "references", count, sizeof(*table->references));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        struct manifest_reference *reference = &table->references[i];
        const json_t *item = json_array_get(array, i);

        reference->constraint = get_name(r, item, "constraint");
        reference->schema = get_name(r, item, "schema");
        reference->name = get_name(r, item, "name");
        reference->columns = read_names(r, item, "columns", &reference->column_count);
        reference->referenced_columns = read_names(r, item, "referenced_columns", &referenced);
        reference->oid = as_oid(r, json_object_get(item, "oid"));
        if (referenced != reference->column_count)
            set_wrong(r, "referenced_columns");
    }
    table->reference_count = count;
}

static void read_parts(struct reading *r, const json_t *json, struct manifest_table *table,
                       size_t number)
{
    const json_t *array;
    size_t count = get_array(r, json, "parts", MANIFEST_MAX_PARTS, &array);
    uint64_t rows = table->rows, raw_bytes = table->raw_bytes;
    char name[MANIFEST_NAME_BYTES];

    table->rows = table->raw_bytes = 0;
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);
        struct manifest_part part = {
            .offset = get_size(r, item, "offset"),
            .bytes = get_size(r, item, "bytes"),
            .raw_bytes = get_size(r, item, "raw_bytes"),
            .rows = get_size(r, item, "rows"),
        };

        get_digest(r, item, part.sha256);
        manifest_part_name(table, number, i + 1, name);
        if (strcmp(get_text(r, item, "path"), name) != 0)
            set_wrong(r, "path");
        /* So neither sum ever exceeds what the table states. */
        if (part.rows == 0 || part.rows > rows - table->rows)
            set_wrong(r, "rows");
        if (part.raw_bytes < part.rows || part.raw_bytes > raw_bytes - table->raw_bytes)
            set_wrong(r, "raw_bytes");
        if (r->wrong == NULL && manifest_add_part(table, &part, NULL) != LARDER_OK) {
            r->no_memory = true;
            set_wrong(r, "parts");
        }
    }
    if (table->rows != rows || table->raw_bytes != raw_bytes)
        set_wrong(r, "rows");
}

static void read_table(struct reading *r, const json_t *json, struct manifest_table *table,
                       size_t number)
{
    const json_t *parent = json_object_get(json, "parent");
    const char *format = get_text(r, json, "copy_format");

    table->schema = get_name(r, json, "schema");
    table->name = get_name(r, json, "name");
    table->kind = get_text(r, json, "kind");
    if (!json_is_null(parent)) {
        table->parent_schema = get_name(r, parent, "schema");
        table->parent_name = get_name(r, parent, "name");
    }
    if (strcmp(format, "text") != 0 && strcmp(format, "binary") != 0)
        set_wrong(r, "copy_format");
    table->copy_format = strcmp(format, "binary") == 0 ? COPY_BINARY : COPY_TEXT;
    table->oid = as_oid(r, json_object_get(json, "oid"));
    if (json_object_get(json, "why_all_rows") != NULL)
        table->why_all_rows = get_text_or_null(r, json, "why_all_rows");
    table->rows = get_size(r, json, "rows");
    table->raw_bytes = get_size(r, json, "raw_bytes");
    if (!fingerprint_from_hex(get_text(r, json, "fingerprint"), &table->fingerprint))
        set_wrong(r, "fingerprint");
    read_columns(r, json, table);
    read_objects(r, json, table);
    read_references(r, json, table);
    read_parts(r, json, table, number);
}

static void read_only(struct reading *r, const json_t *json, struct manifest_table *table)
{
    table->only = get_text(r, json, "only");
    if (strcmp(table->only, "keys") != 0 && strcmp(table->only, "rows") != 0)
        set_wrong(r, "only");
}

static void read_tables(struct reading *r, const json_t *json)
{
    const json_t *array;
    const json_t *referenced = NULL;
    struct manifest *m = r->manifest;
    size_t count = get_array(r, json, "tables", MANIFEST_MAX_TABLES, &array), more = 0;

    if (json_object_get(json, "referenced") != NULL)
        more = get_array(r, json, "referenced", MANIFEST_MAX_TABLES - count, &referenced);
    m->tables = take_array(r, "tables", count + more, sizeof(*m->tables));
    /* Counted first: what read_parts allocates is freed by manifest_free. */
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        m->table_count = i + 1;
        read_table(r, json_array_get(array, i), &m->tables[i], i + 1);
    }
    for (size_t i = 0; i < more && r->wrong == NULL; i++) {
        m->referenced_count = i + 1;
        read_table(r, json_array_get(referenced, i), &m->tables[count + i], count + i + 1);
        read_only(r, json_array_get(referenced, i), &m->tables[count + i]);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct manifest_table *const *x = a, *const *y = b;
    int order = strcmp((*x)->schema, (*y)->schema);

    return order != 0 ? order : strcmp((*x)->name, (*y)->name);
}

static void check_names(struct reading *r)
{
    size_t count = manifest_stored(r->manifest);
    const struct manifest_table **sorted = take_array(r, "tables", count, sizeof(const void *));

    if (r->wrong != NULL)
        return;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &r->manifest->tables[i];
    qsort(sorted, count, sizeof(const void *), by_name);
    for (size_t i = 1; i < count; i++)
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            set_wrong(r, "name");
}

static void read_sequences(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = get_array(r, json, "sequences", INT_MAX, &array);
    struct manifest_sequence *sequences = take_array(r, "sequences", count, sizeof(*sequences));

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        sequences[i].schema = get_name(r, item, "schema");
        sequences[i].name = get_name(r, item, "name");
        sequences[i].last_value = get_integer(r, item, "last_value");
        sequences[i].oid = as_oid(r, json_object_get(item, "oid"));
        sequences[i].is_called = get_flag(r, item, "is_called");
    }
    r->manifest->sequences = sequences;
    r->manifest->sequence_count = count;
}

static void read_externals(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = get_array(r, json, "externals", INT_MAX, &array);
    struct manifest_external *externals = take_array(r, "externals", count, sizeof(*externals));

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        externals[i].kind = get_text(r, item, "kind");
        externals[i].schema = get_text_or_null(r, item, "schema");
        externals[i].name = get_text(r, item, "name");
        externals[i].definition = get_text_or_null(r, item, "definition");
        externals[i].used_by = get_text_or_null(r, item, "used_by");
        if (!json_is_null(json_object_get(item, "oid")))
            externals[i].oid = as_oid(r, json_object_get(item, "oid"));
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
    count = get_array(r, json, "additions", INT_MAX, &array);
    additions = take_array(r, "additions", count, sizeof(*additions));
    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        additions[i].kind = get_text(r, item, "kind");
        additions[i].schema = get_name(r, item, "schema");
        additions[i].table = get_name(r, item, "table");
        additions[i].name = get_name(r, item, "name");
        additions[i].definition = get_text(r, item, "definition");
    }
    r->manifest->additions = additions;
    r->manifest->addition_count = count;
}

static void read_metadata(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = get_array(r, json, "backup_metadata", INT_MAX, &array);
    struct manifest_metadata *metadata = take_array(r, "backup_metadata", count, sizeof(*metadata));

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        const json_t *item = json_array_get(array, i);

        metadata[i].backup_date = get_text(r, item, "backup_date");
        metadata[i].backup_name = get_text(r, item, "backup_name");
        metadata[i].table_name = get_text(r, item, "table_name");
        metadata[i].kind = get_text(r, item, "kind");
        metadata[i].schema = get_name(r, item, "schema");
        metadata[i].name = get_name(r, item, "name");
        metadata[i].row_count = get_integer(r, item, "row_count");
    }
    r->manifest->metadata = metadata;
    r->manifest->metadata_count = count;
}

static void read_members(struct reading *r, const json_t *json)
{
    const json_t *array;
    size_t count = get_array(r, json, "members", MANIFEST_MEMBERS, &array);

    for (size_t i = 0; i < count && r->wrong == NULL; i++) {
        struct manifest_member *member = &r->manifest->members[i];
        const json_t *item = json_array_get(array, i);

        member->path = get_name(r, item, "path");
        member->offset = get_size(r, item, "offset");
        member->bytes = get_size(r, item, "bytes");
        get_digest(r, item, member->sha256);
    }
    r->manifest->member_count = count;
}

static void read_all(struct reading *r, const json_t *json)
{
    struct manifest *m = r->manifest;

    m->larder_version = get_text(r, json, "larder_version");
    m->backup_name = get_name(r, json, "backup_name");
    m->preset = get_name(r, json, "preset");
    m->source = get_name(r, json, "source");
    m->database = get_name(r, json, "database");
    m->system_identifier = get_text_or_null(r, json, "system_identifier");
    m->server_version = get_text(r, json, "server_version");
    m->server_encoding = get_text(r, json, "server_encoding");
    m->pg_dump_version = get_text(r, json, "pg_dump_version");
    m->started_at = get_time(r, json, "started_at");
    m->finished_at = get_time(r, json, "finished_at");
    m->snapshot = get_text(r, json, "snapshot");
    if (m->started_at > TAR_TIME_MAX)
        set_wrong(r, "started_at");
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
    const char *version = get_text(r, json, "format_version");
    long major = manifest_major(version);

    r->manifest->format_version = version;
    if (arena_failed(r->manifest->arena))
        return larder_fail_memory(error);
    if (major == 0)
        return larder_fail(error, LARDER_DAMAGED, "its manifest has no format_version");
    if (major > MANIFEST_FORMAT_MAJOR) {
        larder_fail(error, LARDER_DAMAGED,
                    "its format version %s is newer than this larder reads (%s)", version,
                    MANIFEST_FORMAT_REFERENCED);
        larder_hint(error, "Use a larder of version %ld or later; it was written by larder %s.",
                    major, get_text(r, json, "larder_version"));
        return LARDER_DAMAGED;
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
