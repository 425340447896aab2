#!/usr/bin/env bash
# --existing missing adds what a table lacks, and --preview says exactly what differs and touches nothing.
#
#   LARDER_TEST_ROWS   rows of the table (2000; the full measure is 1000000)
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

ROWS=${LARDER_TEST_ROWS:-2000}
cd "$SCRATCH"

# The state of a database, down to what a VACUUM could tell apart.
state_of()
{
    sql "$1" "SELECT count(*), md5(string_agg(t.ctid::text || t::text, ',' ORDER BY ctid)) FROM items t"
    dumped "$1" -s
}

server_start one
new_database shop
sql shop "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, price numeric, made timestamptz DEFAULT now());
    INSERT INTO items SELECT i, 'item ' || i, i * 1.25, timestamptz '2025-01-01' + i * interval '1 second' FROM generate_series(1, $ROWS) AS i"
expect_exit 0 larder export -t items -d shop -o a.tar --no-record -q
sql shop "UPDATE items SET price = 0 WHERE id IN (5, 77, $ROWS); DELETE FROM items WHERE id IN (8, 900); INSERT INTO items VALUES ($ROWS + 1, 'new one', 1)"
before=$(state_of shop)

it "a preview reports the rows that changed, went and came, by their keys, and touches nothing"
for mode in rows missing; do
    expect_exit 0 larder restore a.tar -d shop --existing "$mode" --into-source shop --preview --json
    expect_json '.changes | length' 1
    expect_json '.changes[0] | "\(.changed) \(.added) \(.removed)"' "3 2 1"
    expect_json '.changes[0].changed_keys | map(tonumber) | sort | join(" ")' "5 77 $ROWS"
    expect_json '.changes[0].added_keys | map(tonumber) | sort | join(" ")' "8 900"
    expect_json '.changes[0].removed_keys | join(" ")' "$((ROWS + 1))"
    expect_json .undo null
    expect_equal "the database" "$before" "$(state_of shop)"
done
expect_exit 0 larder restore a.tar -d shop --existing rows --into-source shop --preview
expect_stdout "to change"
expect_stdout "$((ROWS + 1))"
expect_equal "the database" "$before" "$(state_of shop)"
expect_equal "the files" "a.json a.sha256 a.tar" "$(echo a.* undo* | sed 's/ undo\*//')"

touch .larder-tmp-undo_shop_20260101_000000.tar-killed .larder-tmp-undo_other_20260101_000000.tar-killed

it "missing adds the two rows that went, and leaves what changed and what came"
expect_exit 0 larder restore a.tar -d shop --existing missing --into-source shop --json
expect_json .agree true
expect_json '.changes[0] | "\(.changed) \(.added) \(.removed)"' "3 2 1"
expect_json '.tables[0].proven' "all there"
expect_json '.tables[0].rows_target' "$((ROWS + 1))"
expect_query shop "SELECT count(*), count(*) FILTER (WHERE price = 0), count(*) FILTER (WHERE id IN (8, 900)), count(*) FILTER (WHERE name = 'new one') FROM items" "$((ROWS + 1))|3|2|1"
expect_equal "the undo archive" 1 "$(find . -name 'undo_shop_*.tar' | wc -l)"
expect_equal "what killed restores have left, of another database" .larder-tmp-undo_other_20260101_000000.tar-killed "$(ls -d .larder-tmp-*)"

it "a second run finds nothing to add"
expect_exit 0 larder restore a.tar -d shop --existing missing --into-source shop --json
expect_json '.changes[0] | "\(.changed) \(.added) \(.removed)"' "3 0 1"
expect_json .undo null

it "rows makes all of it as it was, and the fingerprint proves it"
expect_exit 0 larder restore a.tar -d shop --existing rows --into-source shop --json
expect_json .agree true
expect_json '.tables[0] | .fingerprint_archive == .fingerprint_target' true
expect_exit 0 larder verify a.tar --against "dbname=shop"

it "a missing row whose unique value another row has now is an error, and changes nothing"
sql shop "DELETE FROM items WHERE id IN (8, 9); INSERT INTO items VALUES (-1, 'item 8', 1)"
before=$(state_of shop)
expect_exit 1 larder restore a.tar -d shop --existing missing --into-source shop --no-undo
expect_stderr items_name_key
expect_stderr "nothing was changed"
expect_equal "the database" "$before" "$(state_of shop)"

it "tables that are not there are made, in the same run"
sql shop "CREATE TABLE kinds (id int PRIMARY KEY, word text); INSERT INTO kinds VALUES (1, 'a'); CREATE TABLE tags (item bigint REFERENCES items, kind int REFERENCES kinds, PRIMARY KEY (item, kind)); INSERT INTO tags VALUES (5, 1)"
sql shop "DELETE FROM items WHERE id = -1"
expect_exit 0 larder restore a.tar -d shop --existing rows --into-source shop --no-undo -q
expect_exit 0 larder export -t '*.*' -d shop -o b.tar --no-record -q
new_database half
sql half "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, price numeric, made timestamptz DEFAULT now()); INSERT INTO items VALUES (5, 'other', 9)"
for mode in missing rows; do
    expect_exit 0 larder restore b.tar -d half --existing "$mode" --json
    expect_json .agree true
    expect_query half "SELECT (SELECT count(*) FROM items), (SELECT tags::text FROM tags), (SELECT count(*) FROM pg_constraint WHERE contype = 'f')" "$ROWS|(5,1)|2"
done
expect_query half "SELECT name FROM items WHERE id = 5" "item 5"
expect_query half "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'larder%'" 0

it "where that fails, what was made is taken back and what was there is as it was"
new_database failing
sql failing "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL UNIQUE CHECK (name <> 'item 7'), price numeric, made timestamptz DEFAULT now()); INSERT INTO items VALUES (5, 'other', 9)"
expect_exit 1 larder restore b.tar -d failing --existing rows
expect_stderr items_name_check
expect_query failing "SELECT string_agg(relname, ' ' ORDER BY 1) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'" items
expect_query failing "TABLE items" "5|other|9|$(sql failing 'SELECT made FROM items')"

it "a table that was dropped comes back alone with the keys and policies that name tables which are there"
new_database dropped
sql dropped "CREATE TABLE dishes (id int PRIMARY KEY, open boolean); CREATE TABLE notes (id int PRIMARY KEY, dish int REFERENCES dishes);
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY shown ON notes USING (EXISTS (SELECT FROM dishes d WHERE d.id = dish AND d.open));
    INSERT INTO dishes VALUES (1, true), (2, false); INSERT INTO notes VALUES (1, 1), (2, 2)"
expect_exit 0 larder export -t 'public.*' -d dropped -o dropped.tar --no-record -q
sql dropped "DROP TABLE notes"
expect_exit 0 larder restore dropped.tar -d dropped -t notes --into-source dropped
expect_query dropped "SELECT count(*) FROM pg_constraint WHERE conrelid = 'notes'::regclass AND contype = 'f'" 1
expect_query dropped "SELECT string_agg(polname, ' ') FROM pg_policy WHERE polrelid = 'notes'::regclass" shown

it "where rows are missing there it says how they come back"
sql dropped "DROP TABLE notes; DELETE FROM dishes WHERE id = 2"
expect_exit 1 larder restore dropped.tar -d dropped -t notes --into-source dropped
expect_stderr "--existing missing"
expect_query dropped "SELECT to_regclass('notes') IS NULL" t
expect_exit 0 larder restore dropped.tar -d dropped -t notes -t dishes --existing missing --no-undo --into-source dropped
expect_query dropped "SELECT count(*) FROM notes JOIN dishes d ON d.id = dish" 2

it "a sequence that outlived the table is left to its owner, and is behind what came back"
new_database shared
sql shared "CREATE SEQUENCE common; CREATE TABLE bills (id int DEFAULT nextval('common') PRIMARY KEY); CREATE TABLE owning (id serial PRIMARY KEY);
    CREATE TABLE using_it (id int DEFAULT nextval('owning_id_seq') PRIMARY KEY); CREATE TABLE months (id bigserial, m int, PRIMARY KEY (id, m)) PARTITION BY LIST (m);
    CREATE TABLE months_1 PARTITION OF months FOR VALUES IN (1); CREATE TABLE months_2 PARTITION OF months FOR VALUES IN (2);
    CREATE TABLE years (id bigint GENERATED ALWAYS AS IDENTITY, y int, PRIMARY KEY (id, y)) PARTITION BY LIST (y);
    CREATE TABLE years_1 PARTITION OF years FOR VALUES IN (1); CREATE TABLE years_2 PARTITION OF years FOR VALUES IN (2);
    INSERT INTO bills SELECT FROM generate_series(1, 5); INSERT INTO using_it SELECT FROM generate_series(1, 5);
    INSERT INTO months (m) SELECT 2 FROM generate_series(1, 5); INSERT INTO years (y) SELECT 2 FROM generate_series(1, 5)"
expect_exit 0 larder export -t 'public.*' -d shared -o shared.tar --no-record -q
next_numbers()
{
    sql shared "WITH b AS (INSERT INTO bills DEFAULT VALUES RETURNING id), u AS (INSERT INTO using_it DEFAULT VALUES RETURNING id),
        m AS (INSERT INTO months (m) VALUES (2) RETURNING id), y AS (INSERT INTO years (y) VALUES (2) RETURNING id)
        SELECT b.id, u.id, m.id, y.id FROM b, u, m, y"
}
for value in 1 90; do
    sql shared "DROP TABLE bills, using_it, months_2, years_2; SELECT setval('common', $value), setval('owning_id_seq', $value), setval('months_id_seq', $value), setval('years_id_seq', $value)" >/dev/null
    expect_exit 0 larder restore shared.tar -d shared -t bills -t using_it -t months_2 -t years_2 --into-source shared
    expect_stderr "left as it is in the target: SEQUENCE public common"
    expect_query shared "SELECT pg_get_serial_sequence('owning', 'id')" public.owning_id_seq
    [ "$value" = 1 ] && wanted='6|6|6|6' || wanted='91|91|91|91'
    expect_equal "the next numbers" "$wanted" "$(next_numbers)"
done
sql shared "CREATE VIEW taken AS SELECT; DROP TABLE bills; ALTER SEQUENCE common RENAME TO away; ALTER VIEW taken RENAME TO common"
expect_exit 1 larder restore shared.tar -d shared -t bills --into-source shared
expect_stderr 'relation "common" already exists'

it "the identity of a partitioned table is behind the rows that came back to one partition alone"
sql shared "TRUNCATE years; ALTER SEQUENCE years_id_seq RESTART"
expect_exit 0 larder restore shared.tar -d shared -t years_2 --existing rows --into-source shared --no-undo -q
expect_query shared "SELECT last_value FROM years_id_seq" 5

it "a sequence is put behind the values that it may give, whatever other rows have"
new_database bounded
sql bounded "CREATE TABLE bounded (id serial PRIMARY KEY, n numeric); CREATE SEQUENCE numbers OWNED BY bounded.n; ALTER SEQUENCE bounded_id_seq MAXVALUE 100;
    INSERT INTO bounded VALUES (7, 'NaN'), (1000, 9), (-1, 1e30)"
expect_exit 0 larder export -t bounded -d bounded -o bounded.tar --no-record -q
sql bounded "DELETE FROM bounded"
expect_exit 0 larder restore bounded.tar -d bounded --existing rows --into-source bounded --no-undo -q
expect_query bounded "SELECT b.last_value, n.last_value FROM bounded_id_seq b, numbers n" "7|9"

it "sequences of partitioned tables, of domains, and descending ones are behind what came back"
new_database numbers
sql numbers "CREATE DOMAIN number AS bigint; CREATE DOMAIN positive AS number CHECK (VALUE > 0);
    CREATE TABLE parted (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a text) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100); CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200);
    CREATE SEQUENCE numbered; CREATE TABLE numbered_rows (id positive DEFAULT nextval('numbered') PRIMARY KEY);
    CREATE TABLE downward (id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1) PRIMARY KEY);
    INSERT INTO parted SELECT i FROM generate_series(1, 105) i; INSERT INTO numbered_rows SELECT generate_series(1, 5); INSERT INTO downward SELECT -generate_series(1, 5);
    SELECT setval('parted_id_seq', 105), setval('numbered', 5), setval('downward_id_seq', -5)" >/dev/null
expect_exit 0 larder export -t '*.*' -d numbers -o numbers.tar --no-record -q
for mode in missing rows; do
    sql numbers "TRUNCATE parted, numbered_rows, downward; ALTER SEQUENCE parted_id_seq RESTART; ALTER SEQUENCE numbered RESTART; ALTER SEQUENCE downward_id_seq RESTART"
    expect_exit 0 larder restore numbers.tar -d numbers --existing "$mode" --into-source numbers --no-undo -q
    expect_query numbers "SELECT last_value FROM parted_id_seq UNION ALL SELECT last_value FROM numbered UNION ALL SELECT last_value FROM downward_id_seq" $'105\n5\n-5'
    sql numbers "INSERT INTO parted DEFAULT VALUES; INSERT INTO numbered_rows DEFAULT VALUES; INSERT INTO downward DEFAULT VALUES"
done
