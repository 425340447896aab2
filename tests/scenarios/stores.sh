#!/usr/bin/env bash
# One and the same test over each kind of store: a folder, a real S3 store, and rclone with a local and an sftp remote.
# STORES="folder s3" names those that are to be tested, of folder, s3, disk, sftp, and killed, a copy to "disk".
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/forge.bash
source "$TESTS/support/forge.bash"
# shellcheck source=tests/support/sftp_remote.bash
source "$TESTS/support/sftp_remote.bash"
# shellcheck source=tests/support/s3_store.bash
source "$TESTS/support/s3_store.bash"

LOCAL=$SCRATCH/local
# Both remotes of rclone see the same code of ours; S3 has a scenario of its own.
EACH='folder s3 sftp killed'
! is_sanitized || EACH='folder disk killed'
STORES=${STORES:-$EACH}

# The keys that a store holds, as its own tools see them, temporary ones included.
keys_folder() { (cd "$1" 2>/dev/null && find . -type f ! -name .larder.lock -printf '%P\n' | sort); }
keys_disk() { keys_folder "${1#rclone:disk:}"; }
keys_sftp() { keys_folder "${1#rclone:sftp:}"; }
keys_s3() { s3_keys "${1#s3://larder/}/" | sed "s|^${1#s3://larder/}/||"; }

# Puts a file in an object's place, behind larder's back.
put_folder() { cp "$3" "$1/$2"; }
put_disk() { cp "$3" "${1#rclone:disk:}/$2"; }
put_sftp() { cp "$3" "${1#rclone:sftp:}/$2"; }
put_s3() { s3_request PUT "${1#s3://}/$2" --data-binary "@$3"; }

expect_keys()
{
    expect_equal "the keys of $1" "$2" "$("keys_$KIND" "$1")"
}

# forge FOLDER DAYS_AGO CONTENT   an archive as an export would have left it in a folder; prints its path
forge()
{
    local at=$((TODAY - $2 * 86400))

    forge_backup "$1" kitchai daily "$at" $((at + 7 * 86400)) \
        "{\"system_identifier\": \"$SYSTEM\", \"rows\": 1, \"of_a_later_version\": 1}" <<<"$3"
    echo "$STEM.tar"
}

three_of()
{
    printf 'kitchai/daily/%s\n' "$1".{json,sha256,tar}
}

no_program_runs()
{
    ! pgrep -f "rclone .*$SCRATCH" >/dev/null
}

store_is_used()
{
    local url=$1 name sum

    it "$KIND: an export is there with what lies beside it, and nothing else"
    expect_exit 0 larder export daily -d kitchai --store "$url" --json
    expect_json '.archive | startswith("'"$url"'/kitchai/daily/daily_")' true
    name=$(jq -r .backup_name "$STDOUT")
    sum=$(jq -r .sha256 "$STDOUT")
    expect_keys "$url" "$(three_of "$name")"

    it "$KIND: it is listed, without a database, and verified by its name and by its URL"
    expect_exit 0 env -u PGHOST "$LARDER" list --store "$url" --json
    expect_json '.[] | [.backup_name, .sha256, .good, .verified_at] | map(tostring) | join(" ")' "$name $sum true null"
    expect_exit 0 larder verify "$name" --store "$url"
    expect_exit 0 larder verify "$url/kitchai/daily/$name.tar" --quick
    expect_exit 0 larder list --store "$url" --json
    expect_json '.[] | [.good, .verified_at != null] | map(tostring) | join(" ")' "true true"
    expect_exit 2 larder verify daily_20200101_000000 --store "$url"
    # A prefix of a bucket is not made, so it cannot be missing.
    [ "$KIND" = s3 ] || expect_exit 2 larder list --store "$url/nothing/here"

    it "$KIND: it is restored, whole and one table of it"
    new_database "whole_$KIND"
    new_database "part_$KIND"
    expect_exit 0 larder restore "$name" --store "$url" -d "whole_$KIND" --create-roles --externals stub --json
    expect_json '[.agree, (.tables | length)] | map(tostring) | join(" ")' "true 5"
    expect_exit 0 larder restore "$url/kitchai/daily/$name.tar" -d "part_$KIND" -t user_follows --externals stub --json
    expect_json '[.agree, (.tables | length)] | map(tostring) | join(" ")' "true 1"
    dropdb "whole_$KIND"
    dropdb "part_$KIND"

    it "$KIND: it is copied out and in again, byte by byte, and what is there already and equal is left alone"
    expect_exit 0 larder copy "$name" "$LOCAL/$KIND" --store "$url"
    expect_stdout "read back there and equal"
    (cd "$LOCAL/$KIND/kitchai/daily" && sha256sum -c --quiet "$name.sha256") || fail "the copy has another SHA-256"
    expect_exit 0 larder copy "$LOCAL/$KIND/kitchai/daily/$name.tar" "$url/second" --json
    expect_json '[.sha256, .already_there, .verified] | map(tostring) | join(" ")' "$sum false read back"
    expect_keys "$url/second" "$(three_of "$name")"
    expect_exit 0 larder copy "$LOCAL/$KIND/kitchai/daily/$name.tar" "$url/second"
    expect_stdout "was there already"
    expect_exit 0 larder verify "$name" --store "$url/second"

    it "$KIND: an archive that has changed in the store is found out, and not copied"
    printf x | dd of="$LOCAL/$KIND/kitchai/daily/$name.tar" bs=1 seek=70000 conv=notrunc status=none
    put_"$KIND" "$url/second" "kitchai/daily/$name.tar" "$LOCAL/$KIND/kitchai/daily/$name.tar"
    expect_exit 4 larder verify "$name" --store "$url/second"
    expect_exit 0 larder list --store "$url/second" --json
    expect_json '.[0].problems[0]' "its last check found it damaged"
    expect_exit 4 larder copy "$name" "$LOCAL/damaged" --store "$url/second"
    expect_exit 1 larder copy "$name" "$url/second" --store "$url"
    expect_stderr "never overwritten"
}

store_refuses()
{
    local url=$1 one other

    it "$KIND: another archive of the same name is never overwritten, and one that is not what its summary says is not copied"
    one=$(forge "$LOCAL/one" 5 one)
    other=$(forge "$LOCAL/other" 5 other)
    expect_exit 0 larder copy "$one" "$url/third"
    expect_exit 1 larder copy "$other" "$url/third"
    expect_stderr "never overwritten"
    expect_exit 0 larder copy "$one" "$url/third"
    expect_stdout "was there already"
    echo changed >"$other"
    expect_exit 4 larder copy "$other" "$url/fourth"
    expect_stderr "was not copied"
    printf 'othel\n' >"$other"
    expect_exit 4 larder copy "$other" "$url/fourth"
    expect_stderr "SHA-256"
    expect_keys "$url/fourth" ''
    rm "${other%.tar}.json"
    expect_exit 4 larder copy "$other" "$url/fourth"
}

store_is_pruned()
{
    local url=$1 old older

    it "$KIND: prune removes what is over, all of it and nothing else, and what is held stays until it is released"
    old=$(basename "$(forge "$LOCAL/old" 30 old)" .tar)
    older=$(basename "$(forge "$LOCAL/old" 40 older)" .tar)
    expect_exit 0 larder copy "$old" "$url" --store "$LOCAL/old"
    expect_exit 0 larder copy "$older" "$url" --store "$LOCAL/old"
    expect_exit 0 larder hold "$older" --store "$url"
    if [ "$KIND" != folder ]; then
        expect_exit 2 larder prune daily --store "$url" --keep-min 1
        expect_stderr "no locks"
    fi
    expect_exit 0 larder prune daily -d kitchai --store "$url" --keep-min 1
    expect_stdout "1 of 3 archives removed"
    expect_exit 0 larder release "$older" --store "$url"
    expect_exit 0 larder export daily -d kitchai --store "$url" --prune --keep-min 1
    expect_stderr "removed $older"
    expect_exit 0 larder list --store "$url" --json
    expect_json '[.[] | select(.good) | .backup_name] | length' 2
    ! "keys_$KIND" "$url" | grep -q -e "$old" -e "$older" || fail "something of the removed ones is left"
}

# As long as the table is locked, an export holds its locks and waits.
stuck_export()
{
    "$LARDER" export daily -d kitchai --store "$1" --lock-timeout 60 -q >"$SCRATCH/stuck" 2>&1 &
    STUCK=$!
    wait_until expect_query kitchai "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'relation'" t
}

store_is_locked()
{
    local url=$1 locker

    it "$KIND: a second run of the preset exits at once, and one that was killed blocks nobody"
    psql -XAtqd kitchai -c 'BEGIN' -c 'LOCK TABLE profiles' -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
    locker=$!
    wait_until expect_query kitchai "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'" 1
    stuck_export "$url"
    expect_exit 6 larder export daily -d kitchai --store "$url"
    expect_exit 6 larder prune daily -d kitchai --store "$url"
    kill -KILL "$STUCK"
    wait "$STUCK" 2>/dev/null || true
    sql kitchai "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'" >/dev/null
    wait "$locker" || true
    wait_until larder export daily -d kitchai --store "$url/locked" -q
    expect_equal "the keys" 3 "$("keys_$KIND" "$url/locked" | wc -l)"
}

# Where a program is started for everything, each start is a moment to be killed at.
copy_is_killed()
{
    local KIND=disk url=$1 one status at nth step kills=0

    step=$((8 / $(thinned 8)))
    it "$KIND: a copy that is killed, at any start of rclone or while it writes, leaves nothing good that is not, and the next finishes"
    one=$(forge "$LOCAL/killed" 3 "$(seq 100000)")
    for ((nth = 0; nth <= 40; nth += nth == 0 ? 1 : step)); do
        at=sendto:when=1
        [ "$nth" = 0 ] || at=clone,clone3,vfork:when=$nth
        rm -rf "${url#rclone:disk:}"
        status=0
        { ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS strace -qq -o /dev/null -e "trace=${at%%:*}" \
            -e "inject=${at%%:*}:signal=SIGKILL:${at#*:}" "$LARDER" copy "$one" "$url" >"$STDOUT"; } 2>"$STDERR" || status=$?
        [ "$status" != 0 ] || break
        kills=$((kills + 1))
        wait_until no_program_runs
        # What has a summary is listed as good, and so must be.
        if keys_disk "$url" | grep -q '\.json$'; then
            expect_exit 0 larder copy "$one" "$url"
            expect_stdout "was there already"
        fi
        [ $((kills % 4)) = 1 ] || continue
        expect_exit 0 larder copy "$one" "$url"
        expect_keys "$url" "$(three_of "$(basename "$one" .tar)")"
    done
    expect_keys "$url" "$(three_of "$(basename "$one" .tar)")"
    echo "  killed $kills times"
    [ "$kills" -ge "$(thinned 8)" ] || fail "copy was killed only $kills times"

    it "$KIND: a copy that is told to stop leaves nothing"
    expect_exit 143 env "ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS" strace -qq -o /dev/null -e trace=sendto \
        -e inject=sendto:signal=SIGTERM:when=1 "$LARDER" copy "$one" "$url/stopped"
    expect_keys "$url/stopped" ''
}

# Each request that changes something is a moment to be killed at: before it, and so after the one before it.
prune_is_killed()
{
    local url=$1 name nth changes=() kills=0 old older

    it "$KIND: prune killed at every delete leaves nothing good that is gone, and the next run finishes"
    old=$(forge "$LOCAL/killed" 30 old)
    older=$(forge "$LOCAL/killed" 40 older)
    expect_exit 0 larder export daily -d kitchai --store "$url" -q
    for nth in count {1..60}; do
        [ "$nth" = count ] || [ "$nth" -le "${#changes[@]}" ] || break
        for name in "$old" "$older"; do
            expect_exit 0 larder copy "$name" "$url"
        done
        if [ "$nth" = count ]; then
            expect_exit 0 traced_prune "$url" -o "$SCRATCH/calls" -s 8 -e trace=sendto
            mapfile -t changes < <(grep -nE '"(DELETE|PUT) ' "$SCRATCH/calls" | cut -d : -f 1)
            continue
        fi
        expect_exit 137 traced_prune "$url" -o /dev/null -e trace=sendto -e "inject=sendto:signal=SIGKILL:when=${changes[nth - 1]}"
        kills=$((kills + 1))
        while read -r name; do
            [ ! -e "${old%/*}/$name.tar" ] || expect_exit 0 larder copy "${old%/*}/$name.tar" "$url" --json
            [ ! -e "${old%/*}/$name.tar" ] || expect_json .already_there true
        done < <(larder list --store "$url" --json | jq -r '.[] | select(.good) | .backup_name')
        expect_exit 0 larder prune daily -d kitchai --store "$url" --keep-min 1
        expect_equal "the keys that are left" 3 "$(keys_s3 "$url" | wc -l)"
    done
    expect_exit 0 larder list --store "$url" --json
    expect_json '[.[] | .good] | join(" ")' true
    echo "  killed $kills times"
    [ "$kills" -ge 10 ] || fail "prune was killed only $kills times"
}

# The leak sanitizer cannot look at a program that is traced.
traced_prune()
{
    local url=$1

    shift
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS strace -qq "$@" "$LARDER" prune daily -d kitchai --store "$url" --keep-min 1
}

is_wanted()
{
    [[ " $STORES " == *" $KIND "* ]]
}

run_over()
{
    local url=$2

    KIND=$1
    is_wanted || return 0
    store_is_used "$url"
    store_refuses "$url"
    store_is_pruned "$url"
    store_is_locked "$url"
}

server_start one
sample_database kitchai 100
larder init -d kitchai -q
SYSTEM=$(sql kitchai 'SELECT system_identifier FROM pg_control_system()')
TODAY=$(date +%s)
rclone_remotes
sftp_start

run_over folder "$SCRATCH/store"
KIND=s3
if is_wanted; then
    s3_store_start
    run_over s3 s3://larder/store
    prune_is_killed s3://larder/killed
fi
run_over disk "rclone:disk:$SCRATCH/disk"
KIND=killed
! is_wanted || copy_is_killed "rclone:disk:$SCRATCH/killed"
run_over sftp "rclone:sftp:$SFTP_FOLDER/store"

it "rclone: what has been cut or changed on its way is found by its size or its hash, and taken back"
one=$(forge "$LOCAL/way" 3 "$(seq 1000)")
mkdir "$SCRATCH/bin"
for change in 'head -c 100' 'tr 1 2'; do
    printf '#!/bin/sh\ncase "$*" in *" rcat "*) %s | %s "$@" ;; *) exec %s "$@" ;; esac\n' "$change" \
        "$(command -v rclone)" "$(command -v rclone)" >"$SCRATCH/bin/rclone"
    chmod +x "$SCRATCH/bin/rclone"
    for store in "disk:$SCRATCH/way" "sftp:$SFTP_FOLDER/way"; do
        expect_exit 1 env "PATH=$SCRATCH/bin:$PATH" "$LARDER" copy "$one" "rclone:$store"
        expect_says "sent"
        expect_equal "what is there" '' "$(keys_folder "${store#*:}")"
    done
done

it "rclone: a program that hangs while it cleans up behind a run that was stopped is waited for no longer than a minute"
printf '#!/bin/sh\ncase "$*" in *" rcat "*) touch %s; sleep 200 ;; *" deletefile "*) sleep 200 ;; *) exec %s "$@" ;; esac\n' \
    "$SCRATCH/sends" "$(command -v rclone)" >"$SCRATCH/bin/rclone"
PATH=$SCRATCH/bin:$PATH begin copy "$one" "rclone:disk:$SCRATCH/way"
wait_until test -e "$SCRATCH/sends"
kill -TERM "$PID"
expect_end 143
wait_until no_program_runs

it "rclone: a copy that finds the archive of another one, finishes it: neither then takes away what the other has told to be there"
printf '#!/bin/sh\ncase "$*" in *" cat "*) touch %s; while [ ! -e %s ]; do sleep 0.1; done ;; esac\nexec %s "$@"\n' \
    "$SCRATCH/reads" "$SCRATCH/goes_on" "$(command -v rclone)" >"$SCRATCH/bin/rclone"
for code in 0 143; do
    rm -f "$SCRATCH/reads" "$SCRATCH/goes_on"
    PATH=$SCRATCH/bin:$PATH begin copy "$one" "rclone:disk:$SCRATCH/both$code"
    wait_until test -e "$SCRATCH/reads"
    "$LARDER" copy "$one" "rclone:disk:$SCRATCH/both$code" -q || fail "the second copy failed"
    [ "$code" = 0 ] || kill -TERM "$PID"
    touch "$SCRATCH/goes_on"
    expect_end "$code"
    expect_equal "the keys" "$(three_of "$(basename "$one" .tar)")" "$(keys_folder "$SCRATCH/both$code")"
done

it "an archive that is missing where what lies beside it is there is told as that, and not written there"
rm "$SCRATCH/both0/kitchai/daily/$(basename "$one")"
expect_exit 1 larder copy "$one" "$SCRATCH/both0"
expect_stderr "the archive itself is missing"
expect_stderr "remove what is left of it"

it "a folder is named by its whole path behind file://, wherever one stands"
expect_exit 0 larder list --store "file://$SCRATCH/both143" --json
expect_json length 1
for short in "file://${SCRATCH#/}/both143" file://localhost/srv file://; do
    expect_exit 2 larder export daily -d kitchai --store "$short"
    expect_stderr "file:///srv/backups"
done

it "what a URL names from the root on, of a folder or of a remote of rclone, is found there, also three folders deep, and not where rclone begins"
if [[ $SCRATCH != /*/*/* ]]; then
    cp "$one" "$SCRATCH/deep.tar"
    expect_exit 4 larder verify "rclone:disk:$SCRATCH/deep.tar"
    expect_stderr "disk:$SCRATCH/deep.tar"
    expect_exit 4 larder verify "file://$SCRATCH/deep.tar"
    expect_exit 4 larder verify "file:////${SCRATCH#/}/deep.tar"
fi

it "rclone: one table out of a large archive takes little of it, and the whole takes few starts of the program"
sql kitchai "CREATE TABLE noise AS SELECT i, (SELECT string_agg(sha512((i * 16 + j)::text::bytea), '') AS bytes
    FROM generate_series(1, 16) AS j) FROM generate_series(1, 1024 * 24) AS i"
expect_exit 0 larder export -t 'public.*' -d kitchai --store "rclone:disk:$SCRATCH/large" --json
archive=$(jq -r .archive "$STDOUT")
expect_json '.bytes > 24000000' true
printf '#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' "$SCRATCH/starts" "$(command -v rclone)" >"$SCRATCH/bin/rclone"
new_database one_table
expect_exit 0 env "PATH=$SCRATCH/bin:$PATH" "$LARDER" restore "$archive" -d one_table -t profiles --externals stub --create-roles
read_in_all=$(grep -oe '--count=[0-9]*' "$SCRATCH/starts" | awk -F= '{ sum += $2 } END { print sum }')
[ "$read_in_all" -lt 4000000 ] || fail "$read_in_all bytes were asked for"
: >"$SCRATCH/starts"
expect_exit 0 env "PATH=$SCRATCH/bin:$PATH" "$LARDER" verify "$archive" -j 1
starts=$(wc -l <"$SCRATCH/starts")
[ "$starts" -lt 40 ] || fail "rclone was started $starts times"
echo "  $read_in_all bytes for one table of $(stat -c %s "${archive#rclone:disk:}"), $starts starts for the whole"

it "rclone: a list of many archives takes no more starts than one of few"
for days in {1..9}; do
    forge "$SCRATCH/many" "$days" "$days" >/dev/null
done
: >"$SCRATCH/starts"
mkdir "$SCRATCH/tmp"
expect_exit 0 env "PATH=$SCRATCH/bin:$PATH" "TMPDIR=$SCRATCH/tmp" "$LARDER" list --store "rclone:disk:$SCRATCH/many" --json
expect_json '[.[] | select(.good)] | length' 9
starts=$(wc -l <"$SCRATCH/starts")
[ "$starts" -le 3 ] || fail "rclone was started $starts times"
expect_equal "what is left of their copies" '' "$(find "$SCRATCH/tmp" -mindepth 1)"

it "rclone: a remote that is not configured, a URL without one, and a missing program are wrong usage"
expect_exit 2 larder list --store rclone:nowhere:store
expect_stderr "no such remote"
expect_exit 2 larder list --store rclone:nowhere
expect_stderr "rclone:REMOTE:PATH"
expect_exit 2 env PATH=/nonexistent "$LARDER" export daily -d kitchai --store rclone:disk:/x
expect_stderr "Install the package rclone"
