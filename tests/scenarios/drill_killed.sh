#!/usr/bin/env bash
# A drill that is killed at any moment leaves nothing that the next one does not remove; and that one never touches what is
# another's.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

KILLS=${LARDER_TEST_KILLS:-2}
RANDOM=${LARDER_TEST_SEED:-20250126}
STORE=$SCRATCH/store

databases()
{
    sql postgres "SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), 'none') FROM pg_database
        WHERE datname LIKE 'larder\\_drill\\_%' OR datname LIKE 'scratch%'"
}

# Starts a drill, and waits until COMMAND is true of it.
start_drill()
{
    # Not by the function: that would be a shell with the drill as its child.
    "$LARDER" drill "$archive" "$@" >"$STDOUT" 2>"$STDERR" &
    DRILL=$!
}

has_database()
{
    [ "$(databases)" != none ]
}

has_folder()
{
    compgen -G "$TMPDIR/larder-server.*" >/dev/null
}

has_server()
{
    compgen -G "$TMPDIR/larder-server.*/socket/.s.PGSQL.5432" >/dev/null
}

no_folder()
{
    ! compgen -G "$TMPDIR/larder-server.*" >/dev/null
}

kill_drill()
{
    kill -"$1" "$DRILL"
    wait "$DRILL" || true
}

export TMPDIR=$SCRATCH/t
mkdir -m 711 "$TMPDIR"
server_start one
sample_database kitchai 1000
larder init -d kitchai -q
sql kitchai "CREATE ROLE of_the_archive; GRANT SELECT ON profiles TO of_the_archive"
expect_exit 0 larder export daily -d kitchai --store "$STORE" -q
archive=$(newest_archive "$STORE" daily)
server_start two
server_use two

it "what a killed drill has left on a server, the next one removes"
echo "SELECT WHERE pg_sleep(3) IS NULL" >"$SCRATCH/pause.sql" # so that none is over before it is killed
for ((i = 0; i < KILLS; i++)); do
    start_drill -d postgres --checks "$SCRATCH/pause.sql"
    wait_until has_database
    sleep 0.$((RANDOM % 9))
    kill_drill KILL
done
# A CREATE DATABASE that has begun ends even where nobody waits for it.
no_session()
{
    [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")" = 0 ]
}
wait_until no_session
expect_exit 0 larder drill "$archive" -d postgres
expect_equal "what is left" none "$(databases)"
expect_query postgres "SELECT count(*) FROM pg_roles WHERE rolname = 'of_the_archive'" 0

it "and so where the server notices that the drill is gone only while the next one runs"
left=larder_drill_20250126_020000_0badf00d
sql postgres "CREATE DATABASE $left ALLOW_CONNECTIONS false"
locks="SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = hashtextextended('$left', 0) & 4294967295"
sql postgres "SELECT pg_advisory_lock(hashtextextended('$left', 0)), pg_sleep(600)" >"$SCRATCH/lock.out" 2>&1 &
is_locked()
{
    [ -n "$(sql postgres "$locks")" ]
}
wait_until is_locked
echo "WITH l AS MATERIALIZED ($locks) SELECT pid FROM l WHERE NOT pg_terminate_backend(pid, 60000)" >"$SCRATCH/end.sql"
expect_exit 0 larder drill "$archive" -d postgres --checks "$SCRATCH/end.sql"
expect_equal "what is left" none "$(databases)"

it "a drill that is running is left alone, and so is what only looks like a drill's"
createdb larder_drill_20250126_020000_0badcafe
createdb scratch
sql postgres "CREATE ROLE other LOGIN CREATEDB"
sql postgres "CREATE DATABASE larder_drill_20250126_020000_0badcaff OWNER other"
sql postgres "COMMENT ON DATABASE larder_drill_20250126_020000_0badcaff IS
    'made by larder for a drill, and removed by the next one'"
echo "SELECT pg_sleep(600) IS NULL WHERE false OR pg_sleep(600) IS NULL" >"$SCRATCH/slow.sql"
start_drill -d postgres --checks "$SCRATCH/slow.sql"
running()
{
    [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'")" = 1 ]
}
wait_until running
first=$DRILL
expect_exit 0 larder drill "$archive" -d postgres --json
expect_json .agree true
expect_query postgres "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'" 1
DRILL=$first
kill_drill TERM
expect_equal "what is left" "larder_drill_20250126_020000_0badcafe larder_drill_20250126_020000_0badcaff scratch" "$(databases)"
expect_query postgres "SELECT count(*) FROM pg_roles WHERE rolname = 'of_the_archive'" 0

it "SIGTERM and SIGINT end a drill at once, and leave nothing"
dropdb scratch
dropdb larder_drill_20250126_020000_0badcafe
dropdb larder_drill_20250126_020000_0badcaff
for number in TERM:143 INT:130; do
    # In the background bash has a command ignore SIGINT.
    env --default-signal=INT "$LARDER" drill "$archive" -d postgres --checks "$SCRATCH/slow.sql" >"$STDOUT" 2>"$STDERR" &
    DRILL=$!
    wait_until running
    status=0
    kill -"${number%:*}" "$DRILL"
    wait "$DRILL" || status=$?
    expect_equal "the exit code" "${number#*:}" "$status"
    expect_equal "what is left" none "$(databases)"
done

it "a server of its own goes with a drill that is killed, at whatever moment"
for sign in has_folder has_server; do
    start_drill --embedded --checks "$SCRATCH/slow.sql"
    wait_until "$sign"
    sleep 0.$((RANDOM % 9))
    kill_drill KILL
    wait_until no_folder
done

it "and where what watches over it is killed, too, the server stops, and the next drill removes the rest"
start_drill --embedded --checks "$SCRATCH/slow.sql"
wait_until has_server
guard=$(pgrep -P "$DRILL" | head -n 1)
server=$(head -n 1 "$TMPDIR"/larder-server.*/data/postmaster.pid)
kill -KILL "$DRILL" "$guard"
wait "$DRILL" || true
server_is_gone()
{
    ! kill -0 "$server"
}
wait_until server_is_gone
has_left=$(compgen -G "$TMPDIR/larder-server.*")
[ -d "$has_left" ] || fail "nothing was left to be removed"
expect_exit 0 larder drill "$archive" --embedded
no_folder || fail "the folder is still there"

it "what could not be removed whole is known for a left one by the next that can"
for limit in 6 7 8 10; do
    mkdir -p "$TMPDIR"/larder-server.forged/data/{1..3}/a/b/c/d/e
    touch "$TMPDIR/larder-server.forged/lock" "$TMPDIR"/larder-server.forged/data/{1..3}/a/b/c/d/e/file
    (ulimit -n "$limit" && "$LARDER" drill "$archive" --embedded) >"$STDOUT" 2>"$STDERR" || true
    [ ! -e "$TMPDIR/larder-server.forged/data" ] || [ -e "$TMPDIR/larder-server.forged/lock" ] || fail "the lock went before the rest"
done
expect_exit 0 larder drill "$archive" --embedded
no_folder || fail "the folder is still there"
