#!/usr/bin/env bash
# An export that is stopped at any moment publishes nothing that is not whole, and leaves nothing
# that the next run does not remove.
#
#   LARDER_TEST_KILLS, LARDER_TEST_TERMS   how many SIGKILLs and SIGTERMs (8 and 4; the full measure is 100 and 50)
#   LARDER_TEST_SEED                       repeats the moments of another run
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

KILLS=${LARDER_TEST_KILLS:-$(thinned 8)}
TERMS=${LARDER_TEST_TERMS:-$(thinned 4)}
SEED=${LARDER_TEST_SEED:-$RANDOM}
STORE=$SCRATCH/store
SET=$STORE/cooks/all
declare -A ENDED=()
LEFT=0 WHOLE=0 BARE=0
mkdir "$STORE"
RANDOM=$SEED
echo "seed $SEED, $KILLS SIGKILLs, $TERMS SIGTERMs"

microseconds()
{
    echo "${EPOCHREALTIME/[.,]/}"
}

# An archive is named by the second in which it begins: a run right behind one that has ended would begin by waiting.
next_second()
{
    sleep "0.$(printf '%06d' $((1000000 - $(microseconds) % 1000000)))"
}

export_all()
{
    exec env --default-signal=INT,TERM "$LARDER" export all -d cooks --store "$STORE" -j 2 -q
}

# Every file that carries an archive's name is one; nothing is under construction any more.
expect_only_whole()
{
    local archive

    expect_equal "the files that are no part of a published archive" '' \
        "$(find "$STORE" -type f ! -name .larder.lock ! -name 'all_[0-9]*.tar' ! -name 'all_[0-9]*.sha256' ! -name 'all_[0-9]*.json')"
    while IFS= read -r archive; do
        expect_exit 0 larder verify "$archive"
        WHOLE=$((WHOLE + 1))
        [ -e "${archive%.tar}.json" ] || BARE=$((BARE + 1))
    done < <(find "$STORE" -name '*.tar')
    rm -rf "$SET"
}

expect_idle()
{
    expect_query cooks "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder%'" 0
    expect_query cooks "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'" 0
}

# stop_at_random SIGNAL CODE   0: it was stopped; 1: it had ended before
stop_at_random()
{
    local moment=$(((RANDOM * 32768 + RANDOM) % SPAN)) status=0 pid

    LAST="SIG$1 after $moment of $SPAN microseconds"
    next_second
    export_all >"$STDOUT" 2>"$STDERR" &
    pid=$!
    sleep "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))"
    kill -"$1" "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || status=$?
    [ "$status" = "$2" ] || [ "$status" = 0 ] || fail "exit $2 was expected, not $status"
    wait_until expect_idle
    ENDED[$1.$status]=$((${ENDED[$1.$status]:-0} + 1))
    [ "$status" != 0 ]
}

server_start one
sample_database cooks 200000
larder init -d cooks -q
sql cooks "INSERT INTO backups.presets (preset, tables, in_database) VALUES ('all', '{public.*}', false)"

it "an undisturbed export says how long the moments may spread"
(export_all) || fail "the export failed"
rm -rf "$SET"
SPAN=0
for _ in 1 2 3; do
    next_second
    begun=$(microseconds)
    (export_all) || fail "the export failed"
    took=$(($(microseconds) - begun))
    [ "$took" -le "$SPAN" ] || SPAN=$took
    rm -rf "$SET"
done
expect_idle

it "SIGKILL leaves nothing that the next run does not remove, and never half an archive"
for ((hits = 0, tries = 0; hits < KILLS && tries < 10 * KILLS; tries++)); do
    ! stop_at_random KILL 137 || hits=$((hits + 1))
    LEFT=$((LEFT + $(find "$STORE" -name '.larder-*' | wc -l)))
    # Some of the next runs end by themselves; the others are killed, too.
    if [ -n "$(find "$STORE" -name '*.tar')" ] || ((RANDOM % 4 == 0)); then
        (export_all) || fail "the run after a kill failed"
        expect_only_whole
    fi
done
(export_all) || fail "the run after the kills failed"
expect_only_whole
expect_equal "the runs that were killed" "$KILLS" "$hits"

it "SIGTERM leaves nothing at all"
for ((hits = 0, tries = 0; hits < TERMS && tries < 10 * TERMS; tries++)); do
    if stop_at_random TERM 143; then
        hits=$((hits + 1))
        expect_equal "the files in the store" '' "$(find "$STORE" -type f ! -name .larder.lock)"
    fi
    expect_only_whole
done
expect_equal "the runs that were ended" "$TERMS" "$hits"
for how in "${!ENDED[@]}"; do
    echo "SIG${how%.*}, exit ${how#*.}: ${ENDED[$how]}"
done
echo "a run takes up to $SPAN microseconds; temporary files that kills left: $LEFT; archives published and verified: $WHOLE, of which $BARE without a summary, since the kill came before it"
