/*
 * What queries about foreign keys say of them. Columns of one that sort by different rules cannot be compared as they are: the server goes
 * by the rules of the one that is referred to, and so do our queries. One that is NOT ENFORCED does nothing; before PostgreSQL 18
 * there is none, nor any with PERIOD.
 */
#ifndef ENGINE_PG_KEY_SQL_H
#define ENGINE_PG_KEY_SQL_H

/* Of two rows of pg_attribute: what is put behind the column that refers, as " COLLATE ..."; NULL where nothing is needed. */
#define KEY_COLLATION(referring, referred)                                                         \
    "(SELECT pg_catalog.format(' COLLATE %I.%I', key_schema.nspname, key_rules.collname) "         \
    "FROM pg_catalog.pg_collation key_rules JOIN pg_catalog.pg_namespace key_schema "              \
    "ON key_schema.oid = key_rules.collnamespace WHERE key_rules.oid = " referred ".attcollation " \
    "AND " referring ".attcollation NOT IN (0, " referred ".attcollation))"

#define KEY_IS_ENFORCED(constraint)                                                                \
    "coalesce((pg_catalog.to_jsonb(" constraint ") ->> 'conenforced')::boolean, true) "

/* Whether its last column's time has to be within those of rows that are referred to, taken together. */
#define KEY_HAS_PERIOD(constraint)                                                                 \
    "coalesce((pg_catalog.to_jsonb(" constraint ") ->> 'conperiod')::boolean, false) "

#endif
