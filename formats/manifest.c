#include "formats/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLUG_BYTES = 60 };

struct manifest *manifest_new(void)
{
    struct manifest *manifest = calloc(1, sizeof(*manifest));

    if (manifest == NULL)
        return NULL;
    manifest->arena = arena_new();
    if (manifest->arena == NULL) {
        free(manifest);
        return NULL;
    }
    return manifest;
}

void manifest_free(struct manifest *manifest)
{
    if (manifest == NULL)
        return;
    for (size_t i = 0; i < manifest_stored(manifest); i++)
        free(manifest->tables[i].parts);
    arena_free(manifest->arena);
    free(manifest);
}

enum larder_status manifest_add_part(struct manifest_table *table, const struct manifest_part *part,
                                     struct larder_error *error)
{
    struct manifest_part *parts;
    size_t capacity;

    if (table->part_count == MANIFEST_MAX_PARTS)
        return larder_fail(error, LARDER_FAILED, "table \"%s.%s\" has more than %d parts",
                           table->schema, table->name, MANIFEST_MAX_PARTS);
    if (table->part_count == table->part_capacity) {
        capacity = table->part_capacity == 0 ? 8 : table->part_capacity * 2;
        parts = realloc(table->parts, capacity * sizeof(*parts));
        if (parts == NULL)
            return larder_fail_memory(error);
        table->parts = parts;
        table->part_capacity = capacity;
    }
    table->parts[table->part_count++] = *part;
    table->rows += part->rows;
    table->raw_bytes += part->raw_bytes;
    return LARDER_OK;
}

static char slug_byte(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-')
        return c;
    return '_';
}

void manifest_part_name(const struct manifest_table *table, size_t table_number, size_t part_number,
                        char name[MANIFEST_NAME_BYTES])
{
    char slug[SLUG_BYTES + 1];

    snprintf(slug, sizeof(slug), "%s.%s", table->schema, table->name);
    for (char *c = slug; *c != '\0'; c++)
        *c = slug_byte(*c);
    snprintf(name, MANIFEST_NAME_BYTES, "data/%05u-%s/%06u.copy.zst", (unsigned)table_number, slug,
             (unsigned)part_number);
}

bool manifest_has_rows(const struct manifest_table *table)
{
    return strcmp(table->kind, "table") == 0;
}

int manifest_copied_columns(const struct manifest_table *table)
{
    int count = 0;

    for (size_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].generated)
            count++;
    return count;
}

const char *manifest_text_encoding(const struct manifest *manifest)
{
    return strcmp(manifest->server_encoding, "SQL_ASCII") == 0 ? "SQL_ASCII" : "UTF8";
}

size_t manifest_stored(const struct manifest *manifest)
{
    return manifest->table_count + manifest->referenced_count;
}

uint64_t manifest_rows(const struct manifest *manifest)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < manifest->table_count; i++)
        rows += manifest->tables[i].rows;
    return rows;
}

uint64_t manifest_raw_bytes(const struct manifest *manifest)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < manifest->table_count; i++)
        bytes += manifest->tables[i].raw_bytes;
    return bytes;
}

struct manifest_table *manifest_find_next(const struct manifest *manifest, const char *schema,
                                          const char *name, size_t *place)
{
    for (size_t i = 0; i < manifest->table_count; i++) {
        size_t at = (*place + i) % manifest->table_count;
        struct manifest_table *table = &manifest->tables[at];

        if (strcmp(table->name, name) == 0 && strcmp(table->schema, schema) == 0) {
            *place = at + 1;
            return table;
        }
    }
    return NULL;
}

struct manifest_table *manifest_find(const struct manifest *manifest, const char *schema,
                                     const char *name)
{
    return manifest_find_next(manifest, schema, name, &(size_t){0});
}

static int by_names(const void *a, const void *b)
{
    const struct manifest_table *x = *(const struct manifest_table *const *)a;
    const struct manifest_table *y = *(const struct manifest_table *const *)b;
    int order = strcmp(x->schema, y->schema);

    return order != 0 ? order : strcmp(x->name, y->name);
}

const struct manifest_table **manifest_sorted(const struct manifest *manifest, size_t count,
                                              struct arena *arena)
{
    const struct manifest_table **sorted =
        arena_alloc(arena, count, sizeof(struct manifest_table *));

    for (size_t i = 0; sorted != NULL && i < count; i++)
        sorted[i] = &manifest->tables[i];
    if (sorted != NULL && count > 0)
        qsort(sorted, count, sizeof(struct manifest_table *), by_names);
    return sorted;
}

const struct manifest_table *manifest_find_sorted(const struct manifest_table *const *sorted,
                                                  size_t count, const char *schema,
                                                  const char *name)
{
    struct manifest_table wanted = {.schema = schema, .name = name};
    const struct manifest_table *key = &wanted, *const * found;

    found =
        count == 0 ? NULL : bsearch(&key, sorted, count, sizeof(struct manifest_table *), by_names);
    return found == NULL ? NULL : *found;
}

size_t *manifest_parents(const struct manifest *manifest, struct arena *arena)
{
    size_t count = manifest->table_count;
    size_t *parents = arena_alloc(arena, count, sizeof(*parents));
    const struct manifest_table **sorted = manifest_sorted(manifest, count, arena);

    if (parents == NULL || sorted == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct manifest_table *table = &manifest->tables[i], *found = NULL;

        if (table->parent_name != NULL)
            found = manifest_find_sorted(sorted, count, table->parent_schema, table->parent_name);
        parents[i] = found == NULL ? i : (size_t)(found - manifest->tables);
    }
    return parents;
}

uint64_t *manifest_rows_below(const struct manifest *manifest, struct arena *arena)
{
    enum {
        DEEP = 1000
    }; /* a manifest may come from anywhere, and its parents may run in a circle */
    const size_t *parents = manifest_parents(manifest, arena);
    uint64_t *rows = arena_alloc(arena, manifest->table_count, sizeof(*rows));

    for (size_t i = 0; rows != NULL && parents != NULL && i < manifest->table_count; i++) {
        size_t at = i;

        rows[at] += manifest->tables[i].rows;
        for (int steps = 0; steps < DEEP && parents[at] != at && parents[at] != i; steps++) {
            at = parents[at];
            rows[at] += manifest->tables[i].rows;
        }
    }
    return parents == NULL ? NULL : rows;
}

bool manifest_refers_to(const struct manifest_reference *reference, const char *schema,
                        const char *name)
{
    return strcmp(reference->schema, schema) == 0 && strcmp(reference->name, name) == 0;
}
