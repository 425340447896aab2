#!/usr/bin/env bash
# What an export asks of the catalogs does not grow with the number of tables, and small ones are read many at a time.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

LOG_MARK=0

# Statements of larder's own (not pg_dump's) since the last mark, but for reading and locking one table at a time, and for
# looking after pg_dump, which is done twice a second.
statements()
{
    tail -c "+$((LOG_MARK + 1))" "$(server_log one)" | grep -E ' \[[0-9]+\] LOG:  (statement|execute [^:]*):' | grep -v pg_dump |
        grep -c -v -E ': (COPY |SAVEPOINT larder_lock; LOCK TABLE)|pg_stat_clear_snapshot|pg_locks l JOIN pg_catalog.pg_stat_activity'
}

# count TABLES PATTERN: how many statements an export of the pattern takes. By one connection, since another one is not even made where
# the first has read everything meanwhile.
count()
{
    LOG_MARK=$(stat -c %s "$(server_log one)")
    expect_exit 0 larder export -t "$2" -d "$1" -o "$SCRATCH/$RANDOM.tar" --no-record -q -j 1
    statements
}

server_start one log_statement=all max_locks_per_transaction=256
for tables in 20 2000; do
    new_database "of_$tables"
    sql "of_$tables" <<<"SELECT format('CREATE TABLE t%s (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, b int CHECK (b > 0))', i) FROM generate_series(1, $tables) AS i \\gexec
        SELECT format('INSERT INTO t%s (a) VALUES (%1\$s)', i) FROM generate_series(1, $tables) AS i \\gexec"
done

it "two tables out of 20 and out of 2,000 take the same number of statements"
few=$(count of_20 't[12]')
[ "$few" -gt 10 ] || fail "only $few statements were seen"
expect_equal "the statements beside 2,000 tables" "$few" "$(count of_2000 't[12]')"

it "20 tables and 2,000 take the same number of statements, beside reading them"
all=$(count of_20 'public.*')
expect_equal "the statements for 2,000 tables" "$all" "$(count of_2000 'public.*')"

it "2,000 tables with a row each are read by fewer than 50 turns to the server, and each comes with its row"
turns=$(tail -c "+$((LOG_MARK + 1))" "$(server_log one)" | grep -c ' statement: COPY ')
[ "$turns" -lt 50 ] || fail "there were $turns statements that read rows"
expect_exit 0 larder export -t 'public.*' -d of_2000 -o "$SCRATCH/all.tar" --no-record -q -j 2
expect_exit 0 larder verify "$SCRATCH/all.tar" --against dbname=of_2000
