/* Numbers, tables and JSON as the commands print them. */
#ifndef ENGINE_CLI_PRINT_H
#define ENGINE_CLI_PRINT_H

#include <jansson.h>
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
 * right.
 */
void print_table(const char *const *cells, size_t rows, size_t columns, const char *align);

/* How many columns of the screen the same table takes. */
size_t print_table_width(const char *const *cells, size_t rows, size_t columns);

/* Prints one JSON document and frees it. */
enum larder_status print_json(json_t *json, struct larder_error *error);

json_t *print_findings_json(const struct larder_findings *findings);
/* To standard error, a line each. */
void print_findings(const struct larder_findings *findings);

/* The proof of a verification or a restore. */
enum larder_status print_proof(const struct larder_proof *proof, struct larder_error *error);
json_t *print_proof_json(const struct larder_proof *proof);

/* What a restore has done, or would do, to tables that existed; and the undo archive's name. */
enum larder_status print_changes(const struct larder_proof *proof, bool preview,
                                 struct larder_error *error);
json_t *print_changes_json(const struct larder_proof *proof);
/* "error", "rows" or "missing" */
const char *print_existing(enum larder_existing existing);

#endif
