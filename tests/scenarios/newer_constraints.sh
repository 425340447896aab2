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

it "nor does it keep unique values from changing places, or is it missed where rows are followed"
new_database places
sql places "CREATE TABLE owner (id int PRIMARY KEY, code text UNIQUE); INSERT INTO owner VALUES (1, 'a'), (2, 'b');
    CREATE TABLE user_of (id int PRIMARY KEY, code text REFERENCES owner (code) NOT ENFORCED, owner int REFERENCES owner)"
expect_exit 0 larder export -t owner -d places -o places.tar --no-record -q
expect_exit 0 larder init -d places -q
expect_query places "SELECT backups.create_backup('x_20260101', '{owner}') IS NOT NULL" t
swap="BEGIN; UPDATE owner SET code = id::text; UPDATE owner SET code = CASE id WHEN 1 THEN 'b' ELSE 'a' END; COMMIT"
sql places "$swap"
expect_exit 0 larder restore places.tar -d places --existing rows --into-source places --no-undo -q
expect_query places "SELECT code FROM owner ORDER BY id" "$(printf 'a\nb')"
sql places "$swap"
expect_query places "SELECT changed FROM backups.restore_table('x_20260101', 'owner', 'rows')" 2
sql places "ALTER TABLE owner ADD next int REFERENCES owner NOT ENFORCED; UPDATE owner SET next = 7 WHERE id = 1; INSERT INTO user_of VALUES (1, 'z', 1)"
expect_exit 0 larder export -t user_of --follow-references=rows -d places -o follow.tar --no-record -q
new_database followed
sql followed "CREATE TABLE owner (id int PRIMARY KEY, code text UNIQUE, next int REFERENCES owner NOT ENFORCED)"
expect_exit 0 larder restore follow.tar -d followed -q
expect_query followed "SELECT next FROM owner" 7

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

it "what keys with PERIOD refer to gets stand-ins, whose times are those of the rows taken together"
new_database time
sql time "CREATE EXTENSION btree_gist; CREATE TABLE rooms (id int, open daterange, name text NOT NULL DEFAULT 'r', PRIMARY KEY (id, open WITHOUT OVERLAPS));
    INSERT INTO rooms SELECT i, daterange(date '2026-01-01' + 10 * k, date '2026-01-11' + 10 * k) FROM generate_series(1, 3) i, generate_series(0, 2) k;
    CREATE TABLE bookings (n int PRIMARY KEY, room int, during daterange, FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD open));
    CREATE TABLE cleanings (room int, during daterange, FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD open));
    INSERT INTO bookings VALUES (1, 1, '[2026-01-05,2026-01-15)'), (2, 1, '[2026-01-09,2026-01-20)'), (3, 2, '[2026-01-02,2026-01-03)'), (4, NULL, '[2026-01-02,2026-01-03)');
    INSERT INTO cleanings VALUES (1, '[2026-01-01,2026-01-08)'), (2, '[2026-01-02,2026-01-03)'), (2, '[2026-01-29,2026-01-30)')"
times="SELECT id, range_agg(open) FROM rooms GROUP BY id ORDER BY id"
wanted=$(printf '1|{[2026-01-01,2026-01-20)}\n2|{[2026-01-02,2026-01-03),[2026-01-29,2026-01-30)}')
keys="SELECT count(*) FROM pg_constraint WHERE conperiod AND contype = 'f' AND convalidated"
expect_exit 0 larder export -t bookings -t cleanings -d time -o time.tar --no-record -q
new_database stood_in
expect_exit 0 larder restore time.tar -d stood_in --externals stub -q
expect_query stood_in "$times" "$wanted"
expect_query stood_in "$keys" 2

it "also where a column holds several times"
new_database times
sql times "CREATE EXTENSION btree_gist; CREATE TABLE open (id int, at datemultirange, PRIMARY KEY (id, at WITHOUT OVERLAPS)); INSERT INTO open VALUES (1, '{[2026-01-01,2026-02-01),[2026-03-01,2026-04-01)}');
    CREATE TABLE used (id int, at datemultirange, FOREIGN KEY (id, PERIOD at) REFERENCES open (id, PERIOD at)); INSERT INTO used VALUES (1, '{[2026-01-02,2026-01-03),[2026-03-02,2026-03-05)}')"
expect_exit 0 larder export -t used -d times -o times.tar --no-record -q
new_database several
expect_exit 0 larder restore times.tar -d several --externals stub -q
expect_query several "SELECT range_agg(at) FROM open" "{[2026-01-02,2026-01-03),[2026-03-02,2026-03-05)}"
expect_query several "$keys" 1

it "by hand, too"
new_database by_hand
mkdir hand
tar x -C hand -f time.tar
(cd hand && PATH=$bin:$PATH expect_exit 0 psql -Xq -v ON_ERROR_STOP=1 -d by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql)
expect_query by_hand "$times" "$wanted"
expect_query by_hand "$keys" 2

it "and where the archive has them, but they are not restored; and beside tables that are there, of which nothing is missing"
expect_exit 0 larder export -t '*' -d time -o whole.tar --no-record -q
new_database one_of_all
expect_exit 0 larder restore whole.tar -d one_of_all -t bookings --externals stub -q
expect_query one_of_all "$keys" 1
new_database beside
expect_exit 0 larder restore whole.tar -d beside -t rooms --externals stub -q
sql beside "ALTER TABLE rooms ALTER name DROP DEFAULT; UPDATE rooms SET open = open - daterange('2026-01-25', NULL) WHERE upper(open) > '2026-01-25'"
expect_exit 0 larder restore whole.tar -d beside -t bookings --externals stub -q
expect_query beside "SELECT count(*) FROM rooms" 9
expect_exit 1 larder restore time.tar -d beside -t cleanings --externals stub -q
sql beside "ALTER TABLE rooms ALTER name DROP NOT NULL"
expect_exit 0 larder restore time.tar -d beside -t cleanings --externals stub
expect_stderr '1 rows were added to "public"."rooms"'
expect_query beside "$keys" 2

for what in keys rows; do
    it "$what that are followed come back by their times"
    expect_exit 0 larder export -t bookings -t cleanings --follow-references=$what -d time -o "$what.tar" --no-record -q
    new_database "all_$what"
    expect_exit 0 larder restore "$what.tar" -d "all_$what" --externals stub -q
    expect_query "all_$what" "SELECT count(*) FROM rooms" 4
    expect_query "all_$what" "$keys" 2
    expect_exit 0 larder restore "$what.tar" -d beside --into-schema "$what" -q
    expect_exit 0 larder drill "$what.tar" -d dbname=postgres -q
done
