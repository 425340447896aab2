#!/usr/bin/env bash
# A restore that is stopped at any moment leaves what was there before, or what the next one removes
# and does again.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

ARCHIVE=$SCRATCH/big.tar

# All that a restore could leave in a database or on its server.
state_of()
{
    sql "$1" "SELECT string_agg(nspname, ' ' ORDER BY 1) FROM pg_namespace WHERE nspname !~ '^pg_t';
        SELECT string_agg(oid::regclass::text, ' ' ORDER BY 1) FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace AND oid >= 16384;
        SELECT string_agg(oid::regprocedure::text, ' ' ORDER BY 1) FROM pg_proc WHERE oid >= 16384; SELECT string_agg(oid::regtype::text, ' ' ORDER BY 1) FROM pg_type WHERE oid >= 16384;
        SELECT string_agg(extname, ' ' ORDER BY 1) FROM pg_extension; SELECT string_agg(rolname, ' ' ORDER BY 1) FROM pg_roles"
}

expect_untouched()
{
    expect_equal "the state of $1" "$UNTOUCHED" "$(state_of "$1")"
}

server_start one
new_database source
psql -Xq -v ON_ERROR_STOP=1 -d source -f "$TESTS/support/edges.sql"
sql source "CREATE TABLE big (a int PRIMARY KEY, b text);
    INSERT INTO big SELECT i, md5(i::text) || md5((i * 2)::text) FROM generate_series(1, 150000) AS i;
    CREATE EXTENSION citext; CREATE TABLE words (w citext UNIQUE); INSERT INTO words VALUES ('a')"
expect_exit 0 larder export -t '*.*' -d source -o "$ARCHIVE" --no-record -q
server_start other
OPTIONS=(--create-roles --externals stub -j 2)
new_database target
UNTOUCHED=$(state_of target)

it "a backend that is killed in its COPY fails the restore, and all of it is taken back"
begin restore "$ARCHIVE" -d target "${OPTIONS[@]}"
when_copying target "PERFORM pg_terminate_backend(p)"
expect_end 1
expect_stderr terminat
expect_untouched target

it "SIGINT and SIGTERM end the restore by their codes, and all of it is taken back"
for signal in INT:130 TERM:143; do
    begin restore "$ARCHIVE" -d target "${OPTIONS[@]}"
    when_copying target NULL
    kill -"${signal%:*}" "$PID"
    expect_end "${signal#*:}"
    expect_untouched target
done

it "a second restore into the same database at the same time exits 6"
begin restore "$ARCHIVE" -d target "${OPTIONS[@]}"
when_copying target NULL
kill -STOP "$PID"
first=$PID
expect_exit 6 larder restore "$ARCHIVE" -d target "${OPTIONS[@]}"
expect_stderr "another restore"
expect_stderr "It ends by itself"
kill -CONT "$first"
PID=$first
expect_end 0
expect_exit 0 larder verify "$ARCHIVE" --against "dbname=target"

it "one that has lost its lock leaves the one that took over in peace"
server_use one
sql source "CREATE FUNCTION gate(n int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(n); RETURN true; END';
    CREATE TABLE first_gate (n int PRIMARY KEY CHECK (gate(n))); INSERT INTO first_gate VALUES (1); CREATE TABLE second_gate (n int PRIMARY KEY CHECK (gate(n))); INSERT INTO second_gate VALUES (2)"
for gate in first second; do
    expect_exit 0 larder export -t "${gate}_gate" -d source -o "$SCRATCH/$gate.tar" --no-record -q
done
sql source "DROP TABLE first_gate, second_gate; DROP FUNCTION gate"
server_use other
new_database gated
for gate in 1 2; do
    PGAPPNAME="gate $gate" psql -XAtq -d gated -c "SELECT pg_advisory_lock($gate), pg_sleep(600)" >/dev/null 2>&1 &
    wait_until expect_query gated "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = $gate AND granted" 1
done
open_gate()
{
    sql gated "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gate $1'" >/dev/null
}
expect_waiting()
{
    expect_query gated "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND $1" t
}
begin restore "$SCRATCH/first.tar" -d gated -j 1
first=$PID
wait_until expect_waiting "locktype = 'advisory' AND objid = 1"
sql gated "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid <> 0 AND granted" >/dev/null
larder restore "$SCRATCH/second.tar" -d gated -j 1 >"$SCRATCH/second.out" 2>&1 &
second=$!
wait_until expect_waiting "locktype = 'relation'"
open_gate 1
wait_until expect_waiting "locktype = 'advisory' AND objid = 2"
PID=$first
expect_end 1
expect_stderr "another restore has removed what this one had made"
expect_stderr "The target has no mark of this restore: "
expect_waiting "locktype = 'advisory' AND objid = 2"
open_gate 2
PID=$second
expect_end 0
expect_query gated "SELECT n, to_regclass('first_gate') IS NULL FROM second_gate" "2|t"

it "what SIGKILL left is closed to others, no obstacle to a preview, and the next restore does it again"
new_database killed
begin restore "$ARCHIVE" -d killed "${OPTIONS[@]}"
when_copying killed NULL
kill -KILL "$PID"
expect_end 137
wait_until test 0 = "$(sql killed "SELECT count(*) FROM pg_stat_activity WHERE datname = 'killed' AND pid <> pg_backend_pid()")"
expect_query killed "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0 AND a.privilege_type = 'SELECT'" 0
sleep 0.5
left=$(state_of killed)
for existing in error rows; do
    expect_exit 0 larder restore "$ARCHIVE" -d killed "${OPTIONS[@]}" --existing "$existing" --preview --json
    expect_json '[.findings[].kind] | join(" ")' "unfinished restore"
    expect_json '.changes // [] | length' 0
done
expect_exit 0 larder restore "$ARCHIVE" -d killed "${OPTIONS[@]}" --preview
expect_stderr "unfinished restore"
expect_stdout "nothing stands in the way; nothing was touched"
expect_equal "the state of killed" "$left" "$(state_of killed)"
expect_exit 0 larder restore "$ARCHIVE" -d killed "${OPTIONS[@]}" --json
expect_json .agree true
expect_query killed "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'larder%'" 0
expect_exit 0 larder verify "$ARCHIVE" --against "dbname=killed"

it "also where another archive, or the same one into another database, came between"
new_database first
new_database second
begin restore "$ARCHIVE" -d first "${OPTIONS[@]}"
when_copying first NULL
kill -KILL "$PID"
expect_end 137
expect_exit 0 larder restore "$ARCHIVE" -d second "${OPTIONS[@]}" -q
sleep 0.5
expect_exit 0 larder restore "$ARCHIVE" -d first -t big -t fired "${OPTIONS[@]}" -q
expect_query first "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace" 2

it "what a user has put into the database since is not removed"
new_database mixed
sql mixed "CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)"
begin restore "$ARCHIVE" -d mixed "${OPTIONS[@]}"
when_copying mixed NULL
kill -KILL "$PID"
expect_end 137
sleep 0.5
sql mixed "CREATE TABLE later (a int); INSERT INTO later VALUES (2)"
sql mixed "ALTER TABLE big RENAME TO set_aside; CREATE TABLE big (a int)"
expect_exit 1 larder restore "$ARCHIVE" -d mixed "${OPTIONS[@]}" --preview
expect_stderr 'table "public"."big" exists in the target already'
expect_stderr "1 thing stands in the way"
sql mixed "DROP TABLE big; ALTER TABLE set_aside RENAME TO big"
expect_exit 0 larder restore "$ARCHIVE" -d mixed "${OPTIONS[@]}" -q
expect_query mixed "SELECT (TABLE mine), (TABLE later)" "1|2"

it "what a user has made since of what the restore made is named, and keeps its rows"
server_use one
new_database moods
sql moods "CREATE TYPE mood AS ENUM ('fine'); CREATE FUNCTION gate(n int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(n); RETURN true; END';
    CREATE EXTENSION citext; CREATE TABLE day (n serial PRIMARY KEY CHECK (gate(n)), m mood, w citext) PARTITION BY RANGE (n); CREATE TABLE day_1 PARTITION OF day FOR VALUES FROM (1) TO (10); INSERT INTO day VALUES (1, 'fine')"
expect_exit 0 larder export -t day -d moods -o "$SCRATCH/moods.tar" --no-record -q
server_use other
leave_unfinished()
{
    createdb since
    PGAPPNAME="gate 1" psql -XAtq -d since -c "SELECT pg_advisory_lock(1), pg_sleep(600)" >/dev/null 2>&1 &
    wait_until expect_query since "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = 1 AND granted" 1
    begin restore "$SCRATCH/moods.tar" -d since --externals stub
    wait_until expect_query since "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND objid = 1" 1
    kill -KILL "$PID"
    expect_end 137
    sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'since'" >/dev/null
    wait_until expect_query postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'since'" 0
}

for made in "CREATE TABLE mine (a int, m mood); INSERT INTO mine VALUES (1, 'fine')" "CREATE TABLE mine PARTITION OF day FOR VALUES FROM (10) TO (20); INSERT INTO mine VALUES (10, 'fine')" \
    "CREATE TABLE mine (a int, t citext); INSERT INTO mine VALUES (1, 'fine')" "CREATE VIEW mine AS SELECT 'fine'::text AS a, n FROM day UNION ALL SELECT 'fine', 1" \
    "CREATE TABLE mine (a int); CREATE DOMAIN happy AS mood; ALTER TABLE mine ADD h happy; INSERT INTO mine VALUES (1, 'fine')" \
    "CREATE TABLE mine (a bigint DEFAULT nextval('day_n_seq'), t text); INSERT INTO mine VALUES (1, 'fine')"; do
    leave_unfinished
    sql since "$made"
    for way in -q --preview; do
        expect_exit 1 larder restore "$SCRATCH/moods.tar" -d since --externals stub "$way"
        expect_stderr "mine would be removed or cut with it"
    done
    expect_query since "SELECT count(*) FROM mine WHERE mine::text LIKE '%fine%'" 1
    sql since "SET client_min_messages = warning; DROP ${made:7:5} mine; DROP DOMAIN IF EXISTS happy"
    expect_exit 0 larder restore "$SCRATCH/moods.tar" -d since --externals stub -q
    dropdb since
done

it "and so are functions and types"
for made in "FUNCTION mine(mood) RETURNS int BEGIN ATOMIC SELECT 1; END" "TYPE mine AS (m mood)" "DOMAIN mine AS mood" "FUNCTION mine() RETURNS bigint BEGIN ATOMIC SELECT max(n) FROM day; END"; do
    leave_unfinished
    sql since "CREATE $made"
    expect_exit 1 larder restore "$SCRATCH/moods.tar" -d since --externals stub -q
    grep -Eq '(function|type) public\.mine(\((public\.mood)?\))? would be removed or cut with it' "$STDERR" || fail "it is not named"
    sql since "DROP ${made%% *} mine"
    expect_exit 0 larder restore "$SCRATCH/moods.tar" -d since --externals stub -q
    dropdb since
done

it "a schema of the mark's name that marks nothing is told with what helps"
new_database unmarked
sql unmarked "CREATE SCHEMA larder_unfinished_restore"
for way in -q --preview; do
    expect_exit 1 larder restore "$SCRATCH/moods.tar" -d unmarked --externals stub "$way"
    expect_stderr 'the schema "larder_unfinished_restore" does not say what that is'
    expect_stderr "drop the schema"
done

it "a mark that another role has forged is not obeyed"
new_database forged
sql forged "CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE forged TO mallory; CREATE TABLE precious (a int); INSERT INTO precious VALUES (1)"
psql -XAtq -d forged -U mallory -c "CREATE SCHEMA larder_unfinished_restore; CREATE TABLE larder_unfinished_restore.restore (backup_name text, undo text, begun_at timestamptz DEFAULT now());
    INSERT INTO larder_unfinished_restore.restore VALUES ('x', 'ALTER ROLE mallory SUPERUSER; DROP TABLE public.precious'); GRANT ALL ON SCHEMA larder_unfinished_restore TO PUBLIC; GRANT ALL ON larder_unfinished_restore.restore TO PUBLIC"
status=0
larder restore "$ARCHIVE" -d forged "${OPTIONS[@]}" >"$STDOUT" 2>"$STDERR" || status=$?
expect_exit 1 larder restore "$ARCHIVE" -d forged "${OPTIONS[@]}" --preview
expect_stderr 'belongs to role "mallory"'
expect_query forged "SELECT rolsuper, to_regclass('public.precious') FROM pg_roles WHERE rolname = 'mallory'" "f|precious"

it "rows that break a constraint of the target fail the restore, which takes all of it back"
server_use one
sql source "CREATE TABLE keys (id int PRIMARY KEY); CREATE TABLE refers (id int REFERENCES keys); INSERT INTO keys VALUES (1);
    SET session_replication_role = replica; INSERT INTO refers VALUES (1), (77)"
expect_exit 0 larder export -t keys -t refers -d source -o "$SCRATCH/orphan.tar" --no-record -q
server_use other
new_database orphan
before=$(state_of orphan)
expect_exit 1 larder restore "$SCRATCH/orphan.tar" -d orphan "${OPTIONS[@]}"
expect_stderr refers
expect_stderr 77
expect_equal "the state of orphan" "$before" "$(state_of orphan)"

it "a table that was there keeps its rows and its grants, though its first child is made and taken back"
server_use one
sql source "CREATE TABLE elders (id int PRIMARY KEY, word text); CREATE TABLE heirs (extra int CHECK (extra < 100)) INHERITS (elders);
    ALTER TABLE heirs DROP CONSTRAINT heirs_extra_check; INSERT INTO elders VALUES (1, 'a'); INSERT INTO heirs VALUES (2, 'b', 300)"
expect_exit 0 larder export -t elders -t heirs -d source -o "$SCRATCH/heirs.tar" --no-record -q
server_use other
new_database heirs
sql heirs "CREATE ROLE visitor; CREATE TABLE elders (id int PRIMARY KEY, word text); GRANT SELECT ON elders TO visitor; INSERT INTO elders SELECT i FROM generate_series(1001, 2000) AS i"
expect_exit 0 larder restore "$SCRATCH/heirs.tar" -d heirs -t heirs
expect_query heirs "SELECT count(*), has_table_privilege('visitor', 'elders', 'SELECT') FROM ONLY elders" "1000|t"
expect_query heirs "SELECT count(*) FROM heirs" 1
sql heirs "DROP TABLE heirs; ALTER TABLE elders ADD CHECK (id <> 2)"
sql heirs "VACUUM elders" # only now it counts as childless
before=$(state_of heirs)
for what in "-t heirs" "--existing missing --no-undo"; do
    read -ra options <<<"$what"
    expect_exit 1 larder restore "$SCRATCH/heirs.tar" -d heirs "${options[@]}"
    expect_equal "the state of heirs" "$before" "$(state_of heirs)"
    expect_query heirs "SELECT count(*), has_table_privilege('visitor', 'elders', 'SELECT') FROM elders" "1000|t"
done

it "a role of any name that was made is taken back"
server_use one
sql source "CREATE ROLE \"odd \$larder\$ 'role'\"; ALTER TABLE refers OWNER TO \"odd \$larder\$ 'role'\""
expect_exit 0 larder export -t keys -t refers -d source -o "$SCRATCH/odd.tar" --no-record -q
server_use other
expect_exit 1 larder restore "$SCRATCH/odd.tar" -d orphan "${OPTIONS[@]}"
expect_query orphan "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'odd%'" 0

it "a server that stops at once while restoring fails the restore, and the next one does it again"
new_database stopped
begin restore "$ARCHIVE" -d stopped "${OPTIONS[@]}"
when_copying stopped NULL
kill -STOP "$PID"
server_stop other immediate
kill -CONT "$PID"
expect_end 1
server_restart other
wait_until sql stopped "SELECT 1"
expect_exit 0 larder restore "$ARCHIVE" -d stopped "${OPTIONS[@]}" --json
expect_json .agree true
