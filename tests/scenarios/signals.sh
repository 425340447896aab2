#!/usr/bin/env bash
# What is stopped by a signal says so by its exit code, whatever it was at: nothing that it could not look at any more
# counts as agreement, or as a failure of another kind.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# stop SIGNAL CODE   what was begun ends by the signal, with this exit code
stop()
{
    kill -"$1" "$PID"
    expect_end "$2"
}

# Nobody can read the metadata until release_metadata.
hold_metadata()
{
    coproc HOLDER { exec psql -XAtq -d kitchai; }
    HOLDER_ID=$!
    echo "BEGIN; LOCK TABLE backups.backup_metadata; SELECT 'held';" >&"${HOLDER[1]}"
    read -r _ <&"${HOLDER[0]}"
}

release_metadata()
{
    kill "$HOLDER_ID"
    wait "$HOLDER_ID" 2>/dev/null || true
}

# silent_server   takes one connection, and never says a word; its port is in PORT
silent_server()
{
    coproc SILENT {
        exec python3 -c 'import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
client = server.accept()
print("connected", flush=True)
time.sleep(600)'
    }
    SILENT_ID=$!
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
    kill "$SILENT_ID"
    wait "$SILENT_ID" 2>/dev/null || true
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
    hold_metadata
    begin verify "$ARCHIVE" --against dbname=kitchai
    wait_until expect_query kitchai "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted" t
    stop "${signal%:*}" "${signal#*:}"
    expect_unsaid equal
    release_metadata
done

it "nor one that is stopped while it connects to the source for its metadata"
silent_server
LARDER_SOURCE="host=127.0.0.1 port=$PORT dbname=kitchai" begin verify "$ARCHIVE"
wait_for_connection
stop INT 130
expect_unsaid equal
end_silence

it "a drill that is stopped while it asks the source for its name is no wrong usage"
silent_server
LARDER_SOURCE="host=127.0.0.1 port=$PORT dbname=kitchai" begin drill weekly -d postgres --store "$SCRATCH/store"
wait_for_connection
stop INT 130
expect_unsaid "several sources"
end_silence

it "of several archives the one that a signal breaks off says the exit code, and those behind it are not begun"
hold_metadata
begin verify "$SCRATCH/missing.tar" "$ARCHIVE" "$ARCHIVE" "$ARCHIVE" --against dbname=kitchai
wait_until expect_query kitchai "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted" t
stop INT 130
expect_stderr missing.tar
expect_equal "the lines about the signal" 1 "$(grep -c interrupted "$STDERR")"
release_metadata

it "so does a preset whose pruning is stopped behind another that is locked"
expect_exit 0 larder export daily -d kitchai --store "$SCRATCH/store" --source-name here -q
exec 8<"$SCRATCH/store/here/daily/.larder.lock"
flock 8
expect_exit 6 larder prune --store "$SCRATCH/store" --source-name here --keep-min 1
# A scenario that is run in the background inherits that SIGINT is ignored.
ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS expect_exit 130 env --default-signal=INT \
    strace -f -qq -o /dev/null -e trace=flock -e inject=flock:signal=INT:when=2 \
    "$LARDER" prune --store "$SCRATCH/store" --source-name here --keep-min 1
expect_stderr interrupted
exec 8<&-

it "a program that could hear no signal does not begin"
ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS expect_exit 1 \
    strace -qq -o /dev/null -e trace=eventfd2 -e inject=eventfd2:error=EMFILE:when=1 "$LARDER" list --store "$SCRATCH/store"
expect_stderr "could not prepare for signals: Too many open files"
