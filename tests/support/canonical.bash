# shellcheck shell=bash
# What two databases are compared by, as lines that are equal where they hold the same; to be sourced.
#
#   rows_of CONNINFO               all rows of all tables and filled materialised views, as COPY writes them with fixed settings, each
#                                  after its table's name, sorted
#   sequences_of CONNINFO          each sequence that a table owns or takes defaults from: its name, last_value, is_called
#   schema_of PG_DUMP CONNINFO     what pg_dump --schema-only says, line by line and sorted, without what differs from run to run
#   differences ONE OTHER [EXCEPTIONS]...   the lines of diff between two files that no file of exceptions holds

# The order of lines is the bytes' own, whatever the locale; and no setting of the role or the database may show.
CANONICAL="SET client_min_messages = error; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex';
    SET TimeZone = 'UTC'; SET search_path = ''; SET row_security = off; SET quote_all_identifiers = off; SET statement_timeout = 0;
    SELECT pg_catalog.set_config('client_encoding', pg_catalog.current_setting('server_encoding'), false) \\g /dev/null"
OF_USERS="n.nspname !~ '^(pg_|information_schema\$)'"

rows_of()
{
    psql -XAtq -v ON_ERROR_STOP=1 -d "$1" <<END | LC_ALL=C sort
$CANONICAL
SELECT pg_catalog.format('COPY (SELECT %L, t.* FROM %s%I.%I AS t) TO STDOUT', n.nspname || '.' || c.relname, CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END, n.nspname, c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE $OF_USERS AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
\gexec
END
}

sequences_of()
{
    psql -XAtq -v ON_ERROR_STOP=1 -d "$1" <<END | LC_ALL=C sort
$CANONICAL
SELECT pg_catalog.format('COPY (SELECT %L, last_value, is_called FROM %I.%I) TO STDOUT', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE $OF_USERS AND c.relkind = 'S' AND EXISTS (SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') OR d.refobjid = c.oid AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass)
\gexec
END
}

# Servers of 15 may keep a number of their own in every column's options (pg_attver), which their own pg_dump hides and that of 18 shows.
schema_of()
{
    "$1" --schema-only -d "$2" | perl -0pe 's/ALTER TABLE ONLY [^;]*? SET \(pg_attver=\d+\);\n//g' |
        { grep -a -v -E '^(\\(un)?restrict |--|$)' || true; } | LC_ALL=C sort
}

differences()
{
    local one=$1 other=$2

    shift 2
    { diff --text "$one" "$other" || true; } | { grep -a '^[<>]' || true; } |
        { grep -a -v -x -F -f <(cat /dev/null "$@" | grep '^[<>]' || true) || true; }
}
