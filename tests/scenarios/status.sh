#!/usr/bin/env bash
# larder status: from the summaries alone where one stands, for people, for programs, for Prometheus and for Nagios; with a database
# also what should be in the store and is not.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/forge.bash
source "$TESTS/support/forge.bash"

STORE=$SCRATCH/store
HOUR=3600
DAY=86400

# forge SECONDS_AGO EVERY KEEP_SECONDS BYTES [PRESET] [SOURCE]   an archive as an export would have left it; sets STEM. EVERY may be null
forge()
{
    local at=$((EPOCHSECONDS - $1))

    forge_backup "$STORE" "${6:-kitchai}" "${5:-daily}" "$at" $((at + $3)) "{\"every\": $2}" < <(head -c "$4" /dev/zero)
}

# metric NAME{LABELS}   its value
metric()
{
    sed -n "s/^$1 //p" "$STDOUT"
}

export LARDER_STORE=$STORE
unset PGHOST PGPORT

it "a store that is missing is an error, and one that holds nothing is no good news"
expect_exit 2 larder status
expect_stderr "there is no store"
mkdir "$STORE"
expect_exit 7 larder status
expect_stderr "there is no archive"
expect_exit 7 larder status --prometheus
expect_equal "success" 0 "$(metric larder_status_success)"
expect_exit 2 larder status --nagios --json
expect_exit 2 larder status -o file

# expect_unread CODE   what Nagios is told where its line cannot be written
expect_unread()
{
    expect_exit "$1" bash -c '"$1" status --nagios >/dev/full' _ "$LARDER"
    expect_stderr "could not write to standard output: No space left on device"
}

it "a store in which nothing is good, and nothing says what is due, is no good news either"
forge $HOUR $DAY $((7 * DAY)) 1000
rm "$STEM.json"
expect_exit 7 larder status --json
expect_json '[.overdue, .presets[0].state] | tostring' '[true,"missing"]'
expect_exit 2 larder status --nagios
expect_exit 7 larder status --prometheus
expect_equal "overdue" 1 "$(metric 'larder_overdue{source="kitchai",preset="daily"}')"
forge $HOUR null $((7 * DAY)) 1000 by_hand
expect_exit 0 larder status --json
expect_json '[.presets[] | .preset + " " + .state] | join(", ")' "by_hand unscheduled, daily unscheduled"
rm -r "$STORE/kitchai"

it "where all is well it is silent on request, and says age, schedule, sizes and what is proven"
for days in 9 8 7 6 5 4 3 2 1; do
    forge $((days * DAY + HOUR)) $DAY $((7 * DAY)) $((1000 - 20 * days))
done
forge $HOUR $DAY $((7 * DAY)) 1200
verified=$(date -u -d '-30 minutes' +%Y-%m-%dT%H:%M:%SZ)
jq -n --arg name "${STEM##*/}" --arg at "$verified" '{format_version: "1.0", larder_version: "0.1.0", backup_name: $name,
    verified_at: $at, drilled_at: null, result: "good"}' >"$STEM.checked.json"
forge $((3 * DAY)) null $((60 * DAY)) 5000 pre_deployment
expect_exit 0 larder status
expect_stdout "+22% (+40%)"
expect_stdout "30m"
expect_exit 0 larder status --json
expect_json .overdue false
expect_json '.presets[] | select(.preset == "daily") | [.state, .every, .archives, .good, .over, .problems == [],
    .bytes, (.age / 60 | floor)] | tostring' '["ok",86400,10,10,3,true,1200,60]'
expect_json '.presets[] | select(.preset == "daily") | .verified_at' "$verified"
expect_json '.presets[] | select(.preset == "daily") | .sizes | tostring' '[1200,980,960,940,920,900,880,860]'
expect_json '.presets[] | select(.preset == "pre_deployment") | .state' unscheduled
expect_exit 0 larder status --nagios
expect_stdout "LARDER OK - daily 1"
expect_stdout "'kitchai/daily size'=1200B;;;0"
[ "$(wc -l <"$STDOUT")" = 1 ] || fail "one line was expected"
expect_unread 3

# checked STEM VERIFIED DRILLED FAILED [WHY]   what checks have found of an archive; words of `date`, or null
checked()
{
    local times=() when

    for when in "${@:2:3}"; do
        [ "$when" = null ] && times+=(null) || times+=("$(date -u -d "$when" +'"%Y-%m-%dT%H:%M:%SZ"')")
    done
    jq -n --arg name "${1##*/}" --arg why "${5:-}" --argjson verified "${times[0]}" --argjson drilled "${times[1]}" \
        --argjson failed "${times[2]}" '{format_version: "1.0", larder_version: "0.1.0", backup_name: $name, verified_at: $verified,
        drilled_at: $drilled, drill_failed_at: $failed, drill_failure: $why, result: "good"}' >"$1.checked.json"
}

it "a drill that failed is to be looked at, until one of any archive of the preset has succeeded"
newest=$(newest_archive "$STORE" daily)
newest=${newest%.tar}
older=$(find "$STORE/kitchai/daily" -name '*.tar' | sort | tail -n 2 | head -n 1)
older=${older%.tar}
cp "$newest.checked.json" "$SCRATCH/checked.json"
for why in checks:"a check found something in its rows" damaged:"it was found damaged" \
    different:"its rows, or what is recorded of them, differ"; do
    checked "$newest" '-1 hour' null '-1 hour' "${why%%:*}"
    expect_exit 0 larder status daily --json
    expect_json '.presets[0].problems | join("|")' "${newest##*/}: its last drill failed: ${why#*:}"
done
checked "$newest" '-1 hour' '-3 hours' '-1 hour' "a later version's"
checked "$older" '-2 hours' null '-2 hours' checks
expect_exit 0 larder status daily --json
expect_json '.presets[0].problems | join("|")' "${newest##*/}: its last drill failed"
expect_json '.presets[0] | (now - (.drilled_at | fromdate)) / 3600 | floor' 3
expect_exit 0 larder status daily
expect_stdout look
expect_exit 1 larder status daily --nagios
checked "$older" '-2 hours' '-30 minutes' null
expect_exit 0 larder status daily --json
expect_json '.presets[0].problems | length' 0
rm "$older.checked.json"
mv "$SCRATCH/checked.json" "$newest.checked.json"

it "the screen is one of 80 columns"
COLUMNS=80 expect_exit 0 larder status
[ "$(wc -L <"$STDOUT")" -le 80 ] || fail "a line is too long"
COLUMNS=30 expect_exit 0 larder status
[ "$(head -n 3 "$STDOUT" | wc -L)" -le 30 ] || fail "a line is too long for a narrow screen"

it "metrics have names, units, help and types as Prometheus wants them, and a file of them is whole at any moment"
expect_exit 0 larder status --prometheus
expect_equal "the time" "$(date -u -d "$(jq -r .started_at "$STORE"/kitchai/daily/"$(basename "$(newest_archive "$STORE" daily)" .tar)".json)" +%s)" \
    "$(metric 'larder_last_good_archive_timestamp_seconds{source="kitchai",preset="daily"}')"
expect_equal "overdue" 0 "$(metric 'larder_overdue{source="kitchai",preset="daily"}')"
expect_equal "success" 1 "$(metric larder_status_success)"
if command -v promtool >/dev/null; then
    cp "$STDOUT" "$SCRATCH/text"
    expect_exit 0 promtool check metrics <"$SCRATCH/text"
else
    echo "promtool is not here, so the metrics were not checked with it"
fi
umask 022
echo old >"$SCRATCH/larder.prom"
ino=$(stat -c %i "$SCRATCH/larder.prom")
expect_exit 0 larder status --prometheus -o "$SCRATCH/larder.prom"
[ "$ino" != "$(stat -c %i "$SCRATCH/larder.prom")" ] || fail "the file was written in place"
expect_equal "the mode" 644 "$(stat -c %a "$SCRATCH/larder.prom")"
grep -q '^larder_good_archives{source="kitchai",preset="daily"} 10$' "$SCRATCH/larder.prom" || fail "the file has no metrics"
expect_exit 1 larder status --prometheus -o "$SCRATCH/nowhere/larder.prom"
expect_equal "what is left" "" "$(find "$SCRATCH" -name '.larder.prom*')"

it "a lost summary, a lost archive and a future date are told, and what is good is judged by the rest"
mv "$STEM.json" "$SCRATCH/lost.json"
forge $((-2 * DAY)) $DAY $((7 * DAY)) 1000
newest=$(find "$STORE/kitchai/daily" -name '*.checked.json')
newest=${newest%.checked.json}
mv "$newest.json" "$SCRATCH/lost2.json"
expect_exit 0 larder status --json
expect_json '.presets[] | select(.preset == "daily") | .problems | length' 2
expect_json '.presets[] | select(.preset == "daily") | .problems[] | select(contains("no summary")) | split(":")[0]' "${newest##*/}"
expect_json '.presets[] | select(.preset == "daily") | [.bytes, .state] | tostring' '[980,"ok"]'
expect_exit 1 larder status --nagios
expect_stdout "LARDER WARNING - daily 25h (2 problems)"
expect_unread 3
expect_exit 0 larder status
expect_stdout "dated in the future"

it "what is older than its schedule and a grace is overdue: 7, and Nagios' CRITICAL"
rm -rf "$STORE/kitchai"
forge $((DAY + 5 * HOUR)) $DAY $((7 * DAY)) 1000
expect_exit 0 larder status
forge $((7 * DAY + 5 * HOUR)) $((7 * DAY)) $((70 * DAY)) 1000 weekly
forge $((DAY + 7 * HOUR)) $DAY $((7 * DAY)) 1000 nightly
expect_exit 7 larder status
expect_stdout "OVERDUE"
expect_stderr "1 preset is overdue or missing"
expect_exit 0 larder status daily
expect_exit 7 larder status nightly -q
expect_equal "standard output" "" "$(cat "$STDOUT")"
expect_stderr "larder: 1 preset is overdue or missing: nightly OVERDUE (31h old, due every 24h)"
expect_exit 7 larder status --prometheus -o "$SCRATCH/late.prom"
expect_stderr "larder: 1 preset is overdue or missing: nightly OVERDUE (31h old, due every 24h)"
expect_exit 7 larder status nigthly
expect_stderr 'Is "nightly" meant?'
expect_exit 2 larder status nigthly --nagios
expect_exit 2 larder status 'no such preset'
expect_exit 2 larder status --nagios
expect_stdout "LARDER CRITICAL - daily 29h, nightly OVERDUE (31h old, due every 24h), weekly 7d |"
expect_unread 2
expect_exit 7 larder status --prometheus
expect_equal "overdue" 1 "$(metric 'larder_overdue{source="kitchai",preset="nightly"}')"

it "what comes once a month, or a quarter, is not late where its months are long, and late soon after"
for days in 31 92; do
    every=$((days / 30 * 30 * DAY))
    forge $((days * DAY + 5 * HOUR)) $every $((400 * DAY)) 1000 rare
    expect_exit 0 larder status rare
    rm -r "$STORE/kitchai/rare"
    forge $(((days + 3) * DAY)) $every $((400 * DAY)) 1000 rare
    expect_exit 7 larder status rare
    expect_stdout OVERDUE
    rm -r "$STORE/kitchai/rare"
done

it "what cannot be read at all is unknown, and metrics say so"
mv "$STORE" "$STORE.away"
expect_exit 3 larder status --nagios
expect_stdout "LARDER UNKNOWN - there is no store"
expect_exit 2 larder status --prometheus -o "$SCRATCH/larder.prom"
expect_equal "success" "larder_status_success 0" "$(grep ^larder_status_success "$SCRATCH/larder.prom")"
mv "$STORE.away" "$STORE"
echo nonsense >"$SCRATCH/bad.conf"
expect_exit 3 larder status --nagios --config "$SCRATCH/bad.conf"
expect_stdout "bad.conf:1"

# refused FILE ARGUMENT...   status where that file may not be opened
refused()
{
    local file=$1

    shift
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS strace -f -qq -o /dev/null -P "$file" -e trace=openat \
        -e inject=openat:error=EACCES "$LARDER" status "$@"
}

it "what cannot be read of a preset is a failure that names it, and nothing false is said of that preset"
forge $((2 * DAY)) $DAY $((7 * DAY)) 1000
forge $HOUR $DAY $((7 * DAY)) 1000
expect_exit 1 refused "$STEM.json" daily --json
expect_stderr "larder: could not open \"$STEM.json\": Permission denied"
expect_json '[.overdue, .presets[].state, .presets[].good] | tostring' '[false,"ok",2]'
forge 0 $DAY $((7 * DAY)) 1000 single
expect_exit 1 refused "$STEM.json" single
expect_stdout UNKNOWN
expect_exit 3 refused "$STEM.json" single --nagios
expect_stdout "LARDER UNKNOWN - could not open"
expect_exit 1 refused "$STEM.json" single --prometheus
expect_equal "success" "larder_status_success 0" "$(grep ^larder_status_success "$STDOUT")"
expect_unsaid larder_overdue
expect_exit 0 larder status single
expect_exit 7 refused "$STEM.json"
expect_stdout UNKNOWN
expect_stderr "warning: not all could be read: could not open \"$STEM.json\""
expect_stderr "1 preset is overdue or missing"
rm -r "$STORE/kitchai/single" "$STORE/kitchai/daily"
forge $((DAY + 5 * HOUR)) $DAY $((7 * DAY)) 1000

it "presets of the configuration say what there should be, and what is none of them is due no more"
cat >"$SCRATCH/larder.conf" <<'CONF'
[preset daily]
tables = profiles
every  = 1 day
[preset hourly]
tables = profiles
every  = 1 hour
CONF
expect_exit 7 larder status --config "$SCRATCH/larder.conf" --json
expect_json '[.presets[] | .preset + " " + .state] | join(", ")' \
    "daily ok, nightly unscheduled, weekly unscheduled, hourly missing"
expect_json '.uncovered' null

it "two sources in one store are told apart"
forge $HOUR $DAY $((7 * DAY)) 1000 daily other
expect_exit 7 larder status
expect_stdout "kitchai/nightly"
expect_stdout "other/daily"
expect_exit 2 larder status --nagios
expect_stdout "LARDER CRITICAL - kitchai/daily 29h, kitchai/nightly OVERDUE (31h old, due every 24h), kitchai/weekly 7d, other/daily 1h |"

it "a source that is named and has no archive is no good news, whatever the store has of others"
rm -r "$STORE/kitchai/weekly" "$STORE/kitchai/nightly"
forge 0 null $((7 * DAY)) 1000 nightly
expect_exit 0 larder status --source-name other
expect_exit 7 larder status --source-name othr
expect_stderr 'there is no archive of source "othr"'
expect_stderr 'Is "other" meant? Its sources are: kitchai, other.'
expect_exit 2 larder status --source-name othr --nagios
expect_stdout 'LARDER CRITICAL - there is no archive of source "othr"'
expect_exit 7 larder status --source-name othr --prometheus
expect_equal "success" 0 "$(metric larder_status_success)"
expect_exit 7 larder status nightly --source-name other
expect_stdout "other/nightly"
expect_stdout MISSING

it "a database says what its presets are now, and which tables none of them has"
rm -rf "$STORE"
server_start one
sample_database kitchai 20
larder init -d kitchai -q
sql kitchai "CREATE TABLE public.forgotten (a int)"
expect_exit 0 larder export daily -d kitchai -q
expect_exit 7 larder status -d kitchai --json
expect_json '[.presets[] | .source + "/" + .preset + " " + .state] | join(", ")' \
    "kitchai/daily ok, kitchai/monthly missing, kitchai/weekly missing"
expect_json '.uncovered | tostring' '["public.forgotten"]'
expect_exit 7 larder status -d kitchai
expect_stdout "no scheduled preset covers 1 table: public.forgotten"
sql kitchai "CREATE TABLE public.forgotten_2 (a int); CREATE TABLE public.forgotten_3 (a int); CREATE TABLE public.forgotten_4 (a int)"
expect_exit 7 larder status -d kitchai
expect_stdout "public.forgotten_3 and 1 other"
expect_unsaid "1 others"
sql kitchai "UPDATE backups.presets SET every = NULL WHERE preset <> 'daily'"
expect_exit 0 larder status -d kitchai
expect_exit 0 larder status -d no_such_database --json
expect_stderr "warning: the database could not be asked"
expect_json '[.database_asked, .presets[].state] | tostring' '[false,"ok"]'
expect_exit 7 larder status monthly -d kitchai
expect_exit 7 larder status monthly -d no_such_database
expect_exit 7 larder status montly -d kitchai
expect_stderr 'Is "monthly" meant?'
