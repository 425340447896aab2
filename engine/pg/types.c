#include "engine/pg/types.h"

#include <stddef.h>

/* OIDs below 10000 are given by hand in PostgreSQL's catalogs, and have never been given anew. */
static const struct type {
    uint32_t oid;
    const char *name;
    const char *why_not; /* NULL: its wire form is stable */
} table[] = {
    {16, "bool", NULL},
    {17, "bytea", NULL},
    {18, "char", NULL},
    {19, "name", NULL},
    {20, "int8", NULL},
    {21, "int2", NULL},
    {22, "int2vector", "cannot be read back in binary form where it is empty"},
    {23, "int4", NULL},
    {24, "regproc", "carries the OID of a function of this database"},
    {25, "text", NULL},
    {26, "oid", NULL},
    {27, "tid", NULL},
    {28, "xid", NULL},
    {29, "cid", NULL},
    {30, "oidvector", "cannot be read back in binary form where it is empty"},
    {114, "json", NULL},
    {142, "xml", "declares the encoding of the connection that sent it"},
    {600, "point", NULL},
    {601, "lseg", NULL},
    {602, "path", NULL},
    {603, "box", NULL},
    {604, "polygon", NULL},
    {628, "line", NULL},
    {650, "cidr", NULL},
    {700, "float4", NULL},
    {701, "float8", NULL},
    {718, "circle", NULL},
    {774, "macaddr8", NULL},
    {790, "money", "is counted in the smallest unit of the database's locale"},
    {829, "macaddr", NULL},
    {869, "inet", NULL},
    {1033, "aclitem", "has no binary form, and names roles"},
    {1042, "bpchar", NULL},
    {1043, "varchar", NULL},
    {1082, "date", NULL},
    {1083, "time", NULL},
    {1114, "timestamp", NULL},
    {1184, "timestamptz", NULL},
    {1186, "interval", NULL},
    {1266, "timetz", NULL},
    {1560, "bit", NULL},
    {1562, "varbit", NULL},
    {1700, "numeric", NULL},
    {1790, "refcursor", NULL},
    {2202, "regprocedure", "carries the OID of a function of this database"},
    {2203, "regoper", "carries the OID of an operator of this database"},
    {2204, "regoperator", "carries the OID of an operator of this database"},
    {2205, "regclass", "carries the OID of a relation of this database"},
    {2206, "regtype", "carries the OID of a type of this database"},
    {2950, "uuid", NULL},
    {2970, "txid_snapshot", NULL},
    {3220, "pg_lsn", NULL},
    {3614, "tsvector", NULL},
    {3615, "tsquery", "cannot be read back in binary form where it is empty"},
    {3734, "regconfig", "carries the OID of a text search configuration of this database"},
    {3769, "regdictionary", "carries the OID of a text search dictionary of this database"},
    {3802, "jsonb", NULL},
    {3904, "int4range", NULL},
    {3906, "numrange", NULL},
    {3908, "tsrange", NULL},
    {3910, "tstzrange", NULL},
    {3912, "daterange", NULL},
    {3926, "int8range", NULL},
    {4072, "jsonpath", NULL},
    {4089, "regnamespace", "carries the OID of a schema of this database"},
    {4096, "regrole", "carries the OID of a role of this server"},
    {4191, "regcollation", "carries the OID of a collation of this database"},
    {4451, "int4multirange", NULL},
    {4532, "nummultirange", NULL},
    {4533, "tsmultirange", NULL},
    {4534, "tstzmultirange", NULL},
    {4535, "datemultirange", NULL},
    {4536, "int8multirange", NULL},
    {5038, "pg_snapshot", NULL},
    {5069, "xid8", NULL},
};

static const struct type *find(uint32_t oid)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].oid == oid)
            return &table[i];
    return NULL;
}

bool types_is_stable(uint32_t type, char typtype, uint32_t element, const char **why_not)
{
    const char *ignored;
    const struct type *found = find(type);

    if (why_not == NULL)
        why_not = &ignored;
    if (typtype == 'e')
        return true;
    if (typtype == 'c') {
        *why_not = "is a composite type, whose binary form carries the OIDs of its columns' types";
        return false;
    }
    if (found == NULL && element != 0) {
        *why_not = "is an array, whose binary form carries the OID of its elements' type";
        found = find(element);
        return found != NULL && found->why_not == NULL;
    }
    *why_not =
        found != NULL ? found->why_not : "is not known to have the same binary form everywhere";
    return *why_not == NULL;
}
