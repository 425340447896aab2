#!/usr/bin/env bash
# The rules of docs/what-is-exported.md, one by one.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# expect_tables NAMES ARGUMENT...: what an export of the arguments holds
expect_tables()
{
    expect_exit 0 larder export "${@:2}" -d db -o "$SCRATCH/$RANDOM.tar" --no-record --json -j 1
    expect_json '[.tables[].name] | sort | join(" ")' "$1"
}

server_start one
new_database db
sql db "CREATE TABLE t (a int); CREATE UNLOGGED TABLE u (a int); INSERT INTO u VALUES (1); CREATE VIEW v AS TABLE t; CREATE MATERIALIZED VIEW mv AS TABLE t;
    CREATE SEQUENCE s; CREATE SEQUENCE lone; ALTER TABLE t ADD b int DEFAULT nextval('s'); ALTER TABLE u ADD c serial; CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent);
    CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; CREATE TABLE parted (a int) PARTITION BY LIST (a);
    CREATE TABLE near PARTITION OF parted FOR VALUES IN (1); CREATE FOREIGN TABLE away PARTITION OF parted FOR VALUES IN (2) SERVER far;
    CREATE TABLE of_extension (a int); ALTER EXTENSION postgres_fdw ADD TABLE of_extension"

it "a pattern takes tables alone"
expect_tables "child near parent parted t u" -t 'public.*' -t '!away'

it "an unlogged table brings its rows"
expect_tables u -t u
expect_json .rows 1

it "a parent brings its children, and a foreign partition is left out where that is said"
expect_tables "child parent" -t parent
expect_exit 1 larder export -t parted -d db -o "$SCRATCH/none.tar"
expect_stderr '"!public.away" leaves it out'
expect_tables "near parted" -t parted -t '!away'

it "a verification says why a parent's numbers differ and are equal, and only then"
sql db "INSERT INTO near VALUES (1)"
expect_exit 0 larder export -t parted -t '!away' -d db -o "$SCRATCH/parted.tar" --no-record
expect_stdout "1 row of 2 tables"
expect_exit 0 larder verify "$SCRATCH/parted.tar"
expect_stdout "the metadata counts partitions and children with their parent"
expect_exit 0 larder export -t near -d db -o "$SCRATCH/near.tar" --no-record
expect_exit 0 larder verify "$SCRATCH/near.tar"
expect_stdout "equal: 1 table, counted"
expect_unsaid "partitions and children"

it "a child that has left its first parent counts with the one that it still has"
sql db "CREATE TABLE left_one (a int); CREATE TABLE kept_one (a int); CREATE TABLE heir () INHERITS (left_one, kept_one);
    ALTER TABLE heir NO INHERIT left_one; INSERT INTO heir VALUES (1), (2)"
expect_exit 0 larder export -t kept_one -d db -o "$SCRATCH/heir.tar" --no-record
expect_equal "the rows of the parent" 2 "$(tar xOf "$SCRATCH/heir.tar" manifest.json | jq -r '.backup_metadata[].row_count')"
expect_equal "the parent" kept_one "$(tar xOf "$SCRATCH/heir.tar" manifest.json | jq -r '.tables[] | select(.name == "heir").parent.name')"
sql db "DROP TABLE left_one, kept_one CASCADE"

it "a table of an extension is refused by the extension's name"
expect_exit 1 larder export -t of_extension -d db -o "$SCRATCH/none.tar"
expect_stderr 'the extension "postgres_fdw"'

it "sequences that a table uses go along with it, and others do not"
expect_exit 0 larder export -t t -d db -o "$SCRATCH/t.tar" --no-record
expect_equal "the sequences" s "$(tar xOf "$SCRATCH/t.tar" manifest.json | jq -r '[.sequences[].name] | join(" ")')"
expect_equal "the sequences that no table uses" lone "$(tar xOf "$SCRATCH/t.tar" manifest.json | jq -r '[.unused_sequences[].name] | join(" ")')"
coproc HOLDER { psql -XAtq -d db; }
holder=$HOLDER_PID # which is gone when the process is
echo "BEGIN; CREATE SEQUENCE more; COMMIT; BEGIN; DROP SEQUENCE lone; SELECT 1;" >&"${HOLDER[1]}"
read -r _ <&"${HOLDER[0]}"
expect_exit 0 larder export -t t -d db -o "$SCRATCH/held.tar" --no-record --lock-timeout 60
expect_stderr "of the sequences that no table uses 1 could not be read at once"
expect_equal "those that are not held" more "$(tar xOf "$SCRATCH/held.tar" manifest.json | jq -r '[.unused_sequences[].name] | join(" ")')"
echo "ROLLBACK; DROP SEQUENCE more; \\q" >&"${HOLDER[1]}"
wait "$holder"
expect_equal "those that are set by hand" 1 "$(tar xOf "$SCRATCH/t.tar" load.sql | grep -c setval)"

it "large objects are left out, and that is said where there are some"
expect_exit 0 larder export -t t -d db -o "$SCRATCH/no_objects.tar" --no-record
expect_unsaid "large objects"
sql db "SELECT lo_from_bytea(0, 'x')" >/dev/null
expect_exit 0 larder export -t t -d db -o "$SCRATCH/objects.tar" --no-record --json
expect_json '.warnings[0]' "large objects are not exported, and this database has some"
sql db "REVOKE SELECT ON pg_largeobject_metadata FROM PUBLIC; CREATE ROLE modest LOGIN; GRANT SELECT ON t, s TO modest"
PGUSER=modest expect_exit 0 larder export -t t -d db -o "$SCRATCH/unknown_objects.tar" --no-record
expect_unsaid "large objects"

it "a table with rows elsewhere is refused by name, and so are a view and a temporary table of others"
coproc OTHER { psql -XAtq -d db; }
echo "CREATE TEMPORARY TABLE passing (a int); SELECT pg_my_temp_schema()::regnamespace;" >&"${OTHER[1]}"
read -r temporary <&"${OTHER[0]}"
for name in away v mv "$temporary.passing"; do
    expect_exit 1 larder export -t "$name" -d db -o "$SCRATCH/none.tar"
    expect_stderr "${name#*.}"
done
expect_tables "child near parent parted t u" -t '*.*' -t '!away'
