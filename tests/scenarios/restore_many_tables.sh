#!/usr/bin/env bash
# Many small tables are restored in few transactions, by several connections, without getting into each other's way.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

server_start one deadlock_timeout=20ms max_locks_per_transaction=256
createdb many
sql many "DO \$\$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v text UNIQUE)', i);
    EXECUTE format('INSERT INTO t%s SELECT i, i FROM generate_series(1, 5) AS i', i); END LOOP; END \$\$"

it "small tables share transactions"
expect_exit 0 larder export -t '*' -d many -o "$SCRATCH/many.tar" --no-record -q
new_database back
expect_exit 0 larder restore "$SCRATCH/many.tar" -d back -j 2 --json
expect_json .agree true
expect_json '.tables | length' 300
commits="SELECT xact_commit < 300 FROM pg_stat_database WHERE datname = 'back'"
wait_until expect_query postgres "$commits" t
expect_query back "SELECT count(*), count(*) FILTER (WHERE reltuples = 5) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace" "300|300"
expect_query back "SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u')" 600

it "small tables are loaded into the files that they were created with"
expect_query back "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relfilenode <> oid" 0

it "tables whose checks and indexes read each other are loaded all the same"
sql many "CREATE FUNCTION public.peek(t text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
    \$\$ DECLARE n int; BEGIN EXECUTE 'SELECT count(*) FROM public.' || t INTO n; RETURN true; END \$\$;
    DO \$\$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('ALTER TABLE t%s ADD CHECK (public.peek(''t%s''))', i, 301 - i);
    EXECUTE format('CREATE INDEX ON t%s ((public.peek(''t%s'' || left(v, 0))))', i, 301 - i); END LOOP; END \$\$"
expect_exit 0 larder export -t '*' -d many -o "$SCRATCH/checked.tar" --no-record -q
new_database checked
expect_exit 0 larder restore "$SCRATCH/checked.tar" -d checked -j 4 --json
expect_json .agree true

it "-v says where the time went: of tables, of lanes, and on the critical path"
sql many "CREATE FUNCTION public.slowly(i int) RETURNS boolean LANGUAGE sql AS
    'SELECT pg_catalog.pg_sleep(CASE i WHEN 1 THEN 0.2 ELSE 0 END) IS NOT NULL';
    CREATE TABLE slow AS SELECT i, repeat(md5(i::text), 4) AS v FROM generate_series(1, 2000) AS i;
    ALTER TABLE slow ADD CHECK (public.slowly(i))"
expect_exit 0 larder export -t slow -d many -o "$SCRATCH/slow.tar" --no-record -q
new_database slow
expect_exit 0 larder restore "$SCRATCH/slow.tar" -d slow -j 2 -v
expect_stderr "public.slow: load 0."
expect_stderr "lane 2: busy "
expect_stderr "critical: 0."
expect_stderr " s, load public.slow"

# keys_alone DB OPTION...: restores into a new database, and prints which keys are built without parallel workers.
keys_alone()
{
    local mark

    new_database "$1"
    sql postgres "ALTER DATABASE $1 SET log_statement = 'all'"
    mark=$(stat -c %s "$(server_log one)")
    expect_exit 0 larder restore "$SCRATCH/keys.tar" -d "$1" "${@:2}"
    tail -c "+$((mark + 1))" "$(server_log one)" | awk 'match($0, /\[[0-9]+\] LOG:/) { session = substr($0, RSTART, RLENGTH) }
        /max_parallel_maintenance_workers = 0/ { alone[session] = 1 }
        match($0, /ADD CONSTRAINT [a-z]+_pkey/) && alone[session] { print substr($0, RSTART + 15, RLENGTH - 20); alone[session] = 0 }' | sort | xargs
}

it "indexes have no parallel workers where other lanes are busy meanwhile"
for name in one:2000 other:2000 third:1990; do
    sql many "CREATE TABLE ${name%:*} AS SELECT i, repeat(md5(i::text), 4) AS v FROM generate_series(1, ${name#*:}) AS i;
        ALTER TABLE ${name%:*} ADD PRIMARY KEY (i)"
done
expect_exit 0 larder export -t one -t other -t third -d many -o "$SCRATCH/keys.tar" --no-record -q
expect_equal "the keys built alone" "one other third" "$(keys_alone keys_two -j 2)"
expect_query keys_two "SELECT count(*) FROM pg_class WHERE relname IN ('one', 'other', 'third') AND relallvisible = relpages" 3
expect_equal "the keys built alone by one lane" "" "$(keys_alone keys_one -j 1)"
sql many "INSERT INTO one SELECT i, repeat(md5(i::text), 4) FROM generate_series(2001, 20000) AS i"
rm "$SCRATCH"/keys.*
expect_exit 0 larder export -t one -t other -t third -d many -o "$SCRATCH/keys.tar" --no-record -q
expect_equal "the keys built alone beside a large table's" "other third" "$(keys_alone keys_large -j 2)"

it "lanes that get no connection are done without, unless none gets any"
sql many "CREATE ROLE narrow LOGIN CONNECTION LIMIT 4"
new_database narrow
sql narrow "GRANT ALL ON DATABASE narrow TO narrow; GRANT ALL ON SCHEMA public TO narrow"
expect_exit 0 larder restore "$SCRATCH/many.tar" -d narrow -U narrow --no-owner -j 16 --json
expect_json .agree true
expect_stderr "went on with fewer lanes: could not connect"
new_database narrower
sql narrower "ALTER ROLE narrow CONNECTION LIMIT 2; GRANT ALL ON DATABASE narrower TO narrow; GRANT ALL ON SCHEMA public TO narrow"
expect_exit 1 larder restore "$SCRATCH/many.tar" -d narrower -U narrow --no-owner -j 16
expect_stderr "too many connections"
