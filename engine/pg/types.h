/*
 * Which types have a stable wire form: binary COPY of a value must mean the same in another
 * database and a later major version.
 *
 * In are the types of pg_catalog that stand in the table in types.c, and enums, whose wire form is
 * the label. A domain is as its base type, an array as its element type where that is in the table.
 * Everything else goes as text.
 */
#ifndef ENGINE_PG_TYPES_H
#define ENGINE_PG_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * `type` and `typtype` are pg_type's OID and typtype, of the base type where the column's is a
 * domain; `element` is that of an array's elements, 0 for other types. `why_not`, where it is not
 * NULL, is set to the reason when the answer is no.
 */
bool types_is_stable(uint32_t type, char typtype, uint32_t element, const char **why_not);

#endif
