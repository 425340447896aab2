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
    server_as "${SERVER_BIN[primary]}/pg_basebackup" -d "$(server_conninfo primary)" -D "$data" -R --no-sync -c fast
    server_as tee -a "$data/postgresql.conf" >/dev/null <<<"unix_socket_directories = '$SCRATCH/standby'"
    SERVER_BIN[$name]=${SERVER_BIN[primary]}
    SERVER_PORT[$name]=${SERVER_PORT[primary]}
    server_restart standby
}

server_start primary
sample_database kitchai 1000
sql kitchai "CREATE UNLOGGED TABLE passing (a int)"
larder init -d kitchai -q
make_standby

it "a standby is exported by several connections, and says that it records nothing"
expect_exit 0 larder export daily -d kitchai -o "$SCRATCH/standby.tar" -j 3 --json
expect_json .recorded false
expect_exit 0 larder verify "$SCRATCH/standby.tar" --against "$(server_conninfo primary kitchai)"

it "the rows of unlogged tables are not there, which is said"
expect_exit 1 larder export -t passing -d kitchai -o "$SCRATCH/none.tar"
expect_stderr passing
