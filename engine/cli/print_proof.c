#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/print.h"
#include "formats/json_text.h"

enum { COLUMNS = 6, CELL = 160 };

static json_t *count_json(int64_t count)
{
    return count < 0 ? json_null() : json_integer(count);
}

static json_t *text_json(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_text(text);
}

static json_t *agree_json(enum larder_agree agree)
{
    return agree == LARDER_AGREE_UNKNOWN ? json_null() : json_boolean(agree == LARDER_AGREE_YES);
}

json_t *print_proof_json(const struct larder_proof *proof)
{
    json_t *tables = json_array(), *document;

    for (size_t i = 0; i < proof->table_count; i++) {
        const struct larder_table_proof *t = &proof->tables[i];

        json_array_append_new(
            tables,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                      json_text(t->schema), "name", json_text(t->name), "rows_archive",
                      count_json(t->rows_archive), "rows_metadata", count_json(t->rows_metadata),
                      "rows_target", count_json(t->rows_target), "fingerprint_archive",
                      text_json(t->fingerprint_archive), "fingerprint_target",
                      text_json(t->fingerprint_target), "agree", agree_json(t->agree), "proven",
                      text_json(t->proven)));
    }
    document = json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o}", "archive",
                         json_text(proof->archive), "backup_name", text_json(proof->backup_name),
                         "agree", agree_json(proof->agree), "seconds", proof->seconds, "origin",
                         text_json(proof->origin), "metadata_from", text_json(proof->metadata_from),
                         "tables", tables, "findings", print_findings_json(&proof->findings));
    if (proof->existing != LARDER_EXISTING_ERROR) {
        json_object_set_new(document, "existing", json_string(print_existing(proof->existing)));
        json_object_set_new(document, "changes", print_changes_json(proof));
        json_object_set_new(document, "undo", text_json(proof->undo));
    }
    return document;
}

static const char *count_text(int64_t count, char text[PRINT_NUMBER])
{
    return count < 0 ? "-" : print_number((uint64_t)count, text);
}

static const char *agree_text(const struct larder_table_proof *t)
{
    if (t->agree == LARDER_AGREE_YES && t->proven != NULL)
        return t->proven;
    return t->agree == LARDER_AGREE_YES  ? "equal"
           : t->agree == LARDER_AGREE_NO ? "DIFFERS"
                                         : "unknown";
}

/* Whether anything was read back from a target. */
static bool has_target(const struct larder_proof *proof)
{
    for (size_t i = 0; i < proof->table_count; i++)
        if (proof->tables[i].rows_target >= 0)
            return true;
    return false;
}

static void fill(char (*row)[CELL], const struct larder_table_proof *t)
{
    char archive[PRINT_NUMBER], metadata[PRINT_NUMBER], target[PRINT_NUMBER];

    snprintf(row[0], CELL, strcmp(t->schema, "public") == 0 ? "%.0s%s" : "%s.%s", t->schema,
             t->name);
    snprintf(row[1], CELL, "%s", count_text(t->rows_archive, archive));
    snprintf(row[2], CELL, "%s", count_text(t->rows_metadata, metadata));
    snprintf(row[3], CELL, "%s", count_text(t->rows_target, target));
    snprintf(row[4], CELL, "%.16s", t->fingerprint_archive);
    snprintf(row[5], CELL, "%s", agree_text(t));
}

/* Where not all fit, those that do not agree come first. */
static void fill_rows(char (*texts)[CELL], const struct larder_proof *proof, size_t rows)
{
    bool cut = rows < proof->table_count;
    size_t n = 0;

    for (size_t i = 0; cut && i < proof->table_count && n < rows; i++)
        if (proof->tables[i].agree != LARDER_AGREE_YES)
            fill(&texts[n++ * COLUMNS], &proof->tables[i]);
    for (size_t i = 0; i < proof->table_count && n < rows; i++)
        if (!cut || proof->tables[i].agree == LARDER_AGREE_YES)
            fill(&texts[n++ * COLUMNS], &proof->tables[i]);
}

/* Where the metadata of a table counts more than the table itself has, and agrees all the same. */
static bool counts_descendants(const struct larder_proof *proof)
{
    for (size_t i = 0; i < proof->table_count; i++)
        if (proof->tables[i].agree == LARDER_AGREE_YES && proof->tables[i].rows_metadata >= 0 &&
            proof->tables[i].rows_metadata > proof->tables[i].rows_archive)
            return true;
    return false;
}

enum larder_status print_proof(const struct larder_proof *proof, bool all, const char *more,
                               struct larder_error *error)
{
    size_t shown = print_rows(proof->table_count, all), rows = shown + 1;
    const char *word = proof->agree == LARDER_AGREE_YES
                           ? proof->existing == LARDER_EXISTING_MISSING ? "all there" : "equal"
                       : proof->agree == LARDER_AGREE_NO ? "DIFFERENT"
                                                         : "NOT VERIFIED";
    char summary[256];
    char(*texts)[CELL] = calloc(rows * COLUMNS, CELL);
    const char **cells = calloc(rows * COLUMNS, sizeof(*cells));
    bool target = has_target(proof);
    const char *heads[COLUMNS] = {"table", "archive", "metadata", "database", "fingerprint", ""};

    if (texts == NULL || cells == NULL) {
        free(texts);
        free(cells);
        return larder_fail_memory(error);
    }
    for (size_t i = 0; i < rows * COLUMNS; i++)
        cells[i] = texts[i];
    for (size_t j = 0; j < COLUMNS; j++)
        snprintf(texts[j], CELL, "%s", heads[j]);
    fill_rows(&texts[COLUMNS], proof, shown);
    print_table(cells, rows, COLUMNS, "lrrrll");
    print_rest(proof->table_count, shown);
    if (counts_descendants(proof))
        print_sentence("the metadata counts partitions and children with their parent", 0, 2);
    print_word(word);
    snprintf(summary, sizeof(summary), ": %zu table%s%s%s (%.1f s)%s", proof->table_count,
             proof->table_count == 1 ? "" : "s",
             target ? ", counted and fingerprinted in archive and database"
                    : ", counted and fingerprinted in the archive",
             proof->metadata_from == NULL ? ""
             : strcmp(proof->metadata_from, "database") == 0
                 ? "; metadata from backups.backup_metadata"
                 : "; metadata from the manifest's copy",
             proof->seconds, more);
    print_sentence(summary, strlen(word), 2);
    free(texts);
    free(cells);
    return LARDER_OK;
}
