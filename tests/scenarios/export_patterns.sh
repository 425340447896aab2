#!/usr/bin/env bash
# Names of tables are understood as psql understands them, and tables that no preset backs up are named.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

server_start one
new_database names
sql names "CREATE SCHEMA \"Other\"; CREATE SCHEMA s1; CREATE SCHEMA s2; CREATE TABLE plain (); CREATE TABLE \"Plain\" (); CREATE TABLE plain1 ();
    CREATE TABLE plain12 (); CREATE TABLE \"plain*\" (); CREATE TABLE \"a.b\" (); CREATE TABLE \"a\"\"b\" (); CREATE TABLE cash\$ ();
    CREATE TABLE \"arr[]\" (); CREATE TABLE t1 (); CREATE TABLE t2 (); CREATE TABLE t3 (); CREATE TABLE s1.plain (); CREATE TABLE s2.x ();
    CREATE TABLE \"Other\".\"X\" (); CREATE TABLE größe (); CREATE TABLE \"x|y\" (); CREATE TABLE \"back\\slash\" ()"

it "a pattern means what psql's \\dt means by it"
patterns=(plain PLAIN '"Plain"' 'plain*' 'plain?' 'plain??' '"plain*"' '"a.b"' '"a""b"' 'cash$' 'cash*' 'arr[]' 't[12]' 't(1|3)' 't1|t3' 'pl.*'
    'public.*' 's?.*' 's1.plain' '*.plain' '"Other".*' '"Other"."X"' '*.x' '*.*' 'GRÖSSE' 'größe' 'gr*' '"x|y"' '"back\slash"' 'plain1+' 't[0-9]' '*' 'P"l"ain')
for pattern in "${patterns[@]}"; do
    psql -XAtq -d names -c "\\dt $pattern" 2>/dev/null | awk -F'|' '$3 == "table" {print $1 "." $2}' | sort >"$SCRATCH/psql"
    # A bar in a name is psql's separator here, too.
    [[ $pattern != *'x|y'* && $pattern != '*' && $pattern != '*.*' && $pattern != 'public.*' ]] ||
        sql names "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' AND CASE '$pattern'
            WHEN '\"x|y\"' THEN tablename = 'x|y' WHEN '*.*' THEN true ELSE schemaname = 'public' END" | sort >"$SCRATCH/psql"
    if [ -s "$SCRATCH/psql" ]; then
        expect_exit 0 larder export -t "$pattern" -d names -o "$SCRATCH/x.tar" --no-record --json -j 1
        jq -r '.tables[] | .schema + "." + .name' "$STDOUT" | sort >"$SCRATCH/larder"
        rm -f "$SCRATCH"/x.*
    else
        expect_exit 1 larder export -t "$pattern" -d names -o "$SCRATCH/x.tar" --no-record
        : >"$SCRATCH/larder"
    fi
    expect_equal "what $pattern means" "$(cat "$SCRATCH/psql")" "$(cat "$SCRATCH/larder")"
done

it "a pattern that starts with ! leaves out what it matches"
expect_exit 0 larder export -t 't?' -t '!t[23]' -d names -o "$SCRATCH/x.tar" --no-record --json
expect_json '[.tables[].name] | join(" ")' t1

it "what is no regular expression is wrong usage, and named"
expect_exit 2 larder export -t plain -t 't(' -d names -o "$SCRATCH/none.tar"
expect_stderr '"t("'

it "all names that mean nothing are errors at once"
expect_exit 1 larder export -t plain -t misspelt -t 'no*thing' -t s1.nothing -d names -o "$SCRATCH/none.tar"
for name in misspelt 'no*thing' s1.nothing; do
    expect_stderr "$name"
done

it "tables of the system, indexes and sequences are no tables to export, and are named as what they are"
sql names "CREATE SEQUENCE counter; CREATE TABLE keyed (a int PRIMARY KEY)"
expect_exit 1 larder export -t pg_catalog.pg_class -t counter -t keyed_pkey -d names -o "$SCRATCH/none.tar"
expect_stderr '"pg_catalog.pg_class" is a table of the system'
expect_stderr '"counter" is a sequence'
expect_stderr '"keyed_pkey" is an index'

it "an export of a preset names the tables that no scheduled preset covers"
sample_database kitchai 50
larder init -d kitchai -q
sql kitchai "CREATE SCHEMA extra; CREATE TABLE extra.forgotten (a int) PARTITION BY LIST (a); CREATE TABLE extra.part PARTITION OF extra.forgotten DEFAULT; CREATE TABLE \"Also\" ()"
expect_exit 0 larder export daily -d kitchai --store "$SCRATCH/store" --json
expect_json '.warnings | length' 1
expect_json '.warnings[0]' 'no scheduled preset covers 2 tables: extra.forgotten, public."Also"'
sql kitchai "UPDATE backups.presets SET tables = tables || '{extra.forgotten,\"\\\"Also\\\"\"}' WHERE preset = 'weekly'"
expect_exit 0 larder export daily -d kitchai --store "$SCRATCH/store" --json
expect_json '.warnings | length' 0

it "a preset that is no pattern keeps none of the others from being exported"
sql kitchai "UPDATE backups.presets SET tables = '{t(}' WHERE preset = 'monthly'"
expect_exit 0 larder export daily -d kitchai --store "$SCRATCH/store"
expect_stderr 't('
