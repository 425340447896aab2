#!/usr/bin/env bash
# Memory is bounded by what docs/memory.md states, whatever the tables and whoever reads.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

if is_sanitized; then
    skip "a sanitizer's own memory is counted with the program's"
fi

# docs/memory.md, in KiB
BASE=$((32 * 1024))
LANE=$((12 * 1024))
ROWS_OF_A_LANE=3

measured()
{
    /usr/bin/time -f %M -o "$SCRATCH/peak" "$LARDER" "$@"
}

# Whoever reads the archive takes nothing at first.
read_late()
{
    measured "$@" | (sleep 2 && cat >/dev/null)
}

# peak_within KIB NAME COMMAND...   the command, one of these, takes at most KIB, and so does each of its children
peak_within()
{
    local most=$1 name=$2 peak

    shift 2
    expect_exit 0 "$@"
    peak=$(tail -n 1 "$SCRATCH/peak")
    echo "  $name: $peak KiB of $most"
    [ "$peak" -le "$most" ] || fail "$name took $peak KiB at its peak, of $most that are allowed"
}

# there_and_back DATABASE KIB   by two connections
there_and_back()
{
    peak_within "$2" "export of $1" measured export -t 'public.*' -d "$1" -o "$SCRATCH/$1.tar" --no-record -q -j 2
    new_database "$1_back"
    peak_within "$2" "restore of $1" measured restore "$SCRATCH/$1.tar" -d "$1_back" -q -j 2
    dropdb "$1_back"
}

server_start one

it "a small table takes no more than the base"
new_database small
sql small "CREATE TABLE small AS SELECT i FROM generate_series(1, 1000) AS i"
there_and_back small "$BASE"

it "hundreds of small tables take no more than the base"
new_database many
sql many <<'SQL'
SELECT format('CREATE TABLE t%s AS SELECT %s AS i', i, i) FROM generate_series(1, 500) AS i
\gexec
SQL
there_and_back many "$BASE"

# Nothing of it shrinks, so that parts are as large as they get, and each lane fills several.
it "a large table takes a part and a frame in each lane"
new_database large
sql large <<'SQL'
CREATE TABLE once AS SELECT i, (SELECT string_agg(sha512((i * 32 + n)::text::bytea), '') FROM generate_series(1, 24) AS n) AS noise
FROM generate_series(1, 14000) AS i;
CREATE TABLE large (LIKE once);
SELECT 'INSERT INTO large TABLE once' FROM generate_series(1, 7)
\gexec
DROP TABLE once;
SQL
there_and_back large $((BASE + 2 * LANE))

it "a reader that takes nothing makes the export wait, not grow"
peak_within $((BASE + 2 * LANE)) "export to a slow reader" read_late export -t large -d large -o - --no-record -q -j 2

it "large rows take a small multiple of the largest in each lane that meets one"
new_database wide
sql wide <<'SQL'
CREATE TABLE one AS SELECT n, noise FROM generate_series(1, 2) AS n,
(SELECT string_agg(sha512(i::text::bytea), '') AS noise FROM generate_series(1, 655360) AS i) AS row;
CREATE TABLE two AS TABLE one;
SQL
there_and_back wide $((BASE + 2 * (LANE + ROWS_OF_A_LANE * 40 * 1024)))

it "a restore without proof and a verification hold no row"
new_database wide_back
peak_within $((BASE + 2 * LANE)) "restore of wide" measured restore "$SCRATCH/wide.tar" -d wide_back --no-verify -q -j 2
peak_within $((BASE + 2 * LANE)) "verification of wide" measured verify "$SCRATCH/wide.tar" -q -j 2

it "what hundreds of tables need from hundreds of others takes no memory for each pair of them"
new_database keys
sql keys <<'SQL'
CREATE SCHEMA elsewhere;
SELECT format('CREATE TABLE elsewhere.%1$s (i int PRIMARY KEY); CREATE TABLE %1$s (i int REFERENCES elsewhere.%1$s)',
'as_long_as_the_name_of_a_table_may_become_without_being_cut' || i) FROM generate_series(100, 599) AS i
\gexec
SQL
expect_exit 0 larder export -t 'public.*' -d keys -o "$SCRATCH/keys.tar" --no-record -q
new_database keys_back
peak_within "$BASE" "restore of keys" measured restore "$SCRATCH/keys.tar" -d keys_back --externals stub -q -j 2
