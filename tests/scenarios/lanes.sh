#!/usr/bin/env bash
# However many connections an export reads by, and however it cuts the tables, the archive holds the
# same rows; and when one of them fails, the export says why.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# What an archive says of its data, without what depends on its parts.
data_of()
{
    tar xOf "$1" manifest.json | jq -c '.tables[] | [.schema, .name, .copy_format, .rows, .fingerprint]'
}

expect_copying()
{
    expect_query lanes "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY %huge%' AND state = 'active' AND
        backend_type = 'client backend' AND wait_event = 'ClientWrite'" "$1"
}

server_start one log_statement=all
new_database lanes
# Tables that are cut into several ranges, by their own pages and by those of their TOAST tables, with rows that are gone
# and rows that have moved; and tables that are not cut.
sql lanes "CREATE TABLE large (id int PRIMARY KEY, a text, b float8);
    INSERT INTO large SELECT i, md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text), i / 7.0 FROM generate_series(1, 500000) AS i;
    DELETE FROM large WHERE id % 10 = 3 OR id BETWEEN 200000 AND 210000;
    UPDATE large SET a = 'moved ' || a WHERE id % 100 = 7;
    CREATE TABLE toasted (id int, a text); ALTER TABLE toasted ALTER a SET STORAGE EXTERNAL;
    INSERT INTO toasted SELECT i, repeat(md5(i::text), 1 + i % 600) FROM generate_series(1, 5000) AS i;
    CREATE TABLE cities (name text) PARTITION BY LIST (name); CREATE TABLE cities_1 PARTITION OF cities DEFAULT;
    INSERT INTO cities SELECT 'city ' || i FROM generate_series(1, 3000) AS i;
    CREATE TABLE emptied AS SELECT i FROM generate_series(1, 100000) AS i; DELETE FROM emptied;
    CREATE TABLE empty (a int); ANALYZE"
expect_query lanes "SELECT bool_and(pg_table_size(o) > 33554432) FROM unnest('{large,toasted}'::regclass[]) AS o" t

it "one, two and eight lanes, with tables cut and whole, write the same rows into an archive"
for format in binary text; do
    for cut in '' --whole-tables; do
        for lanes in 1 2 8; do
            archive=$SCRATCH/$format.$lanes$cut.tar
            # shellcheck disable=SC2086  # no option at all, or one
            expect_exit 0 larder export -t 'public.*' -d lanes -o "$archive" --no-record -q -j "$lanes" --copy-format "$format" $cut
            data_of "$archive" >"$SCRATCH/$format.$lanes$cut.data"
            diff "$SCRATCH/$format.1.data" "$SCRATCH/$format.$lanes$cut.data" >"$STDOUT" || fail "the data of -j $lanes $cut differ"
        done
    done
done
expect_equal "the tables, rows counted by the server" "$(sql lanes "SELECT string_agg(format('%s %s', t, n), ', ' ORDER BY t) FROM (
    SELECT 'large' AS t, count(*) AS n FROM large UNION ALL SELECT 'toasted', count(*) FROM toasted UNION ALL SELECT 'cities', 0 UNION ALL
    SELECT 'cities_1', count(*) FROM cities UNION ALL SELECT 'emptied', 0 UNION ALL SELECT 'empty', 0) AS s")" \
    "$(jq -sr 'map("\(.[1]) \(.[3])") | sort | join(", ")' "$SCRATCH/binary.8.data")"

it "these are the rows that the server gives"
for table in large toasted; do
    number=$(tar xOf "$SCRATCH/text.8.tar" manifest.json | jq -r --arg t "$table" '.tables | map(.name) | index($t) + 1')
    expect_equal "the rows of $table" "$(sql lanes "COPY $table TO STDOUT" | sort | sha256sum)" \
        "$(tar xOf "$SCRATCH/text.8.tar" --wildcards "data/$(printf %05d "$number")-*" | zstd -dc | sort | sha256sum)"
done
for cut in '' --whole-tables; do
    expect_exit 0 larder verify "$SCRATCH/text.8$cut.tar" "$SCRATCH/binary.8$cut.tar" --against dbname=lanes
done

it "eight lanes cut tables by ranges of pages, unless they are to be whole"
for table in large toasted; do
    ranges=$(grep -cE "COPY \(SELECT .* FROM ONLY \"?public\"?\.\"?$table\"? WHERE ctid >= .*FORMAT text" "$(server_log one)")
    [ "$ranges" -ge 6 ] || fail "table $table was read in $ranges ranges"
done
before=$(grep -c 'WHERE ctid' "$(server_log one)")
expect_exit 0 larder export -t 'public.*' -d lanes -o "$SCRATCH/whole.tar" --no-record -q -j 8 --whole-tables
expect_equal "the ranges read" "$before" "$(grep -c 'WHERE ctid' "$(server_log one)")"

# Each more than a lane holds of it in what it has read ahead, in a part that it may not hand over yet, and in parts that may wait: rows that
# do not shrink.
sql lanes "CREATE TABLE huge (a bytea); ALTER TABLE huge ALTER a SET STORAGE EXTERNAL;
    INSERT INTO huge SELECT (SELECT string_agg(sha512((i * 250 + n)::text::bytea), '') FROM generate_series(1, 250) AS n)
        FROM generate_series(1, 1000) AS i;
    INSERT INTO huge SELECT h.a FROM huge AS h, generate_series(1, 4);
    CREATE TABLE huge_too (LIKE huge INCLUDING STORAGE);
    INSERT INTO huge_too TABLE huge"

it "the rows are read while pg_dump is at work"
gate pg_dump
LARDER_PGBIN=$SCRATCH/bin begin export -t 'huge*' -d lanes -o "$SCRATCH/beside.tar" --no-record -q -j 2
wait_until expect_copying 2
touch "$SCRATCH/gate"
expect_end 0
expect_exit 0 larder verify "$SCRATCH/beside.tar"

it "whichever lane's backend is killed, the export fails and names the table and the cause"
for lane in 1 2; do
    gate pg_restore
    LARDER_PGBIN=$SCRATCH/bin begin export -t 'huge*' -d lanes -o "$SCRATCH/killed.tar" --no-record -q -j 2
    wait_until expect_copying 2
    wait_until expect_query lanes "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder pg_dump%'" 0
    sql lanes "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY %huge%' AND state = 'active' ORDER BY backend_start OFFSET $((lane - 1)) LIMIT 1" >/dev/null
    touch "$SCRATCH/gate"
    expect_end 1
    expect_stderr 'could not export table "public.huge'
    # A server that waits for its client to read cannot say more before it goes; one that does not, can.
    holds "$STDERR" "server closed the connection" || expect_stderr "terminating connection due to administrator command"
    expect_equal "the messages" 1 "$(grep -c 'larder: ' "$STDERR")"
    expect_equal "the files of the export" '' "$(find "$SCRATCH" -maxdepth 1 -name '*killed*')"
    wait_until expect_query lanes "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder%'" 0
done
