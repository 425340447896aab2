/* Numbers, tables and JSON as the commands print them. */
#ifndef ENGINE_CLI_PRINT_H
#define ENGINE_CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "larder/error.h"
#include "larder/restore.h"
#include "larder/run.h"

enum { PRINT_NUMBER = 32, PRINT_SIZE = 24 };

/* "1,234,567" */
const char *print_number(uint64_t number, char text[PRINT_NUMBER]);
/* "12.3 MB", by powers of 1000 */
const char *print_size(uint64_t bytes, char text[PRINT_SIZE]);

/* "5m", "3h", "12d"; two days are still told in hours. */
void print_duration(int64_t seconds, char *text, size_t size);
/* How long ago it was; "-" for 0, which is no time, and "future". */
void print_age(time_t now, time_t then, char *text, size_t size);

/* Of standard output, or as COLUMNS says; 0: as wide as it likes, since it is no screen. */
size_t print_screen_width(void);

/*
 * A table of text on standard output. `cells` has `rows` times `columns` strings, the heads first;
 * columns are as wide as they need to be. A column whose letter in `align` is r stands to the
 * right. On a terminal that is too narrow columns of text, whose letter is l, are cut to what fits; numbers,
 * and names to be copied (letter n), never. Words of judgement ("equal", "FAILED") are coloured.
 */
void print_table(const char *const *cells, size_t rows, size_t columns, const char *align);

/* How many columns of the screen the same table takes, at its full width. */
size_t print_table_width(const char *const *cells, size_t rows, size_t columns);

/* How many of so many rows are printed: on a terminal only as many as fit it, unless `all`. */
size_t print_rows(size_t rows, bool all);
/* "and 12 more", where some were left out. */
void print_rest(size_t rows, size_t printed);

/* A word of judgement on standard output, coloured where that is wanted. */
void print_word(const char *word);

/* Anybody's words on standard output, with what moves the cursor as "?"; the lines behind the first are indented. */
void print_text(const char *text);

/*
 * A sentence on standard output, from column `at` on; on a terminal that is too narrow it goes on below,
 * from column `indent` on.
 */
void print_sentence(const char *text, size_t at, size_t indent);

/* Prints one JSON document and frees it. */
enum larder_status print_json(json_t *json, struct larder_error *error);

json_t *print_findings_json(const struct larder_findings *findings);

/* The proof of a verification or a restore; `more` ends its last line, and may be "". */
enum larder_status print_proof(const struct larder_proof *proof, bool all, const char *more,
                               struct larder_error *error);
json_t *print_proof_json(const struct larder_proof *proof);

/* What a restore has done, or would do, to tables that existed; and the undo archive's name. */
enum larder_status print_changes(const struct larder_proof *proof, bool preview,
                                 struct larder_error *error);
json_t *print_changes_json(const struct larder_proof *proof);
/* "error", "rows" or "missing" */
const char *print_existing(enum larder_existing existing);

#endif
