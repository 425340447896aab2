#!/usr/bin/env bash
# larder doctor: every promise of the configuration is checked, each with a line of its own, and what it finds gives the exit code.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store

# line CHECK   results and messages of the lines of that name
line()
{
    jq -r --arg check "$1" '.checks[] | select(.check == $check) | .result + " " + .message' "$STDOUT"
}

# doctor EXIT [OPTION]...   runs it for its JSON document
doctor()
{
    local exit=$1

    shift
    expect_exit "$exit" larder doctor --json "$@"
}

expect_line()
{
    local found

    found=$(line "$1")
    [[ $found == *"$2"* ]] || fail "the line \"$1\" was to say \"$2\", not \"$found\""
}

# with SED_SCRIPT   the configuration, changed for one run
with()
{
    sed "$1" "$LARDER_CONFIG" >"$SCRATCH/changed.conf"
}

server_start one
sample_database kitchai 100
larder init -d kitchai -q
cd "$SCRATCH"
export LARDER_CONFIG=$SCRATCH/larder.conf
for key in operator escrow stranger; do
    larder keygen -o "$key.key" -q >"$key.txt"
done
(umask 077 && cat >"$LARDER_CONFIG") <<CONF
[source]
conninfo = postgresql://postgres:sesame@/kitchai?host=$PGHOST&port=$PGPORT
name = kitchen
[store]
url = store
[encryption]
recipients = $(cat operator.txt) $(cat escrow.txt)
CONF

it "a store that is not there yet, or not any more, is said"
doctor 2
expect_line store "failed there is no store"
expect_equal "the failures" 1 "$(jq .failed "$STDOUT")"

it "where all is well nothing fails, the result of the configuration is shown, and its secrets are not"
expect_exit 0 larder export daily -q
before=$(find "$STORE" | sort)
expect_exit 0 larder doctor
expect_stdout "# $LARDER_CONFIG"
expect_stdout "name            = kitchen"
expect_stdout "password=(hidden)"
expect_unsaid sesame
expect_stdout ", 0 failed"
doctor 0
expect_json '.config.settings.store.url' "$STORE"
expect_line connection 'ok database "kitchai" as role "postgres"'
expect_line server "ok PostgreSQL"
expect_line clock "ok"
expect_line pg_dump "ok /"
expect_line pooler "ok"
expect_line record "ok"
expect_line "preset daily" "ok 5 tables"
expect_line store "ok"
expect_line room "ok"
expect_line encryption "ok archives are encrypted to 2 recipients"
expect_line "archive daily" "ok daily_"
expect_line "archive weekly" "warning there is none yet"
expect_equal "the store" "$before" "$(find "$STORE" | sort)"

it "a configuration that is wrong is exit 2, by file and line"
with 's/^url/ulr/'
expect_exit 2 larder doctor --config changed.conf
expect_stdout "FAILED   config  changed.conf:"
expect_stdout 'help: Is "url" meant?'
doctor 2 --config changed.conf
expect_json '.checks[0].result' failed

it "a server that cannot be reached fails, and the store is checked all the same"
with 's/kitchai/no_such_database/'
doctor 1 --config changed.conf
expect_line connection 'failed'
expect_line connection 'no_such_database'
expect_line store "ok"
expect_unsaid sesame

it "what a role may not read, and what row security would hide, is named once, and each preset that it keeps from working"
sql kitchai "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA public, backups TO reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; GRANT SELECT ON backups.presets TO reader;
    REVOKE SELECT ON public.profiles FROM reader" 2>/dev/null
sql kitchai "CREATE POLICY all_see ON backups.presets FOR SELECT TO reader USING (true)" 2>/dev/null || true
doctor 1 -U reader
expect_line "preset daily" "failed"
expect_line "preset daily" "profiles"
expect_line "preset daily" "row security would hide rows"
expect_line "preset weekly" "failed"
expect_line "preset weekly" "of those above"
expect_equal "how often the right on profiles is said to be missing" 1 "$(jq '[.checks[] | select(.message | test("profiles"))] | length' "$STDOUT")"
expect_line record "warning exports will not be recorded"

it "pg_dump that is missing is exit 2"
mkdir bin
LARDER_PGBIN=$SCRATCH/bin doctor 2
expect_line pg_dump "failed"

it "tables that no scheduled preset has are named"
sql kitchai "CREATE TABLE public.forgotten (a int)"
doctor 0
expect_line coverage "public.forgotten"
sql kitchai "DROP TABLE public.forgotten"

it "presets in the configuration and in the database are exit 2"
cp "$LARDER_CONFIG" changed.conf
printf '[preset nightly]\ntables = profiles\n' >>changed.conf
doctor 2 --config changed.conf
expect_line presets "failed"
expect_line presets "only one of the two"

it "one recipient is not enough, and none is too few for a store off the host"
with "s/^\\(recipients = [^ ]*\\) .*/\\1/"
doctor 0 --config changed.conf
expect_line encryption "warning archives are encrypted to one recipient alone"
with '/^recipients/d; s/^url.*/url = rclone:nowhere:x/'
status=0
larder doctor --json --config changed.conf >"$STDOUT" 2>"$STDERR" || status=$?
[ "$status" != 0 ] || fail "a store that is nowhere was to fail"
expect_line encryption "warning archives are not encrypted, and the store is off this host"
with 's/^recipients.*/recipients = age1nonsense/'
doctor 2 --config changed.conf
expect_line encryption "failed"

it "a preset whose archives were encrypted, and are not any more or will not be, is named"
with '/^recipients/d'
doctor 0
expect_equal "lines of the preset" '' "$(line "encryption daily")"
doctor 0 --config changed.conf
expect_line "encryption daily" "warning daily_"
expect_line "encryption daily" "is encrypted, and the configuration names nobody"
cp -r "$STORE" "$SCRATCH/before"
expect_exit 0 larder export daily --config changed.conf --json
clear=$(jq -r .backup_name "$STDOUT")
for conf in larder.conf changed.conf; do
    doctor 0 --config "$conf"
    expect_line "encryption daily" "warning the newest, $clear, is not encrypted, and daily_"
done
rm -r "$STORE"
mv "$SCRATCH/before" "$STORE"

it "a store that takes nothing fails, and one that deletes nothing is said to"
traced()
{
    LAST="larder doctor, with $1"
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS strace -f -qq -o /dev/null -e "trace=${1%%:*}" -e "inject=$1" \
        "$LARDER" doctor --json >"$STDOUT" 2>"$STDERR"
}
traced unlink,unlinkat:error=EROFS || fail "a key that may not delete is no failure"
expect_line store "warning the key may write but not delete"
find "$STORE" -name 'larder_doctor_*' -delete
status=0
traced fsync,fdatasync:error=EIO || status=$?
expect_equal "the exit code" 1 "$status"
expect_line store "failed could not write into the store"
find "$STORE" -maxdepth 1 -name '*larder_doctor_*' -delete

it "lock = yes needs a store that can"
with 's/^url.*/&\nlock = yes/'
doctor 2 --config changed.conf
expect_line lock "failed"

it "an identity is proven on each preset's newest archive, and the archives that it does not open are named"
doctor 0 -i operator.key
expect_line "keys daily" "ok they open the newest, daily_"
doctor 0 -i escrow.key
doctor 5 -i stranger.key
expect_line "keys daily" "failed daily_"
expect_exit 0 larder export daily -r "$(cat stranger.txt)" --json
newest=$(jq -r .backup_name "$STDOUT")
doctor 0 -i stranger.key
expect_line "keys daily" "warning they do not open daily_"
doctor 5 -i operator.key
expect_line "keys daily" "failed $newest: "
LARDER_IDENTITY=escrow.key doctor 5
doctor 0 -i operator.key -i stranger.key
doctor 2 -i nothing.key
expect_line keys "failed could not open the identity file"
echo damaged >damaged.key
doctor 2 -i damaged.key

it "an archive that is late, and one that is not good, are warnings"
stem=$STORE/kitchen/daily/daily_20200101_000000
for ending in tar.age sha256 json; do
    mv "$STORE/kitchen/daily/$newest.$ending" "$SCRATCH/kept.$ending"
done
rm "$STORE"/kitchen/daily/daily_*
cp kept.tar.age "$stem.tar.age"
sed "s/$newest/${stem##*/}/" kept.sha256 >"$stem.sha256"
sed -e "s/$newest/${stem##*/}/" -e 's/"\(started\|created\)_at": "[^"]*"/"\1_at": "2020-01-01T00:00:00Z"/' kept.json >"$stem.json"
doctor 0
expect_line "archive daily" "warning overdue: the newest good one, ${stem##*/}, is "
for ending in tar.age sha256 json; do
    cp "$SCRATCH/kept.$ending" "$STORE/kitchen/daily/$newest.$ending"
done
echo x >>"$STORE/kitchen/daily/$newest.tar.age"
doctor 0
expect_line "archive daily" "warning the newest, $newest, is not good"
