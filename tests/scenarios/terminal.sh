#!/usr/bin/env bash
# What is printed on terminals of 80x24 and 120x40, as golden files have it, and what is printed elsewhere.
#
#   GOLDEN_WRITE=1 writes the golden files anew; look at them.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

command -v tmux >/dev/null || skip "tmux is not installed"
GOLDEN=$TESTS/golden
MUX=(tmux -L "larder.$$" -f /dev/null)
stop_mux() { "${MUX[@]}" kill-server 2>/dev/null || true; }
at_exit stop_mux

# Starts a command on a terminal of its own; SESSION is its name.
SESSION=s0
on_terminal()
{
    local columns=$1 rows=$2

    shift 2
    SESSION=s$((${SESSION#s} + 1))
    "${MUX[@]}" new-session -d -s "$SESSION" -x "$columns" -y "$rows" "trap : INT; $*; echo \"exit \$?\"; exec sleep 600"
}

screen()
{
    "${MUX[@]}" capture-pane -t "$SESSION" -p "$@" | sed 's/ *$//'
}

shows_golden()
{
    cmp -s <(screen) "$1"
}

says()
{
    [[ $(screen) == *"$1"* ]]
}

# The screen is the golden file, and joining lines that were broken makes no difference.
expect_golden()
{
    local file=$GOLDEN/$1.txt

    if [ -n "${GOLDEN_WRITE:-}" ]; then
        sleep 1
        screen >"$file"
    fi
    wait_until shows_golden "$file"
    expect_equal "lines of $1 without those that were broken" "$(screen)" "$(screen -J)"
}

for size in 80x24 120x40; do
    columns=${size%x*} rows=${size#*x}

    it "draws progress over what was drawn before, a line for each lane, at $size"
    on_terminal "$columns" "$rows" "$SCREENS" progress "$SCRATCH/drawn_$size"
    wait_until test -e "$SCRATCH/drawn_$size"
    expect_golden "progress_$size"

    it "prints the result of a restore of 8 tables at $size"
    on_terminal "$columns" "$rows" "$SCREENS" proof 8
    expect_golden "proof_$size"

    it "prints of 200 tables those that differ, and as many others as there is room for, at $size"
    on_terminal "$columns" "$rows" "$SCREENS" proof 200
    expect_golden "proof_many_$size"

    it "prints what a restore has changed at $size"
    on_terminal "$columns" "$rows" "$SCREENS" changes
    expect_golden "changes_$size"

    it "lists its commands at $size"
    on_terminal "$columns" "$rows" "$LARDER" help
    wait_until says "exit "
    wait_until says "larder help COMMAND"
    expect_equal "lines of the help without those that were broken" "$(screen)" "$(screen -J)"
done

it "cuts names, and never numbers, where the screen is narrow"
on_terminal 70 24 "$SCREENS" proof 8
wait_until says "exit "
expect_equal "lines without those that were broken" "$(screen)" "$(screen -J)"

it "prints all of it where there is no terminal"
expect_exit 0 "$SCREENS" proof 200
expect_equal "lines" 202 "$(wc -l <"$STDOUT")"
expect_stdout "analytics.table_0199"
expect_stdout "a_table_with_0003_rows_and_a_name_of_63_bytes_which_is_the_most"

it "colours words of judgement on a terminal, and nothing where that is not wanted"
on_terminal 80 24 "$SCREENS" proof 8
wait_until says "exit 0"
expect_equal "coloured words" 9 "$("${MUX[@]}" capture-pane -t "$SESSION" -pe | grep -oE $'\033\\[[0-9;]*m(equal|DIFFERS|DIFFERENT)' | wc -l)"
for unwanted in NO_COLOR=1 TERM=dumb; do
    on_terminal 80 24 env "$unwanted" "$SCREENS" proof 8
    wait_until says "exit 0"
    expect_equal "sequences with $unwanted" 0 "$("${MUX[@]}" capture-pane -t "$SESSION" -pe | grep -c $'\033' || true)"
done

it "answers Ctrl-C at once, cleans up, and leaves the cursor"
server_start main
sample_database kitchai 200
larder init -d kitchai -q
psql -Xq -d kitchai -c "BEGIN; LOCK TABLE profiles; SELECT pg_sleep(600)" >/dev/null 2>&1 &
locker=$!
locked() { [ "$(sql kitchai "SELECT count(*) FROM pg_locks WHERE relation = 'profiles'::regclass AND granted AND mode = 'AccessExclusiveLock'")" = 1 ]; }
wait_until locked
on_terminal 80 24 env PGHOST="$PGHOST" PGPORT="$PGPORT" PGUSER="$PGUSER" \
    "$LARDER" export daily -d kitchai --store "$SCRATCH/store" --lock-timeout 600
waiting() { [ "$(sql kitchai "SELECT count(*) FROM pg_locks WHERE relation = 'profiles'::regclass AND NOT granted")" = 1 ]; }
wait_until waiting
"${MUX[@]}" send-keys -t "$SESSION" C-c
wait_until says "exit 130"
expect_equal "what is said first" "larder: interrupted: stopping, and cleaning up" "$(screen | grep -v '\^C$' | grep -m 1 larder:)"
expect_equal "the cursor is there" 1 "$("${MUX[@]}" display-message -t "$SESSION" -p '#{cursor_flag}')"
expect_files "$SCRATCH/store" "kitchai/daily/.larder.lock"
sql kitchai "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()" >"$STDOUT"
wait "$locker" 2>/dev/null || true

it "tells progress where there is no terminal only when it is asked to"
expect_exit 0 "$LARDER" export daily -d kitchai --store "$SCRATCH/store"
expect_equal "standard error" "" "$(cat "$STDERR")"
sleep 1
expect_exit 0 "$LARDER" export daily -d kitchai --store "$SCRATCH/store" -v
expect_stderr "larder: export: "

it "tells each event as a line of JSON where that is asked for"
sleep 1
expect_exit 0 "$LARDER" export daily -d kitchai --store "$SCRATCH/store" --log-format json
expect_equal "phases" true "$(jq -s 'any(.phase == "export" and .level == "debug" and (.time | endswith("Z")))' "$STDERR")"
expect_exit 2 env LARDER_LOG_FORMAT=json "$LARDER" list
expect_equal "the error" '["error","string","string"]' "$(jq -c '[.level, (.message | type), (.help | type)]' "$STDERR")"
expect_exit 2 "$LARDER" list --log-format xml
expect_stderr 'the option does not take "xml"'
expect_stderr "It takes text, json."
expect_exit 2 larder exprot
expect_stderr 'Is "export" meant?'
expect_exit 2 larder --config larder.conf list
expect_stderr "Options come after the command"
expect_exit 2 larder export daily -t profiles -d kitchai -o "$SCRATCH/none.tar"
expect_stderr "an export takes a preset or tables (-t), and not both"
expect_exit 2 larder export --stroe x
expect_stderr 'Is "--store" meant?'
expect_exit 2 larder export --jobs 100
expect_stderr "It takes a number from 1 to 64."

it "gives lines for the journal their priority, and others none"
JOURNAL_STREAM=$(stat -c %d:%i "$STDERR") expect_exit 2 "$LARDER" list
expect_equal "lines without a priority" 0 "$(grep -cv '^<3>' "$STDERR" || true)"
JOURNAL_STREAM=1:1 expect_exit 2 "$LARDER" list
expect_equal "lines with a priority" 0 "$(grep -c '^<' "$STDERR" || true)"
