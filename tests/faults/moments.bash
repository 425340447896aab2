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

end_a_backend()
{
    sleep_random
    sql postgres "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = 'small' ORDER BY random() LIMIT 1) AS one" >"$SCRATCH/ended"
}

stop_the_server()
{
    sleep_random
    server_stop one immediate
}

# disturb HOW SEED   an export, and HOW beside it
disturb()
{
    local run became

    RANDOM=$2
    LAST="export, $1"
    work_anew
    lanes_do >"$STDOUT" 2>"$STDERR" &
    run=$!
    "$1" || true
    STATUS=0
    wait "$run" || STATUS=$?
    [ "$1" != stop_the_server ] || server_restart one
    lanes_judge
    became=$OUTCOME
    rm -rf "$WORK/store/small/adhoc"
    lanes_do >"$STDOUT" 2>"$STDERR" || fail "the next run failed"
    expect_equal "what is left after the next run" '' "$(find "$WORK/store" -name '.larder-*')"
    OUTCOME=$became
}

# disturb_all WHAT HOW POINTS   until so many runs have failed by it: those that had ended before are good ones, and no points of it
disturb_all()
{
    local number hits=0

    subjects_start
    work_anew
    measure lanes_do
    for ((number = 0; hits < $3 && number < 4 * $3; number++)); do
        try_point "--seed $((SEED + number)) --points 1 $1" disturb "$2" $((SEED + number))
        note "$1"
        [ "$OUTCOME" = good ] || hits=$((hits + 1))
    done
    show_table "$1" failed good left
}

faults_backends() { disturb_all backends end_a_backend "$(or_full 100)"; }
faults_stops() { disturb_all stops stop_the_server "$(or_full 20)"; }

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
            note "-F$format, random"
        done
        rm -rf "$WORK/dump"
        writes=$(strace -qq -e trace=write pg_dump -F"$format" -d small -f "$WORK/dump" 2>&1 | grep -c '^write(') || true
        seq "$writes" | thin "$POINTS" >"$SCRATCH/points"
        while read -r number; do
            try_point "pg_dump" kill_dump_at "$format" "$number"
            note "-F$format, writes"
        done <"$SCRATCH/points"
    done
    show_table pg_dump ended nothing there unlisted unread whole
}
