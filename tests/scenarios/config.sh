#!/usr/bin/env bash
# larder.conf: where it is found, what it says, what wins over it, and that nothing wrong in it is passed over.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

unset LARDER_CONFIG
CONF=$HOME/.config/larder/larder.conf
STORE=$SCRATCH/store

# conf [FILE]   writes standard input to the configuration file
conf()
{
    mkdir -p "$(dirname "${1:-$CONF}")"
    (umask 077 && cat >"${1:-$CONF}")
}

archives()
{
    find "$1" -name '*.tar*' -printf '%f\n' 2>/dev/null | wc -l
}

server_start one
sample_database kitchai 100
larder init -d kitchai -q
HERE="host=$PGHOST port=$PGPORT user=postgres"
cd "$SCRATCH"

it "with a configuration, the command's name and a preset are all that an export needs"
conf <<CONF
[source]
conninfo = $HERE dbname=kitchai
name = kitchen
lanes = 1

[store]
url = $STORE
CONF
expect_exit 0 env -u PGHOST -u PGPORT -u PGUSER "$LARDER" export daily --json
expect_json .source kitchen
archive=$(newest_archive "$STORE")
expect_equal "the archive's folder" "$STORE/kitchen/daily" "$(dirname "$archive")"
expect_exit 0 larder list --json
expect_json length 1
name=$(basename "$archive" .tar)
expect_exit 0 larder verify "$name"
expect_unsaid "manifest's copy"
expect_exit 0 larder hold "$name" --json
expect_exit 0 larder release "$name"
expect_exit 0 larder prune daily --dry-run
expect_stdout "$name"
expect_exit 0 larder init --json

it "the target of a restore is never taken from it"
expect_exit 2 larder restore "$name"
new_database fresh
expect_exit 0 larder restore "$name" -d fresh --create-roles --externals stub --json
expect_json .origin source

it "options win over the environment, which wins over the file"
new_database other
larder init -d other -q
sql other "CREATE TABLE public.t (a int)"
expect_exit 0 env LARDER_STORE="$SCRATCH/from_env" LARDER_SOURCE="dbname=other" "$LARDER" export -t public.t --json
expect_json '[.database, .archive] | join(" ") | test("^other .*/from_env/kitchen/adhoc/")' true
expect_exit 0 env LARDER_STORE="$SCRATCH/from_env" LARDER_SOURCE="dbname=kitchai" "$LARDER" export -t public.t -d other \
    --store "$SCRATCH/from_option" --source-name by_option --json
expect_json '[.database, .archive] | join(" ") | test("^other .*/from_option/by_option/adhoc/")' true
expect_exit 0 larder export -t public.t -d other -o "$SCRATCH/file.tar" --json
expect_json .archive "$SCRATCH/file.tar"

it "--config, LARDER_CONFIG and XDG_CONFIG_HOME name another file, in this order, and no other is read"
for place in option variable xdg/larder; do
    conf "$SCRATCH/$place/larder.conf" <<<"[store]
url = ../store_of_${place%/*}"
    mkdir -p "$SCRATCH/$(dirname "$place")/store_of_${place%/*}"
done
export XDG_CONFIG_HOME=$SCRATCH/xdg
expect_exit 0 larder list
expect_stderr "$SCRATCH/xdg/larder/../store_of_xdg"
export LARDER_CONFIG=$SCRATCH/variable/larder.conf
expect_exit 0 larder list
expect_stderr store_of_variable
expect_exit 0 larder list --config "$SCRATCH/option/larder.conf"
expect_stderr store_of_option
expect_exit 2 larder list --config "$SCRATCH/none.conf"
expect_stderr "$SCRATCH/none.conf"
LARDER_CONFIG=$SCRATCH/none.conf expect_exit 2 larder list
LARDER_CONFIG='' expect_exit 2 larder list
expect_stderr "no store"
unset LARDER_CONFIG XDG_CONFIG_HOME

it "unknown and repeated names, lines that would be cut, comments behind values and zero bytes are refused by file and line"
refused()
{
    expect_exit 2 larder list --config "$SCRATCH/wrong.conf"
    expect_stderr "$SCRATCH/wrong.conf:$1: "
    expect_stderr "$2"
}
printf '[store]\nurll = x\n' >wrong.conf
refused 2 'Is "url" meant?'
printf '[stor]\nurl = x\n' >wrong.conf
refused 1 'Is "store" meant?'
printf '[store]\nurl = x\n\nurl = y\n' >wrong.conf
refused 4 'given twice'
printf '[store]\n[source]\n[store]\n' >wrong.conf
refused 3 'already'
printf '[store]\nurl = /%0250d\nlock = yes\n' 0 >wrong.conf
refused 2 '257 bytes'
printf '[store]\nurl = /x ; the store\n' >wrong.conf
refused 2 comment
printf '[store]\nurl = /x\0y\n' >wrong.conf
refused 2 NUL
printf '[preset nightly]\ntables = x\nkeep_days = seven\n' >wrong.conf
refused 3 '"seven" is not a number'
head -c 70000 /dev/zero | tr '\0' '\n' >wrong.conf
expect_exit 2 larder list --config "$SCRATCH/wrong.conf"
expect_stderr "too large"

it "variables are replaced, with defaults; one that is not set is named"
conf "$SCRATCH/vars.conf" <<'CONF'
[source]
conninfo = ${DB_URL}
[store]
url = ${BASE:-/nowhere}/store
CONF
expect_exit 2 larder list --config vars.conf
expect_stderr "the variable DB_URL is not set"
export DB_URL="$HERE dbname=kitchai password='a;b #c'"
BASE=$SCRATCH expect_exit 0 larder list --config vars.conf --json
expect_json length 1
expect_exit 2 larder list --config vars.conf
expect_stderr /nowhere/store

it "a password in a file that others can read is a warning, and is never said"
conf "$SCRATCH/secret.conf" <<CONF
[source]
conninfo = postgresql://postgres:sesame@localhost:$PGPORT/kitchai?host=$PGHOST
[store]
url = $STORE
CONF
expect_exit 0 larder list --config secret.conf
expect_unsaid password
chmod 644 secret.conf
expect_exit 0 larder list --config secret.conf
expect_stderr "holds a password and can be read by others (mode 644)"
expect_unsaid sesame
chmod 620 secret.conf
expect_exit 0 larder list --config secret.conf
expect_stderr '"secret.conf" can be changed by others (mode 620)'

it "archives are encrypted and opened as it says, and an option for that replaces all of it"
larder keygen -o operator.key -q >operator.txt
larder keygen -o escrow.key -q >escrow.txt
cat "$CONF" - >encrypted.conf <<CONF
[encryption]
recipients = $(cat operator.txt)
recipients_file = escrow.txt
identity = operator.key
CONF
chmod 600 encrypted.conf
export LARDER_CONFIG=$SCRATCH/encrypted.conf
expect_exit 0 larder export daily --json
expect_json .encrypted true
encrypted=$(jq -r .archive "$STDOUT")
expect_exit 0 larder verify "$encrypted"
expect_exit 0 larder verify "$encrypted" -i escrow.key
expect_exit 0 larder export daily -r "$(cat escrow.txt)" --json
expect_exit 5 larder verify "$(jq -r .archive "$STDOUT")"
larder keygen -o stranger.key -q >stranger.txt
LARDER_IDENTITY=stranger.key expect_exit 5 larder verify "$encrypted"

it "the undo archive of a restore is encrypted as it says, too, and an option for that replaces all of it"
# undo ARGUMENT...   restores what has changed since
undo()
{
    sql kitchai "UPDATE profiles SET bio = bio || 'x'"
    expect_exit 0 larder restore "$encrypted" -d kitchai -t profiles --existing rows --into-source kitchai "$@"
}
undo
expect_unsaid "will not be"
expect_equal "undo archives" 1 "$(find . -name 'undo_kitchai_*.tar.age' | wc -l)"
expect_exit 0 larder verify undo_kitchai_*.tar.age
LARDER_IDENTITY=escrow.key expect_exit 0 larder verify undo_kitchai_*.tar.age
LARDER_IDENTITY=stranger.key expect_exit 5 larder verify undo_kitchai_*.tar.age
undo --undo plainly_named.tar
expect_stderr '"plainly_named.tar" is encrypted, as'
undo --undo by_option.tar.age -r "$(cat escrow.txt)"
expect_exit 5 larder verify by_option.tar.age
LARDER_IDENTITY=escrow.key expect_exit 0 larder verify by_option.tar.age
undo --undo plain.tar --config "$CONF" -i operator.key
expect_stderr "the undo archive will not be: -r encrypts it"
expect_exit 0 larder verify plain.tar --config "$CONF"
(umask 077 && echo 'a phrase to remember' >phrase)
conf phrase.conf <<<$'[encryption]\npassphrase_file = phrase'
undo --undo phrase.tar.age --config phrase.conf -i operator.key
expect_unsaid "will not be"
expect_exit 0 larder verify phrase.tar.age --config phrase.conf
expect_exit 5 setsid -w "$LARDER" verify phrase.tar.age --config "$CONF" -i operator.key
unset LARDER_CONFIG

it "presets stand in the configuration where the source has no table of them, for export and prune"
new_database plain
sql plain "CREATE TABLE public.t (a int); CREATE TABLE public.logs (a int); INSERT INTO public.t SELECT 1 FROM generate_series(1, 7)"
conf "$SCRATCH/presets.conf" <<CONF
[source]
conninfo = $HERE dbname=plain
record = no
[store]
url = plain_store
[preset nightly]
tables =
    public.*
    !public.logs
keep_days = 7
every = 1 day
copy_format = text
CONF
export LARDER_CONFIG=$SCRATCH/presets.conf
expect_exit 0 larder export nightly --json
expect_json '[.rows, .tables[].copy_format, .preset] | map(tostring) | join(" ")' '7 text nightly'
expect_stderr "no scheduled preset covers 1 table: public.logs"
summary=$(find "$SCRATCH/plain_store" -name '*.json')
expect_equal "what the summary says" "604800 86400" \
    "$(jq -r '[(.keep_until | fromdate) - (.started_at | fromdate), .every] | join(" ")' "$summary")"
expect_exit 2 larder export weekly
expect_stderr "The presets are: nightly."
sed -i 's/keep_days = 7/keep_days = 30/' presets.conf
jq '.keep_until = .started_at' "$summary" >x && mv x "$summary"
expect_exit 0 larder prune --keep-min 1 --dry-run
expect_stdout "as the preset says now"

it "presets in both places are refused"
expect_exit 2 larder export daily --config presets.conf -d kitchai
expect_stderr "only one of the two"
expect_exit 2 larder prune --config presets.conf -d kitchai --store "$STORE"
unset LARDER_CONFIG

it "lock = yes is refused by a store that cannot lock, before anything is touched"
sed 's/^\[store\]/&\nlock = yes/' "$CONF" >locked.conf
before=$(archives "$STORE")
expect_exit 2 larder export daily --config locked.conf
expect_stderr "lock = yes"
expect_equal "the archives" "$before" "$(archives "$STORE")"

it "how an S3 store is reached may stand in it, and the environment wins over that"
conf "$SCRATCH/s3.conf" <<CONF
[store]
url = s3://bucket/prefix
endpoint = ftp://from.the.file
region = nowhere-1
profile = of_the_file
CONF
export AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret
expect_exit 2 larder list --config s3.conf
expect_stderr 'profile "of_the_file"'
mkdir -p "$HOME/.aws"
printf '[of_the_file]\nregion = x\n[other]\nregion = x\n' >"$HOME/.aws/credentials"
AWS_PROFILE=no_such expect_exit 2 larder list --config s3.conf
expect_stderr 'profile "no_such"'
expect_exit 2 larder list --config s3.conf
expect_stderr '"ftp://from.the.file"'
AWS_ENDPOINT_URL=ftp://from.the.environment expect_exit 2 larder list --config s3.conf
expect_stderr '"ftp://from.the.environment"'
