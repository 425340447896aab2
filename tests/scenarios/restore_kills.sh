#!/usr/bin/env bash
# A restore that is killed, or whose server stops, at any moment leaves what was there before, a complete state, or one that is
# marked, which the next run clears and finishes. With --existing rows and missing never anything in between.
#
#   LARDER_TEST_KILLS, LARDER_TEST_STOPS   how many SIGKILLs and stops of the server in each mode (2 and 1; the full measure is 100 and 20)
#   LARDER_TEST_ROWS                       in each of two tables (3000; the full measure is 20000)
#   LARDER_TEST_MODES                      "error rows missing", or some of them
#   LARDER_TEST_SEED                       repeats the moments of another run
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

KILLS=${LARDER_TEST_KILLS:-2}
STOPS=${LARDER_TEST_STOPS:-1}
MODES=${LARDER_TEST_MODES:-error rows missing}
ROWS=${LARDER_TEST_ROWS:-3000}
SEED=${LARDER_TEST_SEED:-$RANDOM}
RANDOM=$SEED
declare -A FOUND=()
echo "seed $SEED; in each mode $KILLS SIGKILLs and $STOPS stops of the server"
cd "$SCRATCH"

# What the tables hold, and whether an unfinished restore is marked.
state_of()
{
    sql "$1" "SELECT coalesce(string_agg(format('%s %s', c.oid::regclass, (xpath('//h/text()', query_to_xml(format('SELECT count(*) || '' '' || sum(hashtextextended(r::text, 0)) AS h FROM %s AS r', c.oid::regclass), true, false, '')))[1]), ', ' ORDER BY c.oid::regclass::text), 'nothing')
        FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
}

is_marked()
{
    [ "$(sql "$1" "SELECT count(*) FROM pg_namespace WHERE nspname = 'larder_unfinished_restore'")" = 1 ]
}

restore()
{
    exec "$LARDER" restore a.tar -d trial --existing "$1" -j 2 -q
}

expect_idle()
{
    expect_query postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'trial'" 0
}

sleep_until_random()
{
    local moment=$(((RANDOM * 32768 + RANDOM) % SPAN))

    LAST="$1 after $moment of $SPAN microseconds"
    sleep "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))"
}

# judge MODE HOW   what was left is before, complete, or marked; what carries an archive's name is one
judge()
{
    local state what archive

    state=$(state_of trial)
    if [ "$1" = error ] && is_marked trial; then
        what=marked
    elif [ "$state" = "$BEFORE" ]; then
        what=before
    elif [ "$state" = "$AFTER" ]; then
        what=complete
    else
        fail "a state in between: $state"
    fi
    [ "$1" = error ] || ! is_marked trial || fail "a mark, though nothing was to be made"
    FOUND[$1.$2.$what]=$((${FOUND[$1.$2.$what]:-0} + 1))
    while IFS= read -r archive; do
        expect_exit 0 larder verify "$archive" -q
    done < <(find . -maxdepth 1 -name 'undo_*.tar')
    # A complete one has its tables already, which only --existing error minds.
    if [ "$1" != error ] || [ "$what" != complete ]; then
        (restore "$1" >"$STDOUT" 2>"$STDERR") || fail "the next run failed"
    fi
    expect_equal "the tables in the end" "$AFTER" "$(state_of trial)"
    ! is_marked trial || fail "the mark is still there"
    expect_equal "what is left of the killed one" '' "$(find . -maxdepth 1 -name '.larder-*')"
    find . -maxdepth 1 -name 'undo_*' -delete
    dropdb trial
}

kill_one()
{
    local pid status=0

    createdb -T "before_$1" trial
    (restore "$1" >"$STDOUT" 2>"$STDERR") &
    pid=$!
    sleep_until_random "SIGKILL"
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || status=$?
    [ "$status" = 137 ] || [ "$status" = 0 ] || fail "exit 137 was expected, not $status"
    wait_until expect_idle
    judge "$1" SIGKILL
    [ "$status" = 137 ]
}

stop_one()
{
    local pid status=0

    createdb -T "before_$1" trial
    sql postgres CHECKPOINT
    (restore "$1" >"$STDOUT" 2>"$STDERR") &
    pid=$!
    sleep_until_random "a stop of the server"
    server_stop one immediate
    wait "$pid" 2>/dev/null || status=$?
    server_restart one
    wait_until sql trial "SELECT 1"
    judge "$1" stop
    [ "$status" != 0 ]
}

server_start one --durable
new_database source
sql source "CREATE TABLE a (id int PRIMARY KEY, v text UNIQUE); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, v text);
    INSERT INTO a SELECT i, 'a' || i FROM generate_series(1, $ROWS) AS i; INSERT INTO b SELECT i, i, md5(i::text) FROM generate_series(1, $ROWS) AS i"
expect_exit 0 larder export -t 'public.*' -d source -o a.tar --no-record -q
new_database before_error
for mode in rows missing; do
    createdb -T source "before_$mode"
    sql "before_$mode" "UPDATE a SET v = v || 'x' WHERE id % 3 = 0; DELETE FROM a WHERE id % 7 = 0; INSERT INTO a VALUES (-1, 'new'); INSERT INTO b VALUES (-1, -1, 'new')"
done

for mode in $MODES; do
    it "--existing $mode: killed at any moment, it leaves what was there, a complete state, or a marked one"
    BEFORE=$(state_of "before_$mode")
    SPAN=0
    for _ in 1 2; do
        createdb -T "before_$mode" trial
        begun=${EPOCHREALTIME/[.,]/}
        (restore "$mode" >"$STDOUT" 2>"$STDERR") || fail "the restore failed"
        took=$((${EPOCHREALTIME/[.,]/} - begun))
        [ "$took" -le "$SPAN" ] || SPAN=$took
        AFTER=$(state_of trial)
        dropdb trial
    done
    find . -maxdepth 1 -name 'undo_*' -delete
    for ((hits = 0, tries = 0; hits < KILLS && tries < 10 * KILLS; tries++)); do
        ! kill_one "$mode" || hits=$((hits + 1))
    done
    expect_equal "the runs that were killed" "$KILLS" "$hits"
    for ((hits = 0, tries = 0; hits < STOPS && tries < 10 * STOPS + 10; tries++)); do
        ! stop_one "$mode" || hits=$((hits + 1))
    done
    expect_equal "the servers that were stopped" "$STOPS" "$hits"
done
for how in "${!FOUND[@]}"; do
    echo "$how: ${FOUND[$how]}"
done | sort
