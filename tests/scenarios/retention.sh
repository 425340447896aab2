#!/usr/bin/env bash
# What a store holds, what of it may go, and that whoever is killed while removing leaves nothing
# that looks good and is not. No database is needed for any of it.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/forge.bash
source "$TESTS/support/forge.bash"

STORE=$SCRATCH/store

# forge DAYS_AGO KEEP_DAYS [PRESET] [SOURCE]   an archive as an export would have left it, with its name in it; prints its stem
forge()
{
    local preset=${3:-daily} at=$((EPOCHSECONDS - $1 * 86400))

    forge_backup "$STORE" "${4:-kitchai}" "$preset" "$at" $(($2 == 0 ? 0 : at + $2 * 86400)) '{}' \
        < <(printf '%s_%(%Y%m%d_%H%M%S)T\n' "$preset" "$at")
    echo "$STEM"
}

# What is good, as list says it.
good_ones()
{
    larder list --store "$STORE" --json | jq -r '.[] | select(.good) | .backup_name'
}

# Runs prune with a system call tampered with, as strace's "inject" has it. The leak sanitizer cannot
# look at a program that is traced.
traced()
{
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS strace -f -qq -o /dev/null -e "trace=${1%%:*}" -e "inject=$1" \
        "$LARDER" prune --store "$STORE" --keep-min 1
}

# refused FILE COMMAND...   runs larder where that file may not be opened, which LATE=1 says after more than half a minute
LATE=0
refused()
{
    local file=$1

    shift
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS strace -f -qq -o /dev/null -P "$file" -e trace=openat \
        -e "inject=openat:error=EACCES:delay_exit=$((LATE * 31000000))" "$LARDER" "$@"
}

# Always the same four, which are forged once.
new_store()
{
    rm -rf "$STORE"
    if [ ! -e "$SCRATCH/four" ]; then
        NEWEST=$(forge 1 7)
        SECOND=$(forge 20 7)
        OLD=$(forge 30 7)
        OLDEST=$(forge 40 7)
        cp -r "$STORE" "$SCRATCH/four"
    else
        cp -r "$SCRATCH/four" "$STORE"
    fi
}

it "a store that is missing or misspelt is an error, and no empty list"
expect_exit 2 larder list --store "$STORE"
expect_stderr "there is no store"
expect_exit 2 larder prune --store "$STORE"
touch "$SCRATCH/file"
expect_exit 2 larder list --store "$SCRATCH/file"
mkdir "$STORE"
expect_exit 0 larder list --store "$STORE" --json
expect_json length 0

it "prune says why for each archive, and a dry run touches nothing"
new_store
before=$(find "$STORE" | sort)
expect_exit 0 larder prune --store "$STORE" --keep-min 1 --dry-run
for stem in "$SECOND" "$OLD" "$OLDEST"; do
    grep -q "^remove  ${stem##*/}  over since .*, as recorded$" "$STDOUT" || fail "no line for $stem"
done
grep -q "^keep    ${NEWEST##*/}  until .*, as recorded$" "$STDOUT" || fail "no line for $NEWEST"
expect_equal "the store" "$before" "$(find "$STORE" | sort)"

it "at least three good archives stay where nothing else is said, and what is over goes with all its objects"
expect_exit 0 larder prune daily --store "$STORE"
expect_equal "the good ones" 3 "$(good_ones | wc -l)"
expect_equal "what is left of the oldest" '' "$(find "$STORE" -name "${OLDEST##*/}*")"
expect_exit 0 larder prune daily --store "$STORE" --keep-min 1 --json
expect_json '[.removed, .dry_run, (.archives | length)] | map(tostring) | join(" ")' '2 false 3'
expect_equal "the good ones" "${NEWEST##*/}" "$(good_ones)"

it "the last good archive stays however old it is, and damaged ones do not count"
rm -rf "$STORE"
last=$(forge 900 7)
damaged=$(forge 800 7)
echo x >>"$damaged.tar"
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" "${last##*/}" "$(good_ones)"
expect_equal "what is left of the damaged one" '' "$(find "$STORE" -name "${damaged##*/}*")"
expect_stdout "the last good archive"

it "an archive that a check has found damaged is not good"
new_store
printf '{"format_version": "1.0", "backup_name": "%s", "verified_at": "2026-01-01T00:00:00Z", "result": "damaged"}' \
    "${NEWEST##*/}" >"$NEWEST.checked.json"
expect_exit 0 larder list --store "$STORE" --json
expect_json '.[] | select(.good | not) | .verified_at + " " + .problems[0]' \
    '2026-01-01T00:00:00Z its last check found it damaged'
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" "${SECOND##*/}" "$(good_ones)"

it "an archive whose check is there and cannot be read is not good"
new_store
cp "$OLD.json" "$NEWEST.checked.json"
expect_exit 0 larder list --store "$STORE" --json
expect_json 'map(select(.good)) | length' 4
expect_exit 1 refused "$NEWEST.checked.json" list --store "$STORE" --json
expect_json '.[] | select(.good | not) | .backup_name + ": " + .problems[0]' \
    "${NEWEST##*/}: what its last check found cannot be read: could not open \"$NEWEST.checked.json\": Permission denied"

it "where something of a preset cannot be read, list shows the rest and fails, and prune removes nothing of that preset"
old=$(forge 50 7 weekly)
forge 40 7 weekly >/dev/null
for ending in json sha256 checked.json; do
    expect_exit 1 refused "$NEWEST.$ending" list daily --store "$STORE"
    expect_stdout "${SECOND##*/}"
    expect_stderr "larder: could not open \"$NEWEST.$ending\": Permission denied"
    expect_exit 0 refused "$NEWEST.$ending" list weekly --store "$STORE"
    expect_exit 1 refused "$NEWEST.$ending" prune --store "$STORE" --keep-min 1 --dry-run
    expect_stderr "nothing of preset daily is removed: could not open \"$NEWEST.$ending\": Permission denied"
    expect_stdout "over, but something of this preset could not be read"
    expect_unsaid "remove  ${OLD##*/}"
done
expect_exit 1 refused "$NEWEST.json" prune --store "$STORE" --keep-min 1 --dry-run
expect_stdout "its summary could not be read"
expect_unsaid "by hand"
expect_exit 1 refused "$NEWEST.checked.json" prune --store "$STORE" --keep-min 1
expect_equal "the daily ones" 4 "$(find "$STORE" -name 'daily*.tar' | wc -l)"
[ ! -e "$old.tar" ] || fail "the other preset was not pruned"

it "a store that takes long to refuse is not asked for each of its objects, and none of those goes that it was not asked for"
new_store
LATE=1
expect_exit 1 refused "$OLDEST.json" list --store "$STORE" --json
expect_json '[.[] | select(.good | not) | .problems[0]] | join("; ")' \
    "the summary cannot be read: could not open \"$OLDEST.json\": Permission denied; $(
        printf 'it was not looked at: could not open "%s": Permission denied; ' "$OLDEST.json" "$OLDEST.json" "$OLDEST.json" | sed 's/; $//')"
LATE=0
expect_exit 1 refused "$OLDEST.json" list --store "$STORE" --json
expect_json '[.[] | select(.good)] | length' 3

it "a store that is full can be pruned"
if ! is_sanitized; then
    new_store
    expect_exit 0 env "FAULT_AT=write 1+ ENOSPC" "FAULT_UNDER=$STORE" "LD_PRELOAD=$FAULTS_LIBRARY" "$LARDER" prune --store "$STORE" --keep-min 1
    expect_files "$STORE/kitchai/daily" "$(printf '%s\n' .larder.lock "${NEWEST##*/}".{json,sha256,tar})"
fi

it "what has no readable summary of its own is not good, and is never removed"
new_store
rm "$OLD.json"
echo '{}' >"$SECOND.json"
jq '.keep_until = "1990-01-01T00:00:00Z"' "$OLDEST.json" >"$SCRATCH/json" && mv "$SCRATCH/json" "$OLDEST.json"
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_stdout "no readable summary"
expect_equal "the archives" 4 "$(find "$STORE" -name '*.tar' | wc -l)"

it "a held archive stays until it is released"
new_store
expect_exit 0 larder hold "${OLDEST##*/}" --store "$STORE"
expect_exit 0 larder hold "${OLDEST##*/}" --store "$STORE"
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" "${OLDEST##*/} ${NEWEST##*/}" "$(good_ones | xargs)"
expect_exit 0 larder list --store "$STORE"
expect_stdout held
expect_exit 0 larder release "${OLDEST##*/}" --store "$STORE"
expect_stdout "${OLDEST##*/} is released: it goes when its time is over"
expect_exit 0 larder release "${OLDEST##*/}" --store "$STORE"
expect_stdout "${OLDEST##*/} was not held"
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" "${NEWEST##*/}" "$(good_ones)"
expect_exit 2 larder hold "${OLDEST##*/}" --store "$STORE"
expect_exit 2 larder hold --store "$STORE"
expect_stderr "hold takes one backup's name, and got 0"
for command in hold verify; do
    expect_exit 2 larder $command daily --store "$STORE"
    expect_stderr '`larder list daily` names its archives'
done
expect_exit 2 larder hold "$NEWEST.tar" --store "$STORE"
expect_stderr "Is \"${NEWEST##*/}\" meant?"
touch "$SCRATCH/no_store"
expect_exit 2 larder hold daily --store "$SCRATCH/no_store"
expect_unsaid "names its archives"
cp -r "$STORE/kitchai" "$STORE/other"
expect_exit 2 larder hold "${NEWEST##*/}" --store "$STORE"
expect_stderr "Name it as one of these."
expect_exit 0 larder hold "other/daily/${NEWEST##*/}" --store "$STORE" --json
expect_json .backup_name "${NEWEST##*/}"
expect_equal "what is held" "$STORE/other/daily/${NEWEST##*/}.hold" "$(find "$STORE" -name '*.hold')"
rm -r "$STORE/other"

it "the mark of a removal that was killed before it removed anything goes with the next prune, and then the archive can be held"
new_store
touch "$OLDEST.removing" "$NEWEST.removing"
expect_exit 1 larder hold "${OLDEST##*/}" --store "$STORE"
expect_stderr "is held, but its removal had begun"
expect_exit 0 larder prune --store "$STORE" --keep-min 1 --dry-run
expect_equal "the marks" 2 "$(find "$STORE" -name '*.removing' | wc -l)"
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the marks" 0 "$(find "$STORE" -name '*.removing' | wc -l)"
expect_equal "the good ones" "${OLDEST##*/} ${NEWEST##*/}" "$(good_ones | xargs)"
expect_exit 0 larder hold "${OLDEST##*/}" --store "$STORE"
expect_exit 0 larder hold "${NEWEST##*/}" --store "$STORE"

it "other sources, and presets whose names begin alike, are left alone"
new_store
forge 50 7 daily_extra >/dev/null
forge 60 7 daily_extra >/dev/null
forge 50 7 daily kitchai-eu >/dev/null
forge 60 7 daily kitchai-eu >/dev/null
expect_exit 2 larder prune daily --store "$STORE"
expect_stderr --source-name
expect_exit 0 larder prune daily --store "$STORE" --source-name ktichai
expect_stderr 'warning: there is no archive of source "ktichai" in the store, but of others, such as "kitchai-eu"'
expect_exit 8 larder drill daily --embedded --store "$STORE" --source-name ktichai
expect_stderr 'there is no archive of preset "daily" of source "ktichai" in the store'
expect_exit 0 larder prune daily --store "$STORE" --source-name kitchai --keep-min 1
expect_unsaid warning
expect_equal "the good ones" 5 "$(good_ones | wc -l)"
expect_equal "the good ones of kitchai's daily" 1 "$(find "$STORE/kitchai/daily" -name '*.tar' | wc -l)"

it "a source's folder, and a preset's, may be links to others; what is linked to itself is no object"
new_store
mkdir "$SCRATCH/elsewhere"
mv "$STORE/kitchai" "$SCRATCH/elsewhere/kitchai"
mv "$SCRATCH/elsewhere/kitchai/daily" "$SCRATCH/elsewhere/daily"
ln -s "$SCRATCH/elsewhere/kitchai" "$STORE/kitchai"
ln -s "$SCRATCH/elsewhere/daily" "$SCRATCH/elsewhere/kitchai/daily"
mv "$OLDEST.tar" "$SCRATCH/elsewhere/oldest.tar"
ln -s "$SCRATCH/elsewhere/oldest.tar" "$OLDEST.tar"
ln -s . "$STORE/loop"
ln -s nowhere "$STORE/kitchai/dangling"
expect_equal "the good ones" "$(printf '%s\n' "${NEWEST##*/}" "${SECOND##*/}" "${OLD##*/}" | sort)" "$(good_ones | sort)"
expect_exit 0 larder prune daily --store "$STORE" --source-name kitchai --keep-min 1
expect_equal "the good ones" "${NEWEST##*/}" "$(good_ones)"
[ -e "$SCRATCH/elsewhere/oldest.tar" ] || fail "what a link leads to was removed"

it "a preset that is mistyped is told from one that has no archives yet"
new_store
forge 50 7 weekly >/dev/null
printf '[preset nightly]\ntables = *.*\n' >"$SCRATCH/nightly.conf"
expect_exit 0 larder list dialy --store "$STORE" --json # which a database may know
expect_json length 0
expect_stderr 'there is no archive of preset "dialy" in'
expect_stderr 'Is "daily" meant? Those known are: daily, weekly.'
expect_exit 2 larder list Daily --store "$STORE"
for command in prune list 'drill --embedded'; do
    if [ "$command" != list ]; then
        # shellcheck disable=SC2086 # a command and its option
        expect_exit 2 larder $command dialy --store "$STORE"
        expect_stderr 'there is no archive of preset "dialy", and no such preset is known'
        expect_stderr 'Is "daily" meant? Those known are: daily, weekly.'
    fi
    # shellcheck disable=SC2086
    expect_exit 2 larder $command nigthly --store "$STORE" --config "$SCRATCH/nightly.conf"
    expect_stderr 'Is "nightly" meant? Those known are: nightly, daily, weekly.'
done
expect_exit 0 larder list nightly --store "$STORE" --config "$SCRATCH/nightly.conf"
expect_stderr 'there is no archive of preset "nightly" in'
expect_exit 8 larder drill nightly --embedded --store "$STORE" --config "$SCRATCH/nightly.conf"
for command in prune list; do
    expect_exit 0 larder "$command" adhoc --store "$STORE"
    expect_exit 2 larder "$command" daily weekly --store "$STORE"
    expect_stderr 'one preset at a time: "weekly" is one too many'
done
expect_exit 0 larder prune nightly --store "$STORE" --config "$SCRATCH/nightly.conf"
expect_stdout "0 of 0 archives removed"

it "what is dated in the future stays"
rm -rf "$STORE"
future=$(forge -400 -500)
jq '.keep_until = .started_at' "$future.json" >"$SCRATCH/json" && mv "$SCRATCH/json" "$future.json"
forge 30 7 >/dev/null
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_stdout "dated in the future"
expect_equal "the archives" 2 "$(find "$STORE" -name '*.tar' | wc -l)"

it "nothing is removed while another run holds the preset's lock, and a dead one never blocks"
new_store
touch "$STORE/kitchai/daily/.larder.lock"
exec 8<"$STORE/kitchai/daily/.larder.lock"
flock 8
expect_exit 6 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" 4 "$(good_ones | wc -l)"
exec 8<&-
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" 1 "$(good_ones | wc -l)"

it "an archive that cannot be removed is told, the others go, and the next run finishes"
new_store
expect_exit 1 traced unlink:error=EROFS:when=1
expect_stdout FAILED
expect_stderr "could not remove \"$OLDEST.tar\""
expect_equal "the good ones" "${OLDEST##*/} ${NEWEST##*/}" "$(good_ones | xargs)"
expect_exit 0 larder prune --store "$STORE" --keep-min 1
expect_equal "the good ones" "${NEWEST##*/}" "$(good_ones)"

it "prune killed at any of its writes leaves nothing good that is gone, and the next run finishes"
kills=0
step=$((16 / $(thinned 16)))
for call in unlink,unlinkat renameat2,rename,link; do
    for ((nth = 1; nth <= 40; nth += step)); do
        new_store
        touch "$OLD.checked.json"
        status=0
        { traced "$call:signal=SIGKILL:when=$nth" >"$STDOUT"; } 2>"$STDERR" || status=$?
        while read -r name; do
            grep -qx "$name" "$STORE/kitchai/daily/$name.tar" || fail "$name is listed as good, and is gone"
        done < <(good_ones)
        good_ones | grep -qx "${NEWEST##*/}" || fail "the newest is gone"
        expect_exit 0 larder prune --store "$STORE" --keep-min 1
        expect_files "$STORE/kitchai/daily" "$(printf '%s\n' .larder.lock "${NEWEST##*/}".{json,sha256,tar})"
        [ "$status" != 0 ] || break
        kills=$((kills + 1))
    done
done
echo "  killed $kills times"
[ "$kills" -ge "$(thinned 16)" ] || fail "prune was killed only $kills times"

it "list shows its columns, and fits eighty of the screen's"
new_store
expect_exit 0 larder list --store "$STORE"
for head in backup preset age size rows encr verified drilled 'kept until'; do
    expect_stdout "$head"
done
for width in 40 60 80 100; do
    expect_exit 0 env COLUMNS=$width "$LARDER" list --store "$STORE"
    longest=$(awk '{ sub(/ +$/, ""); if (length > most) most = length } END { print most }' "$STDOUT")
    [ "$longest" -le "$width" ] || fail "a line has $longest characters of $width"
    expect_stdout "${NEWEST##*/}"
done

it "list says whose an archive is, however narrow the screen, where the store has several sources"
forge 10 7 daily kitchai-eu >/dev/null
for width in 40 60 80; do
    expect_exit 0 env COLUMNS=$width "$LARDER" list --store "$STORE"
    longest=$(awk '{ sub(/ +$/, ""); if (length > most) most = length } END { print most }' "$STDOUT")
    [ "$longest" -le "$width" ] || fail "a line has $longest characters of $width"
    expect_stdout "  kitchai-eu"
done

it "a thousand archives are listed without a database"
rm -rf "$STORE"
stem=$(forge 10 0)
old=${stem##*/} content=$(<"$stem.tar") digest=$(<"$stem.sha256") summary=$(<"$stem.json")
now=$EPOCHSECONDS
old_made=$(jq -r .started_at "$stem.json")
for i in {1..999}; do
    at=$((now - i * 7000))
    printf -v name 'daily_%(%Y%m%d_%H%M%S)T' "$at"
    printf -v made '%(%Y-%m-%dT%H:%M:%SZ)T' "$at"
    echo "$content" >"$STORE/kitchai/daily/$name.tar"
    echo "${digest//$old/$name}" >"$STORE/kitchai/daily/$name.sha256"
    text=${summary//$old/$name}
    echo "${text//$old_made/$made}" >"$STORE/kitchai/daily/$name.json"
done
expect_exit 0 larder list --store "$STORE" --json
expect_json '[.[] | select(.good)] | length' 1000

it "an export prunes its own preset when it has succeeded, by what the database says now, and never when it has failed"
server_start one
sample_database kitchai 100
larder init -d kitchai -q
rm -rf "$STORE"
expect_exit 0 larder export daily -d kitchai --store "$STORE" -q
system=$(jq -r .system_identifier "$STORE"/kitchai/daily/*.json)
for days in 20 40; do
    stem=$(forge "$days" 7)
    jq --arg system "$system" '.system_identifier = $system' "$stem.json" >"$SCRATCH/json"
    mv "$SCRATCH/json" "$stem.json"
done
sql kitchai "UPDATE backups.presets SET keep_days = 30 WHERE preset = 'daily'"
expect_exit 0 larder prune daily -d kitchai --store "$STORE" --keep-min 1 --dry-run
expect_stdout "as the preset says now"
expect_exit 0 larder prune monthly -d kitchai --store "$STORE"
for store in "$STORE" "$SCRATCH/bare"; do
    mkdir -p "$store"
    expect_exit 2 larder prune dialy -d kitchai --store "$store"
    expect_stderr 'Is "daily" meant? Those known are: daily, everything, monthly'
done
sql kitchai "UPDATE backups.presets SET keep_min = 2 WHERE preset = 'daily'"
expect_exit 0 larder prune daily -d kitchai --store "$STORE" --dry-run
expect_stdout "remove  ${stem##*/}"
expect_exit 0 larder status daily -d kitchai --store "$STORE" --json
expect_json '.presets[0].over' 1
sql kitchai "ALTER TABLE backups.presets DROP COLUMN keep_min"
expect_exit 0 larder prune daily -d kitchai --store "$STORE" --dry-run
expect_stdout "but among the newest 3 good ones"
expect_exit 0 larder prune daily --store "$STORE" --dry-run
expect_stdout "but among the newest 3 good ones"
sql kitchai "ALTER TABLE profiles RENAME TO elsewhere"
expect_exit 1 larder export daily -d kitchai --store "$STORE" --prune --keep-min 1
expect_equal "the good ones after a failure" 3 "$(good_ones | wc -l)"
sql kitchai "ALTER TABLE elsewhere RENAME TO profiles"
expect_exit 0 larder export daily -d kitchai --store "$STORE" --prune --keep-min 1
expect_stderr "removed ${stem##*/}: over since"
expect_equal "the good ones" 3 "$(good_ones | wc -l)"
expect_exit 2 larder export daily -d kitchai -o "$SCRATCH/x.tar" --prune

it "a preset that keeps archives for longer than a hundred years is refused before anything is read"
sql kitchai "ALTER TABLE backups.presets DROP CONSTRAINT IF EXISTS presets_keep_days_most;
    UPDATE backups.presets SET keep_days = 9999999 WHERE preset = 'daily'"
expect_exit 2 larder export daily -d kitchai --store "$SCRATCH/new"
expect_stderr 'the preset "daily" keeps archives for 9999999 days, and the most is 36500'
[ ! -e "$SCRATCH/new" ] || fail "the store was made"
sql kitchai "UPDATE backups.presets SET keep_days = 36500 WHERE preset = 'daily'"
expect_exit 0 larder export daily -d kitchai --store "$SCRATCH/new" -q
expect_exit 0 larder list --store "$SCRATCH/new" --json
expect_json '.[].good' true
