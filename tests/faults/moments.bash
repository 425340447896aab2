# shellcheck shell=bash disable=SC2034,SC2153  # what is set here is used in the other files, and the other way round
# The kinds of faults that come at random moments: kills, backends, stops, stores, restores and pg_dump; for tests/faults/run.
# Each point of backends, stops and pg_dump has a seed of its own, the first one's plus its number: so it can be replayed alone.

# The scenarios that do this for exports and restores, in their full measure.
run_scenario()
{
    echo "== $1"
    LARDER_TEST_SEED=$SEED LARDER_TEST_FULL=yes bash "$TESTS/scenarios/$1.sh" || FAILED=$((FAILED + 1))
}

# or_full NUMBER   --points, else the full measure
or_full() { echo "$((POINTS > 0 ? POINTS : $1))"; }

faults_kills()
{
    LARDER_TEST_KILLS=$(or_full 200) LARDER_TEST_TERMS=$((($(or_full 200) + 1) / 2)) run_scenario interrupted_export
}

faults_stores() { LARDER_TEST_FAULTS=all run_scenario s3_faults; }

faults_restores()
{
    LARDER_TEST_KILLS=$(or_full 100) LARDER_TEST_STOPS=$((($(or_full 100) + 4) / 5)) LARDER_TEST_ROWS=20000 run_scenario restore_kills
}

microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }

# measure COMMAND...   SPAN is how long it takes, in microseconds
measure()
{
    local begun

    begun=$(microseconds)
    "$@" >"$STDOUT" 2>"$STDERR" || fail "undisturbed, it fails"
    SPAN=$(($(microseconds) - begun))
}

sleep_random()
{
    local moment=$(((RANDOM * 32768 + RANDOM) % SPAN))

    LAST+=" after $moment of $SPAN microseconds"
    sleep "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))"
}

# What the subjects here are tried on, and the database that is in the middle of it
declare -A DATABASE=([lanes]=small [restore]=trial [fresh]=trial)

end_a_backend()
{
    sleep_random
    sql postgres "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = '$1' ORDER BY random() LIMIT 1) AS one" >"$SCRATCH/ended"
}

stop_the_server()
{
    sleep_random
    server_stop one immediate
}

is_idle() { [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$1'")" = 0 ]; }

# disturb SUBJECT HOW SEED   the subject, and HOW beside it
disturb()
{
    local run

    RANDOM=$3
    LAST="$1, $2"
    prepare_subject "$1"
    "$1_do" >"$STDOUT" 2>"$STDERR" &
    run=$!
    "$2" "${DATABASE[$1]}" || true
    STATUS=0
    wait "$run" || STATUS=$?
    [ "$2" != stop_the_server ] || server_restart one
    wait_until is_idle "${DATABASE[$1]}"
    conclude "$1"
}

# disturb_all WHAT HOW POINTS [SUBJECT]   until so many runs have failed by it: those that had ended before are good ones, and no points of it
disturb_all()
{
    local subject number hits

    subjects_start
    for subject in ${4:-lanes restore fresh}; do
        prepare_subject "$subject"
        measure "${subject}_do"
        for ((number = 0, hits = 0; hits < $3 && number < 4 * $3; number++)); do
            try_point "--seed $((SEED + number)) --points 1 $1/$subject" disturb "$subject" "$2" $((SEED + number))
            note "$subject"
            [ "${OUTCOME%% *}" = good ] || hits=$((hits + 1))
        done
    done
    show_table "$1" failed good left
}

faults_backends() { disturb_all backends end_a_backend "$(or_full 100)" "$1"; }
faults_stops() { disturb_all stops stop_the_server "$(or_full 20)" "$1"; }

# ---- The way between larder and its server ----

# go_through HOW BYTES SUBJECT   runs it through tests/faults/proxy.py; PASSED is how many bytes went through
go_through()
{
    local port proxy seconds=300

    prepare_subject "$3"
    exec 5< <(exec /usr/bin/python3 "$FAULTS_HERE/proxy.py" "$SCRATCH/one/.s.PGSQL.$PGPORT" "$1" "$2")
    proxy=$!
    read -r port <&5
    [ "$1" != hang ] || seconds=$((2 * SPAN / 1000000 + 3))
    FAULT=(timeout --preserve-status --kill-after 60 "$seconds" env PGHOST=127.0.0.1 "PGPORT=$port")
    STATUS=0
    "$3_do" >"$STDOUT" 2>"$STDERR" || STATUS=$?
    FAULT=()
    kill -TERM "$proxy"
    read -r PASSED <&5
    exec 5<&-
    wait_until is_idle "${DATABASE[$3]}"
}

# spoil SUBJECT HOW SEED BYTES   somewhere in the first BYTES, and rather at their beginning, where there is more than rows
spoil()
{
    local at chance

    RANDOM=$3
    chance=$((RANDOM % 1000 + 1))
    at=$(($4 * chance / 1000 * chance / 1000 * chance / 1000 + RANDOM % 1000 + 1))
    LAST="$1, $2 at byte $at of some $4"
    go_through "$2" "$at" "$1"
    if [ "$STATUS" = 143 ] && [ "$2" = hang ]; then
        expect_equal "what a run that was ended has left" '' "$(find "$WORK" -name '.larder-*' ! -name "$STALE")"
        STATUS=137
    fi
    [ "$STATUS" != 137 ] || [ "$2" = hang ] || fail "it did not end by itself"
    conclude "$1"
    [ "$2" != stall ] && [ "$2" != delay ] || [ "${OUTCOME%% *}" = good ] || fail "it was to succeed"
}

faults_network()
{
    local subject how number bytes hows=(cut close cut stall close hang)

    subjects_start
    for subject in ${1:-lanes restore fresh}; do
        prepare_subject "$subject"
        measure "${subject}_do"
        go_through none 0 "$subject"
        bytes=$PASSED
        for ((number = 0; number < $(or_full 60); number++)); do
            how=${hows[(SEED + number) % 6]}
            try_point "--seed $((SEED + number)) --points 1 network/$subject" spoil "$subject" "$how" $((SEED + number)) "$bytes"
            note "$subject"
        done
        try_point "--seed $SEED --points 1 network/$subject" spoil "$subject" delay "$SEED" "$bytes"
        note "$subject"
    done
    show_table network failed good killed left
}

# ---- The same done to pg_dump: what carries the name of a dump, and is none ----

# dump_with FORMAT FILE
dump_with() { rm -rf "$2" && exec pg_dump -F"$1" -d small -f "$2"; }

# judge_dump FILE   OUTCOME: nothing is there, whole, or one of what pg_restore refuses at once, or only when it is restored
judge_dump()
{
    if [ ! -e "$1" ]; then
        OUTCOME=nothing
    elif ! pg_restore -l "$1" >/dev/null 2>"$STDERR"; then
        OUTCOME="there unlisted"
    elif ! pg_restore -f /dev/null "$1" 2>"$STDERR"; then
        OUTCOME="there unread"
    else
        OUTCOME="there whole"
    fi
}

kill_dump()
{
    local file=$WORK/dump.$1 run

    work_anew
    LAST="pg_dump -F$1"
    RANDOM=$2
    (dump_with "$1" "$file") 2>/dev/null &
    run=$!
    sleep_random
    kill -KILL "$run" 2>/dev/null || true
    if wait "$run" 2>/dev/null; then OUTCOME=ended; else judge_dump "$file"; fi
}

# Killed before its Nth write to a file, while there is one.
kill_dump_at()
{
    local file=$WORK/dump.$1 status=0

    work_anew
    { strace -qq -o /dev/null -e trace=write -e "inject=write:signal=SIGKILL:when=$2" pg_dump -F"$1" -d small -f "$file" || status=$?; } 2>/dev/null
    if [ "$status" = 0 ]; then OUTCOME=ended; else judge_dump "$file"; fi
}

faults_pg_dump()
{
    local format number writes

    subjects_start
    for format in c d; do
        work_anew
        measure bash -c 'pg_dump "-F$1" -d small -f "$2"' _ "$format" "$WORK/dump"
        for ((number = 0; number < $(or_full 200); number++)); do
            try_point "--seed $((SEED + number)) --points 1 pg_dump" kill_dump "$format" $((SEED + number))
            note "-F$format-random"
        done
        rm -rf "$WORK/dump"
        writes=$(strace -qq -e trace=write pg_dump -F"$format" -d small -f "$WORK/dump" 2>&1 | grep -c '^write(') || true
        seq "$writes" | thin "$(or_full 200)" >"$SCRATCH/points"
        while read -r number; do
            try_point "pg_dump" kill_dump_at "$format" "$number"
            note "-F$format-writes"
        done <"$SCRATCH/points"
    done
    show_table pg_dump ended nothing there unlisted unread whole
}
