#!/usr/bin/env bash
# A server that answers anything but what it was asked gets an error out of larder: no crash, no file, no wait without end.
#
#   LARDER_TEST_RUNS   how many seeds of random answers are tried (6; the full measure is 200), from LARDER_TEST_SEED on (1)
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

RUNS=${LARDER_TEST_RUNS:-$(thinned 6)}
FIRST=${LARDER_TEST_SEED:-1}
LIAR=
PATIENCE=120

lie()
{
    local port

    [ -z "$LIAR" ] || kill "$LIAR"
    exec 5< <(exec /usr/bin/python3 "$TESTS/support/hostile_server.py" "$@")
    LIAR=$!
    read -r port <&5
    TARGET="host=127.0.0.1 port=$port user=postgres dbname=kitchai sslmode=disable gssencmode=disable"
}

stop_lying()
{
    [ -z "$LIAR" ] || kill "$LIAR"
}

# It may even succeed, as an init does that is told that all is there; but not crash, hang, or publish.
expect_survival()
{
    local status=0

    LAST=$(printf '%q ' "$@")
    timeout -s KILL "$PATIENCE" "$@" >"$STDOUT" 2>"$STDERR" || status=$?
    [ "$status" -le 9 ] || fail "exit $status"
    expect_unsaid $'\033'
    expect_unsaid $'\nlarder: all is well'
    expect_equal "what was published" '' "$(find "$SCRATCH/store" -type f ! -name .larder.lock)"
}

expect_all_to_survive()
{
    expect_survival "$LARDER" export '-tpublic.*' -d "$TARGET" --store "$SCRATCH/store" -j 2
    expect_survival "$LARDER" export everything -d "$TARGET" --store "$SCRATCH/store" --no-record
    expect_survival "$LARDER" doctor everything -d "$TARGET" --store "$SCRATCH/store"
    expect_survival "$LARDER" init -d "$TARGET"
    expect_survival "$LARDER" restore "$SCRATCH/good.tar" -d "$TARGET"
    expect_survival "$LARDER" restore "$SCRATCH/good.tar" -d "$TARGET" --existing rows --no-undo
    expect_survival "$LARDER" verify "$SCRATCH/good.tar" --against "$TARGET"
}

at_exit stop_lying
server_start one
sample_database kitchai 60
larder export -t 'public.*' -d kitchai -o "$SCRATCH/good.tar" --no-record -q
mkdir "$SCRATCH/store"

it "data of a COPY that nobody asked for"
lie copy
expect_all_to_survive

it "errors of two million bytes"
lie error
expect_all_to_survive

it "rows of any number and shape, with values of any kind (seeds $FIRST to $((FIRST + RUNS - 1)))"
for ((seed = FIRST; seed < FIRST + RUNS; seed++)); do
    lie random "$seed"
    expect_all_to_survive
done
