#!/usr/bin/env bash
# The leader's locks are what keeps the tables as they are until other lanes have their own: an export whose leader is lost before
# that fails, although the leader itself has read all that it had to read.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

command -v python3 >/dev/null || { echo 'skipped: there is no python3' && exit 77; }

# expect_sessions NUMBER CONDITION
expect_sessions()
{
    expect_query leading "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder%' AND $2" "$1"
}

HAS_READ="state = 'idle in transaction' AND query LIKE 'COPY %first%'"

end_proxy() { kill "$PROXY"; }

# begin_held OPTION...   begins an export whose lanes wait: one for the locks of "second", the leader with what the server has sent of "first"
begin_held()
{
    mkdir "$SCRATCH/hold"
    exec 5< <(exec python3 "$TESTS/support/holding_proxy.py" "$PGHOST/.s.PGSQL.$PGPORT" "$SCRATCH/hold" 2>"$SCRATCH/proxy")
    PROXY=$!
    at_exit end_proxy
    read -ru 5 port
    begin export -t 'public.*' -d "host=127.0.0.1 port=$port user=postgres dbname=leading" -o "$SCRATCH/leading.tar" --no-record -j 2
    wait_until expect_sessions 1 "$HAS_READ"
    wait_until [ -e "$SCRATCH/hold/lane_waits" ]
}

server_start one
new_database leading
sql leading "CREATE TABLE first (a bytea); ALTER TABLE first ALTER a SET STORAGE EXTERNAL; CREATE TABLE second (LIKE first INCLUDING STORAGE);
    INSERT INTO first SELECT decode(repeat(md5(i::text), 2000), 'hex') FROM generate_series(1, 60) AS i; INSERT INTO second SELECT * FROM first LIMIT 45"

it "a table that is emptied once the leader is lost, and before another lane has its lock, is not exported empty"
begin_held
expect_query leading "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $HAS_READ" t
sql leading "TRUNCATE second"
touch "$SCRATCH/hold/lane"
wait_until expect_sessions 1 true # that of the run's own lock
touch "$SCRATCH/hold/leader"
expect_end 1
expect_stderr "could not keep the snapshot"
expect_equal "the files of the export" '' "$(find "$SCRATCH" -maxdepth 1 -name '*leading*')"
