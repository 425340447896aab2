#!/usr/bin/env bash
# Tables that change under an export, and exports that are stopped at the worst moment: an archive
# holds one state whole, or there is none.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store
TIMES=$(thinned 12)
mkdir "$STORE"

# Runs SQL again and again until stop_changing, each time as one transaction.
change()
{
    local sql=$1

    touch "$SCRATCH/changing"
    (
        # The file goes with SCRATCH too: what a failed scenario started must end.
        while [ -e "$SCRATCH/changing" ]; do
            for _ in {1..5}; do
                echo "BEGIN; $sql; COMMIT; SELECT pg_sleep(random() * 1.5);"
            done | psql -XAtq -d races >/dev/null 2>>"$SCRATCH/change.log" || true
        done
    ) &
    CHANGER=$!
}

stop_changing()
{
    rm "$SCRATCH/changing"
    wait "$CHANGER"
}

# expect_whole TIMES WHAT   exports of "busy" either fail or hold 1000 rows, and some succeed: on a slow machine after more tries
expect_whole()
{
    local done=0 status

    for ((i = 0; i < $1 || (done == 0 && i < 10 * $1); i++)); do
        rm -f "$SCRATCH"/busy.*
        status=0
        larder export -t busy -d races -o "$SCRATCH/busy.tar" --no-record --json -j 2 --lock-timeout 1 >"$STDOUT" 2>"$STDERR" || status=$?
        LAST="larder export -t busy ($2)"
        case $status in
            0)
                expect_json .rows 1000
                expect_exit 0 larder verify "$SCRATCH/busy.tar" --json
                expect_json '[.tables[].rows_archive] | add' 1000
                done=$((done + 1))
                ;;
            1) [ ! -e "$SCRATCH/busy.tar" ] || fail "a failed export left a file" ;;
            *) fail "exit $status" ;;
        esac
    done
    [ "$done" -gt 0 ] || fail "not one export of $i succeeded"
}

expect_nothing_left()
{
    expect_equal "the files in the store" "${1:-}" "$(find "$STORE" -type f ! -name .larder.lock)"
    expect_query "${2:-big}" "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder%' AND state <> 'idle'" 0
}

server_start one
new_database races
filled="INSERT INTO busy SELECT i, repeat('x', 100) FROM generate_series(1, 1000) AS i"
sql races "CREATE TABLE busy (a int, b text); $filled"

it "a table that is truncated and filled again is never found empty"
change "TRUNCATE busy; $filled"
expect_whole "$TIMES" truncate
stop_changing

it "a table that is dropped and made anew is never half there"
change "DROP TABLE busy; CREATE TABLE busy (a int, b text); $filled"
expect_whole "$TIMES" drop
stop_changing

it "a table that is replaced by renaming is the one or the other"
change "CREATE TABLE fresh (a int, b text); INSERT INTO fresh TABLE busy; ALTER TABLE busy RENAME TO old; ALTER TABLE fresh RENAME TO busy; DROP TABLE old"
expect_whole "$TIMES" rename
stop_changing

it "a table that is rewritten, and whose columns change, is whole"
change "ALTER TABLE busy ADD c float8 DEFAULT random(); ALTER TABLE busy DROP b; ALTER TABLE busy ADD b text DEFAULT 'b'; ALTER TABLE busy ALTER a TYPE bigint; ALTER TABLE busy ALTER a TYPE int; ALTER TABLE busy DROP c"
expect_whole "$TIMES" alter
stop_changing

it "partitions that come and go leave a whole table"
sql races "DROP TABLE busy; CREATE TABLE busy (a int, b text) PARTITION BY RANGE (a); CREATE TABLE busy_1 PARTITION OF busy FOR VALUES FROM (0) TO (501);
    CREATE TABLE busy_2 PARTITION OF busy FOR VALUES FROM (501) TO (2000); $filled"
change "ALTER TABLE busy DETACH PARTITION busy_2; CREATE TABLE busy_3 (LIKE busy_2); INSERT INTO busy_3 TABLE busy_2; DROP TABLE busy_2;
    ALTER TABLE busy_3 RENAME TO busy_2; ALTER TABLE busy ATTACH PARTITION busy_2 FOR VALUES FROM (501) TO (2000)"
expect_whole "$TIMES" partitions
stop_changing

it "a table that is made while an export waits for its locks comes along"
sql races "CREATE TABLE wait_1 AS SELECT 1 AS a"
sql races "BEGIN; LOCK TABLE wait_1; CREATE TABLE wait_2 AS SELECT 2 AS a; DO \$\$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'wait_1'::regclass) LOOP PERFORM pg_sleep(0.02); END LOOP;
    END \$\$; COMMIT" &
until [ "$(sql races "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'wait_1'::regclass")" = 1 ]; do sleep 0.02; done
expect_exit 0 larder export -t 'wait_?' -d races -o "$SCRATCH/wait.tar" --no-record --json
wait "$!"
expect_json '.tables | map(.name) | join(" ")' "wait_1 wait_2"

it "rows that move between tables are in one of them"
sql races "CREATE TABLE left_side AS SELECT generate_series(1, 1000) AS a; CREATE TABLE right_side (a int)"
change "WITH m AS (DELETE FROM left_side WHERE a IN (SELECT a FROM left_side ORDER BY random() LIMIT 100) RETURNING a) INSERT INTO right_side TABLE m;
    WITH m AS (DELETE FROM right_side WHERE a IN (SELECT a FROM right_side ORDER BY random() LIMIT 90) RETURNING a) INSERT INTO left_side TABLE m"
for _ in $(seq "$TIMES"); do
    rm -f "$SCRATCH"/busy.*
    expect_exit 0 larder export -t left_side -t right_side -d races -o "$SCRATCH/busy.tar" --no-record --json -j 2 --lock-timeout 1
    expect_json .rows 1000
done
stop_changing

it "a lock that cannot be had in time names the table, and who holds it"
PGAPPNAME='the "blocker"' psql -XAtq -d races -c "BEGIN; LOCK TABLE busy_1; SELECT pg_sleep(120)" >/dev/null 2>&1 &
BLOCKER=$!
wait_until expect_query races "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND locktype = 'relation'" 1
expect_exit 1 larder export -t 'busy' -d races --store "$STORE" --no-record --lock-timeout 1
expect_stderr busy_1
expect_stderr 'the "blocker"'
expect_stderr "$(sql races "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'the%'")"
expect_nothing_left '' races
sql races "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'the%'" >/dev/null
wait "$BLOCKER" || true

new_database big
sql big "CREATE TABLE big (a int, b text); ALTER TABLE big ALTER b SET STORAGE EXTERNAL;
    INSERT INTO big SELECT i, (SELECT string_agg(md5((i * j)::text), '') FROM generate_series(1, 60) AS j) FROM generate_series(1, 40000) AS i;
    CREATE TABLE small (a int); INSERT INTO small VALUES (1)"
larder init -d big -q
sql big "INSERT INTO backups.presets (preset, tables, in_database) VALUES ('all', '{big,small}', false)"

it "a backend that is killed in its COPY fails the export"
for lanes in 1 3; do
    begin export all -d big --store "$STORE" -j "$lanes"
    when_copying big "PERFORM pg_terminate_backend(p)"
    expect_end 1
    # Whoever needed the connection first says so: a lane, or pg_dump, which needs its snapshot.
    expect_stderr "larder: "
    expect_nothing_left
done
expect_query big "SELECT count(*) FROM backups.archives" 0
expect_query big "SELECT count(*) FROM backups.backup_metadata" 0

it "a query that is cancelled fails the export"
begin export all -d big --store "$STORE"
when_copying big "PERFORM pg_cancel_backend(p)"
expect_end 1
expect_stderr cancel
expect_nothing_left

it "SIGINT and SIGTERM end the export by their codes, and leave nothing"
for signal in INT:130 TERM:143; do
    begin export all -d big --store "$STORE"
    when_copying big "NULL"
    kill -"${signal%:*}" "$PID"
    expect_end "${signal#*:}"
    wait_until expect_nothing_left
done
begin export all -d big -o "$SCRATCH/interrupted.tar"
when_copying big "NULL"
kill -TERM "$PID"
expect_end 143
expect_equal "the files of the export" '' "$(find "$SCRATCH" -maxdepth 1 -name '*interrupted*')"

it "a second run of the same preset exits 6, and another one does not"
begin export all -d big --store "$STORE" -j 1
when_copying big "NULL"
kill -STOP "$PID"
first=$PID
expect_exit 6 larder export all -d big --store "$STORE"
expect_stderr all
expect_exit 6 larder export all -d big -o "$SCRATCH/second.tar"
[ ! -e "$SCRATCH/second.tar" ] || fail "a second run wrote a file"
expect_exit 0 larder export -t small -d big --store "$STORE"
kill -CONT "$first"
PID=$first
expect_end 0
expect_exit 0 larder verify "$(newest_archive "$STORE" all)"
rm -r "${STORE:?}"/*

it "what SIGKILL left behind blocks nobody, is in no list, and is removed by the next run"
begin export all -d big --store "$STORE"
when_copying big "NULL"
kill -KILL "$PID"
expect_end 137
[ -n "$(find "$STORE" -type f ! -name .larder.lock)" ] || fail "the kill came too early or too late"
expect_exit 0 larder list --store "$STORE" --json
expect_json length 0
wait_until expect_query big "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'" 0
expect_exit 0 larder export all -d big --store "$STORE"
name=$(basename "$(newest_archive "$STORE")" .tar)
expect_equal "the files in the store" "$name.json $name.sha256 $name.tar" "$(find "$STORE" -type f ! -name .larder.lock -printf '%f\n' | sort | xargs)"
rm -r "${STORE:?}"/*

it "a server that stops at once while exporting fails the export"
begin export all -d big --store "$STORE"
when_copying big "NULL"
kill -STOP "$PID"
server_stop one immediate
kill -CONT "$PID"
expect_end 1
expect_equal "the files in the store" '' "$(find "$STORE" -type f ! -name .larder.lock)"
server_restart one
wait_until sql big "SELECT 1"
expect_exit 0 larder export all -d big --store "$STORE" -q
expect_exit 0 larder verify "$(newest_archive "$STORE")"
