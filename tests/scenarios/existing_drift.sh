#!/usr/bin/env bash
# What has become of columns and tables since the archive was written is found before anything is touched, by a rule for each.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"

# expect_refusal DATABASE ARGUMENT...
expect_refusal()
{
    local before

    before=$(dumped "$1")
    expect_exit 1 larder restore a.tar -d "$1" "${@:2}"
    expect_equal "the database" "$before" "$(dumped "$1")"
}

# target NAME SQL   a database with the archived table, changed
target()
{
    createdb -T source "$1"
    sql "$1" "UPDATE t SET a = 'damaged' WHERE id = 1; DELETE FROM t WHERE id = 2; $2"
}

server_start one
new_database source
sql source "CREATE TYPE mood AS ENUM ('fine', 'bad');
    CREATE TABLE t (id int PRIMARY KEY, a text, b int, c numeric(10,2), d timestamptz, m mood, g int GENERATED ALWAYS AS (b * 2) STORED);
    INSERT INTO t (id, a, b, c, d, m) SELECT i, 'a' || i, i, i + 0.25, timestamptz '2025-01-01 12:00:00Z' + i * interval '1 minute', 'fine' FROM generate_series(1, 100) AS i"
expect_exit 0 larder export -t t -d source -o a.tar --copy-format text --no-record -q
expect_exit 0 larder export -t t -d source -o binary.tar --copy-format auto --no-record -q

it "a column that was added keeps what it has, and new rows get its default"
target added "ALTER TABLE t ADD extra text DEFAULT 'unset'; UPDATE t SET extra = 'set'"
expect_exit 0 larder restore a.tar -d added --existing rows --no-undo --json
expect_stderr '"extra"'
expect_json .agree true
expect_query added "SELECT count(*), count(*) FILTER (WHERE extra = 'set'), (SELECT extra FROM t WHERE id = 2), (SELECT a FROM t WHERE id = 1) FROM t" "100|99|unset|a1"

it "a column that was added, is NOT NULL and has no default is an obstacle where rows are to be added"
target required "ALTER TABLE t ADD extra text; UPDATE t SET extra = 'set'; ALTER TABLE t ALTER extra SET NOT NULL"
expect_refusal required --existing rows --no-undo
expect_stderr '"extra"'

it "a column that was dropped, or is computed now, is left out and listed, by exit code 9"
target dropped "ALTER TABLE t DROP c, DROP d, DROP g; ALTER TABLE t ADD d int GENERATED ALWAYS AS (b + 1) STORED"
expect_exit 9 larder restore a.tar -d dropped --existing rows --no-undo --json
expect_json '.findings | map(.kind) | join(" ")' "left out left out"
expect_json '.tables[0] | "\(.agree) \(.proven)"' "true equal in its columns"
expect_query dropped "SELECT count(*), sum(b), sum(d), (SELECT a FROM t WHERE id = 1) FROM t" "100|5050|5150|a1"
expect_exit 9 larder restore a.tar -d dropped --existing rows --no-undo --json
expect_json '.changes[0] | .added + .changed + .removed' 0

it "a column of another type takes the values where they fit"
target retyped "ALTER TABLE t DROP g; ALTER TABLE t ALTER a TYPE varchar(20), ALTER b TYPE bigint, ALTER c TYPE numeric(12,4), ALTER m TYPE text; DROP TYPE mood"
expect_exit 0 larder restore a.tar -d retyped --existing rows --no-undo --json
expect_stderr "has another type now"
expect_json '.tables[0] | "\(.agree) \(.rows_target)"' "true 100"
expect_query retyped "SELECT a, b, c, m FROM t WHERE id = 2" "a2|2|2.2500|fine"
expect_exit 1 larder restore binary.tar -d retyped --existing rows --no-undo
expect_stderr mood

it "values that would be rounded or cut are no match, and nothing is touched"
target narrower "ALTER TABLE t ALTER c TYPE numeric(10,1)"
expect_refusal narrower --existing rows --no-undo
expect_stderr "do not fit"
target date "ALTER TABLE t ALTER d TYPE date"
expect_refusal date --existing rows --no-undo
expect_stderr "do not fit"

it "a type without a cast is found in the preflight"
target uncastable "ALTER TABLE t DROP d; ALTER TABLE t ADD d bytea"
expect_refusal uncastable --existing rows --no-undo --preview
expect_stderr "do not go into"

it "a primary key that has gone, or that the archive lacks, is an obstacle"
target keyless "ALTER TABLE t DROP CONSTRAINT t_pkey"
expect_refusal keyless --existing missing --no-undo
expect_stderr "no primary key"
target rekeyed "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD k uuid DEFAULT gen_random_uuid() PRIMARY KEY"
expect_refusal rekeyed --existing rows --no-undo
expect_stderr "the archive lacks k"
target doubled "ALTER TABLE t DROP CONSTRAINT t_pkey; DELETE FROM t WHERE id > 1; ALTER TABLE t ADD PRIMARY KEY (m)"
expect_refusal doubled --existing rows --no-undo
expect_stderr "several rows with one primary key"

it "partitions are merged one by one, and one that is lacking is made"
sql source "CREATE TABLE p (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2025-02-01'); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
    INSERT INTO p SELECT i, date '2025-01-01' + i, 'v' || i FROM generate_series(0, 57) AS i"
expect_exit 0 larder export -t p -d source -o p.tar --no-record -q
sql source "CREATE TABLE p_was AS TABLE p; DROP TABLE p2; UPDATE p SET v = 'x', day = day + 1 WHERE id < 30; DELETE FROM p WHERE id = 3"
expect_exit 0 larder restore p.tar -d source --existing rows --into-source source --no-undo --json
expect_json .agree true
expect_query source "SELECT count(*) FROM (TABLE p EXCEPT TABLE p_was) x" 0
expect_query source "SELECT count(*), (SELECT count(*) FROM pg_inherits WHERE inhparent = 'p'::regclass) FROM p" "58|2"

it "what inherits from a merged table, and is not merged, is not in the undo archive, which would take it back to what it was"
new_database kin
sql kin "CREATE TABLE elder (id int PRIMARY KEY, v text); CREATE TABLE \"Heir\" (PRIMARY KEY (id)) INHERITS (elder); CREATE TABLE twig (PRIMARY KEY (id)) INHERITS (\"Heir\");
    CREATE TABLE branch (PRIMARY KEY (id)) INHERITS (elder); INSERT INTO elder VALUES (1, 'a'); INSERT INTO \"Heir\" VALUES (2, 'b'); INSERT INTO branch VALUES (3, 'c')"
expect_exit 0 larder export -t elder -t '!"Heir"' -d kin -o kin.tar --no-record -q
sql kin "UPDATE ONLY elder SET v = 'x'; UPDATE branch SET v = 'x'"
expect_exit 0 larder restore kin.tar -d kin --existing rows --into-source kin --undo kin_undo.tar -q
sql kin "INSERT INTO \"Heir\" VALUES (4, 'later'); INSERT INTO twig VALUES (5, 'later')"
expect_exit 0 larder restore kin_undo.tar -d kin --existing rows --into-source kin --no-undo --json
expect_json '[.changes[].name] | sort | join(" ")' "branch elder"
expect_query kin "SELECT string_agg(id || v, ' ' ORDER BY id) FROM elder" "1x 2b 3x 4later 5later"

it "a column may have any name"
new_database names
sql names "CREATE TABLE named (id int PRIMARY KEY, larder_is_there bool, t int, b int, x int); INSERT INTO named VALUES (1, false, 1, 1, 1), (2, NULL, 2, 2, 2)"
expect_exit 0 larder export -t named -d names -o names.tar --no-record -q
sql names "DELETE FROM named WHERE id = 1; UPDATE named SET larder_is_there = true, b = 0; INSERT INTO named VALUES (3)"
expect_exit 0 larder restore names.tar -d names --existing rows --into-source names --preview
expect_exit 0 larder restore names.tar -d names --existing rows --into-source names --no-undo -q
expect_query names "SELECT string_agg(n::text, ' ' ORDER BY id) FROM named AS n" "(1,f,1,1,1) (2,,2,2,2)"

it "--into-schema loads plain tables beside, closed to others, to look and to merge"
new_database beside
sql beside "CREATE TYPE mood AS ENUM ('fine', 'bad'); CREATE TABLE t (a int); CREATE ROLE reader; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader, PUBLIC; ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO reader"
expect_exit 0 larder restore binary.tar -d beside --into-schema 'Look at' --json
expect_json .agree true
expect_query beside 'SELECT count(*), sum(b), max(c) FROM "Look at".t' "100|5050|100.25"
expect_query beside "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = '\"Look at\"'::regnamespace AND a.grantee <> c.relowner" 0
expect_exit 1 larder restore binary.tar -d beside --into-schema 'Look at'
expect_stderr "exists in the target already"
sql beside "DROP TYPE mood CASCADE"
expect_exit 0 larder restore a.tar -d beside --into-schema text_only -q
expect_query beside "SELECT count(*) FROM text_only.t WHERE m = 'fine'" 100
expect_exit 1 larder restore binary.tar -d beside --into-schema more
expect_stderr mood
expect_query beside "SELECT to_regnamespace('more') IS NULL" t
