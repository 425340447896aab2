#!/usr/bin/env bash
# An archive comes back without larder: with tar, zstd and psql, by the line that is in it, into a
# server that knows nothing of it.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/forge.bash
source "$TESTS/support/forge.bash"

# Runs the line that RECOVERY.md gives, in a new folder beside a copy of the archive.
recover()
{
    local folder=$SCRATCH/recovered line name

    rm -rf "$folder"
    mkdir "$folder"
    line=$(tar xOf "$1" RECOVERY.md | sed -n 's/^    \(tar xf .*\)/\1/p')
    [ -n "$line" ] || fail "RECOVERY.md has no line to recover by"
    name=${line#tar xf }
    cp "$1" "$folder/${name%% *}"
    (cd "$folder" && PGDATABASE=$2 expect_exit 0 bash -c "$line")
}

expect_same_rows()
{
    # Rows are compared as one server prints them, and OIDs by name.
    server_use source
    digests_of "$1" >"$SCRATCH/rows.source"
    server_use target
    digests_of "$2" >"$SCRATCH/rows.target"
    [ -s "$SCRATCH/rows.source" ] || fail "the source has no rows"
    diff "$SCRATCH/rows.source" "$SCRATCH/rows.target" >"$STDOUT" || fail "the rows of $1 and $2 differ"
}

server_start target
server_start source
sample_database kitchai 2000
larder init -d kitchai -q
for preset in weekly monthly; do
    it "$preset comes back with tar, zstd and psql alone, on a server without its roles"
    server_use source
    expect_exit 0 larder export "$preset" -d kitchai --store "$SCRATCH/store" -q
    archive=$(newest_archive "$SCRATCH/store" "$preset")
    server_use target
    new_database "$preset"
    recover "$archive" "$preset"
    expect_same_rows kitchai "$preset"
    expect_exit 0 larder verify "$archive" --against "dbname=$preset"

    it "the triggers of $preset have not fired for rows that were loaded, and fire for the next"
    expect_query "$preset" "SELECT count(*) FROM recipe_uploads r WHERE comments_count <>
        (SELECT count(*) FROM recipe_comments c WHERE c.recipe_id = r.id)" 0
    expect_query "$preset" "SELECT sum(comments_count) > 0 FROM recipe_uploads" t
    expect_query "$preset" "SELECT count(*) > 0 FROM recipe_comments WHERE updated_at > created_at" t
    expect_query "$preset" "WITH r AS (SELECT id, user_id, comments_count AS n FROM recipe_uploads ORDER BY id LIMIT 1)
        INSERT INTO recipe_comments (recipe_id, user_id) SELECT id, user_id FROM r
        RETURNING (SELECT count(*) FROM r)" 1
    expect_query "$preset" "SELECT count(*) FROM recipe_uploads r WHERE comments_count <>
        (SELECT count(*) FROM recipe_comments c WHERE c.recipe_id = r.id)" 0

    it "the identity of $preset goes on, and its policies stand"
    next=$(server_use source && sql kitchai "SELECT last_value + 1 FROM meal_plans_id_seq")
    expect_query "$preset" "INSERT INTO meal_plans (user_id, plan_date) VALUES (gen_random_uuid(), now()) RETURNING id" "$next"
    policies="SELECT string_agg(polname || '' || polcmd::text || pg_get_expr(polqual, polrelid), ' ' ORDER BY polname) FROM pg_policy JOIN pg_class c ON c.oid = polrelid WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    expect_query "$preset" "$policies" "$(server_use source && sql kitchai "$policies")"
    expect_query "$preset" "SELECT has_table_privilege('anon', 'user_stock', 'SELECT')" f
    expect_query "$preset" "SELECT rolcanlogin OR rolsuper FROM pg_roles WHERE rolname = 'service_role'" f
done

it "who is no superuser gets everything back without the lines that give tables to others"
sql postgres "CREATE ROLE modest LOGIN CREATEROLE CREATEDB"
PGUSER=modest createdb modest
tar xOf "$archive" RECOVERY.md >"$STDOUT"
expect_stdout "OWNER TO"
rm -rf "$SCRATCH/recovered"
mkdir "$SCRATCH/recovered"
tar xf "$archive" -C "$SCRATCH/recovered"
sed -i '/ OWNER TO /d' "$SCRATCH/recovered"/schema/*.sql
cd "$SCRATCH/recovered"
PGDATABASE=modest PGUSER=modest expect_exit 0 psql -v ON_ERROR_STOP=1 -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
cd - >/dev/null
expect_same_rows kitchai modest

it "so does who may not create roles, once those are there, and is told of them"
tar xOf "$archive" RECOVERY.md >"$STDOUT"
expect_stdout "CREATEROLE"
sql postgres "CREATE ROLE least LOGIN"
createdb -O least least
cd "$SCRATCH/recovered"
PGDATABASE=least PGUSER=least expect_exit 0 psql -v ON_ERROR_STOP=1 -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
cd - >/dev/null
expect_same_rows kitchai least

for format in auto text; do
    it "a database full of oddities comes back too, copied as $format"
    server_use source
    if [ "$format" = auto ]; then
        createdb edges
        psql -Xq -v ON_ERROR_STOP=1 -d edges -f "$TESTS/support/edges.sql"
    fi
    expect_exit 0 larder export -t '*.*' -d edges -o "$SCRATCH/edges_$format.tar" --copy-format "$format" --no-record -q
    server_use target
    new_database "edges_$format"
    recover "$SCRATCH/edges_$format.tar" "edges_$format"
    expect_same_rows edges "edges_$format"
    expect_query "edges_$format" "INSERT INTO numbers (i2) VALUES (5) RETURNING id" 60
done

it "sequences that a domain, a function or a rule brings along go on where they were"
server_use source
new_database counted
sql counted "CREATE SEQUENCE of_domain; CREATE SEQUENCE of_function; CREATE SEQUENCE of_rule; CREATE SEQUENCE of_nobody;
    CREATE DOMAIN number AS int DEFAULT nextval('of_domain'); CREATE DOMAIN counter AS number;
    CREATE FUNCTION next() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT nextval('of_function'); END;
    CREATE TABLE counted (a counter, b bigint DEFAULT next(), c text); CREATE TABLE log (n bigint);
    CREATE RULE log AS ON INSERT TO counted DO ALSO INSERT INTO log VALUES (nextval('of_rule'));
    INSERT INTO counted (c) SELECT 'x' FROM generate_series(1, 7)"
values=$(sql counted "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL ORDER BY 1")
expect_exit 0 larder export -t counted -t log -d counted -o "$SCRATCH/counted.tar" --no-record -q
expect_equal "the sequences that nothing uses" of_nobody "$(tar xOf "$SCRATCH/counted.tar" manifest.json | jq -r '[.unused_sequences[].name] | join(" ")')"
sql counted "CREATE ROLE unsure LOGIN; GRANT SELECT ON counted, log, of_function, of_rule TO unsure"
PGUSER=unsure expect_exit 1 larder export -t counted -d counted -o "$SCRATCH/unsure.tar" --no-record -q
expect_stderr 'role "unsure" may not read sequence "public.of_domain"'
server_use target
new_database counted
recover "$SCRATCH/counted.tar" counted
expect_query counted "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1" "$values"

it "one whose value an older larder did not keep is said to begin anew"
oid=$(tar xOf "$SCRATCH/counted.tar" manifest.json | jq '.sequences[] | select(.name == "of_function").oid')
forge_manifest "$SCRATCH/counted.tar" "\"oid\":$oid" "\"oid\":${oid//?/9}"
new_database anew
expect_exit 0 larder restore "$SCRATCH/counted.tar" -d anew
expect_stderr "SEQUENCE public of_function postgres begins anew: its value is not there"
expect_equal "those that begin anew" 1 "$(grep -c 'begins anew' "$STDERR")"
expect_query anew "SELECT sequencename FROM pg_sequences WHERE last_value IS NULL ORDER BY 1" of_function

it "what the target database says of settings does not change what comes back"
# A limit that only the statement which is slow on purpose meets, however busy the machine is.
new_database settings
sql settings "CREATE FUNCTION public.slow() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(3); END';
    CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION public.slow();
    ALTER DATABASE settings SET DateStyle = 'SQL, DMY'; ALTER DATABASE settings SET IntervalStyle = 'sql_standard';
    ALTER DATABASE settings SET array_nulls = off; ALTER DATABASE settings SET TimeZone = 'Pacific/Chatham';
    ALTER DATABASE settings SET statement_timeout = '2s';
    ALTER DATABASE settings SET search_path = pg_temp; ALTER DATABASE settings SET client_encoding = 'LATIN1';
    ALTER DATABASE settings SET standard_conforming_strings = off; ALTER DATABASE settings SET xmloption = document"
recover "$SCRATCH/edges_text.tar" settings
sql postgres "ALTER DATABASE settings RESET ALL"
expect_same_rows edges settings

it "nor does what psql reads at its start: a file that turns AUTOCOMMIT off left an empty database, and no error"
new_database started
echo '\set AUTOCOMMIT off' >"$SCRATCH/psqlrc"
PSQLRC=$SCRATCH/psqlrc recover "$SCRATCH/edges_text.tar" started
expect_same_rows edges started

it "how the source writes backslashes does not change definitions, whatever options the connection has"
new_database slashes
sql slashes "CREATE TABLE slashed (v text DEFAULT 'a\\b' CHECK (v ~ '^[a-z]\\w*\\\\?\\w+\$')); COMMENT ON TABLE slashed IS 'back\\slash'; INSERT INTO slashed DEFAULT VALUES;
    ALTER DATABASE slashes SET standard_conforming_strings = off"
new_database unslashed
for to in "dbname=slashes" "dbname=slashes options='-c work_mem=8MB'"; do
    rm -f "$SCRATCH"/slashes.*
    expect_exit 0 larder export -t slashed -d "$to" -o "$SCRATCH/slashes.tar" --no-record -q
    expect_exit 0 larder restore "$SCRATCH/slashes.tar" -d unslashed
    expect_equal "the definitions" "$(PGOPTIONS="-c standard_conforming_strings=on" sql slashes "SELECT pg_get_expr(adbin, adrelid), obj_description(adrelid) FROM pg_attrdef; SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'slashed'::regclass")" \
        "$(sql unslashed "SELECT pg_get_expr(adbin, adrelid), obj_description(adrelid) FROM pg_attrdef; SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'slashed'::regclass")"
    sql unslashed "DROP TABLE slashed"
done
