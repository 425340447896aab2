#!/usr/bin/env bash
# What is stopped by a signal says so by its exit code, whatever it was at: nothing that it could not look at any more
# counts as agreement, or as a failure of another kind.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

begin()
{
    LAST="larder $*"
    env --default-signal=INT,TERM "$LARDER" "$@" >"$STDOUT" 2>"$STDERR" &
    PID=$!
}

# expect_end SIGNAL CODE   sends the signal to what was begun
expect_end()
{
    local status=0

    kill -"$1" "$PID"
    wait "$PID" 2>/dev/null || status=$?
    expect_equal "the exit code" "$2" "$status"
}

# silent_server   takes one connection, and never says a word; its port is in PORT
silent_server()
{
    coproc SILENT {
        python3 -c 'import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
client = server.accept()
print("connected", flush=True)
time.sleep(600)'
    }
    SILENT_PID=$!
    read -r PORT <&"${SILENT[0]}"
}

wait_for_connection()
{
    local word

    read -r -t 60 word <&"${SILENT[0]}" || fail "nobody connected"
    expect_equal "the silent server" connected "$word"
}

end_silence()
{
    kill "$SILENT_PID"
    wait "$SILENT_PID" 2>/dev/null || true
}

server_start one
sample_database kitchai 200
larder init -d kitchai -q
for source in here there; do
    expect_exit 0 larder export weekly -d kitchai --store "$SCRATCH/store" --source-name "$source" -q
done
ARCHIVE=$(newest_archive "$SCRATCH/store/here" weekly)

it "a verification that is stopped while the target's metadata is locked does not call the tables equal"
for signal in INT:130 TERM:143; do
    coproc HOLDER { psql -XAtq -d kitchai; }
    holder=$!
    echo "BEGIN; LOCK TABLE backups.backup_metadata; SELECT 'held';" >&"${HOLDER[1]}"
    read -r _ <&"${HOLDER[0]}"
    begin verify "$ARCHIVE" --against dbname=kitchai
    wait_until expect_query kitchai "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted" t
    expect_end "${signal%:*}" "${signal#*:}"
    expect_unsaid equal
    kill "$holder"
    wait "$holder" 2>/dev/null || true
done

it "nor one that is stopped while it connects to the source for its metadata"
silent_server
LARDER_SOURCE="host=127.0.0.1 port=$PORT dbname=kitchai" begin verify "$ARCHIVE"
wait_for_connection
expect_end INT 130
expect_unsaid equal
end_silence

it "a drill that is stopped while it asks the source for its name is no wrong usage"
silent_server
LARDER_SOURCE="host=127.0.0.1 port=$PORT dbname=kitchai" begin drill weekly -d postgres --store "$SCRATCH/store"
wait_for_connection
expect_end INT 130
expect_unsaid "several sources"
end_silence
