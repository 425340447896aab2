#!/usr/bin/env bash
# What stands in the way of a restore is found before the target is touched, and all of it is named.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# All that a restore could leave in a database or on its server.
state_of()
{
    dumped "$1" -s
    sql "$1" "SELECT rolname FROM pg_roles ORDER BY 1; SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_t' ORDER BY 1;
        SELECT count(*) FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace; SELECT count(*) FROM pg_proc; SELECT count(*) FROM pg_type"
}

# expect_refusal EXIT DATABASE ARGUMENT...   the restore fails, and leaves the database as it was
expect_refusal()
{
    local before

    before=$(state_of "$2")
    expect_exit "$1" larder restore "${@:3}"
    expect_equal "the database $2" "$before" "$(state_of "$2")"
}

server_start other
server_start one
sample_database kitchai 500
larder init -d kitchai -q
sql kitchai "CREATE EXTENSION citext; CREATE SCHEMA helpers; CREATE FUNCTION helpers.limit_of(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT \$1 * 2';
    CREATE TABLE needy (id int PRIMARY KEY, name citext, n int DEFAULT helpers.limit_of(2), CHECK (helpers.limit_of(n) > 0));
    INSERT INTO needy VALUES (1, 'Ä'), (2, 'b');
    CREATE ROLE clerk; GRANT SELECT ON needy TO clerk; CREATE POLICY p ON needy TO clerk USING (helpers.limit_of(id) > 1)"
expect_exit 0 larder export weekly -d kitchai --store "$SCRATCH/store" -q
archive=$(newest_archive "$SCRATCH/store" weekly)
expect_exit 0 larder export -t needy -d kitchai -o "$SCRATCH/needy.tar" --no-record -q

it "the target must be named: PGDATABASE is not taken for it"
expect_exit 2 larder restore "$archive"
expect_stderr target
new_database tempting
PGDATABASE=tempting expect_refusal 2 tempting "$archive"
PGDATABASE=tempting expect_refusal 2 tempting "$archive" -h "$PGHOST"
expect_exit 2 larder restore "$archive" -d 'postgres://['
expect_stderr "could not understand how to connect"
for seconds in soon 99999999999; do
    expect_exit 2 larder restore "$archive" -d "dbname=tempting connect_timeout=$seconds"
    expect_stderr "connect_timeout \"$seconds\" is no number of seconds"
done
expect_exit 2 larder restore -d tempting
expect_exit 2 larder restore "$archive" "$archive" -d tempting

it "tables that exist are all named, and nothing is touched"
new_database full
sql full "CREATE TABLE profiles (a int); CREATE VIEW user_stock AS SELECT 1; CREATE TABLE meal_plans (a int); INSERT INTO profiles VALUES (1)"
expect_refusal 1 full "$archive" -d full --externals stub
expect_stderr profiles
expect_stderr user_stock
expect_stderr meal_plans
expect_unsaid recipe_comments
expect_query full "TABLE profiles" 1

it "a restore into its own source is refused, also where the tables would fit"
expect_refusal 1 kitchai "$archive" -d kitchai
sql kitchai "CREATE TABLE put_aside AS TABLE needy; ALTER TABLE needy RENAME TO was_needy"
expect_refusal 1 kitchai "$SCRATCH/needy.tar" -d kitchai
expect_stderr --into-source
expect_refusal 1 kitchai "$SCRATCH/needy.tar" -d kitchai --into-source other
sql kitchai "DROP TABLE was_needy"
expect_exit 0 larder restore "$SCRATCH/needy.tar" -d kitchai --into-source kitchai
expect_query kitchai "SELECT count(*) FROM needy JOIN put_aside USING (id, name, n)" 2

it "all that the target lacks is one list, and nothing is touched"
server_use other
new_database lacking
expect_refusal 1 lacking "$SCRATCH/needy.tar" -d lacking
expect_stderr clerk
expect_stderr citext
expect_stderr helpers.limit_of
expect_stderr --create-roles
expect_stderr --externals
expect_refusal 1 lacking "$archive" -d lacking
for missing in anon authenticated service_role auth.users 'auth.uid()'; do
    expect_stderr "$missing"
done
expect_refusal 1 lacking "$SCRATCH/needy.tar" -d lacking --json
expect_json '[.findings[].kind] | unique | join(" ")' "extension function role"
expect_refusal 1 lacking "$archive" -d lacking --create-roles
expect_unsaid '"anon"'

it "--preview says what stands in the way, and touches nothing"
expect_refusal 1 lacking "$archive" -d lacking --preview
expect_stderr auth.users
expect_refusal 0 lacking "$archive" -d lacking --preview --create-roles --externals stub
expect_says "nothing was touched"

it "with everything made, it is restored"
expect_exit 0 larder restore "$SCRATCH/needy.tar" -d lacking --create-roles --externals stub
expect_query lacking "SELECT count(*) FROM needy WHERE name IN ('ä', 'B')" 2
expect_query lacking "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'clerk'" f

it "what is left out as asked is listed, and the exit code says so"
new_database skipping
expect_exit 9 larder restore "$archive" -d skipping --create-roles --externals skip --json
expect_json '.agree' true
expect_json '[.findings[] | select(.message | test("auth.users"))] | length > 0' true
expect_json '[.findings[] | select(.message | test("policy|POLICY"; "i"))] | length > 0' true
expect_query skipping "SELECT to_regclass('auth.users') IS NULL, (SELECT count(*) FROM recipe_uploads) > 0" "t|t"

it "what lost its policies is not open to those that the policies kept out"
expect_query skipping "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relrowsecurity" 0

it "a table that the archive does not hold is wrong usage"
new_database some
expect_refusal 2 some "$archive" -d some -t profiles -t no_such_table --create-roles --externals stub
expect_stderr no_such_table

it "a part of the archive is restored alone"
expect_exit 0 larder restore "$archive" -d some -t 'user_*' --create-roles --externals stub --json
expect_json '[.tables[].name] | sort | join(" ")' "user_follows user_interactions user_stock"

it "a foreign key to a table that was left behind is an obstacle, and can be left out"
new_database child
expect_refusal 1 child "$archive" -d child -t recipe_comments --create-roles
expect_stderr recipe_uploads
expect_exit 9 larder restore "$archive" -d child -t recipe_comments --create-roles --externals skip
expect_stderr recipe_comments_recipe_id_fkey

it "a foreign key and a policy keep the table of their schema that the archive does not hold, and the target has"
createdb beside
sql beside "CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners VALUES (1), (2); CREATE TABLE owned (id int PRIMARY KEY, owner int REFERENCES owners); INSERT INTO owned VALUES (1, 2);
    ALTER TABLE owned ENABLE ROW LEVEL SECURITY; CREATE POLICY theirs ON owned USING (EXISTS (SELECT FROM owners o WHERE o.id = owner))"
expect_exit 0 larder export -t owned -d beside -o "$SCRATCH/owned.tar" --no-record -q
new_database neighbour
sql neighbour "CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners VALUES (1)"
expect_exit 1 larder restore "$SCRATCH/owned.tar" -d neighbour
expect_stderr "--externals stub adds the keys that are missing"
expect_unsaid "--existing missing"
expect_query neighbour "SELECT to_regclass('owned') IS NULL" t
sql neighbour "INSERT INTO owners VALUES (2)"
expect_exit 0 larder restore "$SCRATCH/owned.tar" -d neighbour
expect_query neighbour "SELECT (SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'owned'::regclass AND contype = 'f'), (SELECT polname FROM pg_policy)" "owned_owner_fkey|theirs"

it "a table whose rows its own checks refuse is named, with what looked at them, and can be left out"
createdb checked
sql checked "CREATE TABLE z (x int); INSERT INTO z VALUES (1); CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM z WHERE x = \$1)';
    CREATE TABLE \"A b\" (x int CHECK (known(x))); INSERT INTO \"A b\" VALUES (1)"
expect_exit 0 larder export -t '*.*' -d checked -o "$SCRATCH/checked.tar" --no-record -q
new_database unchecked
expect_refusal 1 unchecked "$SCRATCH/checked.tar" -d unchecked
expect_stderr 'function "known"'
expect_stderr "-t '!\"public\".\"A b\"'"
expect_exit 0 larder restore "$SCRATCH/checked.tar" -d unchecked -t '*.*' -t '!"public"."A b"' -q
sql checked "CREATE OR REPLACE FUNCTION known(x int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT FROM z WHERE z.x = \$1); END'"
expect_exit 0 larder export -t '*.*' -d checked -o "$SCRATCH/in_plpgsql.tar" --no-record -q
new_database in_plpgsql
expect_refusal 1 in_plpgsql "$SCRATCH/in_plpgsql.tar" -d in_plpgsql
expect_stderr 'function public.known(integer)'

it "a digest that is not the archive's is refused"
new_database digest
expect_refusal 4 digest "$archive" -d digest --create-roles --externals stub --sha256 "$(printf '0%.0s' {1..64})"
expect_exit 0 larder restore "$archive" -d digest --create-roles --externals stub --sha256 "$(sha256sum <"$archive" | cut -c 1-64)" -q

it "a digest is taken in capitals, too, and what is none is wrong usage"
new_database capitals
expect_exit 0 larder restore "$archive" -d capitals --create-roles --externals stub --preview --sha256 "$(sha256sum <"$archive" | cut -c 1-64 | tr a-f A-F)" -q
expect_refusal 2 capitals "$archive" -d capitals --create-roles --externals stub --sha256 12345
expect_stderr "--sha256"

it "a target that allows no changes, or not to this role, is left as it is"
sql postgres "CREATE ROLE weak LOGIN"
new_database closed
expect_refusal 1 closed "$archive" -d closed -U weak --create-roles --externals stub

it "a conninfo string that names no database names no target"
server_use one
PGDATABASE=tempting expect_refusal 2 tempting "$archive" -d "host=$PGHOST" --create-roles --externals stub

it "partitions by the hash of an enum are told how to come back"
new_database hashed
sql hashed "CREATE TYPE hue AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't'); CREATE TABLE hues (h hue, n int) PARTITION BY HASH (h);
    CREATE TABLE hues_0 PARTITION OF hues FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE hues_1 PARTITION OF hues FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO hues SELECT (enum_range(NULL::hue))[1 + i % 20], i FROM generate_series(1, 80) AS i"
expect_exit 0 larder export -t 'public.*' -d hashed -o "$SCRATCH/hashed.tar" --no-record -q
new_database rehashed
expect_exit 1 larder restore "$SCRATCH/hashed.tar" -d rehashed
expect_stderr "--into-schema"
expect_exit 0 larder restore "$SCRATCH/hashed.tar" -d hashed --into-schema look --into-source hashed
expect_query hashed "SELECT (SELECT count(*) FROM look.hues_0) + (SELECT count(*) FROM look.hues_1)" 80
