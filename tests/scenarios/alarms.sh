#!/usr/bin/env bash
# The bad nights, one by one: what the export, status, Nagios, the metrics and the hooks say of each.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
mkdir store
EVENTS=$SCRATCH/events
printf '#!/bin/sh\necho "$LARDER_EVENT $LARDER_COMMAND $LARDER_EXIT" >>"%s"\n' "$EVENTS" >note
printf '#!/bin/sh\necho out of order >&2\nexit 9\n' >broken
chmod +x note broken
export LARDER_CONFIG=$SCRATCH/larder.conf
HOOK=./note
STORE=store
PROXY=

server_start one
new_database shop
sql shop "CREATE TABLE orders AS SELECT i FROM generate_series(1, 1000) i"

configure()
{
    printf '%s\n' '[source]' "conninfo = host=$PGHOST port=$PGPORT dbname=shop user=postgres" 'record = no' '[store]' "url = $STORE" \
        '[hooks]' "on_success = $HOOK" 'on_failure = ./note' 'on_stale = ./note' \
        '[preset nightly]' 'tables = orders' 'keep_days = 7' 'every = 1 day' >"$LARDER_CONFIG"
}

# older HOURS   makes the only archive so much older than it is
older()
{
    local stem made at name

    stem=$(newest_archive store)
    stem=${stem%.tar}
    at=$(($(date +%s) - $1 * 3600))
    made=$(date -u -d "@$at" +%Y-%m-%dT%H:%M:%SZ)
    name=nightly_$(date -u -d "@$at" +%Y%m%d_%H%M%S)
    jq --arg name "$name" --arg made "$made" '.backup_name = $name | .archive = $name + ".tar" | .started_at = $made | .created_at = $made' \
        "$stem.json" >"${stem%/*}/$name.json"
    sed "s/ nightly_.*/ $name.tar/" "$stem.sha256" >"${stem%/*}/$name.sha256"
    mv "$stem.tar" "${stem%/*}/$name.tar"
    rm "$stem.json" "$stem.sha256"
}

# The situations; each begins with one good archive in the folder `store`.
all_is_well() { :; }
a_stale_preset() { older 31; }
a_shrunk_table() { sql shop "DELETE FROM orders WHERE i > 100"; }
a_failing_hook() { HOOK=./broken; }
a_full_store()
{
    # What is there already is copied in, and then there is no room.
    mkdir full
    if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=128k none full 2>/dev/null; then
        echo "  not shown: no small file system can be mounted here"
        return 1
    fi
    trap 'umount -l "$SCRATCH/full"; server_cleanup' EXIT
    cp -r store/. full/
    head -c 1M /dev/zero >full/filler 2>/dev/null || true
    STORE=full
}
a_revoked_key()
{
    local port

    read -r port PROXY < <("$(dirname "$LARDER")/tests/fault_proxy" 1 "$SCRATCH/proxy.log" 403:AccessDenied 1 0)
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=revoked AWS_SECRET_ACCESS_KEY=sesame
    STORE=s3://bucket/larder
}
a_lost_summary() { rm store/shop/nightly/*[0-9].json; }

begin_situation()
{
    [ -z "$PROXY" ] || kill "$PROXY"
    PROXY=
    HOOK=./note
    STORE=store
    unset AWS_ENDPOINT_URL
    rm -rf store/*
    sql shop "TRUNCATE orders; INSERT INTO orders SELECT i FROM generate_series(1, 1000) i"
    configure
    larder export nightly -q
}

metric()
{
    sed -n "s/^larder_$1\({[^}]*}\)\? //p" "$STDOUT"
}

# What they say: exit codes of status and Nagios, the metrics success, overdue, shrunk and problems
say()
{
    local status=0 nagios=0

    larder status --no-hooks --nagios >"$STDOUT" 2>"$STDERR" || nagios=$?
    grep -q "^LARDER \(OK\|WARNING\|CRITICAL\|UNKNOWN\) - ." "$STDOUT" || fail "no line for Nagios"
    larder status --prometheus >"$STDOUT" 2>"$STDERR" || status=$?
    echo "$status $nagios $(metric status_success)$(metric overdue)$(metric shrunk)$(metric problems)"
}

# NIGHT | what is said before the next export: status, Nagios, metrics | the export's exit code | and after it | the hooks' events
while IFS='|' read -r night before exit after events; do
    it "$night"
    begin_situation
    : >"$EVENTS"
    if ! "${night// /_}"; then
        continue
    fi
    configure
    expect_equal "before the export" "$before" "$(say)"
    expect_exit "$exit" larder export nightly --fail-on-shrink --json
    case $night in
        'a failing hook') expect_stderr "warning: the hook on_success failed: \"$SCRATCH/./broken\" ended with exit code 9" ;;
        'a full store') expect_stderr "No space left on device" ;;
        'a revoked key') expect_stderr "AccessDenied" ;;
        'a shrunk table') expect_stderr "table orders has 100 rows, and in" ;;
    esac
    expect_unsaid sesame
    expect_equal "after it" "$after" "$(say)"
    expect_equal "the events" "$events" "$(paste -sd , "$EVENTS")"
done <<'NIGHTS'
all is well|0 0 1000|0|0 0 1000|success export 0
a stale preset|7 2 1100|0|0 0 1000|stale status 7,success export 0
a shrunk table|0 0 1000|3|0 1 1011|failure export 3
a failing hook|0 0 1000|0|0 0 1000|
a full store|0 0 1000|1|0 0 1000|failure export 1
a revoked key|1 3 0|1|1 3 0|failure status 1,failure export 1,failure status 1
a lost summary|7 2 1101|0|0 1 1001|stale status 7,success export 0
NIGHTS
[ -z "$PROXY" ] || kill "$PROXY"
