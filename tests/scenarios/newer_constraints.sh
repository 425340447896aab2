#!/usr/bin/env bash
# What only constraints of PostgreSQL 18 can be: not enforced, without overlaps, and NOT NULL with more than a name. The server is that of
# LARDER_TEST_PGBIN, or one of the folders in LARDER_TEST_PGBINS.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
IFS=: read -ra FOLDERS <<<"${LARDER_TEST_PGBIN:-}:${LARDER_TEST_PGBINS:-}:$(server_newest_bin)"
for bin in "${FOLDERS[@]}"; do
    [ -x "$bin/postgres" ] || continue
    [ "$("$bin/postgres" --version | grep -o '[0-9]*' | head -n 1)" -lt 18 ] || break
    bin=
done
[ -n "$bin" ] || skip "there is no server of PostgreSQL 18 or later"
export LARDER_PGBIN=$bin
server_start one --bin "$bin"

it "a key that is not enforced neither forbids a change nor passes it on"
new_database loose
sql loose "CREATE TABLE par (id int PRIMARY KEY, code text UNIQUE); INSERT INTO par VALUES (1, 'a');
    CREATE TABLE kept (id int PRIMARY KEY, par int REFERENCES par NOT ENFORCED);
    CREATE TABLE followed (id int, par int REFERENCES par ON DELETE CASCADE NOT ENFORCED);
    CREATE TABLE renamed (id int PRIMARY KEY, code text REFERENCES par (code) ON UPDATE CASCADE NOT ENFORCED)"
expect_exit 0 larder export -t par -d loose -o par.tar --no-record -q
sql loose "UPDATE par SET code = 'b'; INSERT INTO par VALUES (2, 'c'); INSERT INTO kept VALUES (1, 2); INSERT INTO followed VALUES (1, 2); INSERT INTO renamed VALUES (1, 'b')"
expect_exit 0 larder restore par.tar -d loose --existing rows --into-source loose --preview
expect_unsaid "foreign key"
expect_exit 0 larder restore par.tar -d loose --existing rows --into-source loose --undo loose.tar
expect_unsaid "foreign key"
expect_unsaid "no primary key"
expect_query loose "SELECT par FROM kept UNION ALL SELECT par FROM followed; SELECT code FROM renamed" "$(printf '2\n2\nb')"
expect_exit 0 larder restore loose.tar -d loose --existing rows --into-source loose --no-undo -q
expect_query loose "SELECT code FROM par ORDER BY id" "$(printf 'b\nc')"

it "nor does it in a restore inside the database"
expect_exit 0 larder init -d loose -q
expect_query loose "SELECT backups.create_backup('x_20260101', '{par}') IS NOT NULL" t
sql loose "INSERT INTO par VALUES (3, 'd'); INSERT INTO kept VALUES (3, 3)"
expect_query loose "SELECT removed, notes FROM backups.restore_table('x_20260101', 'par', 'rows')" "1|"

it "a primary key without overlaps is none by which rows could be put back"
new_database periods
sql periods "CREATE TABLE rooms (id int4range PRIMARY KEY); INSERT INTO rooms VALUES ('[1,2)');
    CREATE TABLE prices (room int4range REFERENCES rooms ON DELETE CASCADE, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS))"
expect_exit 0 larder export -t rooms -d periods -o rooms.tar --no-record -q
sql periods "INSERT INTO rooms VALUES ('[2,3)'); INSERT INTO prices VALUES ('[2,3)', '[2026-01-01,2027-01-01)')"
expect_exit 1 larder restore rooms.tar -d periods --existing rows --into-source periods
expect_stderr 'prices (foreign key "prices_room_fkey") would lose 1 row, and has no primary key to put them back by'
expect_exit 0 larder restore rooms.tar -d periods --existing rows --into-source periods --allow-cascade --undo periods.tar
expect_stderr '"prices" has no primary key: the undo archive has its rows, but --existing rows cannot put them back'

it "a NOT NULL constraint comes through unique values that change places as it was"
new_database swap
sql swap "CREATE TABLE of_own (id int PRIMARY KEY, u text CONSTRAINT own_one NOT NULL NO INHERIT UNIQUE, v text UNIQUE);
    COMMENT ON CONSTRAINT own_one ON of_own IS 'it''s said';
    INSERT INTO of_own VALUES (1, 'a', 'a'), (2, 'b', 'b'), (3, 'c', NULL);
    ALTER TABLE of_own ADD CONSTRAINT \"not yet\" NOT NULL v NOT VALID"
expect_exit 0 larder export -t of_own -d swap -o swap.tar --no-record -q
expect_exit 0 larder init -d swap -q
expect_query swap "SELECT backups.create_backup('x_20260101', '{of_own}') IS NOT NULL" t
constraints="SELECT conname, pg_get_constraintdef(oid), obj_description(oid) FROM pg_constraint WHERE conrelid = 'of_own'::regclass ORDER BY 1"
before=$(sql swap "$constraints")
swap="BEGIN; UPDATE of_own SET u = id::text, v = id::text WHERE id < 3; UPDATE of_own SET u = 'b', v = 'b' WHERE id = 1; UPDATE of_own SET u = 'a', v = 'a' WHERE id = 2; COMMIT"
sql swap "$swap"
expect_exit 0 larder restore swap.tar -d swap --existing rows --into-source swap --no-undo -q
expect_query swap "SELECT string_agg(u || v, ' ' ORDER BY id) FROM of_own" "aa bb"
expect_equal "the constraints" "$before" "$(sql swap "$constraints")"
sql swap "$swap"
expect_query swap "SELECT changed FROM backups.restore_table('x_20260101', 'of_own', 'rows')" 2
expect_query swap "SELECT string_agg(u || v, ' ' ORDER BY id) FROM of_own" "aa bb"
expect_equal "the constraints" "$before" "$(sql swap "$constraints")"
