#!/usr/bin/env bash
# A standby as the source: it is exported as its primary would be.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

! is_sanitized || skip "nothing here but the server differs from what other scenarios run"

make_standby()
{
    local name=standby
    local data=$SCRATCH/$name/data

    mkdir -m 700 "$SCRATCH/standby"
    [ -z "$SERVER_OS_USER" ] || chown "$SERVER_OS_USER" "$SCRATCH/standby"
    server_as "${SERVER_BIN[one]}/pg_basebackup" -d "$(server_conninfo one)" -D "$data" -R --no-sync -c fast
    server_as tee -a "$data/postgresql.conf" >/dev/null <<<"unix_socket_directories = '$SCRATCH/standby'"
    SERVER_BIN[$name]=${SERVER_BIN[one]}
    SERVER_PORT[$name]=${SERVER_PORT[one]}
    server_restart standby
}

server_start one
sample_database kitchai 1000
sql kitchai "CREATE UNLOGGED TABLE passing (a int)"
larder init -d kitchai -q
make_standby

it "a standby is exported by several connections, and says that it records nothing"
expect_exit 0 larder export daily -d kitchai -o "$SCRATCH/standby.tar" -j 3 --json
expect_json .recorded false
expect_exit 0 larder verify "$SCRATCH/standby.tar" --against "$(server_conninfo one kitchai)"

it "the rows of unlogged tables are not there, which is said"
expect_exit 1 larder export -t passing -d kitchai -o "$SCRATCH/none.tar"
expect_stderr passing

it "an export that the primary's changes end on the standby is no archive, and says what would help"
gate pg_dump
sql postgres "ALTER SYSTEM SET max_standby_streaming_delay = 0"
sql postgres "SELECT pg_reload_conf()" >"$STDOUT"
LAST="larder export on a standby that the primary hurries"
LARDER_PGBIN=$SCRATCH/bin larder export daily -d kitchai --store "$SCRATCH/store" -j 2 -q >"$STDOUT" 2>"$STDERR" &
run=$!
wait_until expect_query kitchai "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'larder%' AND state = 'idle in transaction' AND query LIKE 'COPY%'" t
server_use one
sql kitchai "ALTER TABLE recipe_uploads ADD COLUMN more int"
server_use standby
wait_until expect_query kitchai "SELECT count(*) FROM pg_attribute WHERE attname = 'more' AND attrelid = 'recipe_uploads'::regclass" 1
touch "$SCRATCH/gate"
status=0
wait "$run" || status=$?
expect_equal "the exit code" 1 "$status"
expect_stderr "conflict with recovery"
expect_stderr "max_standby_streaming_delay"
expect_files "$SCRATCH/store" "kitchai/daily/.larder.lock"
