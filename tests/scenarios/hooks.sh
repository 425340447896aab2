#!/usr/bin/env bash
# Hooks: commands without a shell, a webhook and a ping are told what became of a run, with facts and without secrets; and whatever
# becomes of a hook, the run comes to what it comes to.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$(dirname "$0")/../support/receiver.bash"

cd "$SCRATCH"
export LARDER_CONFIG=$SCRATCH/larder.conf
mkdir 'with blanks'
cat >hook <<'HOOK'
#!/bin/sh
printf '%s\n' "$0" "$@" >"$(dirname "$0")/arguments"
env | grep ^LARDER_ | sort >"$(dirname "$0")/facts"
echo "a line of mine"
echo "another" >&2
HOOK
chmod +x hook
cp hook 'with blanks/'

# configure LINE...   the [hooks] section
configure()
{
    {
        printf '[source]\nconninfo = postgresql://postgres:sesame@/shop?host=%s&port=%s\nrecord = no\n[store]\nurl = store\n' \
            "$PGHOST" "$PGPORT"
        printf '[preset nightly]\ntables = orders\nkeep_days = 7\nevery = 1 day\n[hooks]\n'
        printf '%s\n' "$@"
    } >"$LARDER_CONFIG"
    chmod 600 "$LARDER_CONFIG"
}

fact()
{
    sed -n "s/^LARDER_$1=//p" facts
}

# posted FILTER   jq's answer over the last document that was received
posted()
{
    grep '^{' "$RECEIVED" | tail -n 1 | jq -r "$1"
}

receiver_start
server_start one
new_database shop
sql shop "CREATE TABLE orders AS SELECT i FROM generate_series(1, 500) i"

it "a success tells the command, with words as the file has them, and facts in the environment"
configure 'on_success = ./hook one "two  words" th"re"e "" $${HOME} *' "webhook = $RECEIVER/hook/secret" "ping = $RECEIVER/ping/uuid?x=1"
LARDER_SECRET=sesame expect_exit 0 larder export nightly --json
expect_stderr "larder: on_success: a line of mine"
expect_stderr "larder: on_success: another"
expect_json '.hooks | map(.hook + " " + (.ok | tostring)) | join(", ")' "ping true, on_success true, webhook true, ping true"
expect_equal "the words" "$SCRATCH/./hook one two  words three  \${HOME} *" "$(paste -sd ' ' arguments)"
expect_equal "the facts" "success export nightly shop 0 500 $(jq -r .archive "$STDOUT")" \
    "$(fact EVENT) $(fact COMMAND) $(fact PRESET) $(fact SOURCE) $(fact EXIT) $(fact ROWS) $(fact ARCHIVE)"
expect_equal "the bytes" "$(jq .bytes "$STDOUT")" "$(fact BYTES)"
! grep -rq sesame facts "$RECEIVED" || fail "a secret was told"
expect_equal "what was posted" "success export nightly 0 500 null" \
    "$(posted '"\(.event) \(.command) \(.preset) \(.exit) \(.rows) \(.message)"')"
expect_received "GET /ping/uuid/start?x=1
POST /hook/secret
GET /ping/uuid?x=1"

it "a failure tells why, by its own command, and the ping that it failed"
configure 'on_failure = "with blanks/hook"' "webhook = $RECEIVER/hook" "ping = $RECEIVER/ping/"
sql shop "ALTER TABLE orders RENAME TO old_orders"
expect_exit 1 larder export nightly
expect_equal "the words" "$SCRATCH/with blanks/hook" "$(cat 'with blanks/arguments')"
expect_equal "the exit code" 1 "$(sed -n 's/^LARDER_EXIT=//p' 'with blanks/facts')"
grep -q '^LARDER_MESSAGE=.*orders' 'with blanks/facts' || fail "the message does not name the table"
expect_equal "what was posted" "failure 1" "$(posted '"\(.event) \(.exit)"')"
expect_received "GET /ping/start
POST /hook
GET /ping/fail"
sql shop "ALTER TABLE old_orders RENAME TO orders"

it "a hook that fails, is not there, writes without end, or does not end, is reported and fails nothing"
printf '#!/bin/sh\nexit 3\n' >bad && printf '#!/bin/sh\nyes\n' >loud && printf '#!/bin/sh\nsleep 600 >/dev/null 2>&1 &\necho waiting; wait\n' >slow
printf '#!/bin/sh\nexec >/dev/null 2>&1\nsleep 600\n' >mute
chmod +x bad loud slow mute
while IFS='|' read -r hook message; do
    configure "on_success = $hook" 'timeout = 1'
    expect_exit 0 larder export nightly --json
    expect_stderr "warning: the hook on_success failed: $message"
    expect_json '.hooks[0] | .hook + " " + (.ok | tostring)' "on_success false"
    expect_json '.warnings | length' 1
    [ "$(wc -l <"$STDERR")" -le 110 ] || fail "the log is flooded"
done <<ROWS
./bad|"$SCRATCH/./bad" ended with exit code 3
no_such_program|there is no program "no_such_program" that may be run
./larder.conf|there is no program "$SCRATCH/./larder.conf" that may be run
./slow|it took too long, and was ended
./loud|it took too long, and was ended
./mute|it took too long, and was ended
ROWS
expect_equal "what runs still" "" "$(pgrep -f "$SCRATCH/(slow|loud|mute)" || true)"

it "a signal ends a hook that has closed its outputs"
configure 'on_success = ./mute'
"$LARDER" export nightly 2>"$STDERR" &
exporter=$!
wait_until pgrep -f "$SCRATCH/./mute"
sleep 0.5
kill -TERM "$exporter"
wait "$exporter" || true
expect_stderr "the hook on_success failed: interrupted"

it "who answers with an error or a redirect, or not at all, is reported by host alone, and a passing error is tried again"
for row in 'answer/404|answered 404' 'answer/302|answered 302, a redirect, which is not followed' 'stall|could not reach'; do
    configure "webhook = $RECEIVER/${row%%|*}/T0K3N" 'timeout = 1'
    expect_exit 0 larder export nightly --json
    expect_stderr "warning: the hook webhook failed: "
    expect_stderr "${row#*|}"
    expect_unsaid T0K3N
done
grep -q elsewhere "$RECEIVED" && fail "a redirect was followed"
: >"$RECEIVED"
configure "webhook = $RECEIVER/flaky"
expect_exit 0 larder export nightly -q
expect_equal "standard error" "" "$(cat "$STDERR")"
expect_received "POST /flaky
POST /flaky"
configure "ping = https://127.0.0.1:${RECEIVER##*:}/x" 'timeout = 1'
expect_exit 0 larder export nightly
expect_stderr "the hook ping failed: could not reach 127.0.0.1"

it "the password of a remote that rclone is given on the fly is in no message, neither ours nor rclone's"
: >"$RECEIVED"
configure 'on_failure = ./hook' "webhook = $RECEIVER/hook"
for row in '1|:sftp,host=127.0.0.1,port=1,user=x,pass=T0K3N:/tmp/x' '1|:sftp,host=127.0.0.1,pass="T0K3N:,":/tmp/x' '2|nowhere,pass=T0K3N:x'; do
    rm -f facts
    expect_exit "${row%%|*}" larder export nightly --store "rclone:${row#*|}"
    [ "$(fact EVENT)" = failure ] || fail "the hook was not told"
    ! grep -r T0K3N facts "$RECEIVED" "$STDOUT" "$STDERR" || fail "the password was told"
done
expect_stderr '"nowhere,...:x/'
configure 'on_success = ./hook' "webhook = $RECEIVER/hook"
expect_exit 0 env RCLONE_CONFIG_DISK_TYPE=local "$LARDER" export nightly --store "rclone:disk,pass=T0K3N:$SCRATCH/disk"
expect_equal "the archive" "rclone:(hidden)/nightly" "$(fact ARCHIVE | cut -d_ -f1)"
! grep -r T0K3N facts "$RECEIVED" "$STDERR" || fail "the password was told"
disk="rclone:disk,pass=T0K3N:$SCRATCH/disk"
archive=$(newest_archive disk)
configure 'on_failure = ./hook' 'on_stale = ./hook' "webhook = $RECEIVER/hook"
truncate -s -1 "$archive"
mkdir "$SCRATCH/nothing"
for row in "8|drill nightly --embedded --store ${disk%disk}nothing" "7|status --source-name none --store $disk" \
    "4|copy $(basename "$archive" .tar) $SCRATCH/second --store $disk"; do
    rm -f facts
    read -ra words <<<"${row#*|}"
    expect_exit "${row%%|*}" env RCLONE_CONFIG_DISK_TYPE=local "$LARDER" "${words[@]}"
    [ -e facts ] || fail "the hook was not told"
    ! grep -r T0K3N facts "$RECEIVED" || fail "the password was told"
done
RCLONE_CONFIG_DISK_TYPE=local "$LARDER" doctor --store "$disk" >"$STDOUT" 2>"$STDERR" || true
expect_stdout 'rclone:disk,(hidden)'
expect_unsaid T0K3N

it "one URL is one thing that is watched: exports, and what is wrong with the rest, unless it says {command} and {preset}"
configure "ping = $RECEIVER/p"
: >"$RECEIVED"
expect_exit 0 larder verify "$(newest_archive store)"
expect_exit 0 larder prune
expect_exit 0 larder status
expect_exit 2 larder status --store nowhere
expect_received "GET /p/fail"
configure "ping = $RECEIVER/{command}-{preset}"
expect_exit 0 larder export nightly -q
expect_exit 0 larder verify "$(newest_archive store)"
expect_exit 0 larder status
expect_exit 0 larder prune --dry-run
expect_received "GET /export-nightly/start
GET /export-nightly
GET /verify-all/start
GET /verify-all
GET /status-all/start
GET /status-all"

it "a signal that stops the export stops none of the hooks that tell of it"
configure 'on_failure = ./hook'
rm -f facts
sql shop "BEGIN; LOCK TABLE orders; SELECT pg_sleep(60)" >/dev/null 2>&1 &
locker=$!
wait_until expect_query shop "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'orders'::regclass" 1
"$LARDER" export nightly --lock-timeout 60 2>"$STDERR" &
exporter=$!
wait_until expect_query shop "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted" t
kill -TERM "$exporter"
status=0
wait "$exporter" || status=$?
expect_equal "the exit code" 143 "$status"
expect_equal "the facts" "failure 143" "$(fact EVENT) $(fact EXIT)"
sql shop "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
wait "$locker" || true

it "the configuration refuses what can be no hook, by line and without the secret"
while IFS='|' read -r line message; do
    configure "$line"
    expect_exit 2 larder export nightly
    expect_stderr "larder.conf:11: $message"
    expect_unsaid T0K3N
done <<'ROWS'
webhook = ftp://T0K3N/x|the value of "webhook" is not a URL that begins with https:// or http://
ping = T0K3N|the value of "ping" is not a URL
on_success = ./hook "T0K3N|the value of "on_success" is not a command: a double quote is not closed
on_stale = ~/T0K3N|"~" in "on_stale" stands for no folder
timeout = 0|"0" is not a number from 1 to 3600
on_error = x|there is no key "on_error"
ROWS

it "doctor shows hooks without their secrets, and says which cannot be run; nothing is sent"
: >"$RECEIVED"
configure 'on_success = ./hook T0K3N' 'on_stale = ./hook.txt' "webhook = http://example.org:1/T0K3N" "ping = $RECEIVER/T0K3N"
expect_exit 2 larder doctor
expect_unsaid T0K3N
expect_stdout "on_success      = $SCRATCH/./hook (hidden)"
expect_stdout "webhook         = http://example.org:1/(hidden)"
for row in "ok       on_success" "FAILED   on_stale" "warning  webhook" "ok       ping"; do
    expect_stdout "$row"
done
expect_received ""
