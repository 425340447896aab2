/*
 * Names of tables as people write them, and as psql understands them: `profiles`, `public.*`,
 * `"Weird.Name"`.
 *
 * Outside double quotes letters are folded, `*` stands for any characters, `?` for any one, a dot
 * parts schema and name, `$` is itself, and what else regular expressions are made of keeps its
 * meaning (`t[0-9]`, `a|b`); `[]` is no empty class but itself. Inside of double quotes all is
 * itself, and `""` is a quote. A name without a schema is one of schema public. `!` before it
 * leaves out what it matches.
 */
#ifndef ENGINE_PG_PATTERN_H
#define ENGINE_PG_PATTERN_H

#include <stdbool.h>

#include "formats/arena.h"
#include "larder/error.h"

struct pattern {
    const char *text;                     /* as it was written */
    const char *schema, *name;            /* regular expressions that match the whole */
    const char *schema_name, *table_name; /* what they match, where `any` is false */
    bool any_schema;                      /* the schema was a pattern */
    bool any;                             /* schema or name was a pattern */
    bool leave_out;
};

/* LARDER_USAGE where it is no pattern. Strings go into the arena. */
enum larder_status pattern_parse(const char *text, struct arena *arena, struct pattern *pattern,
                                 struct larder_error *error);

/* Whether it means the table of an archive; `leave_out` is not looked at. */
bool pattern_matches(const struct pattern *pattern, const char *schema, const char *name);

#endif
