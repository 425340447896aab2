#!/usr/bin/env bash
# A network that goes silent, in one of the scenario's own, where this user may have one: no connection waits for ever.
set -euo pipefail

if [ "${1:-}" != silent ]; then
    unshare --net true 2>/dev/null || { echo "skipped: this user may have no network of its own" && exit 77; }
    exec unshare --net bash "$0" silent
fi
source "$(dirname "$0")/../support/scenario.bash"
ip link set lo up

server_start one --tcp
sample_database kitchai 100000
larder init -d kitchai -q
TCP="host=127.0.0.1 port=$PGPORT dbname=kitchai"

it "every connection, of the tools too, has the limits that end it when nothing is heard any more"
ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS expect_exit 0 \
    strace -f -qq -o "$SCRATCH/trace" -e trace=connect,setsockopt "$LARDER" export daily -d "$TCP" -o "$SCRATCH/a.tar" -q -j 2
connections=$(grep -c "connect(.*sin_port=htons($PGPORT)" "$SCRATCH/trace")
[ "$connections" -ge 4 ] || fail "two lanes, the lock's connection and pg_dump were to connect, not $connections"
for limit in 'SO_KEEPALIVE, \[1\]' 'TCP_KEEPIDLE, \[30\]' 'TCP_KEEPINTVL, \[10\]' 'TCP_KEEPCNT, \[5\]' 'TCP_USER_TIMEOUT, \[60000\]'; do
    expect_equal "the connections with $limit" "$connections" "$(grep -c "$limit" "$SCRATCH/trace")"
done

it "what the caller says goes before them; then an export fails in silence, and leaves nothing"
coproc HOLDER { psql -XAtq -d kitchai; }
echo "BEGIN; LOCK TABLE profiles; SELECT 'held';" >&"${HOLDER[1]}"
read -r _ <&"${HOLDER[0]}"
SHORT="$TCP keepalives_idle=1 keepalives_interval=1 keepalives_count=2 tcp_user_timeout=2000"
LAST="larder export, while nothing is heard of the server"
larder export daily -d "$SHORT" --store "$SCRATCH/store" -q --lock-timeout 600 >"$STDOUT" 2>"$STDERR" &
PID=$!
wait_until expect_query kitchai "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted" t
ip link set lo down
status=0
wait "$PID" || status=$?
expect_equal "the exit code" 1 "$status"
expect_stderr "timed out"
expect_files "$SCRATCH/store" "$(cd "$SCRATCH/store" && find . -name .larder.lock -printf '%P\n')"
