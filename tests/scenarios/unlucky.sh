#!/usr/bin/env bash
# Surroundings that nobody asks for: closed descriptors, odd names of databases and sources, few
# connections, targets that interfere, tables of unusual shape.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
server_start other
createdb same
sql same "CREATE TABLE t (a int)"
server_start one
sample_database kitchai 300
larder init -d kitchai -q

it "a closed standard output, error or input is not taken for a file"
"$LARDER" export daily -d kitchai -o closed_1.tar --no-record >&- || fail "the export failed"
status=0
"$LARDER" export daily -d kitchai -o closed_2.tar --no-record >&- 2>&- <&- || status=$?
expect_equal "the exit code without descriptors" 0 "$status"
"$LARDER" export daily -d kitchai -o closed_3.tar --no-record -v 2>&- >/dev/null || fail "the export failed"
for file in closed_*.tar; do
    expect_exit 0 larder verify "$file"
done
new_database closed
"$LARDER" restore closed_2.tar -d closed --externals stub >&- 2>&- <&- || fail "the restore failed"
expect_exit 0 larder verify closed_2.tar --against dbname=closed

it "a closed standard input is not taken for an empty one"
read_closed() { "$LARDER" "$@" <&-; }
expect_exit 1 read_closed age encrypt -r "$(larder keygen -q -o closed.key)"
expect_stderr "could not read standard input"
expect_exit 1 read_closed verify -
expect_stderr "could not read standard input"

it "a pipe by name is no archive, and is not waited for"
mkfifo pipe
expect_exit 2 timeout 20 "$LARDER" verify pipe
expect_stderr pipe
expect_exit 0 larder verify /dev/stdin <closed_1.tar

it "an almost empty environment is enough"
expect_exit 0 env -i "$LARDER" export daily -d "host=$PGHOST port=$PGPORT user=postgres dbname=kitchai" -o bare.tar --no-record -q
expect_exit 0 env -i "$LARDER" verify bare.tar

it "a source's name never leads out of the store, whatever it is"
for name in .. . / a/b ../../x 'é ß' $'new\nline' -x .hidden '%2E'; do
    expect_exit 0 larder export -t profiles -d kitchai --store names/store --source-name "$name" --no-record --json
    expect_json .source "$name"
done
expect_equal "the archives" 10 "$(find names/store -mindepth 3 -maxdepth 3 -name '*.tar' | wc -l)"
expect_equal "what else lies there" store "$(ls -A names)"
expect_exit 0 larder list --store names/store --json
expect_json 'length' 10
expect_json '[.[] | select(.good)] | length' 10
createdb 'my/../db ä'
sql 'my/../db ä' "CREATE TABLE t (a int)"
expect_exit 0 larder export -t t -d 'my/../db ä' --store names/store --no-record --json
expect_json .database 'my/../db ä'

it "no name of a table steers the terminal, or looks like a line of larder's own"
new_database names
name=$'red\033[2J\nlarder: all is well'
sql names "CREATE TABLE \"$name\" (a int PRIMARY KEY); INSERT INTO \"$name\" VALUES (1)"
expect_exit 0 larder export -t 'public.*' -d names -o names.tar --no-record -v
expect_exit 1 larder restore names.tar -d names --into-source names
expect_stderr 'table "public"."red?[2J'
sql names "UPDATE \"$name\" SET a = 2"
expect_exit 3 larder verify names.tar --against dbname=names
cat "$STDERR" >>"$STDOUT"
expect_unsaid $'\033'
expect_unsaid $'\nlarder: all'
expect_exit 0 larder restore names.tar -d names --into-source names --existing rows --preview
expect_unsaid $'\033'
expect_unsaid $'\nlarder: all'

it "archives of another database system are not mixed with ours under one name"
createdb same
sql same "CREATE TABLE t (a int)"
expect_exit 0 larder export -t t -d same --store mixed --no-record -q
server_use other
expect_exit 2 larder export -t t -d same --store mixed --no-record
expect_stderr --source-name
expect_exit 0 larder export -t t -d same --store mixed --no-record -q --source-name another
server_use one

it "a table that is named twice, or by two patterns, is there once"
expect_exit 0 larder export -t profiles -t public.profiles -t 'prof*' -d kitchai -o twice.tar --no-record --json
expect_json '.tables | length' 1
expect_exit 2 larder export -t '!profiles' -d kitchai -o none.tar --no-record

it "with three connections, an export with many lanes does with fewer"
sql kitchai "CREATE ROLE few LOGIN BYPASSRLS CONNECTION LIMIT 3; GRANT SELECT ON ALL TABLES IN SCHEMA public TO few; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO few"
expect_exit 0 larder export -t 'user_*' -U few -d kitchai -o few_1.tar --no-record -q -j 1
expect_exit 0 larder export -t 'user_*' -U few -d kitchai -o few_4.tar --no-record -q -j 4

it "an event trigger of the target that forbids it fails the restore, and leaves nothing"
new_database forbidden
sql forbidden "CREATE SCHEMA guard; CREATE FUNCTION guard.no() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'not today'; END \$\$;
    CREATE EVENT TRIGGER no ON ddl_command_end WHEN tag IN ('CREATE TABLE') EXECUTE FUNCTION guard.no()"
expect_exit 1 larder restore closed_1.tar -d forbidden --externals stub
expect_stderr "not today"
expect_query forbidden "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND oid >= 16384" 0
expect_query forbidden "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'larder%' OR nspname = 'auth'" 0

it "a row that somebody writes into a table that was just made stays, and is found"
new_database early
sql early "CREATE TABLE early (id int PRIMARY KEY, v text); INSERT INTO early SELECT i, repeat('x', 100) FROM generate_series(1, 2000) AS i"
expect_exit 0 larder export -t early -d early -o "$SCRATCH/early.tar" --no-record -q
new_database eager
sql eager "CREATE FUNCTION write() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.early VALUES (-1, ''mine''); END';
    CREATE EVENT TRIGGER write ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION write()"
expect_exit 3 larder restore "$SCRATCH/early.tar" -d eager
expect_stderr "early"
expect_query eager "SELECT v FROM early WHERE id = -1" mine

it "a target without the schema public gets it"
new_database bare
sql bare "DROP SCHEMA public"
expect_exit 0 larder restore closed_1.tar -d bare --externals stub -q

it "objects of other schemas and extensions that a table needs are brought along as asked"
sql kitchai "CREATE EXTENSION pg_trgm; CREATE SCHEMA other; CREATE TYPE other.color AS ENUM ('red'); CREATE DOMAIN other.positive AS int CHECK (VALUE > 0);
    CREATE COLLATION other.german (provider = icu, locale = 'de'); CREATE TABLE needs (c other.color, d other.positive, t text COLLATE other.german);
    CREATE INDEX ON needs USING gin (t gin_trgm_ops); INSERT INTO needs VALUES ('red', 1, 'x');
    CREATE TABLE not_taken (a int); CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM not_taken; END"
expect_exit 0 larder export -t needs -d kitchai -o needs.tar --no-record -q
new_database needs
expect_exit 1 larder restore needs.tar -d needs
expect_stderr pg_trgm
expect_exit 0 larder restore needs.tar -d needs --externals stub --json
expect_json .agree true
expect_query needs "SELECT t FROM needs WHERE c = 'red' AND t LIKE 'x%'" x

it "where there is no memory for what the server answers, an export fails or does without, and waits for nothing"
if ! is_sanitized; then
    export FAULT_LOG=$SCRATCH/results
    FAULT_AT="result 0" LD_PRELOAD=$FAULTS_LIBRARY larder export -t profiles -d kitchai -o results_0.tar --no-record -q
    results=$(grep -c '^result' "$FAULT_LOG")
    [ "$results" -gt 30 ] || fail "only $results results were counted"
    for ((nth = results - 15; nth <= results; nth++)); do
        status=0
        FAULT_AT="result $nth ENOMEM" LD_PRELOAD=$FAULTS_LIBRARY timeout 60 "$LARDER" export -t profiles -d kitchai -o "results_$nth.tar" --no-record -q \
            2>"$STDERR" || status=$?
        [[ $status =~ ^[01]$ ]] || fail "without memory for result $nth of $results the exit code is $status"
        [ "$status" = 1 ] || expect_exit 0 larder verify "results_$nth.tar"
    done
    unset FAULT_LOG
fi

it "a clock that is set back while an export runs makes no archive that is not good"
if ! is_sanitized; then
    for call in {1..6}; do
        FAULT_AT="clock $call+" LD_PRELOAD=$FAULTS_LIBRARY "$LARDER" export -t profiles -d kitchai --store "clock_$call" --no-record -q
        expect_exit 0 larder list --store "clock_$call" --json
        expect_json '.[] | "\(.good) \(.problems)"' 'true []'
    done
fi

it "tables of 1600 columns, and rows of 40 MB, come back"
sql kitchai "SELECT 'CREATE TABLE wide (' || string_agg('c' || i || ' int', ',') || ')' FROM generate_series(1, 1600) AS i" | sql kitchai
sql kitchai "INSERT INTO wide (c1, c1600) VALUES (1, 2), (3, 4);
    CREATE TABLE tall (a int, b text); INSERT INTO tall VALUES (1, repeat('\\', 20000000) || repeat('x', 20000000)), (2, 'y'), (3, repeat(E'\n', 5000000))"
for format in binary text; do
    expect_exit 0 larder export -t wide -t tall -d kitchai -o "shape_$format.tar" --no-record -q --copy-format "$format"
    new_database "shape_$format"
    expect_exit 0 larder restore "shape_$format.tar" -d "shape_$format" --json
    expect_json .agree true
    expect_query "shape_$format" "SELECT string_agg(md5(b), ' ' ORDER BY a) FROM tall" "$(sql kitchai "SELECT string_agg(md5(b), ' ' ORDER BY a) FROM tall")"
done

it "a value of 600 MB is copied in binary, and where text is asked for its table is named"
if [ "${LARDER_TEST_FULL:-}" = yes ] && ! is_sanitized; then
    new_database huge
    sql huge "CREATE TABLE huge (a int, b bytea); ALTER TABLE huge ALTER b SET STORAGE EXTERNAL;
        INSERT INTO huge SELECT 1, convert_to(repeat(repeat('x', 1000000), 600), 'UTF8'); INSERT INTO huge VALUES (2, 'y')"
    expect_exit 0 larder export -t huge -d huge -o huge.tar --no-record -q
    new_database huge_back
    expect_exit 0 larder restore huge.tar -d huge_back --json
    expect_json .agree true
    expect_query huge_back "SELECT sum(length(b)) FROM huge" 600000001
    expect_exit 1 larder export -t huge -d huge -o huge_text.tar --no-record -q --copy-format text
    expect_stderr huge
    [ ! -e huge_text.tar ] || fail "a file was written"
    dropdb huge
    dropdb huge_back
fi
