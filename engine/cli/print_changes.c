#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/print.h"
#include "formats/json_text.h"

enum { COLUMNS = 5, CELL = 160 };

static json_t *keys_json(const char *const *keys, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_text(keys[i]));
    return list;
}

json_t *print_changes_json(const struct larder_proof *proof)
{
    json_t *list = json_array();

    for (size_t i = 0; i < proof->change_count; i++) {
        const struct larder_change *c = &proof->changes[i];

        json_array_append_new(
            list, json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "schema",
                            json_text(c->schema), "name", json_text(c->name), "rows_before",
                            (json_int_t)c->rows_before, "added", (json_int_t)c->added, "changed",
                            (json_int_t)c->changed, "removed", (json_int_t)c->removed, "added_keys",
                            keys_json(c->added_keys, c->added_key_count), "changed_keys",
                            keys_json(c->changed_keys, c->changed_key_count), "removed_keys",
                            keys_json(c->removed_keys, c->removed_key_count), "effects",
                            json_text(c->effects)));
    }
    return list;
}

const char *print_existing(enum larder_existing existing)
{
    return existing == LARDER_EXISTING_ROWS      ? "rows"
           : existing == LARDER_EXISTING_MISSING ? "missing"
                                                 : "error";
}

static void fill(char (*row)[CELL], const struct larder_change *c)
{
    char number[PRINT_NUMBER];
    const int64_t counts[] = {c->rows_before, c->added, c->changed, c->removed};

    snprintf(row[0], CELL, strcmp(c->schema, "public") == 0 ? "%.0s%s" : "%s.%s", c->schema,
             c->name);
    for (int i = 0; i < 4; i++)
        snprintf(row[i + 1], CELL, "%s", print_number((uint64_t)counts[i], number));
}

static void print_keys(const struct larder_change *c, const char *what, const char *const *keys,
                       size_t count, int64_t of)
{
    if (count == 0)
        return;
    print_text(c->name);
    printf(", %s:", what);
    for (size_t i = 0; i < count; i++) {
        printf(" ");
        print_text(keys[i]);
        printf("%s", i + 1 < count ? ";" : "");
    }
    printf(of > (int64_t)count ? " ...\n" : "\n");
}

/* What becomes of each kind of row, by what was asked for and whether it was done. */
static const char *const *heads_of(const struct larder_proof *proof, bool preview)
{
    static const char *const rows[] = {"table", "before", "added", "changed", "removed"};
    static const char *const missing[] = {"table", "before", "added", "left changed", "left extra"};
    static const char *const to_rows[] = {"table", "now", "to add", "to change", "to remove"};
    static const char *const to_missing[] = {"table", "now", "to add", "changed, stay",
                                             "extra, stay"};

    if (proof->existing == LARDER_EXISTING_MISSING)
        return preview ? to_missing : missing;
    return preview ? to_rows : rows;
}

enum larder_status print_changes(const struct larder_proof *proof, bool preview,
                                 struct larder_error *error)
{
    size_t rows = proof->change_count + 1;
    char(*texts)[CELL] = calloc(rows * COLUMNS, CELL);
    const char **cells = calloc(rows * COLUMNS, sizeof(*cells));
    const char *const *heads = heads_of(proof, preview);

    if (texts == NULL || cells == NULL) {
        free(texts);
        free(cells);
        return larder_fail_memory(error);
    }
    for (size_t i = 0; i < rows * COLUMNS; i++)
        cells[i] = i < COLUMNS ? heads[i] : texts[i];
    for (size_t i = 0; i < proof->change_count; i++)
        fill(&texts[(i + 1) * COLUMNS], &proof->changes[i]);
    print_table(cells, rows, COLUMNS, "lrrrr");
    for (size_t i = 0; i < proof->change_count; i++) {
        const struct larder_change *c = &proof->changes[i];

        print_keys(c, heads[2], c->added_keys, c->added_key_count, c->added);
        print_keys(c, heads[3], c->changed_keys, c->changed_key_count, c->changed);
        print_keys(c, heads[4], c->removed_keys, c->removed_key_count, c->removed);
        if (c->effects != NULL) {
            print_text(c->name);
            printf(", what that does elsewhere: ");
            print_text(c->effects);
            printf("\n");
        }
    }
    if (proof->undo != NULL)
        printf("what was there is in %s\n", proof->undo);
    free(texts);
    free(cells);
    return LARDER_OK;
}
